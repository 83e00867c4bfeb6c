//! The rate limits of one installation, which are learned from answers, and our own lower limits.
//!
//! Pure: it gets headers and the time, and returns permission or the time to come back. Nothing
//! waits here; the worker postpones the job. If answers contain no limits (on GHES there are none
//! by default), nothing is held back.

use std::collections::{HashMap, VecDeque};

use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};

use planwright_core::names::InstallationId;

/// What is left of the limit of one resource, in the installation that has the least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitLeft {
    pub resource: &'static str,
    pub limit: i64,
    pub remaining: i64,
}

/// The kind of a call, on which it depends how early it is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    Read,
    Write,
    /// A write that people are waiting for. It may use the reserve.
    Close,
}

/// A resource with a limit of its own: REST, GraphQL, or GitHub's website.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    Core,
    Graphql,
    Web,
}

impl Resource {
    /// Returns the name in traces and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Graphql => "graphql",
            Self::Web => "web",
        }
    }
}

/// The scope whose limits a call counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitScope {
    App,
    Installation(InstallationId),
}

#[derive(Clone, Copy, Debug)]
struct Quota {
    limit: i64,
    remaining: i64,
    reset: Timestamp,
}

/// The state of the limits of one scope.
#[derive(Debug, Default)]
pub struct RateLimiter {
    paused_until: Option<Timestamp>,
    /// The number of refusals in a row without a time to come back.
    strikes: u32,
    quotas: HashMap<Resource, Quota>,
    /// The times of the writes of the last hour.
    writes: VecDeque<Timestamp>,
}

/// What an answer says about limits.
#[derive(Clone, Copy)]
pub struct AnswerFacts<'a> {
    pub status: StatusCode,
    pub headers: &'a HeaderMap,
    /// GitHub's message in the body; empty after success.
    pub message: &'a str,
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The writes per minute and per hour that are allowed. GitHub's limits for creating content are 80
/// and 500.
const WRITES: [(CallKind, usize, usize); 2] =
    [(CallKind::Write, 60, 440), (CallKind::Close, 78, 495)];

impl RateLimiter {
    /// Counts the call, or fails with the time to come back.
    pub fn admit(
        &mut self,
        kind: CallKind,
        resource: Resource,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let waits = [
            self.paused_until.filter(|until| *until > now),
            self.quota_wait(kind, resource, now),
            self.write_wait(kind, now),
        ];
        if let Some(until) = waits.into_iter().flatten().max() {
            return Err(until);
        }
        if kind != CallKind::Read {
            self.writes.push_back(now);
        }
        Ok(())
    }

    /// Learns from an answer. Returns the time to come back if it says that a limit is reached.
    pub fn note(
        &mut self,
        answer: &AnswerFacts<'_>,
        resource: Resource,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let AnswerFacts { status, headers, message } = *answer;
        if let Some(quota) = quota(headers) {
            self.quotas.insert(resource, quota);
        }
        if !is_limit(status, headers, message) {
            if status.is_success() {
                self.strikes = 0;
            }
            return None;
        }
        let told = seconds(headers, "retry-after")
            .and_then(|wait| now.checked_add(SignedDuration::from_secs(wait.max(1))).ok());
        let until = told.or_else(|| spent(headers).filter(|reset| *reset > now));
        let until = until.unwrap_or_else(|| {
            let wait = MINUTE * (1 << self.strikes.min(6));
            self.strikes = self.strikes.saturating_add(1);
            now.checked_add(wait.min(HOUR)).unwrap_or(Timestamp::MAX)
        });
        self.paused_until = Some(self.paused_until.map_or(until, |paused| paused.max(until)));
        Some(until)
    }

    /// Returns what is left of the limits that have not been reset since.
    pub fn limits(&self, now: Timestamp) -> impl Iterator<Item = LimitLeft> {
        let current = self.quotas.iter().filter(move |(_, quota)| quota.reset > now);
        current.map(|(resource, quota)| LimitLeft {
            resource: resource.name(),
            limit: quota.limit,
            remaining: quota.remaining,
        })
    }

    fn quota_wait(&self, kind: CallKind, resource: Resource, now: Timestamp) -> Option<Timestamp> {
        let quota = self.quotas.get(&resource).filter(|quota| quota.reset > now)?;
        let reserve = if kind == CallKind::Close { 0 } else { quota.limit / 50 };
        (quota.remaining <= reserve).then_some(quota.reset)
    }

    fn write_wait(&mut self, kind: CallKind, now: Timestamp) -> Option<Timestamp> {
        let age = |sent: &Timestamp| now.duration_since(*sent);
        while self.writes.front().is_some_and(|sent| age(sent) >= HOUR) {
            self.writes.pop_front();
        }
        if self.quotas.is_empty() {
            return None;
        }
        let (_, per_minute, per_hour) = WRITES.into_iter().find(|(of, ..)| *of == kind)?;
        let oldest_of = |count: usize, window: SignedDuration| {
            let nth = self.writes.len().checked_sub(count)?;
            self.writes.get(nth).filter(|sent| age(sent) < window).map(|sent| *sent + window)
        };
        oldest_of(per_minute, MINUTE).max(oldest_of(per_hour, HOUR))
    }
}

