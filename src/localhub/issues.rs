//! Issues that are not pull requests.

use serde_json::json;

use super::refusal::Refusal;
use super::state::{By, Issue, Role};
use super::world::World;

impl World {
    pub fn open_issue(
        &mut self,
        repo: i64,
        (title, body): (&str, Option<&str>),
        labels: Vec<String>,
        by: By,
    ) -> Result<i64, Refusal> {
        self.require_role(repo, by, Role::Read)?;
        self.require_unarchived(repo)?;
        if title.trim().is_empty() {
            return Err(Refusal::invalid("Issue", "title", "title can't be blank"));
        }
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            super::comments::check_body("Issue", body)?;
        }
        let (id, number, at) = (self.next_id(), self.next_number(repo)?, self.tick());
        let issue = Issue {
            id,
            number,
            title: title.to_owned(),
            body: body.map(str::to_owned),
            by,
            labels,
            open: true,
            created_at: at,
            updated_at: at,
            closed_at: None,
            closed_by: None,
            pull: None,
        };
        self.repository_mut(repo)?.issues.insert(number, issue);
        let payload = json!({ "issue": self.issue_json(repo, number)? });
        self.emit(("issues", Some("opened")), repo, by.account, payload)?;
        Ok(number)
    }
}
