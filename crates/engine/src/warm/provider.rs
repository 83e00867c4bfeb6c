//! One provider process that Planwright has started: its guard, its handshake, its connection.
//!
//! The handshake is that of HashiCorp's `go-plugin`: a cookie in the environment, one line on
//! standard output, then gRPC on a unix socket, without TLS unless a certificate was offered. Which
//! calls are made, and how long a provider is kept, is decided elsewhere.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hyper::{Request, Response, body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::UnixStream,
    process::{Child, ChildStdout, Command},
    sync::Notify,
    time::timeout,
};

use super::{error::WarmError, wire::Body};

/// A public constant of the engines, which prevents people from starting a provider by hand.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// A shell script that starts a provider, prints its id, and kills the whole process group when
/// standard input ends: when the bot drops the provider or dies. It also removes the directory,
/// since after a death of the bot nobody else would.
const GUARD: &str = r#""$0" </dev/null & echo "$!"; exec >/dev/null; read -r _
kill -KILL "$!"; wait "$!"; rm -rf -- "$1"; kill -KILL 0"#;

/// The version of the plugin protocol that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Five,
    Six,
}

impl Protocol {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Five => 5,
            Self::Six => 6,
        }
    }

    /// Returns the only gRPC service that is passed on.
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::Five => "tfplugin5.Provider",
            Self::Six => "tfplugin6.Provider",
        }
    }
}

/// What to start, and how.
pub(super) struct Start<'a> {
    pub shell: &'a Path,
    pub executable: &'a Path,
    /// The complete environment, except for what the handshake needs.
    pub env: &'a BTreeMap<String, OsString>,
    /// An empty private directory: the working directory, the place of sockets, and the `HOME` if
    /// the environment has none.
    pub dir: tempfile::TempDir,
    pub limit: Duration,
}

/// A running provider, until it is ended or dropped.
pub(super) struct Provider {
    pub protocol: Protocol,
    pub pid: u32,
    calls: http2::SendRequest<Body>,
    /// The process group of the guard, the provider, and whatever that starts.
    group: Pid,
    /// The guard process, which waits for the end of its standard input.
    guard: Child,
    is_over: std::sync::Arc<Over>,
    _dir: tempfile::TempDir,
}

#[derive(Default)]
struct Over {
    is_over: AtomicBool,
    said: Notify,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl Provider {
    /// Starts a provider and waits for its handshake.
    pub(super) async fn start(start: Start<'_>) -> Result<Self, WarmError> {
        let Start { shell, executable, env, dir, limit } = start;
        let what = |why: &dyn fmt::Display| {
            WarmError::from(format!("starting {}: {why}", executable.display()))
        };
        let mut guard = Command::new(shell)
            .arg("-c")
            .arg(GUARD)
            .arg(executable)
            .arg(dir.path())
            .current_dir(dir.path())
            .env_clear()
            .env("HOME", dir.path())
            .envs(env)
            .env("TMPDIR", dir.path())
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env(COOKIE.0, COOKIE.1)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|why| what(&why))?;
        let group = guard.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let (Some(group), Some(stdout)) = (group, guard.stdout.take()) else {
            return Err(what(&"it has no id"));
        };
        let mut lines = BufReader::new(stdout).lines();
        let connected = timeout(limit, async {
            let (pid, protocol, socket) = handshake(&mut lines).await?;
            Ok::<_, WarmError>((pid, protocol, connect(&socket).await?))
        });
        let connected = match connected.await {
            Ok(connected) => connected,
            Err(_) => Err(format!("no handshake within {} s", limit.as_secs_f64()).into()),
        };
        let (pid, protocol, calls) = match connected {
            Ok(connected) => connected,
            Err(why) => {
                let _ = signal::killpg(group, Signal::SIGKILL);
                let _ = guard.wait().await;
                return Err(what(&why));
            }
        };
        let is_over = std::sync::Arc::<Over>::default();
        tokio::spawn(watch(lines.into_inner(), std::sync::Arc::clone(&is_over)));
        Ok(Self { protocol, pid, calls, group, guard, is_over, _dir: dir })
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.calls.is_closed() && !self.is_over.is_over.load(Ordering::Acquire)
    }

    /// Passes a call on to the provider.
    pub(super) async fn call(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, WarmError> {
        let mut calls = self.calls.clone();
        tokio::select! {
            answer = calls.send_request(request) => {
                answer.map_err(|why| format!("the provider did not answer: {why}").into())
            }
            () = self.is_over.said.notified() => Err("the provider has ended".into()),
        }
    }

    /// Returns its memory use in bytes; 0 if the system does not report it.
    pub(super) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) << 10
    }

    /// Kills it at once, together with the calls in progress.
    pub(super) fn end(&self) {
        let _ = signal::killpg(self.group, Signal::SIGKILL);
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.end();
        // Otherwise it would stay a zombie until the runtime reaps it.
        let _ = self.guard.try_wait();
    }
}