fn is_limit(status: StatusCode, headers: &HeaderMap, message: &str) -> bool {
    let says_so = message.to_ascii_lowercase().contains("rate limit");
    match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            says_so || headers.contains_key("retry-after") || spent(headers).is_some()
        }
        // GraphQL reports limits with status 200; the caller passes the message of the error.
        StatusCode::OK => says_so,
        _ => false,
    }
}

/// Returns when an exhausted limit is reset.
fn spent(headers: &HeaderMap) -> Option<Timestamp> {
    quota(headers).filter(|quota| quota.remaining == 0).map(|quota| quota.reset)
}

fn quota(headers: &HeaderMap) -> Option<Quota> {
    let reset = Timestamp::from_second(seconds(headers, "x-ratelimit-reset")?).ok()?;
    let remaining = seconds(headers, "x-ratelimit-remaining")?;
    Some(Quota { limit: seconds(headers, "x-ratelimit-limit").unwrap_or(0), remaining, reset })
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn answered(headers: &HeaderMap) -> AnswerFacts<'_> {
        AnswerFacts { status: StatusCode::OK, headers, message: "" }
    }

    fn limited(headers: &HeaderMap) -> AnswerFacts<'_> {
        AnswerFacts { status: StatusCode::TOO_MANY_REQUESTS, ..answered(headers) }
    }

    fn plenty() -> HeaderMap {
        headers(&[
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "4000"),
            ("x-ratelimit-reset", "9000"),
        ])
    }

    #[test]
    fn a_refusal_says_when_to_come_back_in_githubs_order() {
        let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "500")];
        for (status, pairs, message, until) in [
            (429, [("retry-after", "30"), spent[1]].as_slice(), "", 130),
            (403, &[("retry-after", "30")], "", 130),
            (403, &spent, "", 500),
            (403, &[], "You have exceeded a secondary rate limit", 160),
            (429, &[], "", 160),
            (200, &[], "API rate limit exceeded", 160),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let headers = headers(pairs);
            let answer = AnswerFacts { status, headers: &headers, message };
            let told = RateLimiter::default().note(&answer, Resource::Core, at(100));
            assert_eq!(told, Some(at(until)), "{status} {pairs:?} {message}");
        }
    }

    #[test]
    fn a_plain_refusal_is_no_limit() {
        let mut limiter = RateLimiter::default();
        let message = "Resource not accessible by integration";
        let headers = plenty();
        let answer = AnswerFacts { status: StatusCode::FORBIDDEN, headers: &headers, message };
        assert_eq!(limiter.note(&answer, Resource::Core, at(1)), None);
        assert_eq!(limiter.admit(CallKind::Write, Resource::Core, at(1)), Ok(()));
    }

    #[test]
    fn nothing_is_sent_before_the_time_that_was_told() {
        let mut limiter = RateLimiter::default();
        limiter.note(&limited(&headers(&[("retry-after", "30")])), Resource::Core, at(100));
        assert_eq!(limiter.admit(CallKind::Read, Resource::Graphql, at(129)), Err(at(130)));
        assert_eq!(limiter.admit(CallKind::Read, Resource::Graphql, at(130)), Ok(()));
    }

    #[test]
    fn refusals_without_a_time_back_off() {
        let mut limiter = RateLimiter::default();
        let waits: Vec<i64> = (0..8)
            .map(|_| limiter.note(&limited(&HeaderMap::new()), Resource::Core, at(0)).unwrap())
            .map(|until| until.as_second() / 60)
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn the_last_of_the_quota_is_kept_for_closing_writes() {
        let mut limiter = RateLimiter::default();
        let nearly = headers(&[
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "100"),
            ("x-ratelimit-reset", "9000"),
        ]);
        limiter.note(&answered(&nearly), Resource::Core, at(0));
        assert_eq!(limiter.admit(CallKind::Write, Resource::Core, at(1)), Err(at(9000)));
        assert_eq!(limiter.admit(CallKind::Close, Resource::Core, at(1)), Ok(()));
        assert_eq!(limiter.admit(CallKind::Read, Resource::Graphql, at(1)), Ok(()));
        assert_eq!(limiter.admit(CallKind::Write, Resource::Core, at(9000)), Ok(()));
    }

    #[test]
    fn writes_stay_below_githubs_content_limit() {
        let mut limiter = RateLimiter::default();
        limiter.note(&answered(&plenty()), Resource::Core, at(0));
        for _ in 0..60 {
            assert_eq!(limiter.admit(CallKind::Write, Resource::Core, at(10)), Ok(()));
        }
        assert_eq!(limiter.admit(CallKind::Write, Resource::Core, at(11)), Err(at(70)));
        assert_eq!(limiter.admit(CallKind::Close, Resource::Core, at(11)), Ok(()));
        assert_eq!(limiter.admit(CallKind::Read, Resource::Core, at(11)), Ok(()));
        assert_eq!(limiter.admit(CallKind::Write, Resource::Core, at(71)), Ok(()));
    }

    #[test]
    fn where_there_are_no_limits_nothing_is_held_back() {
        let mut limiter = RateLimiter::default();
        limiter.note(&answered(&HeaderMap::new()), Resource::Core, at(0));
        assert!((0..200).all(|_| limiter.admit(CallKind::Write, Resource::Core, at(1)).is_ok()));
    }
}
