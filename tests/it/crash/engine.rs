//! The real engine behind a script that reports the start and the end of each command, and waits
//! each time until it may continue. As in production, it survives the bot.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::effects::Effects;
use crate::support::program::write_script;

/// A bot that has nothing more to do is that long without any effect.
const QUIET: Duration = Duration::from_millis(600);

pub struct Engine {
    pub wrapper: PathBuf,
    listening: JoinHandle<()>,
}

impl Engine {
    /// Writes the wrapper into `dir` and counts what it tells among `effects`.
    pub async fn start(dir: &Path, effects: &Arc<Effects>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let engine = on_path();
        let name = engine.file_name().unwrap().to_string_lossy().into_owned();
        let wrapper = dir.join(format!("{name}-wrapper"));
        write_script(&wrapper, &script(port, &engine));
        let effects = effects.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(listen(stream, effects.clone()));
            }
        });
        Self { wrapper, listening }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(stream: TcpStream, effects: Arc<Effects>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let (step, place) =
            line.split_once(' ').map_or((&*line, ""), |(step, place)| (step, place));
        let starts = step.strip_suffix("-starts");
        if starts.is_some() {
            effects.enter(place);
        }
        let was_fatal = effects.happened(format!("engine {step}"));
        if was_fatal && starts.is_some() {
            linger(&effects).await;
        }
        if starts.is_none() {
            effects.leave(place);
        }
        // Whoever does not listen any more has ended.
        let _ = write.write_all(b"go\n").await;
    }
}

/// A slow engine: it goes on only when the next bot has done all that it can do beside it.
async fn linger(effects: &Effects) {
    let mut look = tokio::time::interval(Duration::from_millis(50));
    while effects.silence().is_none_or(|silence| silence < QUIET) {
        look.tick().await;
    }
}

fn script(port: u16, engine: &Path) -> String {
    format!(
        "#!/usr/bin/env bash\n\
         exec 9<>/dev/tcp/127.0.0.1/{port}\n\
         tell() {{ echo \"$1\" >&9 && read -r _ <&9; }}\n\
         tell \"$1-starts $PWD\"\n\
         '{}' \"$@\" 9>&-\n\
         code=$?\n\
         tell \"$1-ends $PWD\"\n\
         exit $code\n",
        engine.display()
    )
}

/// The engine that the bot would take.
pub fn on_path() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let all =
        |name: &str| std::env::split_paths(&path).map(|dir| dir.join(name)).find(|f| f.is_file());
    all("tofu").or_else(|| all("terraform")).expect(
        "the crash test applies with a real engine, and neither `tofu` nor `terraform` is on PATH",
    )
}
