//! A git server that others wrote: `git http-backend`, behind a few lines of CGI.
//!
//! It asks for the token by Basic authentication, as GitHub does. `acme/old` was renamed to
//! `acme/infra`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
};
use base64::Engine as _;
use tokio::io::AsyncWriteExt as _;

use planwright_git::Source;

pub const TOKEN: &str = "ghs_of_no_particular_length.a-b_c";

pub struct Server {
    host: String,
    requests: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Site {
    root: PathBuf,
    elsewhere: Option<String>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    pub async fn start(root: &Path) -> Self {
        Self::serve(root.to_owned(), None).await
    }

    /// Answers everything with a redirect to the same path of another host.
    pub async fn redirecting_to(url: &str) -> Self {
        Self::serve(PathBuf::new(), Some(url.to_owned())).await
    }

    async fn serve(root: PathBuf, elsewhere: Option<String>) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let site = Site { root, elsewhere, requests: requests.clone() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(site);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, requests }
    }

    pub fn url(&self) -> String {
        format!("{}/acme/infra.git", self.host)
    }

    pub fn old_url(&self) -> String {
        format!("{}/acme/old.git", self.host)
    }

    pub fn source(&self) -> Source {
        Source::new(self.url(), Some(TOKEN.into())).unwrap()
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn answer(
    State(site): State<Site>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    site.requests.fetch_add(1, Ordering::SeqCst);
    if let Some(elsewhere) = &site.elsewhere {
        let service = uri.query().unwrap_or_default();
        return Redirect::permanent(&format!("{elsewhere}/info/refs?{service}")).into_response();
    }
    let credentials = base64::prelude::BASE64_STANDARD.encode(format!("x-access-token:{TOKEN}"));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(&format!("Basic {credentials}")) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic")]).into_response();
    }
    if let Some(rest) = uri.path().strip_prefix("/acme/old.git") {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let location = format!("/acme/infra.git{rest}{query}");
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response();
    }
    backend(&site.root, &method, &uri, (&headers, &body)).await
}

async fn backend(
    root: &Path,
    method: &Method,
    uri: &Uri,
    (headers, body): (&HeaderMap, &[u8]),
) -> Response {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mut child = tokio::process::Command::new("git")
        .args(["-c", "uploadpack.allowAnySHA1InWant=true", "-c", "safe.directory=*"])
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", text(header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`git` (Debian: git) is needed for the tests of the git adapter");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(body).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in std::str::from_utf8(&output[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            _ => response.header(name, value),
        };
    }
    response.body(output[end + 4..].to_vec().into()).unwrap()
}
