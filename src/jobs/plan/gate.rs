//! Which parts of a head are not run, and who may override that.
//!
//! A plan runs providers and the code of packages. Code from outside, or code that nobody has
//! approved yet, is not run until a maintainer has seen the comment about exactly this head and then
//! requests a plan.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use planwright_core::{
    approval::{Principal, principal_role},
    change::{NotPlanned, StackChange},
    digest::Digest,
    job::Invocation,
    names::StackId,
};
use planwright_package::{
    Prepared,
    affected::Reason,
    own_code::{self, OwnCode},
    source::Source,
    stack::Stack,
};
use planwright_store::{ApprovedCode, CodeApproval, CodeBasis, Lift};
use planwright_view::Refusal;

use super::Planning;
use crate::flow::{
    Result, facts,
    merge_preview::MergePreview,
    own_code::{Base, approved_code},
    people::{self, people},
};

/// What of a head may be run.
pub struct PlanGate {
    /// Why nothing of the head is run, if so.
    withheld: Option<NotPlanned>,
    /// The repository's own code that may run.
    pub code: ApprovedCode,
}

impl PlanGate {
    pub async fn new(planning: &Planning<'_>, code: ApprovedCode) -> Result<Self> {
        let mut withheld = withheld(planning).await?;
        if withheld.is_some()
            && let Some(Overriding { invocation, .. }) = overriding(planning).await?
        {
            // Recorded before anything of the head runs: where nobody who made it can write to the
            // repository, whoever has it run is the first of the two people whom it takes.
            let lift = Lift {
                head: planning.pull().head.clone(),
                user: invocation.by.id,
                login: invocation.by.login.clone(),
                at: planning.context.app.now(),
            };
            planning.context.app.store.record_lift(planning.id(), &lift).await?;
            withheld = None;
        }
        Ok(Self { withheld, code })
    }

    /// Returns why a stack is not run, if so.
    pub fn not_planned(&self, prepared: &Prepared) -> Option<NotPlanned> {
        self.withheld.clone().or_else(|| {
            let code = prepared.package.own_code()?;
            (!self.code.may_plan(&code.digest)).then_some(NotPlanned::PackageBytes(code.folder))
        })
    }
}

/// Returns the code that may run. If a maintainer requests the plan of a head that they have seen,
/// lifts the hold on the code of its stacks for plans.
///
/// Refuses a person who would lift it for code of their own: it runs with the bot's credentials, so
/// two people are needed.
pub async fn lift(
    planning: &Planning<'_>,
    preview: &MergePreview,
    affected: &BTreeMap<StackId, BTreeSet<Reason>>,
) -> Result<ApprovedCode> {
    refuse_by_mail(planning).await?;
    let (app, target) = (planning.context.app, planning.context.target);
    let repository = target.repository.id;
    let Ok(config) = &preview.config else { return Ok(ApprovedCode::default()) };
    let base = Base { mirror: &preview.mirror, commit: &preview.base_commit, config };
    let approved = approved_code(app, repository, base).await?;
    let mut held = used(preview, affected);
    held.retain(|code| !approved.may_apply(&code.digest));
    if held.is_empty() {
        return Ok(approved);
    }
    let mut principals = people(app, target, planning.pull()).await?.shapers();
    for code in &held {
        principals.extend(authors_on_base(planning, preview, &approved, code).await?);
    }
    let Some(Overriding { invocation, shown, .. }) = overriding(planning).await? else {
        return Ok(approved);
    };
    // What came to the base since the comment was posted has been seen by nobody.
    held.retain(|code| !approved.may_plan(&code.digest) && shown.contains(&code.digest));
    let Some(first) = held.first() else { return Ok(approved) };
    if !config.approvals.own
        && let Some(why) = principal_role(invocation.by.id, &principals)
    {
        let (login, package) = (invocation.by.login.clone(), first.folder.clone());
        return Err(Refusal::OwnCode { login, package, why }.into());
    }
    let people = principals.into_iter().map(|it| (it.user, it.login)).collect();
    for code in held {
        // Who has a part in it here has a part in every change that runs it, until it is approved.
        app.store.record_code_authors(repository, &code.digest, &people).await?;
        let approval = CodeApproval {
            digest: code.digest,
            basis: CodeBasis::Lifted,
            number: Some(target.number),
            by: Some((invocation.by.id, invocation.by.login.clone())),
            at: app.now(),
        };
        app.store.approve_code(repository, &approval).await?;
    }
    Ok(app.store.approved_code(repository).await?)
}

