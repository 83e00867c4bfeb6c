//! Checks of the App at GitHub: who it is, what it may do, whether its webhooks arrive.

use std::collections::BTreeMap;

use super::{
    super::registration::{Attempt, Grants, Hook, Installation},
    App, Check, GitHub, Inventory, named,
};

/// The allowed difference of the clocks, in seconds. GitHub rejects the App's tokens from about a
/// minute on.
const SKEW: i64 = 30;

const APP: &str = "app";
const CLOCK: &str = "clock";
const WEBHOOK: &str = "webhook";

pub fn checks(inventory: &Inventory) -> Vec<Check> {
    let github = match &inventory.github {
        Ok(github) => github,
        Err(why) => {
            let mend =
                "check --github-url, and that this machine reaches it (DNS, proxy, firewall)";
            return vec![Check::failed(APP, why, mend)];
        }
    };
    let mut checks = vec![clock(github)];
    match &github.app {
        Err(why) => checks.push(Check::failed(
            APP,
            why,
            "--app-id is the number that the App's settings page shows, and the private key has to \
             be one of those listed there; a clock that is wrong also makes GitHub refuse",
        )),
        Ok(app) => {
            let App { registration, .. } = app;
            let found = format!(
                "the private key is that of `{}` ({})",
                registration.slug, registration.page
            );
            checks.push(Check::ok(APP, found));
            checks.extend(app_grants(&registration.grants, &inventory.wanted));
            checks.extend([webhook(app), reachable(app), deliveries(app)]);
            checks.extend(installations(app, &inventory.wanted));
        }
    }
    checks
}

fn clock(github: &GitHub) -> Check {
    let ahead = github.ours.duration_since(github.time).as_secs();
    if ahead.abs() <= SKEW {
        return Check::ok(CLOCK, "it agrees with GitHub's");
    }
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    let found = format!("the clock of this machine is {} s {side} GitHub's", ahead.abs());
    Check::failed(CLOCK, found, "synchronise it, e.g. timedatectl set-ntp true")
}

fn app_grants(given: &Grants, wanted: &Grants) -> [Check; 2] {
    const PERMISSIONS: &str = "app-permissions";
    const EVENTS: &str = "app-events";
    let page = "on the App's settings page, under Permissions & events";
    let (missing, beyond) = (lacking(wanted, given), lacking(given, wanted));
    let permissions = if !missing.is_empty() {
        let found = format!("the App lacks {}", levels(&missing));
        Check::failed(PERMISSIONS, found, format!("grant them {page}"))
    } else if !beyond.is_empty() {
        let found =
            format!("the App may do more than Planwright ever asks for: {}", levels(&beyond));
        Check::warning(PERMISSIONS, found, format!("take them away {page}"))
    } else {
        Check::ok(PERMISSIONS, "the App has those that it needs, and no others")
    };
    let deaf: Vec<&str> = wanted.events.difference(&given.events).map(String::as_str).collect();
    let events = match deaf.is_empty() {
        true => Check::ok(EVENTS, "the App is told of all that it needs"),
        false => {
            let found = format!("the App is not told of {}", named(deaf));
            Check::failed(EVENTS, found, format!("subscribe to them {page}"))
        }
    };
    [permissions, events]
}

/// Returns the permissions in `wanted` that `given` does not include, with the wanted level.
fn lacking<'a>(wanted: &'a Grants, given: &Grants) -> BTreeMap<&'a str, &'a str> {
    let height = |level: &str| ["read", "write", "admin"].iter().position(|one| *one == level);
    let is_given = |name: &str, level: &str| {
        let given = given.permissions.get(name).and_then(|level| height(level));
        given.is_some_and(|given| Some(given) >= height(level))
    };
    let wanted = wanted.permissions.iter().map(|(name, level)| (name.as_str(), level.as_str()));
    wanted.filter(|(name, level)| !is_given(name, level)).collect()
}

fn levels(permissions: &BTreeMap<&str, &str>) -> String {
    let one = |(name, level): (&&str, &&str)| format!("`{name}: {level}`");
    permissions.iter().map(one).collect::<Vec<_>>().join(", ")
}

const AT_GITHUB: &str = "on the App's settings page, under Webhook";

fn webhook(app: &App) -> Check {
    let hook = match &app.hook {
        Ok(hook) => hook,
        Err(why) => return Check::failed(WEBHOOK, why, "try again; the App's key can read it"),
    };
    let failed = |found: String, mend: &str| Check::failed(WEBHOOK, found, mend);
    let Some(url) = &hook.url else {
        let mend = format!("enter https://YOUR-HOST/webhook {AT_GITHUB}");
        return failed("GitHub has no address to send webhooks to".into(), &mend);
    };
    match hook {
        Hook { content_type, .. } if content_type != "json" => {
            let found = format!("GitHub sends webhooks as `{content_type}`, which is not read");
            failed(found, &format!("choose application/json {AT_GITHUB}"))
        }
        Hook { has_secret: false, .. } => failed(
            "GitHub does not sign webhooks, so none is believed".into(),
            &format!("enter the webhook secret {AT_GITHUB}"),
        ),
        _ if !url.ends_with("/webhook") => failed(
            format!("GitHub sends webhooks to {url}, where the bot does not expect them"),
            &format!("let the address end with /webhook, {AT_GITHUB}"),
        ),
        _ if !is_protected(url) => Check::warning(
            WEBHOOK,
            format!("webhooks travel to {url} without encryption"),
            format!("put a proxy with TLS before the bot, and enter its https address {AT_GITHUB}"),
        ),
        Hook { checks_certificate: false, .. } => Check::warning(
            WEBHOOK,
            "GitHub does not check the certificate of the bot's address",
            format!("enable SSL verification {AT_GITHUB}"),
        ),
        _ => Check::ok(WEBHOOK, format!("GitHub sends webhooks to {url}, signed")),
    }
}

