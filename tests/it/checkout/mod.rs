//! The commands that drive the engine, through the real binary and on real engines.

pub mod bucket;
mod consent;
mod endings;
mod files;
mod life;
mod refusals;

use std::{env, ffi::OsString, process::Command};

use planwright_package::source::built_in;

use crate::{
    cli::{Repository, Said},
    support::engine::{binary, component},
};

pub const ENGINES: [&str; 2] = ["tofu", "terraform"];

/// After `init`, with an engine.
pub fn repository(engine: &str) -> Repository {
    let mut repository = Repository::new();
    repository.env.extend([
        ("PATH".to_owned(), env::var_os("PATH").unwrap()),
        ("PLANWRIGHT_ENGINE".to_owned(), binary(engine).into()),
        ("TF_CLI_CONFIG_FILE".to_owned(), component(&format!("tools/{engine}.rc")).into()),
        ("TF_PLUGIN_CACHE_DIR".to_owned(), plugins(engine)),
    ]);
    repository
}

fn plugins(engine: &str) -> OsString {
    component("tools").join(format!("plugins-{engine}")).into()
}

/// A stack `mine` of a package like `hello`, whose greeting is this resource.
pub fn with_greeting(engine: &str, greeting: &str) -> Repository {
    let repository = repository(engine);
    for (path, bytes) in &built_in()["hello"] {
        let text = String::from_utf8(bytes.clone()).unwrap();
        repository
            .write(&format!("packages/mine/{path}"), &text.replace("name: hello", "name: mine"));
    }
    let main = "packages/mine/modules/greeting/cards/main.tf";
    repository.edit(main, "input = var.greeting\n", greeting);
    let stack = repository.read("stacks/hello/stack.yaml");
    let stack = stack.replace("package: hello", "package: packages/mine");
    repository.write("stacks/mine/stack.yaml", &stack);
    repository.done(&["lock", "mine"]);
    repository
}

/// Text without what differs from engine to engine and from run to run.
pub fn stable(text: &str) -> String {
    let is_first = !text.contains(" → ") && !text.contains("no changes");
    let mut words: Vec<String> = Vec::new();
    for word in text.split_inclusive([' ', '"', '\n', ')']) {
        let bare = word.trim_end_matches([' ', '"', '\n', ')']);
        let is_uuid = bare.len() == 36 && uuid::Uuid::parse_str(bare).is_ok();
        let is_version = words.last().is_some_and(|last| last == "ENGINE ");
        let name = match bare {
            "(OpenTofu" | "(Terraform" => {
                words.push("(".into());
                "ENGINE"
            }
            _ if is_uuid => "UUID",
            _ if is_version => "VERSION",
            // Of a plan with random ids.
            _ if bare.starts_with("v1:") && !is_first => "DIGEST",
            other => other,
        };
        words.push(format!("{name}{}", &word[bare.len()..]));
    }
    words.concat()
}

/// Types an answer when the command asks, on a real terminal.
pub fn at_terminal(repository: &Repository, arguments: &[&str], answer: &str) -> Said {
    const TERMINAL: &str = "
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
said = b''
asked = False
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    said += data
    if not asked and b'is a yes: ' in said:
        asked = True
        os.write(terminal, sys.argv[1].encode())
sys.stdout.buffer.write(said.replace(b'\\r\\n', b'\\n'))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";
    let output = Command::new(component("venv/bin/python"))
        .args(["-c", TERMINAL, answer, env!("CARGO_BIN_EXE_planwright")])
        .args(arguments)
        .current_dir(repository.path())
        .env_clear()
        .envs(&repository.env)
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
