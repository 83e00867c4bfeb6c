//! A stub of GitHub that answers what a test tells it to, and records the requests.
//!
//! Of GitHub's behaviour it has only the minting of tokens. How GitHub really behaves is the matter
//! of fakehub.

use std::sync::{Arc, Mutex, OnceLock};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};

use planwright_core::{
    actor::AppId,
    names::{InstallationId, RepoName, RepositoryId},
    repository::Repository,
};
use planwright_github::{GitHub, Settings};

pub const APP: AppId = AppId(42);

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Seen {
    pub fn bearer(&self) -> &str {
        self.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap()
    }

    fn is_mint(&self) -> bool {
        self.path.ends_with("/access_tokens")
    }
}

/// An answer: status, headers, JSON.
pub struct Answer(pub u16, pub Vec<(&'static str, String)>, pub Value);

pub fn ok(body: Value) -> Answer {
    Answer(200, Vec::new(), body)
}

pub fn status(status: u16, message: &str) -> Answer {
    Answer(status, Vec::new(), json!({ "message": message }))
}

type Script = Arc<dyn Fn(usize, &Seen) -> Option<Answer> + Send + Sync>;
type Mint = Arc<dyn Fn(usize) -> Answer + Send + Sync>;

#[derive(Clone)]
struct StubState {
    seen: Arc<Mutex<Vec<Seen>>>,
    mint: Mint,
    script: Script,
}

pub struct Stub {
    pub url: String,
    pub github: GitHub,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    /// `script` gets the number of the request, from 1 and tokens not counted, and the request;
    /// with `None` the connection breaks in the middle of the answer.
    pub async fn start(
        script: impl Fn(usize, &Seen) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self::minting(|n| minted(n, 3600), script).await
    }

    /// Always the same answer.
    pub async fn answering(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Self {
        Self::start(move |_, _| Some(answer())).await
    }

    /// `mint` answers the nth request for a token.
    pub async fn minting(
        mint: impl Fn(usize) -> Answer + Send + Sync + 'static,
        script: impl Fn(usize, &Seen) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let state =
            StubState { seen: Arc::default(), mint: Arc::new(mint), script: Arc::new(script) };
        let seen = state.seen.clone();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let settings =
            Settings { api_url: format!("{url}/api/v3"), app_id: APP, private_key: private_key() };
        Self { url, github: GitHub::new(&settings).unwrap(), seen }
    }

    /// What was asked, tokens left out.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| !seen.is_mint()).cloned().collect()
    }

    pub fn mints(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.is_mint()).cloned().collect()
    }
}

async fn answer(
    State(stub): State<StubState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let path = uri.path_and_query().unwrap().to_string();
    let seen = Seen { method, path, headers, body };
    let (mints, asked) = {
        let mut log = stub.seen.lock().unwrap();
        log.push(seen.clone());
        let mints = log.iter().filter(|seen| seen.is_mint()).count();
        (mints, log.len() - mints)
    };
    let answer =
        if seen.is_mint() { Some((stub.mint)(mints)) } else { (stub.script)(asked, &seen) };
    let Some(Answer(status, headers, body)) = answer else {
        let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        return Response::new(Body::from_stream(broken));
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body.to_string().into()).unwrap()
}

/// The `n`th token, good for so many seconds.
pub fn minted(n: usize, seconds: i64) -> Answer {
    let expires_at = Timestamp::now() + SignedDuration::from_secs(seconds);
    Answer(201, Vec::new(), json!({ "token": token(n), "expires_at": expires_at }))
}

/// As long as GitHub's are now.
pub fn token(n: usize) -> String {
    format!("ghs_{APP}_{n}.{}", "x".repeat(500))
}

pub fn repository() -> Repository {
    Repository {
        id: RepositoryId(7),
        name: RepoName::parse("acme/infra").unwrap(),
        installation: InstallationId(9),
    }
}

fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).unwrap())
}

pub fn private_key() -> SecretString {
    let der: Pkcs8V1Der = key().as_der().unwrap();
    let text = base64::prelude::BASE64_STANDARD.encode(der.as_ref());
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let label = ["PRIVATE", "KEY"].join(" ");
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into()
}

/// What a claim says, if it was signed with the App's key.
pub fn claims(claim: &str) -> Value {
    use aws_lc_rs::signature::KeyPair as _;
    let inner = jsonwebtoken::DecodingKey::from_rsa_der(key().public_key().as_ref());
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "iss"]);
    jsonwebtoken::decode::<Value>(claim, &inner, &validation).unwrap().claims
}
