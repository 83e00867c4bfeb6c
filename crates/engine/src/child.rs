//! One child process: started, read from, and ended together with everything that it started.
//!
//! It gets an argument vector and a complete environment, and never goes through a shell. Its
//! output goes to a file that is read as it grows, not to a pipe, so that an apply can complete
//! even if this process is killed. The output is interpreted in `transcript` and by the callers.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::Read as _,
    os::unix::{fs::OpenOptionsExt as _, process::ExitStatusExt as _},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStdout},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tracing::{Instrument as _, Span, field};

use super::{Control, Error, process::Process, transcript::Transcript};

/// How often the log is read; only people who follow it depend on this.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The most bytes accepted from a captured standard output.
const MOST: u64 = 512 * 1024 * 1024;

/// What to run, and how.
pub(super) struct Invocation<'a> {
    /// The name of the command for messages: `plan`, `init`, ….
    pub command: &'static str,
    pub program: &'a Path,
    pub args: Vec<OsString>,
    pub dir: &'a Path,
    /// The complete environment of the child.
    pub env: &'a BTreeMap<String, OsString>,
    /// The log file for standard error, and for standard output unless it is captured.
    pub log: &'a Path,
    /// Whether to return standard output instead of logging it.
    pub captures: bool,
    pub limit: Duration,
    pub grace: Duration,
    /// Whether the child continues if the future that waits for it is dropped.
    pub outlives: bool,
    /// An empty file that the child keeps open, so that a lock on it lasts until both processes
    /// have ended.
    pub holds: Option<&'a File>,
}

/// The result of a child that ended by itself.
pub(super) struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns a last line for the log if the child was ended by a signal.
    pub(crate) fn signal(&self) -> Option<String> {
        self.status.signal().map(|number| format!("ended by signal {number}"))
    }
}

/// Runs a child until it ends; ends it on cancellation or at the time limit, which are errors.
pub(super) async fn run(
    invocation: &Invocation<'_>,
    control: &Control<'_>,
    transcript: &mut Transcript<'_>,
) -> Result<Ended, Error> {
    let span = span(invocation);
    let ended = run_child(invocation, control, transcript).instrument(span.clone()).await;
    match &ended {
        Ok(ended) => {
            span.record("process.exit.code", ended.code());
        }
        Err(_) => {
            span.record("otel.status_code", "ERROR");
        }
    }
    ended
}

/// Returns the tracing span of a child: the command, but neither its arguments nor its environment.
fn span(invocation: &Invocation<'_>) -> Span {
    let program = invocation.program.file_name().unwrap_or_default().to_string_lossy();
    tracing::info_span!(
        "engine",
        otel.name = format!("{program} {}", invocation.command),
        otel.status_code = field::Empty,
        command = invocation.command,
        process.exit.code = field::Empty,
    )
}

async fn run_child(
    invocation: &Invocation<'_>,
    control: &Control<'_>,
    transcript: &mut Transcript<'_>,
) -> Result<Ended, Error> {
    let command = invocation.command;
    if control.cancel.is_cancelled() {
        return Err(Error::Cancelled { command });
    }
    let mut child = spawn(invocation)?;
    let mut group = Group::new(&child, invocation)?;
    let mut tail = Tail::open(invocation.log)?;
    if let Some(on_start) = control.on_start {
        on_start(command, group.leader).await;
    }
    let end =
        listen(&mut child, invocation, control, &mut |last| tail.pump(last, transcript)).await;
    let end = match end {
        Ok(End::Itself(ended)) => Ok(ended),
        Ok(End::Cancelled) => Err(Error::Cancelled { command }),
        Ok(End::TimedOut) => Err(Error::TimedOut { command, limit: invocation.limit }),
        Err(error) => Err(error),
    };
    if end.is_err() {
        group.end(&mut child, invocation.grace).await;
    }
    group.has_ended = true;
    tail.pump(true, transcript)?;
    end
}

fn spawn(invocation: &Invocation<'_>) -> Result<Child, Error> {
    let what = || format!("starting {}", invocation.program.display());
    let log = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(invocation.log)
        .and_then(|_| OpenOptions::new().append(true).open(invocation.log))
        .map_err(Error::io(format!("opening the log {}", invocation.log.display())))?;
    let mut command = tokio::process::Command::new(invocation.program);
    command
        .args(&invocation.args)
        .current_dir(invocation.dir)
        .env_clear()
        .envs(invocation.env)
        .stdin(Stdio::null())
        .process_group(0);
    if let Some(held) = invocation.holds {
        // Passed as standard input, because a child inherits no other file. The file is empty, so
        // reading it gives end of file.
        command.stdin(held.try_clone().map_err(Error::io(what()))?);
    }
    let stderr = log.try_clone().map_err(Error::io(what()))?;
    command.stdout(if invocation.captures { Stdio::piped() } else { log.into() }).stderr(stderr);
    command.spawn().map_err(Error::io(what()))
}

