//! The webhook endpoint over a real socket: what it accepts, what it rejects, and when it answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hmac::{Hmac, Mac as _};
use reqwest::{Response, StatusCode};
use sha2::Sha256;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use planwright::http::{Inbox, Incoming, Receipt, router, serve};
use planwright_github::webhook::Secrets;

const SECRET: &str = "correct horse battery staple";
const PING: &[u8] = br#"{"zen":"Keep it logically awesome."}"#;

#[derive(Default)]
struct Shelf {
    stored: Mutex<Vec<Incoming>>,
    is_broken: AtomicBool,
    /// When set, `receive` waits for it before it stores.
    gate: Option<Notify>,
    arrived: Notify,
}

impl Inbox for Shelf {
    async fn receive(&self, incoming: Incoming) -> anyhow::Result<Receipt> {
        self.arrived.notify_one();
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        self.readiness().await?;
        let mut stored = self.stored.lock().await;
        let is_known = stored.iter().any(|known| known.delivery == incoming.delivery);
        stored.push(incoming);
        Ok(if is_known { Receipt::Duplicate } else { Receipt::Stored })
    }

    async fn readiness(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.is_broken.load(Ordering::SeqCst), "the disk of db.internal is full");
        Ok(())
    }
}

struct Site {
    url: String,
    shelf: Arc<Shelf>,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Site {
    async fn start(shelf: Shelf) -> Self {
        let shelf = Arc::new(shelf);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let secrets = Secrets::new(SECRET.into(), None).unwrap();
        let (router, stop) = (router(shelf.clone(), secrets), CancellationToken::new());
        let server = tokio::spawn(serve(listener, router, stop.clone()));
        Self { url, shelf, stop, server }
    }

    fn post(&self, body: &[u8]) -> reqwest::RequestBuilder {
        reqwest::Client::new()
            .post(format!("{}/webhook", self.url))
            .header("content-type", "application/json")
            .header("x-github-event", "ping")
            .header("x-github-delivery", "0b989ba4-242f-11e5-81e1-c7b6966d2516")
            .header("x-hub-signature-256", signature(SECRET, body))
            .body(body.to_vec())
    }

    async fn stored(&self) -> usize {
        self.shelf.stored.lock().await.len()
    }
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

async fn status(request: reqwest::RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_genuine_webhook_is_stored_and_acknowledged() {
    let site = Site::start(Shelf::default()).await;
    assert_eq!(status(site.post(PING)).await, StatusCode::ACCEPTED);
    assert_eq!(status(site.post(PING)).await, StatusCode::ACCEPTED, "again, as a redelivery");
    let stored = site.shelf.stored.lock().await;
    assert_eq!((stored[0].event.as_str(), stored[0].body.as_ref()), ("ping", PING));
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_stored() {
    let site = Site::start(Shelf { gate: Some(Notify::new()), ..Shelf::default() }).await;
    let mut answer = tokio::spawn(site.post(PING).send());
    site.shelf.arrived.notified().await;
    let early = tokio::time::timeout(Duration::from_millis(50), &mut answer).await;
    assert!(early.is_err(), "answered before it was stored");
    site.shelf.gate.as_ref().unwrap().notify_one();
    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::ACCEPTED);
    assert_eq!(site.stored().await, 1);
}

#[tokio::test]
async fn an_unsigned_or_forged_webhook_is_refused_and_not_stored() {
    let site = Site::start(Shelf::default()).await;
    let with = |signature: Option<String>| {
        let mut request = site.post(PING).build().unwrap();
        request.headers_mut().remove("x-hub-signature-256");
        if let Some(signature) = signature {
            request.headers_mut().insert("x-hub-signature-256", signature.parse().unwrap());
        }
        reqwest::RequestBuilder::from_parts(reqwest::Client::new(), request)
    };
    let sha1 =
        with(None).header("x-hub-signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59");
    for (what, request) in [
        ("absent", with(None)),
        ("sha1 only", sha1),
        ("another secret", with(Some(signature("guess", PING)))),
        ("another body", with(Some(signature(SECRET, b"{}")))),
        ("empty", with(Some(String::new()))),
    ] {
        assert_eq!(status(request).await, StatusCode::UNAUTHORIZED, "{what}");
    }
    assert_eq!(site.stored().await, 0);
}

#[tokio::test]
async fn an_oversized_webhook_never_reaches_the_inbox() {
    let site = Site::start(Shelf::default()).await;
    let body = vec![b' '; (25 << 20) + 1];
    // The server may close the connection while the client still sends.
    let answer = site.post(&body).send().await.map(|response| response.status());
    assert!(answer.is_err() || answer.is_ok_and(|status| status == StatusCode::PAYLOAD_TOO_LARGE));
    assert_eq!(site.stored().await, 0);
}

#[tokio::test]
async fn a_webhook_that_lacks_its_headers_or_is_malformed_is_refused() {
    let site = Site::start(Shelf::default()).await;
    let without = |name: &str| {
        let mut request = site.post(PING).build().unwrap();
        request.headers_mut().remove(name);
        reqwest::RequestBuilder::from_parts(reqwest::Client::new(), request)
    };
    let form = without("content-type").header("content-type", "application/x-www-form-urlencoded");
    let known = without("x-github-event").header("x-github-event", "push");
    for (what, request, expected) in [
        ("event", without("x-github-event"), StatusCode::BAD_REQUEST),
        ("delivery", without("x-github-delivery"), StatusCode::BAD_REQUEST),
        ("a push without a ref", known, StatusCode::BAD_REQUEST),
        ("form", form, StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        assert_eq!(status(request).await, expected, "{what}");
    }
    assert_eq!(site.stored().await, 0);
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_acknowledged_and_the_reason_stays_inside() {
    let site = Site::start(Shelf::default()).await;
    site.shelf.is_broken.store(true, Ordering::SeqCst);
    let readyz = || reqwest::get(format!("{}/readyz", site.url));
    let refused = async |response: Response| {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = response.text().await.unwrap();
        assert!(!text.contains("db.internal"), "{text}");
    };
    refused(site.post(PING).send().await.unwrap()).await;
    refused(readyz().await.unwrap()).await;

    let healthz = reqwest::get(format!("{}/healthz", site.url)).await.unwrap();
    assert_eq!(healthz.status(), StatusCode::OK, "alive, though not ready");
    site.shelf.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(readyz().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_under_way_ends_before_the_server_does() {
    let site = Site::start(Shelf { gate: Some(Notify::new()), ..Shelf::default() }).await;
    let answer = tokio::spawn(site.post(PING).send());
    site.shelf.arrived.notified().await;
    site.stop.cancel();
    site.shelf.gate.as_ref().unwrap().notify_one();
    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::ACCEPTED);
    site.server.await.unwrap().unwrap();
}
