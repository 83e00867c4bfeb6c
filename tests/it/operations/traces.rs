//! One trace from the webhook to the comment, across two processes, received by a real collector.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use planwright_fakehub::{Hub, Role, Settings};
use planwright_store::{JobKind, Outcome, Store};

use crate::support::{
    bot::{CONFIG, REPO, borrowed, edit, hello},
    collector::{Collector, Span, spans},
    engine::binary,
    process::Process,
};

/// What a plan's engine gets, and the collector; neither may be seen in a span.
const CREDENTIAL: &str = "credential-of-the-engine-4711";
const COLLECTOR_KEY: &str = "key-of-the-collector-4712";

struct Bots {
    dir: TempDir,
    hub: Hub,
    store: Store,
    endpoint: String,
}

impl Bots {
    async fn new(endpoint: String) -> Self {
        let dir = TempDir::new().unwrap();
        let hub = Hub::start(Settings::new(dir.path().join("hub"))).await.unwrap();
        hub.add_repository(REPO, &[("planwright.yaml", CONFIG)]).unwrap();
        let store = Store::connect(&database(dir.path())).await.unwrap();
        Self { dir, hub, store, endpoint }
    }

    /// Starts a bot with these roles and a data directory of its own on the one database.
    fn start(&self, name: &str, roles: &str) -> Process {
        let app = self.hub.app();
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        fs::write(path("key.pem"), &app.private_key_pem).unwrap();
        fs::write(path("secret"), &app.webhook_secret).unwrap();
        let args = [
            ("--roles", roles.to_owned()),
            ("--data", path(name)),
            ("--database-url", database(self.dir.path())),
            ("--github-url", format!("{}/api/v3", self.hub.url())),
            ("--app-id", app.app_id.to_string()),
            ("--private-key-file", path("key.pem")),
            ("--webhook-secret-file", path("secret")),
            ("--engine", binary("terraform").display().to_string()),
            ("--plan-env", "CLOUD_TOKEN".to_owned()),
        ];
        let args: Vec<String> =
            args.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
        let headers = format!("authorization=Bearer {COLLECTOR_KEY}");
        let env: BTreeMap<String, OsString> = [
            ("CLOUD_TOKEN", CREDENTIAL),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &self.endpoint),
            ("OTEL_EXPORTER_OTLP_HEADERS", &headers),
            ("OTEL_SERVICE_NAME", name),
        ]
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into();
        let bot = Process::start(&args, &env, &self.dir.path().join("bot.log"));
        self.hub.set_webhook(&format!("http://{}/webhook", bot.address));
        bot
    }

    /// Waits until the kinds of the jobs that are left are these.
    async fn wait_for(&self, kinds: &[&str]) {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        let left = async {
            loop {
                self.hub.idle().await;
                let jobs = self.store.open_jobs().await.unwrap();
                if jobs.iter().map(|job| job.kind.as_str()).eq(kinds.iter().copied()) {
                    return;
                }
                look.tick().await;
            }
        };
        let log = || fs::read_to_string(self.dir.path().join("bot.log")).unwrap_or_default();
        let left = tokio::time::timeout(Duration::from_secs(120), left).await;
        left.unwrap_or_else(|_| panic!("{kinds:?} is not what is left:\n{}", log()));
    }

    /// Does what the first plan would do, which is nothing.
    async fn skip_plan(&self) {
        let plan = [JobKind::parse("plan").unwrap()];
        let lease = Duration::from_secs(30);
        let now = jiff::Timestamp::now();
        let claim = self.store.claim("nobody", &plan, now, lease).await.unwrap().unwrap();
        let _ = self.store.finish(claim.lease, &Outcome::Done, &[], now).await.unwrap();
    }
}

fn database(dir: &Path) -> String {
    format!("sqlite:{}", dir.join("planwright.db").display())
}

/// The spans below one, the earliest first.
fn below<'a>(trace: &'a [Span], parent: &Span) -> Vec<&'a Span> {
    let mut below: Vec<&Span> = trace.iter().filter(|span| span.parent == parent.id).collect();
    below.sort_by_key(|span| span.start);
    below
}

