//! A real Postgres for this test binary: one server, and a fresh database for each caller.
//!
//! The server has a temporary directory and listens on loopback. A small shell beside it reads from
//! a pipe that this process holds open. When this process ends, however it ends, the shell stops
//! the server by its process id and removes the directory.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// The server. It is kept for as long as this process lives, since dropping `shell` would stop it.
struct Server {
    port: u16,
    #[expect(dead_code, reason = "its standard input is the pipe that keeps the server alive")]
    shell: Child,
}

/// Creates an empty database, and returns its URL.
pub async fn fresh_url() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static DATABASES: AtomicUsize = AtomicUsize::new(0);
    let server = SERVER.get_or_init(start);
    let url = |database: &str| {
        format!("postgres://planwright@127.0.0.1:{}/{database}?sslmode=disable", server.port)
    };
    let database = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&url("postgres")).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {database}"))).await.unwrap();
    connection.close().await.unwrap();
    url(&database)
}

fn start() -> Server {
    let binaries = binaries();
    let directory = tempfile::Builder::new().prefix("pw-pg-").tempdir().unwrap().keep();
    // initdb refuses to run as root; then the directory and the server belong to another user.
    let owner = (directory.metadata().unwrap().uid() == 0).then(unprivileged_user);
    if let Some((user, group)) = owner {
        chown(&directory, Some(user), Some(group)).unwrap();
    }
    let command = |program: &Path| {
        let mut command = Command::new(program);
        if let Some((user, group)) = owner {
            command.uid(user).gid(group);
        }
        command.current_dir(&directory);
        command
    };
    let initdb = command(&binaries.join("initdb"))
        .args(["-D", "data", "-U", "planwright", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"])
        .output()
        .unwrap();
    assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
    // Another process may take the free port before Postgres does.
    let servers = (0..5).find_map(|_| serve(command(Path::new("/bin/sh")), &binaries, &directory));
    servers.expect("Postgres found no free port five times in a row")
}

/// Starts the server, with the shell that ends it. Returns `None` if its port is taken.
fn serve(mut shell: Command, binaries: &Path, directory: &Path) -> Option<Server> {
    const SCRIPT: &str = r#"
        "$1" -D data -p "$2" -h 127.0.0.1 -k "$3" -c fsync=off -c max_connections=400 2>&1 &
        server=$!
        cat >/dev/null
        kill -INT $server
        wait $server
        rm -rf "$3"
    "#;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut shell = shell
        .args(["-c", SCRIPT, "sh"])
        .arg(binaries.join("postgres"))
        .arg(port.to_string())
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0) // an interrupt from the terminal stops the tests; the shell still cleans up
        .spawn()
        .unwrap();
    let log = BufReader::new(shell.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        // Read to the end: a server whose log is not read stops at a full pipe.
        for line in log.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let mut last = String::new();
    for line in lines {
        if line.contains("ready to accept connections") {
            return Some(Server { port, shell });
        }
        last = line;
        if last.contains("could not bind") {
            break;
        }
    }
    let _ = shell.kill();
    let _ = shell.wait();
    assert!(last.contains("could not bind"), "Postgres ended before it was ready: {last}");
    None
}

/// Returns the directory with `initdb` and `postgres`: one on the path, or else the newest of
/// Debian's.
fn binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path);
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    on_path
        .chain(debian.into_iter().rev())
        .find(|directory| ["initdb", "postgres"].iter().all(|name| directory.join(name).exists()))
        .expect(
            "the store's contract is also tested on Postgres, and neither the path nor \
             /usr/lib/postgresql has `initdb` and `postgres`: apt-get install postgresql",
        )
}

/// Returns the user and group ids of `postgres`, or else of `nobody`.
fn unprivileged_user() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2).map(|field| field.parse().ok());
        Some((fields.next()??, fields.next()??))
    };
    ids("postgres").or_else(|| ids("nobody")).expect("/etc/passwd has neither postgres nor nobody")
}
