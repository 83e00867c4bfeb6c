//! The checks on an inventory: first without problems, then with one at a time.

use super::{super::actor::AppId, *};

fn grants() -> Grants {
    let pair = |(name, level): (&str, &str)| (name.to_owned(), level.to_owned());
    Grants {
        permissions: [("checks", "write"), ("contents", "read")].map(pair).into(),
        events: ["pull_request", "push"].map(str::to_owned).into(),
    }
}

fn private(path: &str) -> File {
    File { path: path.into(), mode: Some(0o600) }
}

/// Returns an inventory without problems.
fn inventory() -> Inventory {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let page = "https://github.com/apps/planwright".to_owned();
    let attempt = Attempt { event: "push".into(), status: "OK".into(), status_code: 202 };
    Inventory {
        config: Some(private("settings.yaml")),
        settings: Ok(()),
        secrets: vec![private("key.pem")],
        webhook_secret: Ok(()),
        pages: Ok(Some("https://bot.example.org".into())),
        private_key: Ok(()),
        wanted: grants(),
        github: Ok(GitHub {
            time: now,
            ours: now,
            app: Ok(App {
                registration: Registration {
                    id: AppId(1),
                    slug: "planwright".into(),
                    page,
                    grants: grants(),
                },
                hook: Ok(Hook {
                    url: Some("https://bot.example/webhook".into()),
                    content_type: "json".into(),
                    checks_certificate: true,
                    has_secret: true,
                }),
                answered: Some(Ok(Answered { ready: Ok(200), webhook: Ok(401) })),
                attempts: Ok(vec![attempt]),
                installations: Ok(vec![Installation {
                    account: "acme".into(),
                    page: "https://github.com/settings/installations/7".into(),
                    is_suspended: false,
                    grants: grants(),
                }]),
            }),
        }),
        engine: Some(Ok("OpenTofu 1.12.6, /usr/bin/tofu".into())),
        warm: WarmStatus::Running(WarmCounts { processes: 1, warm: 2, ..WarmCounts::default() }),
        database: Ok(Tables::Current),
        data: Directory { path: "/data".into(), mode: Some(0o700), write: Ok(()) },
        digest_key: Ok(DigestKey::There(private("/data/digest.key"))),
    }
}

fn app(inventory: &mut Inventory) -> &mut App {
    inventory.github.as_mut().unwrap().app.as_mut().unwrap()
}

fn hook(inventory: &mut Inventory) -> &mut Hook {
    app(inventory).hook.as_mut().unwrap()
}

fn installed(inventory: &mut Inventory) -> &mut Installation {
    &mut app(inventory).installations.as_mut().unwrap()[0]
}

fn answer(inventory: &mut Inventory, ready: Result<u16, String>, webhook: Result<u16, String>) {
    app(inventory).answered = Some(Ok(Answered { ready, webhook }));
}

fn attempt(inventory: &mut Inventory, status_code: u16) {
    let status = "as GitHub words it".into();
    let newest = Attempt { event: "push".into(), status, status_code };
    app(inventory).attempts.as_mut().unwrap().insert(0, newest);
}

fn lines(checks: &[Check]) -> String {
    let line = |check: &Check| {
        let mend = check.mend.as_ref().map(|mend| format!(" → {mend}"));
        let Check { check, status, found, .. } = check;
        format!("{check} {status:?}: {found}{}\n", mend.unwrap_or_default())
    };
    checks.iter().map(line).collect()
}

