//! The timeline of an issue or pull request: what was said and done, in order.

use jiff::Timestamp;

use crate::{
    actions::comments::ReactionTarget,
    api_error::ApiError,
    pages::{
        context::{RepoPage, Submission, segments_of},
        frame::{DisplayTime, Profile},
        markdown::{self, References},
    },
    state::data::{By, Issue, IssueRef, Reaction, Review, ReviewState, Role},
};

/// An entry of the timeline; `id` is its anchor in the page.
pub struct Entry {
    pub id: String,
    pub face: Profile,
    pub did: String,
    /// The CSS class: `approved`, `refused`, `done`, or none.
    pub tone: &'static str,
    pub at: DisplayTime,
    pub body: String,
    pub reactions: Vec<Given>,
    /// The path to which a reaction is posted, if the entry takes reactions.
    pub react: Option<String>,
    order: Timestamp,
}

/// All reactions of one kind.
pub struct Given {
    pub emoji: &'static str,
    pub count: usize,
    pub by: String,
}

/// All reactions: GitHub's name, the emoji, and its name in words.
pub const REACTIONS: [(&str, &str, &str); 8] = [
    ("+1", "👍", "thumbs up"),
    ("-1", "👎", "thumbs down"),
    ("laugh", "😄", "laugh"),
    ("hooray", "🎉", "hooray"),
    ("confused", "😕", "confused"),
    ("heart", "❤️", "heart"),
    ("rocket", "🚀", "rocket"),
    ("eyes", "👀", "eyes"),
];

pub fn references(page: RepoPage<'_>) -> References {
    let issues = page.context.state.repository(page.repo).map(|found| &found.issues);
    let numbers = issues.map(|issues| issues.keys().copied().collect()).unwrap_or_default();
    References { url: page.url(), numbers }
}

/// Returns all entries of an issue or pull request, oldest first.
pub fn timeline(page: RepoPage<'_>, number: i64) -> Result<Vec<Entry>, ApiError> {
    let state = page.context.state;
    let issue = state.issue(page.repo, number)?;
    let references = references(page);
    let text = |text: &str| markdown::rendered(text, &references);
    let mut entries = vec![Entry {
        id: "opened".into(),
        body: match issue.body.as_deref().map(str::trim) {
            None | Some("") => "<p class=\"quiet\">No description.</p>".into(),
            Some(body) => text(body),
        },
        reactions: reaction_counts(page, &issue.reactions),
        react: Some(format!("{}/{}/{number}/reaction", page.url(), kind(issue))),
        ..event(page, issue.by, issue.created_at, "opened this")
    }];
    let comments = state.repository(page.repo)?.comments.values();
    for comment in comments.filter(|comment| comment.issue == number) {
        let is_edited = comment.updated_at != comment.created_at;
        entries.push(Entry {
            id: format!("comment-{}", comment.id),
            did: if is_edited { "commented, and edited it since" } else { "commented" }.into(),
            body: text(&comment.body),
            reactions: reaction_counts(page, &comment.reactions),
            react: Some(format!("{}/comments/{}/reaction", page.url(), comment.id)),
            ..event(page, comment.by, comment.created_at, "")
        });
    }
    if let Some(pull) = &issue.pull {
        entries.extend(pull.reviews.iter().map(|review| Entry {
            body: if review.body.is_empty() { String::new() } else { text(&review.body) },
            ..reviewed(page, review)
        }));
        if let Some(merged) = &pull.merged {
            let by = By { account: merged.by, via_app: false };
            let did = format!("merged it as {}", &merged.sha[..7]);
            entries.push(Entry {
                id: "merged".into(),
                did,
                tone: "done",
                ..event(page, by, merged.at, "")
            });
        }
    }
    let is_merged = issue.pull.as_ref().is_some_and(|pull| pull.merged.is_some());
    if let (Some(at), Some(account), false) = (issue.closed_at, issue.closed_by, is_merged) {
        let by = By { account, via_app: false };
        entries.push(Entry { id: "closed".into(), ..event(page, by, at, "closed this") });
    }
    entries.sort_by_key(|entry| entry.order);
    Ok(entries)
}