enum End {
    Itself(Ended),
    Cancelled,
    TimedOut,
}

async fn listen(
    child: &mut Child,
    invocation: &Invocation<'_>,
    control: &Control<'_>,
    pump: &mut (dyn FnMut(bool) -> Result<(), Error> + Send),
) -> Result<End, Error> {
    let deadline = Instant::now() + invocation.limit;
    let stdout = child.stdout.take();
    let ended = async {
        let (status, stdout) = tokio::join!(child.wait(), answer(stdout));
        Ok(Ended { status: status?, stdout: stdout? })
    };
    tokio::pin!(ended);
    let mut poll = interval(POLL_INTERVAL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = &mut ended => {
                let what = format!("waiting for `{}`", invocation.command);
                return ended.map(End::Itself).map_err(Error::io(what));
            }
            () = control.cancel.cancelled() => return Ok(End::Cancelled),
            () = sleep_until(deadline) => return Ok(End::TimedOut),
            _ = poll.tick() => pump(false)?,
        }
    }
}

async fn answer(stdout: Option<ChildStdout>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stdout) = stdout {
        let read = stdout.take(MOST + 1).read_to_end(&mut bytes).await?;
        if read as u64 > MOST {
            return Err(std::io::Error::other(format!("the answer has more than {MOST} bytes")));
        }
    }
    Ok(bytes)
}

/// The process group of a child; killed when dropped early, unless the child may outlive this
/// process.
struct Group {
    leader: Process,
    outlives: bool,
    has_ended: bool,
}

impl Group {
    fn new(child: &Child, invocation: &Invocation<'_>) -> Result<Self, Error> {
        let Some(pid) = child.id() else {
            return Err(Error::unreadable(format!("`{}`", invocation.command), "it has no id"));
        };
        Ok(Self { leader: Process::now(pid), outlives: invocation.outlives, has_ended: false })
    }

    /// Asks the engine to end, and after `grace` kills it with its whole process group.
    ///
    /// Only the engine gets `SIGTERM`: it stops its providers in order, whereas a provider would
    /// die at once, perhaps while creating a resource.
    async fn end(&mut self, child: &mut Child, grace: Duration) {
        // An error here means that it has already ended.
        let _ = signal::kill(self.id(), Signal::SIGTERM);
        let _ = timeout(grace, child.wait()).await;
        let _ = signal::killpg(self.id(), Signal::SIGKILL);
        let _ = child.wait().await;
    }

    fn id(&self) -> Pid {
        // Linux process ids are below 2^22.
        Pid::from_raw(i32::try_from(self.leader.pid).unwrap_or(i32::MAX))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.has_ended && !self.outlives {
            let _ = signal::killpg(self.id(), Signal::SIGKILL);
        }
    }
}

/// The log file, read line by line while it grows.
struct Tail {
    file: File,
    rest: Vec<u8>,
}