/// Returns whether traffic to the address is encrypted or stays on this machine.
fn is_protected(url: &str) -> bool {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_at =
        |host: &&str| url.strip_prefix(*host).is_some_and(|rest| rest.starts_with([':', '/']));
    url.starts_with("https://") || local.iter().any(is_at)
}

fn reachable(app: &App) -> Check {
    const NAME: &str = "webhook-reachable";
    let Some(answered) = &app.answered else { return Check::unknown(NAME, WEBHOOK) };
    let answered = match answered {
        Ok(answered) => answered,
        Err(why) => return Check::failed(NAME, why, "try again"),
    };
    match (&answered.ready, &answered.webhook) {
        (Ok(503), _) => Check::failed(
            NAME,
            "the bot answers there, but it is not ready",
            "its log says why; most often the database does not answer",
        ),
        (_, Ok(401)) => Check::ok(NAME, "the bot answers there, and refuses what is not signed"),
        (_, Ok(status)) => Check::failed(
            NAME,
            format!("what answers there is not the bot: {status} to a webhook without a signature"),
            "let the proxy pass /webhook to the address of --listen, as it came",
        ),
        (_, Err(why)) => Check::failed(
            NAME,
            format!("from here nothing answers there: {why}"),
            "start `planwright serve`, and look at DNS, firewall and proxy; if only this machine \
             cannot reach it, the deliveries below tell what GitHub saw",
        ),
    }
}

fn deliveries(app: &App) -> Check {
    const NAME: &str = "deliveries";
    let attempts = match &app.attempts {
        Ok(attempts) => attempts,
        Err(why) => return Check::failed(NAME, why, "try again; the App's key can read them"),
    };
    let is_fine = |attempt: &Attempt| (200..300).contains(&attempt.status_code);
    let failed = attempts.iter().filter(|attempt| !is_fine(attempt)).count();
    let Some(last) = attempts.first() else {
        return Check::ok(NAME, "GitHub has sent no webhook yet");
    };
    if is_fine(last) {
        let before = match failed {
            0 => String::new(),
            count => format!("; {count} before did not, and are fetched by `planwright serve`"),
        };
        return Check::ok(NAME, format!("the last webhook arrived{before}"));
    }
    let Attempt { event, status, status_code } = last;
    let found = format!(
        "GitHub's last webhook (`{event}`) did not arrive: {status_code} {status}; {failed} of the \
         last {} failed",
        attempts.len()
    );
    let mend = match status_code {
        401 => {
            "the webhook secret here and the one at GitHub differ; enter the same on both sides \
             (`openssl rand -hex 32` makes one)"
        }
        500.. | 0 => {
            "GitHub reached nobody in time: start `planwright serve`, and look at DNS, firewall, \
             certificate and proxy. What was missed is fetched then"
        }
        _ => "look at the answer under Advanced on the App's settings page, and at the proxy",
    };
    Check::failed(NAME, found, mend)
}

/// Returns a check for each installation, or one that fails because there is none.
fn installations(app: &App, wanted: &Grants) -> Vec<Check> {
    const NAME: &str = "installation";
    match &app.installations {
        Err(why) => vec![Check::failed(NAME, why, "try again; the App's key can read them")],
        Ok(all) if all.is_empty() => {
            let found = "the App is installed nowhere, so it sees no pull request";
            vec![Check::failed(
                NAME,
                found,
                format!("install it: {}", app.registration.install_page()),
            )]
        }
        Ok(all) => all.iter().map(|one| installation(one, wanted)).collect(),
    }
}

fn installation(one: &Installation, wanted: &Grants) -> Check {
    const NAME: &str = "installation";
    let Installation { account, page, .. } = one;
    if one.is_suspended {
        let found = format!("`{account}` has suspended the App");
        return Check::failed(NAME, found, format!("an owner lifts that at {page}"));
    }
    let missing = lacking(wanted, &one.grants);
    let accept = format!("an owner accepts the new permissions at {page}");
    if !missing.is_empty() {
        return Check::failed(
            NAME,
            format!("`{account}` has not granted {}", levels(&missing)),
            accept,
        );
    }
    let deaf: Vec<&str> =
        wanted.events.difference(&one.grants.events).map(String::as_str).collect();
    if !deaf.is_empty() {
        return Check::failed(NAME, format!("`{account}` sends no {}", named(deaf)), accept);
    }
    Check::ok(NAME, format!("`{account}` has granted what is needed"))
}
