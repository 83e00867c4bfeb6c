//! The clock of fakehub: every event has a whole second of its own.
//!
//! GitHub's timestamps have a resolution of one second, and the bot compares them. So that no test
//! has to sleep, the clock runs ahead of real time if it has to. JWTs and tokens expire in real
//! time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Clock {
    last: i64,
}

impl Clock {
    /// Returns the time of the next event: now, or the second after the last event, whichever is
    /// later.
    pub fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.last = now.as_second().max(self.last + 1);
        self.last()
    }

    #[cfg(feature = "testing")]
    pub fn skip(&mut self, seconds: i64) {
        self.last = self.last.max(Timestamp::now().as_second()) + seconds;
    }

    fn last(&self) -> Timestamp {
        Timestamp::from_second(self.last).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_real_second_have_seconds_of_their_own() {
        let now = Timestamp::from_millisecond(1_000_900).unwrap();
        let mut clock = Clock::default();
        let seconds: Vec<i64> = (0..3).map(|_| clock.tick(now).as_second()).collect();
        assert_eq!(seconds, [1000, 1001, 1002]);
        assert_eq!(clock.tick(Timestamp::from_second(2000).unwrap()).as_second(), 2000);
    }
}