impl Tail {
    fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("reading the log"))?;
        Ok(Self { file, rest: Vec::new() })
    }

    /// Passes on the complete lines; at the end also an incomplete last one.
    fn pump(&mut self, is_last: bool, transcript: &mut Transcript<'_>) -> Result<(), Error> {
        self.file.read_to_end(&mut self.rest).map_err(Error::io("reading the log"))?;
        let complete = match self.rest.iter().rposition(|byte| *byte == b'\n') {
            _ if is_last => self.rest.len(),
            Some(newline) => newline + 1,
            None => return Ok(()),
        };
        let lines: Vec<u8> = self.rest.drain(..complete).collect();
        for line in String::from_utf8_lossy(&lines).lines() {
            transcript.line(line);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Log, Secrets};

    struct Shell {
        dir: tempfile::TempDir,
        env: BTreeMap<String, OsString>,
        limit: Duration,
    }

    impl Shell {
        fn new() -> Self {
            let env = [("PATH".to_owned(), OsString::from("/usr/bin:/bin"))].into();
            Self { dir: tempfile::tempdir().unwrap(), env, limit: Duration::from_secs(60) }
        }

        async fn run(
            &self,
            script: &str,
            captures: bool,
            control: &Control<'_>,
        ) -> (Result<Ended, Error>, Vec<String>) {
            let secrets = Secrets::default();
            let mut transcript = Transcript::new(&secrets, control.log);
            let invocation = Invocation {
                command: "plan",
                program: Path::new("/bin/sh"),
                args: vec!["-c".into(), script.into()],
                dir: self.dir.path(),
                env: &self.env,
                log: &self.dir.path().join("log"),
                captures,
                limit: self.limit,
                grace: Duration::from_millis(200),
                outlives: false,
                holds: None,
            };
            let ended = run(&invocation, control, &mut transcript).await;
            (ended, transcript.tail.into())
        }
    }

    /// A script that prints the ids of itself and of a child; both ignore `SIGTERM`.
    const STUBBORN: &str = "trap '' TERM; sh -c 'trap \"\" TERM; sleep 600' & echo $$ $!; wait";

    /// Returns the processes whose ids `STUBBORN` printed.
    fn named(line: &str) -> Vec<Process> {
        line.split(' ').map(|pid| Process::now(pid.parse().unwrap())).collect()
    }

    async fn gone(processes: Vec<Process>) {
        let all = async {
            while processes.iter().any(|process| process.is_alive()) {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), all).await.expect("some still run");
    }

    #[tokio::test]
    async fn output_is_text_or_an_answer_and_the_environment_is_ours_alone() {
        let shell = Shell::new();
        let control = Control::default();
        let (ended, lines) = shell.run("echo out; echo err >&2; exit 2", false, &control).await;
        assert_eq!(ended.unwrap().code(), Some(2));
        assert_eq!(lines, ["out", "err"]);
        let (ended, lines) = shell.run("env; echo err >&2", true, &control).await;
        let answer = String::from_utf8(ended.unwrap().stdout).unwrap();
        assert!(answer.contains("PATH=/usr/bin:/bin\n"), "{answer}");
        assert!(!answer.contains("CARGO"), "{answer}");
        assert_eq!(lines, ["err"]);
    }

    #[tokio::test]
    async fn cancel_ends_the_whole_group_even_if_it_does_not_want_to() {
        let cancel = CancellationToken::new();
        let processes = Mutex::new(Vec::new());
        let log = |line: &str| {
            processes.lock().unwrap().extend(named(line));
            cancel.cancel();
        };
        let control = Control { cancel: cancel.clone(), log: Some(&log), on_start: None };
        let (ended, _) = Shell::new().run(STUBBORN, false, &control).await;
        assert!(matches!(ended, Err(Error::Cancelled { command: "plan" })));
        let processes = processes.into_inner().unwrap();
        assert_eq!(processes.len(), 2);
        gone(processes).await;
    }

    #[tokio::test]
    async fn the_time_limit_ends_the_whole_group_also_when_an_answer_is_awaited() {
        let shell = Shell { limit: Duration::from_millis(500), ..Shell::new() };
        let processes = Mutex::new(Vec::new());
        let log = |line: &str| processes.lock().unwrap().extend(named(line));
        let control = Control { log: Some(&log as &Log<'_>), ..Control::default() };
        let script = format!("exec 3>&1 >&2; {STUBBORN}");
        let (ended, _) = shell.run(&script, true, &control).await;
        assert!(matches!(ended, Err(Error::TimedOut { .. })));
        let processes = processes.into_inner().unwrap();
        assert_eq!(processes.len(), 2);
        gone(processes).await;
    }

    #[tokio::test]
    async fn whoever_stops_waiting_ends_the_group() {
        let (processes, said) = (Mutex::new(Vec::new()), tokio::sync::Notify::new());
        let log = |line: &str| {
            processes.lock().unwrap().extend(named(line));
            said.notify_one();
        };
        let control = Control { log: Some(&log as &Log<'_>), ..Control::default() };
        let shell = Shell::new();
        tokio::select! {
            _ = shell.run(STUBBORN, false, &control) => unreachable!("it does not end"),
            () = said.notified() => {}
        }
        gone(processes.into_inner().unwrap()).await;
    }

    #[tokio::test]
    async fn what_was_cancelled_before_is_not_started() {
        let control = Control::default();
        control.cancel.cancel();
        let shell = Shell::new();
        let (ended, _) = shell.run("touch started", false, &control).await;
        assert!(matches!(ended, Err(Error::Cancelled { .. })));
        assert!(!shell.dir.path().join("started").exists());
    }

    #[tokio::test]
    async fn the_journal_is_told_who_was_started() {
        let told = Mutex::new(None);
        let on_start = |command, process: Process| {
            *told.lock().unwrap() = Some((command, process.pid, process.start_time > 0));
            Box::pin(std::future::ready(())) as futures::future::BoxFuture<'_, ()>
        };
        let control = Control { on_start: Some(&on_start), ..Control::default() };
        let (_, lines) = Shell::new().run("echo $$", false, &control).await;
        let pid = lines[0].parse().unwrap();
        assert_eq!(*told.lock().unwrap(), Some(("plan", pid, true)));
    }
}
