//! A plain HTTP client for fakehub. It uses no type of the bot, and of fakehub only the address.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use planwright_fakehub::{AppCredentials, Hub};

pub struct Client {
    http: reqwest::Client,
    url: String,
    authorization: String,
}

/// An answer: status, body, and where the next page is.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub next: Option<String>,
}

pub fn jwt(app: &AppCredentials, iat: i64, exp: i64) -> String {
    let now = Timestamp::now().as_second();
    let claims = json!({ "iss": app.app_id, "iat": now + iat, "exp": now + exp });
    let key = EncodingKey::from_rsa_pem(app.private_key_pem.as_bytes()).unwrap();
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()
}

impl Client {
    pub fn new(hub: &Hub, authorization: impl Into<String>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, url: hub.url().to_owned(), authorization: authorization.into() }
    }

    /// The app itself.
    pub fn app(hub: &Hub) -> Self {
        Self::new(hub, format!("Bearer {}", jwt(&hub.app(), -60, 540)))
    }

    /// An installation token with these permissions, for the one repository there is.
    pub async fn installation(hub: &Hub, permissions: Value) -> Self {
        let app = Self::app(hub);
        let installation = app.get("/repos/acme/infra/installation").await.body;
        let path = format!("/app/installations/{}/access_tokens", installation["id"]);
        let minted = app.post(&path, json!({ "permissions": permissions })).await;
        assert_eq!(minted.status, 201, "{}", minted.body);
        Self::new(hub, format!("Bearer {}", minted.body["token"].as_str().unwrap()))
    }

    pub fn token(&self) -> &str {
        self.authorization.split_once(' ').unwrap().1
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Value::Null).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body).await.unwrap()
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, body).await.unwrap()
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, body).await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, Value::Null).await.unwrap()
    }

    pub async fn graphql(&self, query: &str, variables: Value) -> Answer {
        let url = format!("{}/api/graphql", self.url);
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(url).header("authorization", &self.authorization);
        answer(request.json(&body).send().await.unwrap()).await
    }

    /// Errors when no answer comes.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Answer, reqwest::Error> {
        let url = match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}/api/v3{path}", self.url),
        };
        let mut request =
            self.http.request(method, url).header("authorization", &self.authorization);
        if !body.is_null() {
            request = request.json(&body);
        }
        Ok(answer(request.send().await?).await)
    }

    pub async fn raw(&self, path: &str) -> Response {
        let url = format!("{}/api/v3{path}", self.url);
        self.http.get(url).header("authorization", &self.authorization).send().await.unwrap()
    }
}

async fn answer(response: Response) -> Answer {
    let status = response.status().as_u16();
    let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
    let next = link.and_then(|link| Some(link.split_once('<')?.1.split_once('>')?.0.to_owned()));
    let text = response.text().await.unwrap();
    Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), next }
}