#[test]
fn where_nothing_is_wrong_everything_is_said_to_be_well() {
    let checks = checks(&inventory());
    assert!(is_healthy(&checks));
    insta::assert_snapshot!(lines(&checks), @r"
    settings Ok: read, with `settings.yaml`
    secrets Ok: the private key and the webhook secret are there, and private
    pages Ok: at https://bot.example.org/runs; https://bot.example.org/runs/signed-in has to be a callback URL of the App
    data-directory Ok: `/data` can be written, and is private
    digest-key Ok: read from `/data/digest.key`
    database Ok: it answers, and its tables are up to date
    engine Ok: OpenTofu 1.12.6, /usr/bin/tofu
    kept-providers Ok: processes: 1 with 0 MB, the oldest for 0 s; plans made warm: 2, cold in spite of that: 0
    clock Ok: it agrees with GitHub's
    app Ok: the private key is that of `planwright` (https://github.com/apps/planwright)
    app-permissions Ok: the App has those that it needs, and no others
    app-events Ok: the App is told of all that it needs
    webhook Ok: GitHub sends webhooks to https://bot.example/webhook, signed
    webhook-reachable Ok: the bot answers there, and refuses what is not signed
    deliveries Ok: the last webhook arrived
    installation Ok: `acme` has granted what is needed
    ");
}

#[test]
fn before_the_first_start_nothing_is_wrong_either() {
    let mut inventory = inventory();
    inventory.config = None;
    inventory.data.mode = None;
    inventory.digest_key = Ok(DigestKey::None("/data/digest.key".into()));
    inventory.database = Ok(Tables::None);
    inventory.engine = None;
    app(&mut inventory).attempts = Ok(Vec::new());
    let all = checks(&inventory);
    assert!(is_healthy(&all), "{}", lines(&all));
    inventory.database = Ok(Tables::Behind);
    assert!(is_healthy(&checks(&inventory)));
}

/// Breaks one thing at a time, and compares what the checks report.
#[test]
#[allow(clippy::too_many_lines, reason = "a list of things that can be wrong")]
fn each_thing_that_is_wrong_is_said_with_what_mends_it() {
    type Break = fn(&mut Inventory);
    let broken: &[Break] = &[
        |inventory| inventory.settings = Err("--workers is 0".into()),
        |inventory| {
            inventory.config = Some(File { path: "settings.yaml".into(), mode: Some(0o644) });
        },
        |inventory| inventory.secrets[0].mode = Some(0o604),
        |inventory| inventory.webhook_secret = Err("the webhook secret has 0 lines".into()),
        |inventory| inventory.pages = Err("people cannot sign in".into()),
        |inventory| inventory.private_key = Err("the key is none".into()),
        |inventory| inventory.data.write = Err("Permission denied".into()),
        |inventory| inventory.data.mode = Some(0o755),
        |inventory| inventory.digest_key = Err("it has 5 bytes".into()),
        |inventory| {
            let file = File { path: "/data/digest.key".into(), mode: Some(0o644) };
            inventory.digest_key = Ok(DigestKey::There(file));
        },
        |inventory| inventory.database = Err("opening the database: refused".into()),
        |inventory| inventory.engine = Some(Err("no engine".into())),
        |inventory| inventory.github = Err("GitHub is not reachable".into()),
        |inventory| inventory.github.as_mut().unwrap().app = Err("GitHub refused with 401".into()),
        |inventory| inventory.github.as_mut().unwrap().ours += jiff::SignedDuration::from_secs(31),
        |inventory| inventory.github.as_mut().unwrap().ours -= jiff::SignedDuration::from_secs(31),
        |inventory| drop(app(inventory).registration.grants.permissions.remove("contents")),
        |inventory| {
            let permissions = &mut app(inventory).registration.grants.permissions;
            permissions.insert("checks".into(), "read".into());
        },
        |inventory| {
            let permissions = &mut app(inventory).registration.grants.permissions;
            permissions.insert("workflows".into(), "write".into());
        },
        |inventory| {
            app(inventory).registration.grants.events.remove("push");
        },
        |inventory| hook(inventory).url = None,
        |inventory| hook(inventory).url = Some("https://bot.example/hook".into()),
        |inventory| hook(inventory).url = Some("http://bot.example/webhook".into()),
        |inventory| hook(inventory).content_type = "form".into(),
        |inventory| hook(inventory).has_secret = false,
        |inventory| hook(inventory).checks_certificate = false,
        |inventory| app(inventory).answered = None,
        |inventory| answer(inventory, Ok(503), Ok(401)),
        |inventory| answer(inventory, Ok(404), Ok(404)),
        |inventory| answer(inventory, Err("refused".into()), Err("refused".into())),
        |inventory| attempt(inventory, 401),
        |inventory| attempt(inventory, 502),
        |inventory| attempt(inventory, 404),
        |inventory| app(inventory).installations = Ok(Vec::new()),
        |inventory| installed(inventory).is_suspended = true,
        |inventory| drop(installed(inventory).grants.permissions.remove("checks")),
        |inventory| {
            installed(inventory).grants.events.remove("push");
        },
    ];
    let mut said = String::new();
    for break_it in broken {
        let mut inventory = inventory();
        break_it(&mut inventory);
        let mut checks = checks(&inventory);
        checks.retain(|check| check.status != Status::Ok);
        assert_eq!(checks.len(), 1, "{}", lines(&checks));
        assert_eq!(is_healthy(&checks), checks[0].status == Status::Warning);
        said += &lines(&checks);
    }
    insta::assert_snapshot!(said, @r"
    settings Failed: --workers is 0 → docs/settings.md says what each setting is
    secrets Failed: every user of this machine can read `settings.yaml` → chmod 600 settings.yaml
    secrets Failed: every user of this machine can read `key.pem` → chmod 600 key.pem
    secrets Failed: the webhook secret has 0 lines → write the secret that stands in the App's settings at GitHub into it, on one line; `openssl rand -hex 32` makes a new one, which has to be entered there too
    pages Failed: people cannot sign in → mend that setting, or leave --public-url out
    secrets Failed: the key is none → generate a private key on the App's settings page at GitHub, and use the whole file as it is
    data-directory Failed: `/data` cannot be written: Permission denied → let this user write there (chown), or name another directory by --data
    data-directory Failed: every user of this machine can look into `/data` → chmod o= /data
    digest-key Failed: it has 5 bytes → restore the file from a backup; if there is none, `openssl rand 32` makes a new one, and what is open has to be planned and approved again
    digest-key Failed: every user of this machine can read `/data/digest.key` → chmod 600 /data/digest.key
    database Failed: opening the database: refused → mend what stands there, or --database-url
    engine Failed: no engine → OpenTofu or Terraform, 1.9 or newer; --engine PATH names one that is not on PATH
    app Failed: GitHub is not reachable → check --github-url, and that this machine reaches it (DNS, proxy, firewall)
    app Failed: GitHub refused with 401 → --app-id is the number that the App's settings page shows, and the private key has to be one of those listed there; a clock that is wrong also makes GitHub refuse
    clock Failed: the clock of this machine is 31 s ahead of GitHub's → synchronise it, e.g. timedatectl set-ntp true
    clock Failed: the clock of this machine is 31 s behind GitHub's → synchronise it, e.g. timedatectl set-ntp true
    app-permissions Failed: the App lacks `contents: read` → grant them on the App's settings page, under Permissions & events
    app-permissions Failed: the App lacks `checks: write` → grant them on the App's settings page, under Permissions & events
    app-permissions Warning: the App may do more than Planwright ever asks for: `workflows: write` → take them away on the App's settings page, under Permissions & events
    app-events Failed: the App is not told of `push` → subscribe to them on the App's settings page, under Permissions & events
    webhook Failed: GitHub has no address to send webhooks to → enter https://YOUR-HOST/webhook on the App's settings page, under Webhook
    webhook Failed: GitHub sends webhooks to https://bot.example/hook, where the bot does not expect them → let the address end with /webhook, on the App's settings page, under Webhook
    webhook Warning: webhooks travel to http://bot.example/webhook without encryption → put a proxy with TLS before the bot, and enter its https address on the App's settings page, under Webhook
    webhook Failed: GitHub sends webhooks as `form`, which is not read → choose application/json on the App's settings page, under Webhook
    webhook Failed: GitHub does not sign webhooks, so none is believed → enter the webhook secret on the App's settings page, under Webhook
    webhook Warning: GitHub does not check the certificate of the bot's address → enable SSL verification on the App's settings page, under Webhook
    webhook-reachable Unknown: not known: it needs `webhook`
    webhook-reachable Failed: the bot answers there, but it is not ready → its log says why; most often the database does not answer
    webhook-reachable Failed: what answers there is not the bot: 404 to a webhook without a signature → let the proxy pass /webhook to the address of --listen, as it came
    webhook-reachable Failed: from here nothing answers there: refused → start `planwright serve`, and look at DNS, firewall and proxy; if only this machine cannot reach it, the deliveries below tell what GitHub saw
    deliveries Failed: GitHub's last webhook (`push`) did not arrive: 401 as GitHub words it; 1 of the last 2 failed → the webhook secret here and the one at GitHub differ; enter the same on both sides (`openssl rand -hex 32` makes one)
    deliveries Failed: GitHub's last webhook (`push`) did not arrive: 502 as GitHub words it; 1 of the last 2 failed → GitHub reached nobody in time: start `planwright serve`, and look at DNS, firewall, certificate and proxy. What was missed is fetched then
    deliveries Failed: GitHub's last webhook (`push`) did not arrive: 404 as GitHub words it; 1 of the last 2 failed → look at the answer under Advanced on the App's settings page, and at the proxy
    installation Failed: the App is installed nowhere, so it sees no pull request → install it: https://github.com/apps/planwright/installations/new
    installation Failed: `acme` has suspended the App → an owner lifts that at https://github.com/settings/installations/7
    installation Failed: `acme` has not granted `checks: write` → an owner accepts the new permissions at https://github.com/settings/installations/7
    installation Failed: `acme` sends no `push` → an owner accepts the new permissions at https://github.com/settings/installations/7
    ");
}

#[test]
fn a_proxy_may_pass_the_webhook_alone() {
    let mut inventory = inventory();
    answer(&mut inventory, Ok(404), Ok(401));
    assert!(is_healthy(&checks(&inventory)));
}

#[test]
fn a_webhook_that_arrived_counts_more_than_those_before() {
    let mut inventory = inventory();
    attempt(&mut inventory, 502);
    attempt(&mut inventory, 202);
    let all = checks(&inventory);
    assert!(is_healthy(&all));
    assert!(lines(&all).contains("the last webhook arrived; 1 before did not"), "{}", lines(&all));
}

#[test]
fn kept_providers_are_told_and_plans_that_are_often_cold_are_a_warning() {
    let line = |warm| {
        let check = checks::warm(&Inventory { warm, ..inventory() });
        format!("{:?}: {}", check.status, check.found)
    };
    let now = WarmCounts { processes: 2, oldest: 61, memory: 700 << 20, warm: 5, fallbacks: 1 };
    assert_eq!(
        line(WarmStatus::Running(now.clone())),
        "Ok: processes: 2 with 700 MB, the oldest for 61 s; plans made warm: 5, cold in spite of that: 1"
    );
    assert!(line(WarmStatus::Running(WarmCounts { fallbacks: 6, ..now })).starts_with("Warning: "));
    assert!(line(WarmStatus::Off).starts_with("Ok: none: the engine starts"));
    assert!(line(WarmStatus::Silent("[::1]:8080".into())).contains("no bot answers at [::1]:8080"));
}
