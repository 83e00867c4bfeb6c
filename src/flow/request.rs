//! An issue asks for infrastructure: a filled-in form becomes a pull request, without a model.

use crate::{
    app::App,
    domain::{
        actor::Actor,
        finding::{Finding, Place},
        issue::{Issue, LABEL},
        job::{Job, Target},
        reply::{FormLink, RequestReport},
    },
    git::Want,
    github,
    package::{
        Checked,
        edit::Edited,
        form::{self, Form},
        search,
        source::Source,
        unpacked::Package,
    },
};

use super::{
    Error, Result,
    agent::{self, Wish},
    ground, outbox,
    propose::{self, Configuration, Draft},
};

/// Answers the issue; `by` is who wrote it, or put our label on it.
pub async fn request(app: &App, target: &Target, by: &Actor) -> Result<Vec<Job>> {
    let issue = match app.github.issue(&target.repository, target.number).await {
        Ok(issue) => issue,
        Err(github::Error::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    if !issue.is_open || !issue.labels.contains(LABEL) {
        return Ok(Vec::new());
    }
    if !app.github.permission(&target.repository, by).await?.can_write() {
        let report = RequestReport::NotAllowed { login: by.login.clone() };
        return outbox::request(app, target, &report).await.map(|()| Vec::new());
    }
    match answered(app, target, (&issue, by)).await {
        Ok(Answered::Reported(report)) => {
            outbox::request(app, target, &report).await.map(|()| Vec::new())
        }
        Ok(Answered::Begun(job)) => Ok(vec![job]),
        Err(Error::Refused(refusal)) => {
            outbox::note(app, target, &refusal.to_string()).await.map(|()| Vec::new())
        }
        Err(error) => Err(error),
    }
}

enum Answered {
    Reported(RequestReport),
    /// A run of the agent was begun.
    Begun(Job),
}

async fn answered(app: &App, target: &Target, (issue, by): (&Issue, &Actor)) -> Result<Answered> {
    let mirror = ground::fetch(app, target, &[Want::Branch(issue.base_ref.clone())]).await?;
    let tree = mirror.tree(&issue.base).await?;
    let configuration = match Configuration::read(&mirror, &tree, &tree).await? {
        Ok(configuration) => configuration,
        Err(findings) => return Ok(Answered::Reported(RequestReport::Invalid(findings))),
    };
    let Some(name) = form::package_of(&issue.body) else {
        if app.model.is_some() {
            let wish = Wish { issue, by, text: "", key: agent::key_of(issue) };
            return agent::begin(app, target, &wish, &configuration.config)
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

/// What a form asks for, carried out; findings name the fields of the form.
fn change_of(configuration: &Configuration, name: &str, issue: &Issue) -> Checked<Edited> {
    let package = allowed(configuration, name)?;
    let form = Form::of(&package);
    let change_set = form.read(&issue.body)?;
    configuration.edited(&change_set).map_err(|mut findings| {
        for finding in &mut findings {
            if let Some(field) = finding.pointer.as_deref().and_then(|at| form.label(at)) {
                finding.message = format!("`{field}`: {}", finding.message);
                finding.place = Place { file: form::ISSUE.into(), line: 1, column: 1 };
            }
        }
        findings
    })
}

fn allowed(configuration: &Configuration, name: &str) -> Checked<Package> {
    let place = Place { file: form::ISSUE.into(), line: 1, column: 1 };
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
            url: app.github.form_url(&target.repository.name, &Form::of(&package).file_name()),
            package: package.source.to_string(),
            summary: package.manifest.summary.clone(),
        })
        .collect()
}
