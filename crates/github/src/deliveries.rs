//! Deliveries of webhooks that failed. GitHub does not send them again by itself.
//!
//! Calls are made as the App. The store knows which deliveries arrived nevertheless.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use planwright_core::names::{DeliveryId, InstallationId, RepositoryId};

use crate::{
    Error, GitHub, Result,
    call::{Answer, Call, CallFacts},
};

/// GitHub's id of one attempt to deliver a webhook. All attempts for an event have the same GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct DeliveryAttempt(pub i64);

/// The last attempt to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub attempt: DeliveryAttempt,
    pub id: DeliveryId,
    pub event: String,
    pub action: Option<String>,
    pub installation: Option<InstallationId>,
    pub repository: Option<RepositoryId>,
    pub delivered_at: Timestamp,
}

/// The payload of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveredPayload {
    pub id: DeliveryId,
    pub event: String,
    /// JSON written anew: GitHub keeps the value, not the bytes that were signed.
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
struct Wire {
    id: DeliveryAttempt,
    guid: String,
    delivered_at: Timestamp,
    status_code: u16,
    event: String,
    action: Option<String>,
    installation_id: Option<InstallationId>,
    repository_id: Option<RepositoryId>,
}

/// The number of pages that are read, of a hundred entries each. More would mean another problem.
const PAGES: usize = 100;

impl GitHub {
    /// Returns the events since `since` for which no attempt was answered with a 2xx, oldest first.
    pub async fn missed_deliveries(&self, since: Timestamp) -> Result<Vec<Delivery>> {
        let mut attempts = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let call = Call::read(format!("/app/hook/deliveries?per_page=100{cursor}"));
            let answer = self.as_app(&call).await?;
            let page: Vec<Wire> = answer.json(&call)?;
            // The newest come first, so the first old one is the end.
            let is_last = page.is_empty() || page.iter().any(|wire| wire.delivered_at < since);
            attempts.extend(page.into_iter().filter(|wire| wire.delivered_at >= since));
            match next_cursor(&answer).map_err(|e| call.unreadable(e))? {
                Some(next) if !is_last => cursor = format!("&cursor={next}"),
                _ => return missed(attempts).map_err(|e| call.unreadable(e)),
            }
        }
        Err(Error::Unreadable {
            call: "GET /app/hook/deliveries".into(),
            reason: format!("more than {} deliveries since {since}", PAGES * 100),
        })
    }

    /// Returns the payload of an attempt, to be processed as if it had arrived.
    pub async fn delivery(&self, attempt: DeliveryAttempt) -> Result<DeliveredPayload> {
        #[derive(Deserialize)]
        struct Full {
            guid: String,
            event: String,
            request: Request,
        }
        #[derive(Deserialize)]
        struct Request {
            payload: Value,
        }
        let call = Call::read(format!("/app/hook/deliveries/{}", attempt.0));
        let full: Full = self.as_app(&call).await?.json(&call)?;
        if !full.request.payload.is_object() {
            return Err(call.unreadable("its payload is no object"));
        }
        Ok(DeliveredPayload {
            id: DeliveryId::parse(full.guid).map_err(|e| call.unreadable(e))?,
            event: full.event,
            body: full.request.payload.to_string().into_bytes(),
        })
    }

    /// Asks GitHub to deliver the webhook again. It arrives with the same GUID.
    pub async fn redeliver(&self, attempt: DeliveryAttempt) -> Result<()> {
        let octocrab = self.octocrab_as_app();
        let asked = octocrab.apps().redeliver_webhook_delivery(attempt.0 as u64).await;
        let path = format!("/app/hook/deliveries/{}/attempts", attempt.0);
        asked.map_err(|error| CallFacts::typed(&Method::POST, &path).explain(error))
    }
}

fn missed(attempts: Vec<Wire>) -> Result<Vec<Delivery>, String> {
    let mut missed: BTreeMap<String, Option<Delivery>> = BTreeMap::new();
    for wire in attempts {
        let is_received = (200..300).contains(&wire.status_code);
        let newest = missed.entry(wire.guid.clone());
        match newest {
            _ if is_received => *newest.or_default() = None,
            std::collections::btree_map::Entry::Occupied(_) => {}
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(Some(Delivery {
                    attempt: wire.id,
                    id: DeliveryId::parse(wire.guid).map_err(|e| e.to_string())?,
                    event: wire.event,
                    action: wire.action,
                    installation: wire.installation_id,
                    repository: wire.repository_id,
                    delivered_at: wire.delivered_at,
                }));
            }
        }
    }
    let mut missed: Vec<Delivery> = missed.into_values().flatten().collect();
    missed.sort_by_key(|delivery| (delivery.delivered_at, delivery.attempt));
    Ok(missed)
}

/// Returns the cursor in `Link: <…?cursor=v1_17…>; rel="next"`, or `None` on the last page.
fn next_cursor(answer: &Answer) -> Result<Option<String>, String> {
    let Some(link) = answer.headers.get(http::header::LINK) else { return Ok(None) };
    let link = link.to_str().map_err(|e| e.to_string())?;
    let Some(next) = link.split(',').find(|part| part.contains("rel=\"next\"")) else {
        return Ok(None);
    };
    // It is put into a URL, so only the characters of a cursor are accepted.
    let is_cursor = |text: &&str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_%=.~".contains(&b))
    };
    next.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .and_then(|(url, _)| url.split_once('?'))
        .and_then(|(_, query)| query.split('&').find_map(|pair| pair.strip_prefix("cursor=")))
        .filter(is_cursor)
        .map(|cursor| Some(cursor.to_owned()))
        .ok_or_else(|| format!("no cursor in `{next}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(id: i64, guid: &str, status_code: u16) -> Wire {
        Wire {
            id: DeliveryAttempt(id),
            guid: guid.into(),
            delivered_at: Timestamp::from_second(id).unwrap(),
            status_code,
            event: "push".into(),
            action: None,
            installation_id: None,
            repository_id: None,
        }
    }

    #[test]
    fn an_event_is_missed_only_if_no_attempt_got_through() {
        let attempts = vec![
            attempt(5, "a", 502),
            attempt(4, "b", 0),
            attempt(3, "a", 202),
            attempt(2, "b", 500),
            attempt(1, "c", 500),
        ];
        let missed: Vec<i64> = missed(attempts).unwrap().iter().map(|d| d.attempt.0).collect();
        assert_eq!(missed, [1, 4], "oldest first, each by its newest attempt");
    }

    #[test]
    fn the_order_of_attempts_does_not_matter() {
        for attempts in [
            vec![attempt(2, "a", 202), attempt(1, "a", 500)],
            vec![attempt(2, "a", 500), attempt(1, "a", 202)],
        ] {
            assert_eq!(missed(attempts).unwrap(), []);
        }
    }
}
