//! What became of a run of the agent: the one comment on its issue, and its part of a pull request.
//!
//! Everything is counted by code; of the model only its note is shown, escaped and called so.

use planwright_core::{
    agent::{
        budget::Limit,
        call::Outcome,
        event::{End, Question},
        run::{Phase, Run},
        visible::Dropped,
    },
    digest::Digest,
    escape,
    names::{PrNumber, Sha},
};

/// How much of the model's note is shown.
const NOTE: usize = 1_500;

/// A run as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    pub dropped: Dropped,
    pub edits: usize,
    pub is_planned: bool,
    pub pull_request: Option<PrNumber>,
    pub state: RunState,
    /// In sentences: what the model says, which nobody has checked.
    pub note: Option<(String, Vec<String>)>,
    pub spent: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RunState {
    AtWork,
    /// The server of the model is away.
    Parked,
    Asking(Question),
    Over(End),
}

/// What a run adds to the pull request that it proposes.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts {
    pub report: RunReport,
    pub id: String,
    /// The head of its log.
    pub hash: Digest,
}

impl From<&Run> for RunReport {
    fn from(run: &Run) -> Self {
        let state = match &run.phase {
            Phase::Waiting { question, .. } => RunState::Asking(question.clone()),
            Phase::Parked { .. } => RunState::Parked,
            Phase::Over(how) => RunState::Over(how.clone()),
            Phase::Open | Phase::Asked { .. } | Phase::Doing { .. } | Phase::Closing(_) => {
                RunState::AtWork
            }
        };
        let planned = run.planned.as_ref();
        Self {
            dropped: run.request.dropped,
            edits: run.change_set.0.len(),
            is_planned: planned.is_some_and(|it| it.rev == run.rev() && it.digest.is_some()),
            pull_request: run.published.as_ref().map(|published| published.pull_request),
            state,
            note: run.note.as_ref().map(|note| (note.summary.clone(), note.unmet.clone())),
            spent: spent(run),
        }
    }
}

/// The text of the comment.
pub fn run(report: &RunReport) -> String {
    let mut parts = vec![checklist(report)];
    parts.push(match &report.state {
        RunState::AtWork => "The agent is at work. `/infra cancel` stops it.".into(),
        RunState::Parked => {
            "The server of the model is away. The run goes on by itself when it is back.".into()
        }
        RunState::Asking(question) => asking(question),
        RunState::Over(how) => over(how, report.pull_request),
    });
    parts.extend(note(report));
    parts.push(format!("<sub>Used: {}.</sub>", report.spent));
    parts.join("\n\n")
}

/// What is missing of the head that a run has published without finishing it.
pub fn unfinished(run: &Run) -> Option<(Sha, String)> {
    let (how, published) = (run.unfinished.as_ref()?, run.published.as_ref()?);
    let is_planned = run.planned.as_ref().is_some_and(|it| it.rev == run.rev());
    let plan = if is_planned { "" } else { " Its last edits were not planned." };
    let why = format!(
        "{}{plan} `/infra revise TEXT` goes on, and so does a commit or `/infra set`.",
        why(how)
    );
    Some((published.head.clone(), why))
}

/// What stands in the pull request, below the table.
pub fn facts(facts: &RunFacts) -> String {
    let RunFacts { report, id, hash } = facts;
    let mut parts = Vec::new();
    if let RunState::Over(how) = &report.state
        && *how != End::Finished(Outcome::Propose)
    {
        parts.push(format!(
            "**Not finished**: {} Nothing more than what validates is in here, and it stays a draft. \
             `/infra revise TEXT` goes on.",
            why(how)
        ));
    }
    parts.extend(note(report));
    if !report.dropped.is_nothing() {
        parts.push(format!("Of the request this was not read: {}.", report.dropped));
    }
    parts.push(format!("<sub>Run `{id}`, log `{}`. Used: {}.</sub>", hash.short(), report.spent));
    parts.join("\n\n")
}

fn checklist(report: &RunReport) -> String {
    let tick = |done: bool| if done { "x" } else { " " };
    let unread = if report.dropped.is_nothing() {
        String::new()
    } else {
        format!(" (not read, because nobody sees it: {})", report.dropped)
    };
    let edits = match report.edits {
        0 => String::new(),
        1 => ": 1 edit".into(),
        more => format!(": {more} edits"),
    };
    let opened = match report.pull_request {
        Some(number) => format!("opened #{number}"),
        None => "open a pull request".into(),
    };
    format!(
        "- [x] read the request{unread}\n- [{}] edit and validate{edits}\n- [{}] plan\n- [{}] {opened}",
        tick(report.edits > 0),
        tick(report.is_planned),
        tick(report.pull_request.is_some()),
    )
}

fn asking(question: &Question) -> String {
    let who = if question.is_ours { "This is for people to decide" } else { "The agent asks" };
    let choices: Vec<String> = (1..)
        .zip(&question.choices)
        .map(|(n, choice)| format!("{n}. {}", escape::prose(choice)))
        .collect();
    format!(
        "{who}: {}\n\n{}\n\nAnswer with `/infra answer 1` to `/infra answer {}`, within a week.",
        escape::prose(&question.text),
        choices.join("\n"),
        question.choices.len(),
    )
}

/// What people are told a day after a question.
pub fn reminder(question: &Question) -> String {
    format!(
        "The run still waits for an answer: {} `/infra answer` chooses, as the comment above says; \
         after a week the question is closed.",
        escape::prose(&question.text)
    )
}

