//! HTTP(S) for libgit2, which is built without TLS, by reqwest and rustls.
//!
//! The token is sent in a header and only to the host of the URL. It never becomes part of a URL, a
//! file or a message. Plain HTTP is handled here as well, so that tests cover the same code.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use git2::{
    ErrorClass, ErrorCode,
    transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport},
};
use reqwest::{
    blocking::{Client, Response},
    header::{ACCEPT, CONTENT_TYPE},
};
use secrecy::{ExposeSecret, SecretString};

const CONNECT: Duration = Duration::from_secs(10);
/// The time limit of a request with its answer. The first fetch of a large repository takes
/// minutes.
const WHOLE: Duration = Duration::from_secs(900);

thread_local! {
    /// The token of the fetch on this thread. libgit2 calls the transport on the same thread.
    static TOKEN: RefCell<Option<SecretString>> = const { RefCell::new(None) };
}

/// Runs `act`, during which every request of libgit2 on this thread uses `token`.
pub(crate) fn with_token<T>(token: Option<SecretString>, act: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            TOKEN.set(None);
        }
    }
    let _reset = Reset;
    TOKEN.set(token);
    act()
}

/// The transport could not be set up.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SetUpError(String);

/// Registers this transport for http and https with libgit2, once per process and before any fetch.
pub(crate) fn register() -> Result<(), SetUpError> {
    static REGISTERED: OnceLock<Result<(), SetUpError>> = OnceLock::new();
    REGISTERED
        .get_or_init(|| {
            // On its own thread, because reqwest's blocking client must not be created inside
            // tokio.
            let client = std::thread::spawn(client)
                .join()
                .map_err(|_| SetUpError("cannot set up git over https".into()))?
                .map_err(|e| SetUpError(format!("cannot set up git over https: {e}")))?;
            ["http", "https"].into_iter().try_for_each(|scheme| register_scheme(scheme, &client))
        })
        .clone()
}

#[expect(
    unsafe_code,
    reason = "libgit2's list of transports is global and has no lock; \
    `register` runs once and before the first fetch of this crate, so nothing reads it meanwhile"
)]
fn register_scheme(scheme: &str, client: &Client) -> Result<(), SetUpError> {
    let client = client.clone();
    // SAFETY: called from `register` only, under its `OnceLock`.
    unsafe {
        git2::transport::register(scheme, move |remote| {
            let http = Http {
                client: client.clone(),
                token: TOKEN.with_borrow(Clone::clone),
                base: Arc::default(),
            };
            Transport::smart(remote, true, http)
        })
    }
    .map_err(|e| SetUpError(e.message().to_owned()))
}

fn client() -> reqwest::Result<Client> {
    // GitHub redirects from old names of repositories. The token must not be sent to another host.
    let same_origin = reqwest::redirect::Policy::custom(|attempt| {
        let from = attempt.previous().last().map(reqwest::Url::origin);
        match from {
            Some(from) if from == attempt.url().origin() && attempt.previous().len() <= 3 => {
                attempt.follow()
            }
            _ => attempt.error("a redirect to another host, or too many of them"),
        }
    });
    #[expect(clippy::disallowed_methods, reason = "the client of this adapter")]
    let client = Client::builder();
    client
        // GitHub serves git only to user agents that begin with `git/`.
        .user_agent(concat!("git/2.0 (planwright ", env!("CARGO_PKG_VERSION"), ")"))
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .redirect(same_origin)
        .build()
}

struct Http {
    client: Client,
    token: Option<SecretString>,
    /// The address of the repository after a redirect, if there was one.
    base: Arc<Mutex<Option<String>>>,
}

impl SmartSubtransport for Http {
    fn action(
        &self,
        url: &str,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let request = match service {
            Service::UploadPackLs => Request::Refs,
            Service::UploadPack => Request::Pack(Vec::new()),
            Service::ReceivePackLs | Service::ReceivePack => {
                return Err(failure(ErrorCode::Auth, "nothing is ever pushed from here"));
            }
        };
        Ok(Box::new(Stream {
            client: self.client.clone(),
            token: self.token.clone(),
            url: url.trim_end_matches('/').to_owned(),
            base: Arc::clone(&self.base),
            state: State::Asking(request),
        }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

enum Request {
    Refs,
    Pack(Vec<u8>),
}

enum State {
    /// Not sent yet: libgit2 writes the whole request before it reads the answer.
    Asking(Request),
    Answering(Box<Response>),
}

struct Stream {
    client: Client,
    token: Option<SecretString>,
    url: String,
    base: Arc<Mutex<Option<String>>>,
    state: State,
}

const REFS: &str = "/info/refs?service=git-upload-pack";

impl Stream {
    fn send(&self, request: &Request) -> io::Result<Response> {
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let base = base.unwrap_or_else(|| self.url.clone());
        let (builder, expected) = match request {
            Request::Refs => (
                self.client.get(format!("{base}{REFS}")),
                "application/x-git-upload-pack-advertisement",
            ),
            Request::Pack(body) => (
                self.client
                    .post(format!("{base}/git-upload-pack"))
                    .header(CONTENT_TYPE, "application/x-git-upload-pack-request")
                    .body(body.clone()),
                "application/x-git-upload-pack-result",
            ),
        };
        let mut builder = builder.header(ACCEPT, expected);
        if let Some(token) = &self.token {
            builder = builder.basic_auth("x-access-token", Some(token.expose_secret()));
        }
        let response = builder.send().map_err(|e| io::Error::other(root_cause(&e)))?;
        let status = response.status();
        if !status.is_success() {
            return Err(io::Error::other(format!("{STATUS}{status}")));
        }
        let answered = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if answered != Some(expected) {
            return Err(io::Error::other(
                "the answer is not git's; is it the URL of a repository?",
            ));
        }
        if matches!(request, Request::Refs) {
            let found = response.url().as_str().strip_suffix(REFS).map(str::to_owned);
            *self.base.lock().unwrap_or_else(PoisonError::into_inner) = found;
        }
        Ok(response)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let State::Asking(request) = &self.state {
            self.state = State::Answering(Box::new(self.send(request)?));
        }
        match &mut self.state {
            State::Answering(response) => response.read(buffer),
            State::Asking(_) => Ok(0),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Asking(Request::Pack(body)) => body.write(data),
            _ => Err(io::Error::other("written after it was sent")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The prefix of a message that contains a status. libgit2 returns nothing but the message of an
/// error.
const STATUS: &str = "HTTP ";

/// Returns the HTTP status of the answer, if that was the reason of the error.
pub(crate) fn status(error: &git2::Error) -> Option<u16> {
    error.message().strip_prefix(STATUS)?.get(..3)?.parse().ok()
}

fn failure(code: ErrorCode, message: &str) -> git2::Error {
    git2::Error::new(code, ErrorClass::Net, message)
}

/// Returns the last cause, since those before it only repeat the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stays_no_longer_than_its_fetch() {
        let has_token = || TOKEN.with_borrow(Option::is_some);
        assert!(with_token(Some("secret".into()), has_token));
        assert!(!has_token());
        let fetch = || with_token(Some("secret".into()), || panic!("in the middle of a fetch"));
        assert!(std::panic::catch_unwind(fetch).is_err());
        assert!(!has_token());
    }
}
