//! How long a provider process may be kept, and which one is ended first.
//!
//! Pure functions; `pool` measures and ends the processes.

use std::time::Duration;

/// Limits on the processes that one bot may keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The longest time since its start: providers cache what they read, and it goes stale.
    pub age: Duration,
    /// How many connections from engines it may serve.
    pub uses: u64,
    /// The longest time since it was last in use.
    pub idle: Duration,
    /// The most bytes of memory of all processes together.
    pub memory: u64,
    /// How long a process may take to start.
    pub start: Duration,
    /// How long it may take to answer one call.
    pub call: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(15 * 60),
            uses: 1000,
            idle: Duration::from_secs(5 * 60),
            memory: 2 << 30,
            start: Duration::from_secs(30),
            call: Duration::from_secs(120),
        }
    }
}

/// The state of one process at one moment, as far as the limits need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcessStats {
    pub id: u64,
    pub age: Duration,
    pub uses: u64,
    /// The time since it was last in use; `None` while it is in use.
    pub idle: Option<Duration>,
    pub memory: u64,
    pub is_alive: bool,
}

impl Bounds {
    /// Returns whether it may serve one more connection.
    pub(super) fn allow(&self, stats: &ProcessStats) -> bool {
        stats.is_alive && stats.age < self.age && stats.uses < self.uses
    }

    /// Returns the ids of the processes to end now: idle ones that may not be used again or were
    /// idle for too long, and then the longest idle ones until the rest fits into the memory limit.
    pub(super) fn to_end(&self, processes: &[ProcessStats]) -> Vec<u64> {
        let (mut ended, mut kept): (Vec<ProcessStats>, Vec<ProcessStats>) =
            processes.iter().partition(|stats| {
                stats.idle.is_some_and(|idle| !self.allow(stats) || idle >= self.idle)
            });
        kept.sort_by_key(|stats| std::cmp::Reverse(stats.idle));
        let mut memory: u64 = kept.iter().map(|stats| stats.memory).sum();
        for stats in kept.into_iter().filter(|stats| stats.idle.is_some()) {
            if memory <= self.memory {
                break;
            }
            memory -= stats.memory;
            ended.push(stats);
        }
        ended.into_iter().map(|stats| stats.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn idle(id: u64, minutes: u32) -> ProcessStats {
        let idle = Some(MINUTE * minutes);
        ProcessStats { id, age: MINUTE * 4, uses: 5, idle, memory: 300 << 20, is_alive: true }
    }

    #[test]
    fn each_bound_ends_one_that_is_idle() {
        let bounds = Bounds::default();
        let fine = idle(1, 1);
        for (stats, is_ended) in [
            (fine, false),
            (ProcessStats { age: bounds.age, ..fine }, true),
            (ProcessStats { uses: bounds.uses, ..fine }, true),
            (ProcessStats { idle: Some(bounds.idle), ..fine }, true),
            (ProcessStats { is_alive: false, ..fine }, true),
        ] {
            assert_eq!(!bounds.to_end(&[stats]).is_empty(), is_ended, "{stats:?}");
        }
    }

    #[test]
    fn one_in_use_is_not_ended_but_gets_no_more_to_do() {
        let bounds = Bounds::default();
        let stats = ProcessStats { idle: None, age: bounds.age, ..idle(1, 0) };
        assert_eq!(bounds.to_end(&[stats]), [0; 0]);
        assert!(!bounds.allow(&stats));
        // A process is retired while it is being configured, and is kept afterwards.
        let retired = ProcessStats { idle: None, is_alive: false, ..idle(1, 0) };
        assert_eq!(bounds.to_end(&[retired]), [0; 0]);
        assert!(!bounds.allow(&retired));
    }

    #[test]
    fn the_longest_idle_goes_first_until_the_rest_fits() {
        let bounds = Bounds { memory: 700 << 20, ..Bounds::default() };
        let busy = ProcessStats { idle: None, ..idle(1, 0) };
        assert_eq!(bounds.to_end(&[busy, idle(2, 1), idle(3, 3), idle(4, 2)]), [3, 4]);
        assert_eq!(bounds.to_end(&[busy, idle(2, 1)]), [0; 0]);
        let tight = Bounds { memory: 1, ..bounds };
        assert_eq!(tight.to_end(&[busy, idle(2, 1)]), [2]);
    }
}
