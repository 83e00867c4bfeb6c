//! A process as the journal stores it: its host, id and start time.
//!
//! A process id is reused after the process has ended, but not with the same start time, so both
//! together identify a process on one host. Processes are started and ended in `child`.

use std::{fmt, fs};

use nix::{sys::signal, unistd::Pid};
use serde::{Deserialize, Serialize};

/// The scope in which process ids are unique: one machine until its next boot, or one container on
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The host name, for people; several hosts may have the same one.
    pub name: String,
    /// The boot id and the process namespace; empty if there is no `/proc`.
    pub boot: String,
}

impl Host {
    /// Returns the host that this process runs on.
    pub fn here() -> Self {
        let kernel = |name| fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        let name = kernel("hostname").unwrap_or_else(|_| "localhost".into());
        let boot = kernel("random/boot_id").unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let boot = format!("{} {}", boot.trim(), namespace.display());
        Self { name: name.trim().into(), boot: boot.trim().into() }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// One process of this machine, until the next boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    /// In clock ticks since boot, from `/proc/PID/stat`; 0 if there is no `/proc`.
    pub start_time: u64,
}

impl Process {
    /// Returns the process that has this id now.
    pub(super) fn now(pid: u32) -> Self {
        Self { pid, start_time: stat(pid).map_or(0, |(_, start_time)| start_time) }
    }

    /// Returns whether the process is running. A zombie, which has ended but was not waited for, is
    /// not.
    pub fn is_alive(self) -> bool {
        match stat(self.pid) {
            Some((state, start_time)) => {
                start_time == self.start_time && !matches!(state, 'Z' | 'X' | 'x')
            }
            // Without /proc, an id that is in use counts as alive: that is the safe error for an
            // apply.
            None if stat(std::process::id()).is_none() => i32::try_from(self.pid)
                .is_ok_and(|pid| signal::kill(Pid::from_raw(pid), None).is_ok()),
            None => false,
        }
    }
}

/// Returns the state and start time of a process.
fn stat(pid: u32) -> Option<(char, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything, even parentheses.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.first()?.chars().next()?, fields.get(19)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_one_that_started_earlier_is_not() {
        let process = Process::now(std::process::id());
        assert!(process.is_alive());
        assert!(!Process { start_time: process.start_time - 1, ..process }.is_alive());
    }

    #[test]
    fn a_process_that_ended_is_not_alive_even_before_it_is_waited_for() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = Process::now(child.id());
        while stat(child.id()).is_some_and(|(state, _)| state != 'Z') {
            std::thread::yield_now();
        }
        assert!(!process.is_alive());
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}
