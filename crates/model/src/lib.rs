//! Model servers: encoding requests, decoding answers, and trying again.
//!
//! Encoding and decoding are pure, one file per format. What a model may do, and what a run costs,
//! is in `core::agent`.

#![warn(unreachable_pub)]

mod api;
mod chat_completions;
mod transport;
mod wire;

use std::{str::FromStr, time::Duration};

use secrecy::SecretString;
use tracing::{Instrument as _, field};

use planwright_core::agent::{budget::Amount, event::Turn, prompt::Message};

pub use transport::Error;
pub use wire::Wire;

/// An optional part of the API that a server supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// `strict` in the schemas of tools.
    Strict,
    /// `parallel_tool_calls`, which is then sent as `false`.
    ParallelToolCalls,
    /// `tool_choice: required`.
    RequiredToolChoice,
    /// `max_completion_tokens` instead of `max_tokens`.
    MaxCompletionTokens,
}

/// Prices in US dollars per million tokens, of input and of output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    pub input: f64,
    pub output: f64,
}

/// The tokens that one answer used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    pub output: u64,
}

/// The answer does not have the format of the server's API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer of the model server cannot be read: {0}")]
pub struct Garbled(pub String);

#[derive(Clone, Debug)]
pub struct Settings {
    /// The API that the server supports.
    pub wire: Wire,
    /// The base of the API, such as `https://api.openai.com/v1`.
    pub url: String,
    pub name: String,
    pub key: Option<SecretString>,
    pub features: Vec<Feature>,
    pub prices: Option<Prices>,
    /// The time limit of one answer.
    pub timeout: Duration,
}

/// A model on a server.
#[derive(Clone, Debug)]
pub struct Model {
    settings: Settings,
    client: reqwest::Client,
}

/// An answer, with the usage that the server reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub turn: Turn,
    pub usage: Option<Usage>,
}

/// The limit of tokens that is set for one answer.
pub const LONGEST_ANSWER: u64 = 4_096;

impl Model {
    /// Fails if the address of the server is not valid.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let client = transport::client(&settings)?;
        Ok(Self { settings, client })
    }

    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Encodes a request. Equal conversations give equal bytes.
    pub fn body(&self, conversation: &[Message]) -> Vec<u8> {
        (self.settings.wire.api().encode)(&self.settings, conversation)
    }

    /// Estimates the highest cost of a request with a body of `bytes` bytes.
    pub fn estimate(&self, bytes: usize) -> Amount {
        // In nearly every text a token has more than three bytes.
        self.priced(bytes as u64 / 3, LONGEST_ANSWER)
    }

    /// Returns the cost of an answer. Since a server may report no usage, or too little, it is at
    /// least an estimate from the sizes of request and answer.
    pub fn cost(&self, bytes: usize, answer: &Answer) -> Amount {
        let usage = answer.usage.unwrap_or_default();
        let written = answer.turn.text.len()
            + answer.turn.calls.iter().map(|call| call.arguments.len()).sum::<usize>();
        let input = usage.input.max(bytes as u64 / 8);
        self.priced(input, usage.output.max(written as u64 / 8))
    }

    fn priced(&self, input_tokens: u64, output_tokens: u64) -> Amount {
        let microdollars = self.settings.prices.map_or(0, |prices| {
            // Dollars per million tokens are microdollars per token. The casts saturate.
            (input_tokens as f64 * prices.input + output_tokens as f64 * prices.output).ceil()
                as u64
        });
        Amount { model_calls: 1, input_tokens, output_tokens, microdollars, ..Amount::default() }
    }

    /// Sends a request and decodes the answer. Temporary failures are tried again a few times.
    pub async fn complete(&self, body: Vec<u8>) -> Result<Answer, Error> {
        let span = tracing::info_span!(
            "model",
            otel.name = format!("chat {}", self.settings.name),
            otel.kind = "client",
            otel.status_code = field::Empty,
            gen_ai.request.model = self.settings.name,
            gen_ai.usage.input_tokens = field::Empty,
            gen_ai.usage.output_tokens = field::Empty,
        );
        let answered = self.answer(body).instrument(span.clone()).await;
        match &answered {
            Ok(Answer { usage: Some(usage), .. }) => {
                span.record("gen_ai.usage.input_tokens", usage.input);
                span.record("gen_ai.usage.output_tokens", usage.output);
            }
            Ok(_) => {}
            Err(_) => {
                span.record("otel.status_code", "ERROR");
            }
        }
        answered
    }

    async fn answer(&self, body: Vec<u8>) -> Result<Answer, Error> {
        let bytes = transport::send(&self.client, &self.settings, body).await?;
        (self.settings.wire.api().decode)(&bytes).map_err(Error::Garbled)
    }
}

/// The text is not a pair of prices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pair of prices such as `3,15`")]
pub struct NotPrices(String);

impl FromStr for Prices {
    type Err = NotPrices;

    /// Parses `INPUT,OUTPUT` in US dollars per million tokens.
    fn from_str(text: &str) -> Result<Self, NotPrices> {
        let wrong = || NotPrices(text.to_owned());
        let (input, output) = text.split_once(',').ok_or_else(wrong)?;
        let price = |text: &str| {
            let price: f64 = text.trim().parse().map_err(|_| wrong())?;
            if price.is_finite() && price >= 0.0 { Ok(price) } else { Err(wrong()) }
        };
        Ok(Self { input: price(input)?, output: price(output)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(prices: Option<Prices>) -> Model {
        Model::new(Settings {
            wire: Wire::default(),
            url: "http://127.0.0.1:1/v1".into(),
            name: "m".into(),
            key: None,
            features: Vec::new(),
            prices,
            timeout: Duration::from_secs(1),
        })
        .unwrap()
    }

    #[test]
    fn prices_are_dollars_per_million_tokens() {
        assert_eq!("3, 15".parse(), Ok(Prices { input: 3.0, output: 15.0 }));
        for text in ["3", "a,b", "-1,2", "1,inf", "NaN,1"] {
            assert!(text.parse::<Prices>().is_err(), "{text}");
        }
        let estimate = model(Some(Prices { input: 3.0, output: 15.0 })).estimate(3_000);
        assert_eq!(
            (estimate.input_tokens, estimate.microdollars),
            (1_000, 3_000 + 15 * LONGEST_ANSWER)
        );
        assert_eq!(model(None).estimate(3_000).microdollars, 0);
    }

    #[test]
    fn a_server_that_says_it_used_nothing_is_not_believed() {
        let usage = Some(Usage { input: 0, output: 0 });
        let turn = Turn { text: "x".repeat(80), ..Turn::default() };
        let cost = model(None).cost(8_000, &Answer { turn: turn.clone(), usage });
        assert_eq!((cost.input_tokens, cost.output_tokens), (1_000, 10));
        let usage = Some(Usage { input: u64::MAX, output: u64::MAX });
        let cost = model(Some(Prices { input: 1.0, output: 1.0 })).cost(8, &Answer { turn, usage });
        assert_eq!((cost.input_tokens, cost.microdollars), (u64::MAX, u64::MAX));
    }
}
