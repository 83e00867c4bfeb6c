//! Sending requests, with limits of time and size, and retries after temporary failures.
//!
//! Only 429, 5xx and failed connections are retried, after the time that the server names. After a
//! few retries the error is returned to the caller, who can wait longer without holding anything.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use futures::StreamExt as _;
use reqwest::{StatusCode, header, redirect};
use secrecy::ExposeSecret as _;

use super::{Garbled, Settings};

/// How often one call is retried.
const RETRIES: usize = 3;
/// A longer wait is left to the caller.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The first wait, if the server names no time.
const PAUSE: Duration = Duration::from_millis(500);
/// The largest answer, in bytes.
const LARGEST: usize = 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`--model-url` is no address of a model server: {0}")]
    Address(String),
    /// A temporary failure.
    #[error("the model server is away: {why}")]
    Away { why: String, retry_after: Option<Duration> },
    /// The same request would be rejected again.
    #[error("the model server refuses the request: {0}")]
    Rejected(String),
    #[error(transparent)]
    Garbled(Garbled),
}

pub(crate) fn client(settings: &Settings) -> Result<reqwest::Client, Error> {
    let wrong = |why: &str| Error::Address(why.to_owned());
    let url: reqwest::Url = settings.url.parse().map_err(|_| wrong("it cannot be read"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong("it has to begin with http:// or https://"));
    }
    #[expect(clippy::disallowed_methods, reason = "the client of this adapter")]
    let client = reqwest::Client::builder();
    // No redirects, so that the key is sent only to the server that was configured.
    client
        .redirect(redirect::Policy::none())
        .timeout(settings.timeout)
        .connect_timeout(Duration::from_secs(10))
        .build()
        .map_err(|e| wrong(&e.to_string()))
}

/// Sends a request, with retries, and returns the body of the answer.
pub(crate) async fn send(
    client: &reqwest::Client,
    settings: &Settings,
    body: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let backoff =
        ExponentialBuilder::new().with_min_delay(PAUSE).with_factor(2.0).with_max_times(RETRIES);
    (|| send_once(client, settings, body.clone()))
        .retry(backoff)
        .adjust(|error, pause| match error {
            Error::Away { retry_after, .. } => {
                pause.map(|pause| retry_after.unwrap_or(pause)).filter(|wait| *wait <= LONGEST_WAIT)
            }
            _ => None,
        })
        .notify(|error, wait| tracing::info!(%error, ?wait, "the model server is away"))
        .await
}

async fn send_once(
    client: &reqwest::Client,
    settings: &Settings,
    body: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let api = settings.wire.api();
    let url = format!("{}/{}", settings.url.trim_end_matches('/'), api.path);
    let mut request = client.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
    if let Some(key) = &settings.key {
        request = (api.authorize)(request, key.expose_secret());
    }
    let away = |error: reqwest::Error| Error::Away {
        // The message would contain the address, which may be confidential.
        why: error.without_url().to_string(),
        retry_after: None,
    };
    let response = request.send().await.map_err(away)?;
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let mut stream = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.map_err(away)?);
        if bytes.len() > LARGEST {
            return Err(Error::Garbled(Garbled(format!("it has more than {LARGEST} bytes"))));
        }
    }
    match status {
        status if status.is_success() => Ok(bytes),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::Away { why: status.to_string(), retry_after }),
        status if status.is_server_error() => {
            Err(Error::Away { why: status.to_string(), retry_after })
        }
        status => {
            let said: String = String::from_utf8_lossy(&bytes).chars().take(300).collect();
            tracing::warn!(%status, said, "the model server refuses a request");
            Err(Error::Rejected(status.to_string()))
        }
    }
}

/// Returns how long to wait. The headers contain milliseconds or seconds; dates are not supported,
/// because model servers do not send them.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1_000.0).or_else(|| number("retry-after"));
    let seconds = seconds.filter(|seconds| !seconds.is_nan())?;
    Duration::try_from_secs_f64(seconds.min(24.0 * 3600.0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_when_to_come_back_in_one_of_two_headers() {
        let headers = |pairs: &[(&'static str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect()
        };
        let seconds = |pairs: &[(&'static str, &str)]| retry_after(&headers(pairs));
        assert_eq!(seconds(&[("retry-after", "2")]), Some(Duration::from_secs(2)));
        let both = [("retry-after", "2"), ("retry-after-ms", "1500")];
        assert_eq!(seconds(&both), Some(Duration::from_millis(1_500)));
        assert_eq!(seconds(&[("retry-after", "1e300")]), Some(Duration::from_hours(24)));
        for odd in ["-1", "soon", "NaN", ""] {
            assert_eq!(seconds(&[("retry-after", odd)]), None, "{odd}");
        }
    }
}
