//! `planwright setup` as a process with fakehub, and a browser that follows its pages.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, redirect::Policy};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

use planwright_fakehub::{AppEdit, Hub, Settings};

use crate::support::process::Process;

/// `planwright setup`, waiting for the browser.
struct Setup {
    child: Child,
    /// Of the page, `http://127.0.0.1:PORT/`.
    page: String,
}

impl Setup {
    fn start(hub: &Hub, dir: &Path, arguments: &[&str]) -> Self {
        let mut child = command(hub, dir, arguments).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let page = line.split_whitespace().find(|word| word.starts_with("http://"));
        let page = page.unwrap_or_else(|| panic!("no address in {line:?}")).to_owned();
        Self { child, page }
    }

    /// What it printed, once it has ended by itself.
    fn end(&mut self) -> (String, bool) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (out, self.child.wait().unwrap().success())
    }

    fn is_there(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn command(hub: &Hub, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planwright"));
    command
        .args(["setup", "--url", "https://bot.example.org/webhook"])
        .args(["--github-url", &format!("{}/api/v3", hub.url())])
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn stage() -> (TempDir, Hub) {
    let dir = TempDir::new().unwrap();
    (dir, Hub::start(Settings::new(TempDir::new().unwrap().keep())).await.unwrap())
}

fn browser() -> Client {
    Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

/// The value of an attribute, as a browser reads it.
fn attribute(page: &str, before: &str) -> String {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before} in {page}"));
    let value = rest.split('"').next().unwrap();
    value.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<").replace("&#38;", "&")
}

/// Presses the button, confirms at GitHub, and answers where that sends the browser back to.
async fn press(browser: &Client, page: &str) -> String {
    let text = browser.get(page).send().await.unwrap().text().await.unwrap();
    let manifest = attribute(&text, "name=\"manifest\" value=\"");
    let action = attribute(&text, "action=\"");
    let asked = sent(browser, &action, &action, &[("manifest", &manifest)]).await;
    assert_eq!(asked.status(), StatusCode::OK);
    let text = asked.text().await.unwrap();
    let origin = action.split('/').take(3).collect::<Vec<_>>().join("/");
    let confirmed = format!("{origin}{}", attribute(&text, "action=\""));
    let fields = ["manifest", "state"]
        .map(|name| (name, attribute(&text, &format!("name=\"{name}\" value=\""))));
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    // Another site cannot confirm for us.
    let forged = sent(browser, &confirmed, "http://evil.example/", &fields).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let answer = sent(browser, &confirmed, &confirmed, &fields).await;
    assert_eq!(answer.status(), StatusCode::FOUND, "{}", answer.text().await.unwrap());
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// A form, sent from a page.
async fn sent(browser: &Client, to: &str, from: &str, fields: &[(&str, &str)]) -> Response {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let origin = from.split('/').take(3).collect::<Vec<_>>().join("/");
    let request = browser.post(to).header("origin", origin).body(body);
    request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_a_new_app_are_what_serve_and_doctor_read() {
    let (dir, hub) = stage().await;
    let mut setup = Setup::start(&hub, dir.path(), &["--organization", "acme"]);
    let browser = browser();
    let back = press(&browser, &setup.page).await;
    let answer = browser.get(&back).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.unwrap();
    assert!(page.contains("/apps/planwright-acme/installations/new"), "{page}");
    let (said, ended_well) = setup.end();
    assert!(ended_well, "{said}");
    assert!(said.contains("planwright serve --config settings.yaml"), "{said}");
    assert!(!said.contains("PRIVATE KEY"), "{said}");

    let file = dir.path().join("settings.yaml");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let app = hub.app();
    assert!(text.contains(&format!("app-id: {}\n", app.app_id)), "{text}");
    for secret in [&app.webhook_secret, &app.client_id, &app.client_secret] {
        assert!(text.contains(secret.as_str()), "{text}");
    }
    assert!(text.contains("public-url: \"https://bot.example.org\"\n"), "{text}");
    assert_eq!(app.callback_urls, ["https://bot.example.org/runs/signed-in"]);

    let file = file.to_str().unwrap().to_owned();
    let data = dir.path().join("data").to_str().unwrap().to_owned();
    let arguments = ["--config".to_owned(), file.clone(), "--data".to_owned(), data.clone()];
    let bot = Process::start(&arguments, &BTreeMap::new(), &dir.path().join("log"));
    hub.set_webhook(&format!("http://{}/webhook", bot.address));
    hub.add_repository("acme/infra", &[("a", "a")]).unwrap();
    hub.idle().await;
    let doctor = Command::new(env!("CARGO_BIN_EXE_planwright"))
        .args(["doctor", "--json", "--config", &file, "--data", &data])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    assert_eq!(said["healthy"], true, "{said:#}");
    assert!(doctor.status.success());
    assert!(hub.unknown().is_empty(), "{:?}", hub.unknown());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_can_be_printed_for_a_secret_store() {
    let (dir, hub) = stage().await;
    let mut setup = Setup::start(&hub, dir.path(), &["--print", "--json"]);
    let browser = browser();
    let back = press(&browser, &setup.page).await;
    browser.get(&back).send().await.unwrap();
    let (said, ended_well) = setup.end();
    assert!(ended_well);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["app"]["slug"], "planwright");
    assert!(said["settings"].as_str().unwrap().contains("private-key: |\n  -----BEGIN"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_counts_only_with_the_state_that_the_page_gave_out() {
    let (dir, hub) = stage().await;
    let mut setup = Setup::start(&hub, dir.path(), &[]);
    let browser = browser();
    let back = press(&browser, &setup.page).await;
    let (address, _) = back.split_once("&state=").unwrap();
    for forged in [address.to_owned(), format!("{address}&state=0123"), format!("{back}0")] {
        let answer = browser.get(forged).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }
    assert!(!hub.calls().iter().any(|call| call.operation.contains("conversions")));
    assert!(setup.is_there());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_name_is_not_shown() {
    let (dir, hub) = stage().await;
    let mut setup = Setup::start(&hub, dir.path(), &[]);
    let browser = browser();
    let answer = browser.get(&setup.page).header("host", "evil.example").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
    assert!(!answer.text().await.unwrap().contains("state="));
    let answer = browser.get(&setup.page).send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains(hub.url()), "{policy}");
    assert!(setup.is_there());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_github_does_not_take_leaves_the_page_open() {
    let (dir, hub) = stage().await;
    let mut setup = Setup::start(&hub, dir.path(), &[]);
    let browser = browser();
    let back = press(&browser, &setup.page).await;
    let (head, state) = back.split_once("&state=").unwrap();
    let wrong = format!("{}?code=0123&state={state}", head.split('?').next().unwrap());
    let answer = browser.get(wrong).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(answer.text().await.unwrap().contains("used before, or is older than an hour"));
    assert_eq!(browser.get(&back).send().await.unwrap().status(), StatusCode::OK);
    assert!(setup.end().1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_there_is_refused_before_anything_is_registered() {
    let (dir, hub) = stage().await;
    std::fs::write(dir.path().join("settings.yaml"), "mine").unwrap();
    let mut command = tokio::process::Command::from(command(&hub, dir.path(), &[]));
    let output = timeout(Duration::from_secs(20), command.kill_on_drop(true).output());
    let output = output.await.expect("it serves its page").unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("settings.yaml is there already and is not replaced"), "{said}");
    assert_eq!(hub.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_secret_is_made_where_github_makes_none() {
    let (dir, hub) = stage().await;
    let mut setup = Setup::start(&hub, dir.path(), &[]);
    let browser = browser();
    let back = press(&browser, &setup.page).await;
    hub.edit_app(AppEdit { webhook_secret: Some(String::new()), ..AppEdit::default() }).unwrap();
    assert_eq!(browser.get(&back).send().await.unwrap().status(), StatusCode::OK);
    assert!(setup.end().1);
    let secret = hub.app().webhook_secret;
    assert_eq!(secret.len(), 64);
    let text = std::fs::read_to_string(dir.path().join("settings.yaml")).unwrap();
    assert!(text.contains(&format!("webhook-secret: \"{secret}\"\n")), "{text}");
}
