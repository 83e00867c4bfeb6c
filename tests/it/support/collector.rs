//! Rotel, a real OpenTelemetry collector on loopback, which prints what it receives.

use std::{
    collections::BTreeMap,
    io::Read as _,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::JoinHandle,
    time::Duration,
};

use super::engine::component;

pub struct Collector {
    child: Child,
    output: Option<JoinHandle<String>>,
    port: u16,
}

/// A span as the collector received it.
#[derive(Clone, Debug, Default)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// The id of the parent, empty for the root of a trace.
    pub parent: String,
    pub name: String,
    pub start: u64,
    pub end: u64,
    pub attributes: BTreeMap<String, String>,
}

impl Collector {
    /// Starts a collector, and waits until it listens.
    pub async fn start() -> Self {
        let [grpc, port] = free_ports();
        let mut child = Command::new(program())
            .args(["start", "--exporter", "blackhole"])
            .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{port}")])
            .env_clear()
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let mut look = tokio::time::interval(Duration::from_millis(20));
        let listens = async {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                look.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), listens).await.expect("it does not listen");
        Self { child, output: Some(output), port }
    }

    /// Returns the value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends the collector, and returns all that it printed.
    pub fn end(mut self) -> String {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.output.take().unwrap().join().unwrap()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let lib = component("venv/lib");
    let python = std::fs::read_dir(&lib).unwrap().map(|entry| entry.unwrap().path());
    let agents = python.map(|python| python.join("site-packages/rotel/rotel-agent"));
    agents.into_iter().find(|agent| agent.is_file()).expect("no rotel: run tests/components")
}

/// Returns two ports that were free just now. The collector cannot tell which ports it took.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Parses what the collector printed.
pub fn spans(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for line in text.lines() {
        if line.starts_with("Span #") {
            spans.push(Span::default());
            continue;
        }
        // The attributes before the first span of a batch describe the process; this span takes
        // them, and is dropped at the end.
        if line.starts_with("ResourceSpans #") {
            spans.push(Span::default());
            continue;
        }
        let Some(span) = spans.last_mut() else { continue };
        if let Some(attribute) = line.trim_start().strip_prefix("-> ") {
            let (name, value) = attribute.split_once(": ").unwrap();
            span.attributes.insert(name.to_owned(), value.to_owned());
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.trim() {
            "Trace ID" => span.trace = value.to_owned(),
            "Parent ID" => span.parent = value.to_owned(),
            "ID" => span.id = value.to_owned(),
            "Name" => span.name = value.to_owned(),
            "Start time" => span.start = value.parse().unwrap(),
            "End time" => span.end = value.parse().unwrap(),
            _ => {}
        }
    }
    spans.retain(|span| !span.id.is_empty());
    spans
}
