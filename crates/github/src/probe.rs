//! Probes of a running bot: its webhook address, asked from this machine, and its metrics.
//!
//! The webhook is sent without a signature, so the bot has to refuse it.

use std::{net::SocketAddr, time::Duration};

use planwright_core::diagnosis::Answered;

use crate::error::{Error, Result};

/// The time limit, which is GitHub's for the answer to a webhook.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks `/readyz` beside the webhook at `url`, and the webhook itself.
pub async fn probe(url: &str) -> Result<Answered> {
    let client = client(reqwest::Client::builder())?;
    let ready = match url.strip_suffix("/webhook") {
        Some(base) => status(client.get(format!("{base}/readyz"))).await,
        None => Err("the address does not end with `/webhook`".into()),
    };
    let webhook = client.post(url).header("content-type", "application/json").body("{}");
    Ok(Answered { ready, webhook: status(webhook).await })
}

/// Returns the metrics of the bot that listens at `address` on this machine, if one does.
pub async fn metrics(address: SocketAddr) -> Option<String> {
    let client = client(reqwest::Client::builder().no_proxy()).ok()?;
    let answer = client.get(format!("http://{address}/metrics")).send().await.ok()?;
    answer.error_for_status().ok()?.text().await.ok()
}

fn client(builder: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    builder
        .user_agent(concat!("planwright-doctor/", env!("CARGO_PKG_VERSION")))
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| Error::Settings(format!("cannot set up the HTTP client: {e}")))
}

async fn status(request: reqwest::RequestBuilder) -> Result<u16, String> {
    match request.send().await {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) if error.is_timeout() => {
            Err(format!("no answer within {} s", PATIENCE.as_secs()))
        }
        Err(error) => Err(innermost(&error)),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
