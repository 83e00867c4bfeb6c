//! A browser without a window: it keeps cookies, and follows where it is sent.

use std::{collections::BTreeMap, sync::Mutex};

use reqwest::{Client, Response, StatusCode, redirect::Policy};

pub struct Browser {
    client: Client,
    /// Cookies go to all ports of a host, as in a real one.
    cookies: Mutex<BTreeMap<String, String>>,
}

/// A page as it was answered.
pub struct Shown {
    pub url: String,
    pub status: StatusCode,
    pub policy: String,
    pub text: String,
}

impl Browser {
    /// One in which somebody uses the local GitHub.
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

    /// One request; the cookies of the answer are kept.
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

    /// Opens an address, wherever that leads.
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

/// Where an answer sends the browser.
pub fn location(answer: &Response) -> Option<String> {
    let to = answer.headers().get("location")?;
    Some(to.to_str().unwrap().to_owned())
}
