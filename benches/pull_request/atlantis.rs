//! The same stacks planned by Atlantis, if `ATLANTIS` names a binary of it.
//!
//! Atlantis gets what Planwright renders for the engine, as folders of the repository, and plans as
//! many at a time as the machine has cores. It talks to a GitHub other than github.com by TLS only,
//! so a TLS proxy stands in front of the local one.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use planwright_fakehub::{Hub, Person, Role};

use crate::{
    bare,
    case::Case,
    round::{BRANCH, Round},
    row::Row,
    support::bot::{REPO, borrowed, edit},
};

/// Measures one round, and returns its row. Returns `None` if no Atlantis is given.
pub async fn row(case: &Case, bare: Duration) -> Option<Row> {
    let binary = std::env::var_os("ATLANTIS")?;
    let dir = TempDir::new().unwrap();
    let round = Round::start(dir.path(), &[("README.md", "Stacks as folders.\n")]).await;
    let atlantis = round.hub.add_user("atlantis").unwrap();
    round.hub.set_permission(REPO, "atlantis", Some(Role::Write)).unwrap();
    round.alice.push(REPO, BRANCH, &edit(&borrowed(&files(case, dir.path())))).unwrap();
    let host = front(&round.hub, dir.path()).await;
    let mut server =
        Server::start(Path::new(&binary), (case, &round), (&atlantis, &host), dir.path());
    round.hub.set_webhook(&format!("http://{}/events", server.address));
    round.silence().await;
    let is_planned = |number| {
        let comments = round.hub.comments(REPO, number).unwrap();
        comments.iter().any(|comment| {
            assert!(!comment.body.contains("Error"), "{}", comment.body);
            comment.body.contains("to add")
        })
    };
    let open = |alice: &Person| alice.open_pull(REPO, BRANCH, "Bench").unwrap();
    let (row, _) = round.measured((server.child.id(), &is_planned), case.stacks, open).await;
    server.end();
    round.hub.stop();
    Some(Row {
        name: format!("{}, opened, by Atlantis", case.package),
        bare_s: Some(bare.as_secs_f64()),
        ..row
    })
}

/// Returns the rendered folders, and an `atlantis.yaml` that has them all planned in parallel.
fn files(case: &Case, dir: &Path) -> Vec<(String, String)> {
    let mut files = vec![];
    let mut projects = String::new();
    for stack in bare::rendered(case, dir) {
        let name = stack.file_name().unwrap().to_str().unwrap().to_owned();
        projects += &format!("  - dir: {name}\n    autoplan: {{when_modified: ['**/*']}}\n");
        for entry in walkdir::WalkDir::new(&stack) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(&stack).unwrap();
                let text = fs::read_to_string(entry.path()).unwrap();
                files.push((format!("{name}/{}", path.display()), text));
            }
        }
    }
    let config = format!("version: 3\nparallel_plan: true\nprojects:\n{projects}");
    files.push(("atlantis.yaml".into(), config));
    files
}

/// Serves `hub` over TLS, and writes the certificate to `cert.pem` in `dir`. Returns host and port.
async fn front(hub: &Hub, dir: &Path) -> String {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(dir.join("cert.pem"), certified.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let behind: SocketAddr = hub.url().trim_start_matches("http://").parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut outside) = acceptor.accept(stream).await else { return };
                let Ok(mut inside) = TcpStream::connect(behind).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    format!("localhost:{port}")
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(
        binary: &Path,
        (case, round): (&Case, &Round),
        (user, host): (&Person, &str),
        dir: &Path,
    ) -> Self {
        // Atlantis looks for its engine on the path under this name.
        let engine = dir.join("path");
        fs::create_dir(&engine).unwrap();
        symlink(&round.starts.engine, engine.join("terraform")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut child = Command::new(binary)
            .arg("server")
            .args(["--gh-user", "atlantis", "--gh-hostname", host, "--repo-allowlist", "*"])
            .args(["--port", &free.port().to_string(), "--atlantis-url", &format!("http://{free}")])
            .arg("--data-dir")
            .arg(dir.join("atlantis"))
            .args(["--parallel-pool-size", &cores.to_string()])
            .args(["--tf-download=false", "--use-tf-plugin-cache=false"])
            .args(["--log-level", "info"])
            .env_clear()
            .env("PATH", format!("{}:{path}", engine.display()))
            .env("HOME", dir)
            .env("SSL_CERT_FILE", dir.join("cert.pem"))
            .env("TF_PLUGIN_CACHE_DIR", &case.provider_cache)
            .env("ATLANTIS_GH_TOKEN", user.token().unwrap())
            .env("ATLANTIS_GH_WEBHOOK_SECRET", round.hub.app().webhook_secret)
            .envs(&case.env)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = fs::File::create(dir.join("atlantis.log")).unwrap();
        let (sender, started) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains("Atlantis started") {
                    let _ = sender.send(());
                }
                writeln!(log, "{line}").unwrap();
            }
        });
        if started.recv_timeout(Duration::from_secs(60)).is_err() {
            let log = fs::read_to_string(dir.join("atlantis.log")).unwrap_or_default();
            panic!("Atlantis does not start; its log:\n{log}");
        }
        Self { child, address: free.to_string() }
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
