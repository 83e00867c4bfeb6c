//! The bot as a process of its own. Dropping it kills it by `kill -9`.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

pub struct Process {
    child: Child,
    /// The address that it listens on, such as `127.0.0.1:4711`.
    pub address: String,
}

impl Process {
    /// Starts the bot with these variables and few others, and waits until it listens. Its log is
    /// appended to `log`.
    pub fn start(args: &[String], env: &BTreeMap<String, OsString>, log: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_planwright"))
            .arg("serve")
            .args(["--listen", "127.0.0.1:0"])
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("NO_COLOR", "1")
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut file = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let (sender, addresses) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let address = line.split_once("listens on http://").and_then(|(_, rest)| {
                    rest.split_once("/webhook").map(|(address, _)| address.to_owned())
                });
                address.map(|address| sender.send(address));
                writeln!(file, "{line}").unwrap();
            }
        });
        let address = addresses.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| {
            let ended = child.try_wait();
            let log = std::fs::read_to_string(log).unwrap_or_default();
            panic!("the bot does not listen (ended: {ended:?}); its log:\n{log}")
        });
        Self { child, address }
    }

    /// Sends SIGTERM, and waits until the bot has ended in order.
    #[allow(dead_code, reason = "a bench kills it")]
    pub fn end(mut self) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}");
    }

    #[allow(dead_code, reason = "a bench looks at its memory")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    /// Kills the process by `kill -9`, and waits for its end.
    fn drop(&mut self) {
        // This is no error if the process has ended already.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