/// Reads until the provider has closed its standard output, which happens when it ends.
async fn watch(mut stdout: BufReader<ChildStdout>, over: std::sync::Arc<Over>) {
    let _ = tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await;
    over.is_over.store(true, Ordering::Release);
    over.said.notify_waiters();
}

/// Reads the id from the guard and the handshake line from the provider, in either order.
async fn handshake(
    lines: &mut tokio::io::Lines<BufReader<ChildStdout>>,
) -> Result<(u32, Protocol, PathBuf), WarmError> {
    let (mut pid, mut line) = (None, None);
    loop {
        if let (Some(pid), Some((protocol, socket))) = (pid, &line) {
            return Ok((pid, *protocol, PathBuf::from(socket)));
        }
        match lines.next_line().await {
            Ok(Some(said)) => match said.trim().parse() {
                Ok(id) => pid = Some(id),
                Err(_) => line = Some(parse(&said)?),
            },
            Ok(None) => return Err("it ended before its handshake".into()),
            Err(why) => return Err(why.to_string().into()),
        }
    }
}

/// Parses `1|PROTOCOL|unix|SOCKET|grpc|…`.
fn parse(line: &str) -> Result<(Protocol, String), WarmError> {
    let unknown = || WarmError::from(format!("its handshake `{}` is not known", line.trim()));
    let fields: Vec<&str> = line.trim().split('|').collect();
    match fields.as_slice() {
        ["1", version, "unix", socket, "grpc", ..] => match *version {
            "5" => Ok((Protocol::Five, (*socket).to_owned())),
            "6" => Ok((Protocol::Six, (*socket).to_owned())),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

async fn connect(socket: &Path) -> Result<http2::SendRequest<Body>, WarmError> {
    let stream = UnixStream::connect(socket).await;
    let stream = stream.map_err(|why| format!("connecting to its socket: {why}"))?;
    let (calls, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(super::wire::WINDOW)
        .initial_connection_window_size(super::wire::WINDOW)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|why| format!("speaking HTTP/2 with it: {why}"))?;
    tokio::spawn(connection);
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Process;

    #[test]
    fn a_handshake_is_read_and_another_protocol_refused() {
        assert_eq!(parse("1|5|unix|/tmp/p|grpc|").unwrap(), (Protocol::Five, "/tmp/p".into()));
        assert_eq!(parse("1|6|unix|/tmp/p|grpc||true\n").unwrap().0, Protocol::Six);
        for line in
            ["", "1|5|tcp|127.0.0.1:1|grpc|", "2|5|unix|/p|grpc|", "1|4|unix|/p|netrpc", "hello"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    fn script(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("provider");
        // If this process wrote the file, a child that another thread starts could hold it open for
        // writing for a moment, and the system would refuse to run it.
        let write = r##"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod 755 "$0""##;
        let mut sh = std::process::Command::new("/bin/sh");
        assert!(sh.arg("-c").arg(write).arg(&path).arg(text).status().unwrap().success());
        (dir, path)
    }

    async fn start(executable: &Path, limit: Duration) -> Result<Provider, WarmError> {
        let dir = tempfile::tempdir().unwrap();
        let env = [("PATH".to_owned(), OsString::from("/usr/bin:/bin"))].into();
        Provider::start(Start { shell: Path::new("/bin/sh"), executable, env: &env, dir, limit })
            .await
    }

    #[tokio::test]
    async fn one_that_nobody_waits_for_any_longer_ends_with_its_pipe() {
        let (dir, path) = script(r#"echo $$ > "$0.new"; mv "$0.new" "$0.pid"; exec sleep 600"#);
        let said = dir.path().join("provider.pid");
        let started = async {
            while !said.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Dropping the future only closes the pipe, as when the bot is killed.
        tokio::select! {
            done = start(&path, Duration::from_secs(60)) => panic!("{done:?}"),
            () = started => {}
        }
        let process = Process::now(fs::read_to_string(said).unwrap().trim().parse().unwrap());
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        while process.is_alive() {
            assert!(tokio::time::Instant::now() < end, "{process:?} is still there");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn what_shakes_no_hands_is_ended_and_the_reason_said() {
        let limit = Duration::from_millis(300);
        for (text, expected) in [
            ("exit 1", "it ended before its handshake"),
            ("sleep 600", "no handshake within 0.3 s"),
            ("echo nonsense; sleep 600", "its handshake `nonsense` is not known"),
            ("echo '1|5|unix|/none|grpc|'; sleep 600", "connecting to its socket"),
        ] {
            let (_dir, path) = script(text);
            let why = start(&path, limit).await.unwrap_err().to_string();
            assert!(why.contains(expected), "{why}");
        }
    }
}
