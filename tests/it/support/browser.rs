//! An HTTP client that keeps cookies and follows redirects, as a browser does.

use std::{collections::BTreeMap, sync::Mutex};

use reqwest::{Client, Response, StatusCode, redirect::Policy};

pub struct Browser {
    client: Client,
    /// Sent to all ports of a host, as in a real browser.
    cookies: Mutex<BTreeMap<String, String>>,
}

/// The answer to a request for a page.
pub struct Shown {
    pub url: String,
    pub status: StatusCode,
    pub policy: String,
    pub text: String,
}

impl Browser {
    /// Returns a browser in which `login` uses the local GitHub.
    pub fn new(login: &str) -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let browser = Self { client, cookies: Mutex::default() };
        browser.set("fakehub_person", login);
        browser
    }

    pub fn set(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.into(), value.into());
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// Sends a request, and keeps the cookies of the answer.
    pub async fn get(&self, url: &str) -> Response {
        self.sent(self.client.get(url)).await
    }

    pub async fn post(&self, url: &str) -> Response {
        self.sent(self.client.post(url)).await
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> Response {
        let pairs: Vec<String> = {
            let cookies = self.cookies.lock().unwrap();
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        let answer = request.header("cookie", pairs.join("; ")).send().await.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let (name, rest) = set.to_str().unwrap().split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => drop(self.cookies.lock().unwrap().remove(name)),
                value => self.set(name, value),
            }
        }
        answer
    }

    /// Opens an address, and follows its redirects.
    pub async fn open(&self, url: &str) -> Shown {
        let mut url = url.to_owned();
        for _ in 0..8 {
            let answer = self.get(&url).await;
            match location(&answer) {
                Some(to) => url = to,
                None => {
                    let header = |name: &str| {
                        answer.headers().get(name).map(|it| it.to_str().unwrap().to_owned())
                    };
                    return Shown {
                        status: answer.status(),
                        policy: header("content-security-policy").unwrap_or_default(),
                        url,
                        text: answer.text().await.unwrap(),
                    };
                }
            }
        }
        panic!("it goes round in circles, at {url}")
    }
}

/// Returns the address to which an answer redirects.
pub fn location(answer: &Response) -> Option<String> {
    let to = answer.headers().get("location")?;
    Some(to.to_str().unwrap().to_owned())
}
