//! Handles an issue that requests infrastructure: a filled-in form becomes a pull request without a
//! model.

use jiff::{SignedDuration, Timestamp};

use planwright_core::{
    actor::Actor,
    finding::{Finding, Location},
    issue::{Issue, LABEL, is_labeled},
    job::{Job, Request, Target},
    names::Sha,
};
use planwright_git::{Mirror, Want};
use planwright_github as github;
use planwright_package::{
    Checked,
    edit::Edited,
    form::{self, Form},
    loaded_package::Package,
    search,
    source::Source,
};
use planwright_view::{FormLink, RequestReport};

use super::Run;
use crate::{
    agent::{self, RunRequest},
    app::App,
    flow::{
        Error, JobContext, Result, merge_preview, outbox,
        propose::{self, Configuration, Draft},
    },
};

/// How long a stored label is used without reading the settings again. A change of the settings
/// clears it at once, unless the webhook is lost.
const BELIEVED: SignedDuration = SignedDuration::from_hours(1);

impl Run for Request {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        request(context.app, self).await
    }
}

/// Handles the issue.
async fn request(app: &App, job: &Request) -> Result<Vec<Job>> {
    let Request { target, by, labels } = job;
    // Most issues are irrelevant, and must cost no calls to GitHub.
    if is_surely_other(app, target, labels).await? {
        return Ok(Vec::new());
    }
    let issue = match app.github.issue(&target.repository, target.number).await {
        Ok(issue) => issue,
        Err(github::Error::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    if !issue.is_open {
        return Ok(Vec::new());
    }
    let read_at = app.now();
    let preview = base(app, target, &issue).await?;
    if !is_labeled(&issue.labels, &label(app, target, &preview, read_at).await?) {
        return Ok(Vec::new());
    }
    if !app.github.permission(&target.repository, by).await?.can_write() {
        let report = RequestReport::NotAllowed { login: by.login.clone() };
        return outbox::request(app, target, &report).await.map(|()| Vec::new());
    }
    match answered(app, job, &issue, &preview).await {
        Ok(Answered::Reported(report)) => {
            outbox::request(app, target, &report).await.map(|()| Vec::new())
        }
        Ok(Answered::Begun(job)) => Ok(vec![job]),
        Err(Error::Refused(refusal)) => {
            outbox::note(app, target, &refusal.doc()).await.map(|()| Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Returns whether none of an issue's labels is the one that the settings recently had.
async fn is_surely_other(app: &App, target: &Target, labels: &[String]) -> Result<bool> {
    let since = app.now().checked_sub(BELIEVED).unwrap_or(Timestamp::MIN);
    let known = app.store.issue_label(target.repository.id, since).await?;
    Ok(!labels.is_empty() && known.is_some_and(|label| !is_labeled(labels, &label)))
}

/// The base commit of an issue.
struct Base {
    mirror: Mirror,
    tree: Sha,
}

async fn base(app: &App, target: &Target, issue: &Issue) -> Result<Base> {
    let wants = [Want::Branch(issue.base_ref.clone())];
    let mirror = merge_preview::fetch(app, target, &wants).await?;
    let tree = mirror.tree(&issue.base).await?;
    Ok(Base { mirror, tree })
}

/// Returns the label in the settings; the default if they are invalid, so that this can be
/// reported.
async fn label(app: &App, target: &Target, base: &Base, read_at: Timestamp) -> Result<String> {
    let Ok(config) = merge_preview::config(&base.mirror, &base.tree).await? else {
        return Ok(LABEL.into());
    };
    let label = config.agent.label;
    app.store.record_issue_label(target.repository.id, Some(&label), read_at).await?;
    Ok(label)
}

enum Answered {
    Reported(RequestReport),
    /// An agent run was started.
    Begun(Job),
}

async fn answered(app: &App, job: &Request, issue: &Issue, base: &Base) -> Result<Answered> {
    let Request { target, by, .. } = job;
    let configuration = match Configuration::read(&base.mirror, &base.tree, &base.tree).await? {
        Ok(configuration) => configuration,
        Err(findings) => return Ok(Answered::Reported(RequestReport::Invalid(findings))),
    };
    let Some(name) = form::package_of(&issue.body) else {
        if app.model.is_some() {
            let request = RunRequest { issue, by, text: "", key: agent::key_of(issue) };
            return agent::begin(app, target, &request, &configuration.config)
                .await
                .map(Answered::Begun);
        }
        let forms = fitting(app, target, &configuration, issue);
        return Ok(Answered::Reported(RequestReport::Unclear { forms }));
    };
    Ok(Answered::Reported(match change_of(&configuration, &name, issue) {
        Err(findings) => RequestReport::Invalid(findings),
        Ok(edited) => {
            let mut people: Vec<Actor> = vec![by.clone()];
            let others = issue.writers().filter(|it| it.is_user() && it.id != by.id);
            people.extend(others.cloned());
            let draft = Draft { target, asked_by: &people, edited: &edited, run: None };
            let pull_request = propose::open(app, &draft, issue).await?;
            RequestReport::Opened { pull_request, title: draft.proposal().title() }
        }
    }))
}

/// Returns the result of the change that a form requests; findings name the fields of the form.
fn change_of(configuration: &Configuration, name: &str, issue: &Issue) -> Checked<Edited> {
    let package = allowed(configuration, name)?;
    let form = Form::new(&package);
    let change_set = form.read(&issue.body)?;
    configuration.edited(&change_set).map_err(|mut findings| {
        for finding in &mut findings {
            if let Some(field) = finding.pointer.as_deref().and_then(|at| form.label(at)) {
                finding.message = format!("`{field}`: {}", finding.message);
                finding.place = Location { file: form::ISSUE.into(), line: 1, column: 1 };
            }
        }
        findings
    })
}

fn allowed(configuration: &Configuration, name: &str) -> Checked<Package> {
    let place = Location { file: form::ISSUE.into(), line: 1, column: 1 };
    let source = Source::parse(name).filter(|_| configuration.config.allows(name));
    let Some(source) = source else {
        let message = format!("planwright.yaml does not allow the package `{name}`");
        let mut finding = Finding::error("package_not_allowed", place, message);
        finding.allowed.clone_from(&configuration.config.packages);
        return Err(vec![finding]);
    };
    source.package(&configuration.base, &place)
}

fn fitting(
    app: &App,
    target: &Target,
    configuration: &Configuration,
    issue: &Issue,
) -> Vec<FormLink> {
    let words = format!("{} {}", issue.title, issue.body);
    let found = search::search(&configuration.trusted(), &words);
    found
        .into_iter()
        .map(|package| FormLink {
            url: app.github.form_url(&target.repository.name, &Form::new(&package).file_name()),
            package: package.source.to_string(),
            summary: package.manifest.summary.clone(),
        })
        .collect()
}
