//! A plain request to the agent, with a model server that somebody else wrote.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::story::{ask, opened, plain, told};
use crate::support::{
    bot::{REPO, Setup, Story},
    model::Said,
};

/// The server; it ends with its standard input, however this process ends.
struct Aimock {
    url: String,
    child: Child,
}

impl Aimock {
    fn start(calls: &Path) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aimock");
        let modules = folder.join("node_modules");
        assert!(modules.exists(), "{} is missing: run tests/components", modules.display());
        let mut child = Command::new("node")
            .arg(folder.join("serve.mjs"))
            .arg(calls)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { url: url.trim().to_owned(), child }
    }
}

impl Drop for Aimock {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_model_server_by_others_is_understood_and_understands() {
    let calls: Vec<(String, String)> = plain("hi")
        .into_iter()
        .flat_map(|said| match said {
            Said::Calls(calls) => calls,
            other => panic!("{other:?}"),
        })
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_json::to_vec(&calls).unwrap()).unwrap();
    let aimock = Aimock::start(file.path());
    let model = Some(format!("{}/v1", aimock.url));
    let story = Story::with(Setup { model, ..Setup::default() }).await;
    let issue = ask(&story.alice, "Greet the world.");
    story.settle().await;
    let pull = story.hub.pull(REPO, opened(&story, issue)).unwrap();
    assert_eq!((pull.title.as_str(), pull.draft), ("Add hi", false));
    assert!(told(&story, issue).contains("5 of 24 questions"), "{}", told(&story, issue));
    story.finish().await;
}
