//! Issues that are not pull requests: opening, editing, labelling, closing and reopening.

use serde_json::{Map, Value, json};

use crate::{
    actions::events::Event,
    api_error::ApiError,
    state::{
        State,
        data::{By, Issue, IssueRef, Role},
    },
};

/// The fields of a new issue.
#[derive(Clone, Debug, Default)]
pub struct NewIssue {
    pub title: String,
    pub body: Option<String>,
    /// Ignored without an error, as on GitHub, if whoever opens the issue may not label.
    pub labels: Vec<String>,
    /// Whether the issue is written with an issue form. The labels of a form are added whoever
    /// fills it in.
    pub has_form: bool,
}

/// The fields of an issue to change; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default)]
pub struct IssueEdit {
    pub title: Option<String>,
    pub body: Option<String>,
}

impl State {
    pub fn open_issue(&mut self, repo: i64, new: &NewIssue, by: By) -> Result<i64, ApiError> {
        self.require_role(repo, by, Role::Read)?;
        self.require_unarchived(repo)?;
        if new.title.trim().is_empty() {
            return Err(ApiError::invalid("Issue", "title", "title can't be blank"));
        }
        if let Some(body) = new.body.as_deref().filter(|body| !body.is_empty()) {
            crate::actions::comments::check_body("Issue", body)?;
        }
        let mut labels = new.labels.clone();
        if !new.has_form && self.require_role(repo, by, Role::Triage).is_err() {
            labels.clear();
        }
        let (id, number, at) = (self.next_id(), self.next_number(repo)?, self.tick());
        let issue = Issue {
            id,
            number,
            title: new.title.clone(),
            body: new.body.clone(),
            by,
            edited_by: None,
            labels: labels.clone(),
            reactions: vec![],
            open: true,
            created_at: at,
            updated_at: at,
            closed_at: None,
            closed_by: None,
            reopened_at: None,
            pull: None,
        };
        self.repository_mut(repo)?.issues.insert(number, issue);
        self.emit_issue(IssueRef { repo, number }, "opened", by, json!({}))?;
        for label in labels {
            self.emit_label(IssueRef { repo, number }, "labeled", &label, by)?;
        }
        Ok(number)
    }

    /// Adds a label to an issue. Does nothing if the issue has it already.
    pub fn label_issue(&mut self, target: IssueRef, label: &str, by: By) -> Result<(), ApiError> {
        let IssueRef { repo, number } = target;
        self.require_role(repo, by, Role::Triage)?;
        self.require_unarchived(repo)?;
        let at = self.tick();
        let issue = self.plain_issue_mut(repo, number)?;
        if issue.labels.iter().any(|old| old == label) {
            return Ok(());
        }
        issue.labels.push(label.to_owned());
        issue.updated_at = at;
        self.emit_label(target, "labeled", label, by)
    }

    /// Removes a label from an issue. Does nothing if the issue does not have it.
    pub fn unlabel_issue(&mut self, target: IssueRef, label: &str, by: By) -> Result<(), ApiError> {
        let IssueRef { repo, number } = target;
        self.require_role(repo, by, Role::Triage)?;
        self.require_unarchived(repo)?;
        let at = self.tick();
        let issue = self.plain_issue_mut(repo, number)?;
        let Some(place) = issue.labels.iter().position(|old| old == label) else { return Ok(()) };
        issue.labels.remove(place);
        issue.updated_at = at;
        self.emit_label(target, "unlabeled", label, by)
    }

    /// Changes the title or text of an issue. Does nothing if both are unchanged.
    pub fn edit_issue(
        &mut self,
        target: IssueRef,
        edit: &IssueEdit,
        by: By,
    ) -> Result<(), ApiError> {
        let IssueRef { repo, number } = target;
        self.require_own_or_triage(repo, number, by)?;
        if edit.title.as_deref().is_some_and(|title| title.trim().is_empty()) {
            return Err(ApiError::invalid("Issue", "title", "title can't be blank"));
        }
        if let Some(body) = edit.body.as_deref().filter(|body| !body.is_empty()) {
            crate::actions::comments::check_body("Issue", body)?;
        }
        let at = self.tick();
        let issue = self.plain_issue_mut(repo, number)?;
        let mut changes = Map::new();
        if let Some(title) = edit.title.as_ref().filter(|title| **title != issue.title) {
            let from = std::mem::replace(&mut issue.title, title.clone());
            changes.insert("title".into(), json!({ "from": from }));
        }
        if let Some(body) = edit.body.as_ref().filter(|body| Some(*body) != issue.body.as_ref()) {
            let from = issue.body.replace(body.clone()).unwrap_or_default();
            issue.edited_by = Some(by.account);
            changes.insert("body".into(), json!({ "from": from }));
        }
        if changes.is_empty() {
            return Ok(());
        }
        issue.updated_at = at;
        self.emit_issue(target, "edited", by, json!({ "changes": changes }))
    }

    /// Closes an issue. Fails unless `by` wrote it or may triage.
    pub fn close_issue(&mut self, repo: i64, number: i64, by: By) -> Result<(), ApiError> {
        self.require_own_or_triage(repo, number, by)?;
        let at = self.tick();
        let issue = self.plain_issue_mut(repo, number)?;
        if !issue.open {
            return Ok(());
        }
        (issue.open, issue.closed_at, issue.updated_at) = (false, Some(at), at);
        issue.closed_by = Some(by.account);
        self.emit_issue(IssueRef { repo, number }, "closed", by, json!({}))
    }

    /// Reopens a closed issue. Fails unless `by` wrote it or may triage.
    pub fn reopen_issue(&mut self, repo: i64, number: i64, by: By) -> Result<(), ApiError> {
        self.require_own_or_triage(repo, number, by)?;
        let at = self.tick();
        let issue = self.plain_issue_mut(repo, number)?;
        if issue.open {
            return Ok(());
        }
        (issue.open, issue.closed_at, issue.closed_by) = (true, None, None);
        issue.updated_at = at;
        self.emit_issue(IssueRef { repo, number }, "reopened", by, json!({}))
    }

    fn require_own_or_triage(&self, repo: i64, number: i64, by: By) -> Result<(), ApiError> {
        if self.issue(repo, number)?.by != by {
            self.require_role(repo, by, Role::Triage)?;
        }
        self.require_unarchived(repo)
    }

    fn plain_issue_mut(&mut self, repo: i64, number: i64) -> Result<&mut Issue, ApiError> {
        let issue = self.issue_mut(repo, number)?;
        if issue.pull.is_some() { Err(ApiError::not_found()) } else { Ok(issue) }
    }

    fn emit_label(
        &mut self,
        target: IssueRef,
        action: &'static str,
        label: &str,
        by: By,
    ) -> Result<(), ApiError> {
        let repo = target.repo;
        let payload = json!({ "label": self.label_json(repo, label)? });
        self.emit_issue(target, action, by, payload)
    }

    fn emit_issue(
        &mut self,
        target: IssueRef,
        action: &'static str,
        by: By,
        mut payload: Value,
    ) -> Result<(), ApiError> {
        let IssueRef { repo, number } = target;
        payload["issue"] = self.issue_json(repo, number)?;
        self.emit(Event::new("issues", action), repo, by.account, payload)
    }
}