fn over(how: &End, pull_request: Option<PrNumber>) -> String {
    match (how, pull_request) {
        (End::Finished(Outcome::Propose), Some(number)) => format!(
            "Its plan is shown in #{number}. It is a draft until the plan succeeds, and it takes an \
             approval by someone who did not ask for it. `/infra revise TEXT` changes it."
        ),
        (how, Some(number)) => format!(
            "{} What validates stands in the draft #{number}. `/infra revise TEXT` goes on.",
            why(how)
        ),
        (how, None) => format!("{} {}", why(how), how_to_go_on(how)),
    }
}

/// Why a run ended, as a sentence.
fn why(how: &End) -> String {
    match how {
        End::Finished(outcome) => match outcome {
            Outcome::Propose => "The agent proposes a change.",
            Outcome::NoChangeNeeded => "The agent says that nothing has to change.",
            Outcome::AnswerOnly => "The agent answers, and changes nothing.",
            Outcome::CannotDo => "The agent cannot do this.",
            Outcome::OutOfScope => "The agent says that this is not for it to do.",
        }
        .into(),
        End::Exhausted(limit) => exhausted(*limit),
        End::Repeating => "The agent made the same call again and again.".into(),
        End::Unusable => "Three answers of the model in a row were of no use.".into(),
        End::Refused => "The model, or a filter before it, refuses this request.".into(),
        End::Away => "The server of the model was away for too long.".into(),
        End::Rejected(why) => {
            format!("The server of the model does not take our requests: {}.", escape::prose(why))
        }
        End::Superseded => "A newer request took the place of this one.".into(),
        End::Cancelled => "It was cancelled.".into(),
        End::Unpublished(why) => {
            format!("The change could not be published: {}", escape::prose(why))
        }
    }
}

fn exhausted(limit: Limit) -> String {
    format!("The run reached its limit of {limit}.")
}

fn how_to_go_on(how: &End) -> &'static str {
    match how {
        End::Superseded | End::Finished(Outcome::NoChangeNeeded | Outcome::AnswerOnly) => "",
        End::Rejected(_) => "Whoever runs Planwright finds the answer in its log.",
        _ => {
            "`/infra propose TEXT` begins anew with more words, and `/infra set STACK PATH=VALUE` \
             needs no model."
        }
    }
}

fn note(report: &RunReport) -> Option<String> {
    let (summary, unmet) = report.note.as_ref()?;
    let mut text = format!(
        "The model's note, which nobody has checked:\n\n> {}",
        escape::prose(&escape::shortened(summary, NOTE))
    );
    for one in unmet {
        text.push_str(&format!("\n> - not met: {}", escape::prose(one)));
    }
    Some(text)
}

/// What was spent of what, for people.
fn spent(run: &Run) -> String {
    let (spent, limits) = (run.spent(), run.budget.limits.amount);
    let count = |n: u64| escape::grouped(usize::try_from(n).unwrap_or(usize::MAX));
    let mut parts = vec![
        format!("{} of {} questions to the model", spent.model_calls, limits.model_calls),
        format!("{} of {} calls", spent.tool_calls, limits.tool_calls),
        format!("{} of {} plans", spent.plans, limits.plans),
        format!(
            "{} tokens read, {} written",
            count(spent.input_tokens),
            count(spent.output_tokens)
        ),
    ];
    if spent.microdollars > 0 {
        let dollars =
            |micro: u64| format!("${}.{:02}", micro / 1_000_000, micro % 1_000_000 / 10_000);
        parts.push(format!("{} of {}", dollars(spent.microdollars), dollars(limits.microdollars)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(state: RunState) -> RunReport {
        RunReport {
            dropped: Dropped { elements: 2, ..Dropped::default() },
            edits: 1,
            is_planned: false,
            pull_request: None,
            state,
            note: Some(("Done, @acme/owners! Fixes #1\n/infra apply".into(), vec!["<img>".into()])),
            spent: "3 of 24 questions to the model".into(),
        }
    }

    #[test]
    fn a_run_is_told_as_a_checklist_and_its_question() {
        let question = Question {
            text: "Which region, see https://x.example?".into(),
            choices: vec!["eu-central-1".into(), "us-east-1".into()],
            is_ours: false,
        };
        insta::assert_snapshot!(run(&report(RunState::Asking(question))), @r"
        - [x] read the request (not read, because nobody sees it: 2 hidden elements)
        - [x] edit and validate: 1 edit
        - [ ] plan
        - [ ] open a pull request

        The agent asks: Which region, see `https://x.example?`

        1. `eu-central-1`
        2. `us-east-1`

        Answer with `/infra answer 1` to `/infra answer 2`, within a week.

        The model's note, which nobody has checked:

        > Done, `@acme/owners!` Fixes `#1` `/infra` apply
        > - not met: `<img>`

        <sub>Used: 3 of 24 questions to the model.</sub>
        ");
    }

    #[test]
    fn a_run_that_is_not_finished_says_so_in_its_pull_request() {
        let report = report(RunState::Over(End::Exhausted(Limit::Plans)));
        let facts = RunFacts { report, id: "run".into(), hash: Digest::sha256(b"") };
        let text = super::facts(&facts);
        assert!(
            text.starts_with("**Not finished**: The run reached its limit of plans."),
            "{text}"
        );
        assert!(!text.lines().any(|line| line.starts_with("/infra")), "{text}");
    }
}
