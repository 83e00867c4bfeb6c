//! A webhook endpoint that keeps what it receives.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::Value;

#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    inner: Arc<Inner>,
}

struct Inner {
    letters: Mutex<Vec<Letter>>,
    status: AtomicU16,
}

#[derive(Clone, Debug)]
pub struct Letter {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Letter {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `pull_request.opened`, or `push`.
    pub fn event(&self) -> String {
        match self.json()["action"].as_str() {
            Some(action) => format!("{}.{action}", self.header("x-github-event")),
            None => self.header("x-github-event").to_owned(),
        }
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/webhook", listener.local_addr().unwrap());
        let inner = Inner { letters: Mutex::default(), status: AtomicU16::new(202) };
        let receiver = Self { url, inner: Arc::new(inner) };
        let router = Router::new().fallback(keep).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// How it answers from now on.
    pub fn answer(&self, status: u16) {
        self.inner.status.store(status, Ordering::SeqCst);
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.inner.letters.lock().unwrap().clone()
    }

    pub fn events(&self) -> Vec<String> {
        self.letters().iter().map(Letter::event).collect()
    }

    pub fn forget(&self) {
        self.inner.letters.lock().unwrap().clear();
    }
}

async fn keep(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    receiver.inner.letters.lock().unwrap().push(Letter { headers, body });
    StatusCode::from_u16(receiver.inner.status.load(Ordering::SeqCst)).unwrap()
}