/// Records and returns who wrote code that stands on the default branch without an approval, in
/// the same folder or with the same content. They have a part in every change that runs it.
async fn authors_on_base(
    planning: &Planning<'_>,
    preview: &MergePreview,
    approved: &ApprovedCode,
    code: &OwnCode,
) -> Result<Vec<Principal>> {
    let (app, target) = (planning.context.app, planning.context.target);
    let Ok(base) = &preview.base else { return Ok(Vec::new()) };
    let mut folders = own_code::digests(base);
    folders.retain(|folder, digest| *folder == code.folder || *digest == code.digest);
    if let Some(digest) = own_code::digest(base, &code.folder) {
        folders.insert(code.folder.clone(), digest);
    }
    folders.retain(|_, digest| !approved.may_apply(digest));
    let (repository, commit) = (&target.repository, &preview.base_commit);
    let mut authors = BTreeMap::new();
    for folder in folders.keys() {
        authors.extend(app.github.code_authors(repository, commit, folder).await?);
    }
    app.store.record_code_authors(repository.id, &code.digest, &authors).await?;
    Ok(people::authors(authors).collect())
}

/// Returns the repository's own code that the affected stacks run.
fn used(preview: &MergePreview, affected: &BTreeMap<StackId, BTreeSet<Reason>>) -> Vec<OwnCode> {
    let mut all = BTreeMap::new();
    for (stack, reasons) in affected {
        // What is destroyed is destroyed by the code of the base.
        let is_removed = reasons.contains(&Reason::Removed);
        let files = if is_removed { &preview.base } else { &preview.merged };
        let Ok(files) = files else { continue };
        if let Ok(Source::Path(folder)) = Stack::read(files, stack).map(|stack| stack.source)
            && let Some(digest) = own_code::digest(files, &folder)
        {
            all.insert(folder, digest);
        }
    }
    all.into_iter().map(|(folder, digest)| OwnCode { folder, digest }).collect()
}

/// A request for a plan by somebody who could read our comment on the head.
struct Overriding<'a> {
    invocation: &'a Invocation,
    /// The content digests of the code that the comment is about.
    shown: BTreeSet<Digest>,
    /// Whether the comment says of a stack that nothing of it is run.
    withholds: bool,
}

/// Returns the request for a plan if it was made after our comment on this head was posted. One
/// that came by mail lifts nothing.
async fn overriding<'a>(planning: &'a Planning<'_>) -> Result<Option<Overriding<'a>>> {
    Ok(after_reading(planning).await?.filter(|asked| !asked.invocation.by_mail))
}

/// Refuses a request by mail if there is something that it would lift on GitHub.
async fn refuse_by_mail(planning: &Planning<'_>) -> Result<()> {
    match after_reading(planning).await? {
        Some(asked) if asked.invocation.by_mail && asked.withholds => {
            Err(Refusal::LiftByMail.into())
        }
        _ => Ok(()),
    }
}

/// Returns the request for a plan if it was made after our comment on this head was posted, and
/// not before the pull request was last reopened.
async fn after_reading<'a>(planning: &'a Planning<'_>) -> Result<Option<Overriding<'a>>> {
    let Some(invocation) = planning.invocation() else { return Ok(None) };
    let shown = planning.context.app.store.latest_plan_set(planning.id()).await?;
    let was_before = |posted: Timestamp| posted < invocation.at;
    let pull = planning.pull();
    let is_of_now = pull.reopened_at.is_none_or(was_before);
    let read = shown.filter(|shown| {
        is_of_now && shown.plan_set.head == pull.head && shown.posted_at.is_some_and(was_before)
    });
    Ok(read.map(|shown| Overriding {
        invocation,
        shown: shown.change.code_digests(),
        withholds: shown.change.stacks.iter().any(StackChange::is_withheld),
    }))
}

/// Returns why nothing of the head is run, if so. A plan runs providers, so only branches of this
/// repository are planned, and only if the people who pushed them have write permission.
async fn withheld(planning: &Planning<'_>) -> Result<Option<NotPlanned>> {
    let (app, target, pull) = (planning.context.app, planning.context.target, planning.pull());
    if pull.is_from_fork() {
        return Ok(Some(NotPlanned::Fork));
    }
    let heads = [pull.head.clone()];
    let mut pushers = people::pushers(app, target, pull, &heads).await?;
    if pushers.is_empty() {
        // The push was not recorded, so the author of the pull request counts instead.
        pushers.insert(pull.author.id, pull.author.login.clone());
    }
    // For commits by the bot, the people who requested them are recorded as pushers and checked
    // too.
    let ours = app.github.login().await?;
    for (user, login) in pushers.into_iter().filter(|(_, login)| login != ours) {
        let actor = facts::person(user, login);
        if !app.github.permission(&target.repository, &actor).await?.can_write() {
            return Ok(Some(NotPlanned::PusherMayNotWrite));
        }
    }
    Ok(None)
}
