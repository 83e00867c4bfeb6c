//! What was said and done about an issue or pull request, in its order.

use jiff::Timestamp;

use crate::actions::comments::Reacted;
use crate::api_error::Refusal;
use crate::pages::context::{Deeds, Place, segments_of};
use crate::pages::frame::{Face, Moment};
use crate::pages::markdown;
use crate::pages::markdown::References;
use crate::state::data::{By, Issue, Reaction, Review, ReviewState, Role};

/// One entry; `id` is where it stands in the page.
pub struct Entry {
    pub id: String,
    pub face: Face,
    pub did: String,
    /// `approved`, `refused`, `done`, or nothing.
    pub tone: &'static str,
    pub at: Moment,
    pub body: String,
    pub reactions: Vec<Given>,
    /// Where to send a reaction to.
    pub react: Option<String>,
    order: Timestamp,
}

/// Reactions of one kind.
pub struct Given {
    pub emoji: &'static str,
    pub count: usize,
    pub by: String,
}

/// What can be given: GitHub's name, the picture, and what it is called aloud.
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

pub fn references(place: Place<'_>) -> References {
    let issues = place.visit.world.repository(place.repo).map(|found| &found.issues);
    let numbers = issues.map(|issues| issues.keys().copied().collect()).unwrap_or_default();
    References { url: place.url(), numbers }
}

/// Everything about it, oldest first.
pub fn timeline(place: Place<'_>, number: i64) -> Result<Vec<Entry>, Refusal> {
    let world = place.visit.world;
    let issue = world.issue(place.repo, number)?;
    let references = references(place);
    let text = |text: &str| markdown::rendered(text, &references);
    let mut entries = vec![Entry {
        id: "opened".into(),
        body: match issue.body.as_deref().map(str::trim) {
            None | Some("") => "<p class=\"quiet\">No description.</p>".into(),
            Some(body) => text(body),
        },
        reactions: given(place, &issue.reactions),
        react: Some(format!("{}/{}/{number}/reaction", place.url(), kind(issue))),
        ..event(place, (issue.by, issue.created_at), "opened this")
    }];
    let comments = world.repository(place.repo)?.comments.values();
    for comment in comments.filter(|comment| comment.issue == number) {
        let is_edited = comment.updated_at != comment.created_at;
        entries.push(Entry {
            id: format!("comment-{}", comment.id),
            did: if is_edited { "commented, and edited it since" } else { "commented" }.into(),
            body: text(&comment.body),
            reactions: given(place, &comment.reactions),
            react: Some(format!("{}/comments/{}/reaction", place.url(), comment.id)),
            ..event(place, (comment.by, comment.created_at), "")
        });
    }
    if let Some(pull) = &issue.pull {
        entries.extend(pull.reviews.iter().map(|review| Entry {
            body: if review.body.is_empty() { String::new() } else { text(&review.body) },
            ..reviewed(place, review)
        }));
        if let Some(merged) = &pull.merged {
            let by = By { account: merged.by, via_app: false };
            let did = format!("merged it as {}", &merged.sha[..7]);
            entries.push(Entry {
                id: "merged".into(),
                did,
                tone: "done",
                ..event(place, (by, merged.at), "")
            });
        }
    }
    let is_merged = issue.pull.as_ref().is_some_and(|pull| pull.merged.is_some());
    if let (Some(at), Some(account), false) = (issue.closed_at, issue.closed_by, is_merged) {
        let by = By { account, via_app: false };
        entries.push(Entry { id: "closed".into(), ..event(place, (by, at), "closed this") });
    }
    entries.sort_by_key(|entry| entry.order);
    Ok(entries)
}

pub fn kind(issue: &Issue) -> &'static str {
    if issue.pull.is_some() { "pull" } else { "issues" }
}

fn event(place: Place<'_>, (by, at): (By, Timestamp), did: &str) -> Entry {
    Entry {
        id: String::new(),
        face: Face::of(place.visit.world, by.account),
        did: did.to_owned(),
        tone: "",
        at: at.into(),
        body: String::new(),
        reactions: vec![],
        react: None,
        order: at,
    }
}

fn reviewed(place: Place<'_>, review: &Review) -> Entry {
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
        ..event(place, (review.by, review.submitted_at), "")
    }
}

fn given(place: Place<'_>, reactions: &[Reaction]) -> Vec<Given> {
    let of_kind = |(content, emoji, _): (&str, &'static str, &str)| {
        let by: Vec<String> = reactions
            .iter()
            .filter(|reaction| reaction.content == content)
            .map(|reaction| Face::of(place.visit.world, reaction.by).login)
            .collect();
        (!by.is_empty()).then(|| Given { emoji, count: by.len(), by: by.join(", ") })
    };
    REACTIONS.into_iter().filter_map(of_kind).collect()
}

/// A reaction to a comment; answers where it stands.
pub fn react(deeds: Deeds<'_>, comment: i64) -> Result<String, Refusal> {
    let Deeds { world, by, repo, name, fields } = deeds;
    world.react(repo, Reacted::Comment(comment), fields.required("content")?, by)?;
    let number = world.comment(repo, comment)?.issue;
    let kind = kind(world.issue(repo, number)?);
    Ok(format!("/{}/{kind}/{number}#comment-{comment}", segments_of(name)))
}

/// What can be done to issues and pull requests alike; None for any other deed.
pub fn act(deeds: &mut Deeds<'_>, number: i64, deed: &str) -> Result<Option<String>, Refusal> {
    let Deeds { world, by, repo, name, fields } = deeds;
    let at = (*repo, number);
    let kind = kind(world.issue(*repo, number)?);
    let url = format!("/{}/{kind}/{number}", segments_of(name));
    match deed {
        "comment" => {
            let id = world.add_comment(at, fields.required("body")?, *by)?;
            Ok(Some(format!("{url}#comment-{id}")))
        }
        "reaction" => {
            let content = fields.required("content")?;
            world.react(*repo, Reacted::Issue(number), content, *by)?;
            Ok(Some(url))
        }
        _ => Ok(None),
    }
}

/// Whether the viewer may change what somebody else wrote, or wrote it.
pub fn may_manage(place: Place<'_>, issue: &Issue) -> bool {
    issue.by == place.visit.by || place.may(Role::Triage)
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