/// A span with all below it, a line each.
fn tree(trace: &[Span], span: &Span, depth: usize, text: &mut String) {
    let took = Duration::from_nanos(span.end - span.start);
    let attributes: Vec<String> =
        span.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let indent = "  ".repeat(depth);
    writeln!(text, "{indent}{} ({took:.1?}) {}", span.name, attributes.join(" ")).unwrap();
    below(trace, span).into_iter().for_each(|span| tree(trace, span, depth + 1, text));
}

fn one<'a>(spans: &[&'a Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name.starts_with(name));
    let span = found.next().unwrap_or_else(|| panic!("no `{name}` in {spans:#?}"));
    assert!(found.next().is_none(), "two of `{name}` in {spans:#?}");
    span
}

fn one_below(spans: &[Span], parent: &Span, name: &str) -> bool {
    below(spans, parent).iter().any(|span| span.name.starts_with(name))
}

#[tokio::test]
async fn one_trace_leads_from_the_webhook_to_the_comment_and_holds_no_secret() {
    let collector = Collector::start().await;
    let bots = Bots::new(collector.endpoint()).await;
    let alice = bots.hub.add_user("alice").unwrap();
    bots.hub.set_permission(REPO, "alice", Some(Role::Write)).unwrap();
    // One process hears of it, and another does it.
    let web = bots.start("planwright-web", "web");
    alice.push(REPO, "hello", &edit(&borrowed(&hello("hello", "Hello")))).unwrap();
    let number = alice.open_pull(REPO, "hello", "Say hello").unwrap();
    bots.wait_for(&["plan"]).await;
    bots.skip_plan().await;
    alice.comment(REPO, number, "/infra plan").unwrap();
    bots.wait_for(&["plan"]).await;
    web.end();
    let all = bots.start("planwright-all", "web,plan,apply,agent");
    bots.wait_for(&[]).await;
    all.end();
    let printed = collector.end();

    let spans = spans(&printed);
    // That of our own comment is heard of too, and causes nothing.
    let comments = spans.iter().filter(|span| span.name.starts_with("delivery issue_comment"));
    let mut comments = comments.filter(|span| !below(&spans, span).is_empty());
    let delivery = comments.find(|span| one_below(&spans, span, "job acknowledge")).unwrap();
    assert_eq!(delivery.parent, "");
    let trace: Vec<Span> =
        spans.iter().filter(|span| span.trace == delivery.trace).cloned().collect();
    let mut text = String::new();
    tree(&trace, delivery, 0, &mut text);
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target");
    fs::write(target.join("trace.txt"), &text).unwrap();
    fs::write(target.join("trace-collector.txt"), &printed).unwrap();
    assert_eq!(text.lines().count(), trace.len(), "a span hangs in the air:\n{text}\n{trace:#?}");

    let acknowledge = one(&below(&trace, delivery), "job acknowledge");
    let plan = one(&below(&trace, acknowledge), "job plan");
    for span in [acknowledge, plan] {
        assert_eq!(span.attributes["number"], format!("Int({number})"), "{span:#?}");
    }
    let stack = one(&below(&trace, plan), "plan stack");
    assert_eq!(stack.attributes["stack"], "Str(hello)");
    let engine = below(&trace, stack);
    one(&engine, "terraform init");
    one(&engine, "terraform plan");
    let calls: Vec<&str> = below(&trace, plan).iter().map(|span| span.name.as_str()).collect();
    let comment = "POST /repos/{owner}/{repo}/issues/{id}/comments";
    assert!(calls.contains(&comment), "{calls:#?}");
    assert!(calls.iter().any(|call| call.starts_with("graphql ")), "{calls:#?}");

    let app = bots.hub.app();
    let key: Vec<&str> = app.private_key_pem.lines().filter(|line| !line.contains("KEY")).collect();
    let token = "ghs_";
    let secrets = [app.webhook_secret.as_str(), CREDENTIAL, COLLECTOR_KEY, token, "Bearer"];
    for secret in secrets.into_iter().chain(key) {
        assert!(secret.len() > 3 && !printed.contains(secret), "{secret} is in a span");
    }
    bots.hub.stop();
}
