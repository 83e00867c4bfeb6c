//! The peak of the memory that a process and all its descendants have together.

use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// A thread that samples the memory of a process and its descendants until the peak is asked for.
pub struct Peak {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<u64>,
}

impl Peak {
    pub fn of(process: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let looking = std::thread::spawn(move || {
            let mut peak = 0;
            while !stopped.load(Ordering::Relaxed) {
                peak = peak.max(resident(process));
                std::thread::sleep(Duration::from_millis(10));
            }
            peak
        });
        Self { stop, looking }
    }

    pub fn megabytes(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.join().unwrap() as f64 / 1024.0
    }
}

/// Returns the resident memory of a process and its descendants in KiB.
fn resident(process: u32) -> u64 {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let all: HashMap<u32, (u32, u64)> = entries
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            Some((id, look(id)?))
        })
        .collect();
    let is_ours = |mut id: u32| loop {
        if id == process {
            return true;
        }
        match all.get(&id) {
            Some((parent, _)) if *parent != 0 => id = *parent,
            _ => return false,
        }
    };
    all.iter().filter(|(id, _)| is_ours(**id)).map(|(_, (_, memory))| memory).sum()
}

/// Returns the parent of a process, and its resident memory in KiB.
fn look(process: u32) -> Option<(u32, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((field("PPid:")?.try_into().ok()?, field("VmRSS:").unwrap_or(0)))
}