pub fn kind(issue: &Issue) -> &'static str {
    if issue.pull.is_some() { "pull" } else { "issues" }
}

fn event(page: RepoPage<'_>, by: By, at: Timestamp, did: &str) -> Entry {
    Entry {
        id: String::new(),
        face: Profile::new(page.context.state, by.account),
        did: did.to_owned(),
        tone: "",
        at: at.into(),
        body: String::new(),
        reactions: vec![],
        react: None,
        order: at,
    }
}

fn reviewed(page: RepoPage<'_>, review: &Review) -> Entry {
    let (did, tone) = match review.state {
        ReviewState::Approved => ("approved these changes", "approved"),
        ReviewState::ChangesRequested => ("requested changes", "refused"),
        ReviewState::Commented => ("reviewed", ""),
        ReviewState::Dismissed => ("reviewed; the review was dismissed", ""),
    };
    let did = format!("{did} at {}", &review.commit_id[..7.min(review.commit_id.len())]);
    Entry {
        id: format!("review-{}", review.id),
        did,
        tone,
        ..event(page, review.by, review.submitted_at, "")
    }
}

fn reaction_counts(page: RepoPage<'_>, reactions: &[Reaction]) -> Vec<Given> {
    let of_kind = |(content, emoji, _): (&str, &'static str, &str)| {
        let by: Vec<String> = reactions
            .iter()
            .filter(|reaction| reaction.content == content)
            .map(|reaction| Profile::new(page.context.state, reaction.by).login)
            .collect();
        (!by.is_empty()).then(|| Given { emoji, count: by.len(), by: by.join(", ") })
    };
    REACTIONS.into_iter().filter_map(of_kind).collect()
}

/// Adds a reaction to a comment, and returns the path of the comment.
pub fn react(submission: Submission<'_>, comment: i64) -> Result<String, ApiError> {
    let Submission { state, by, repo, name, fields } = submission;
    state.react(repo, ReactionTarget::Comment(comment), fields.required("content")?, by)?;
    let number = state.comment(repo, comment)?.issue;
    let kind = kind(state.issue(repo, number)?);
    Ok(format!("/{}/{kind}/{number}#comment-{comment}", segments_of(name)))
}

/// Performs an action that issues and pull requests share, and returns the path of the page to go
/// on with. Returns `None` for any other action.
pub fn act(
    submission: &mut Submission<'_>,
    number: i64,
    action: &str,
) -> Result<Option<String>, ApiError> {
    let Submission { state, by, repo, name, fields } = submission;
    let at = IssueRef { repo: *repo, number };
    let kind = kind(state.issue(*repo, number)?);
    let url = format!("/{}/{kind}/{number}", segments_of(name));
    match action {
        "comment" => {
            let id = state.add_comment(at.repo, at.number, fields.required("body")?, *by)?;
            Ok(Some(format!("{url}#comment-{id}")))
        }
        "reaction" => {
            let content = fields.required("content")?;
            state.react(*repo, ReactionTarget::Issue(number), content, *by)?;
            Ok(Some(url))
        }
        _ => Ok(None),
    }
}

/// Returns whether the viewer wrote the issue or may triage.
pub fn may_manage(page: RepoPage<'_>, issue: &Issue) -> bool {
    issue.by == page.context.by || page.may(Role::Triage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::comment::CONTENTS;

    #[test]
    fn every_reaction_that_github_knows_has_a_picture() {
        let mut known: Vec<&str> = CONTENTS.to_vec();
        let mut shown: Vec<&str> = REACTIONS.iter().map(|(content, ..)| *content).collect();
        known.sort_unstable();
        shown.sort_unstable();
        assert_eq!(known, shown);
    }
}
