//! The status of a run of the agent: its comment on the issue, and its section in the pull request.
//!
//! All facts come from our own code. Of the model's text only its note is shown, escaped and marked
//! as unchecked.

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
    names::PrNumber,
    verdict::Unfinished,
};

use super::doc::{Block, Doc, Item, Text, code, foreign, small, strong, words};
use crate::text;

/// The number of characters of the model's note that are shown.
const NOTE: usize = 1_500;

/// The status of a run, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    pub dropped: Dropped,
    pub edits: usize,
    pub is_planned: bool,
    pub pull_request: Option<PrNumber>,
    pub state: RunState,
    /// The model's summary and what it could not meet. Nobody has checked them.
    pub note: Option<(String, Vec<String>)>,
    pub spent: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RunState {
    AtWork,
    /// The model's server does not answer.
    Parked,
    Asking(Question),
    Over(End),
}

/// What a run adds to the pull request that it proposes.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts {
    pub report: RunReport,
    pub id: String,
    /// The hash of the last entry of its log.
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

/// Returns the text of the comment.
pub fn run(report: &RunReport) -> Doc {
    let mut doc = Doc::from(checklist(report));
    doc.push(match &report.state {
        RunState::AtWork => {
            text!["The agent is at work. ", code("/infra cancel"), " stops it."].into()
        }
        RunState::Parked => {
            text!["The server of the model is away. The run goes on by itself when it is back."]
                .into()
        }
        RunState::Asking(question) => asking(question),
        RunState::Over(how) => over(how, report.pull_request).into(),
    });
    doc.push(note(report));
    doc.push(text![small(text!["Used: ", words(&report.spent), "."])]);
    doc
}

/// Returns what is missing in a head that a run published without finishing it.
pub(crate) fn unfinished(missing: &Unfinished) -> Text {
    let (how, is_planned) = match missing {
        Unfinished::Ended { how, is_planned } => (how, *is_planned),
        Unfinished::Told(sentence) => return foreign(sentence, usize::MAX).into(),
    };
    let plan = if is_planned { "" } else { " Its last edits were not planned." };
    text![
        why(how),
        plan,
        " ",
        code("/infra revise TEXT"),
        " goes on, and so does a commit or ",
        code("/infra set"),
        "."
    ]
}

/// Returns the section of the pull request below the table.
pub fn facts(facts: &RunFacts) -> Doc {
    let RunFacts { report, id, hash } = facts;
    let mut doc = Doc::default();
    if let RunState::Over(how) = &report.state
        && *how != End::Finished(Outcome::Propose)
    {
        doc.push(text![
            strong("Not finished"),
            ": ",
            why(how),
            " Nothing more than what validates is in here, and it stays a draft. ",
            code("/infra revise TEXT"),
            " goes on."
        ]);
    }
    doc.push(note(report));
    if !report.dropped.is_nothing() {
        doc.push(text!["Of the request this was not read: ", words(report.dropped), "."]);
    }
    let (id, log, spent) = (code(id), code(hash.short()), words(&report.spent));
    doc.push(text![small(text!["Run ", id, ", log ", log, ". Used: ", spent, "."])]);
    doc
}

fn checklist(report: &RunReport) -> Block {
    let unread = (!report.dropped.is_nothing())
        .then(|| text![" (not read, because nobody sees it: ", words(report.dropped), ")"]);
    let edits = match report.edits {
        0 => Text::default(),
        1 => ": 1 edit".into(),
        more => text![": ", words(more), " edits"],
    };
    let opened = match report.pull_request {
        Some(number) => text!["opened ", number],
        None => "open a pull request".into(),
    };
    Block::List(vec![
        Item::task(true, text!["read the request", unread]),
        Item::task(report.edits > 0, text!["edit and validate", edits]),
        Item::task(report.is_planned, "plan"),
        Item::task(report.pull_request.is_some(), opened),
    ])
}

fn asking(question: &Question) -> Doc {
    let who = if question.is_ours { "This is for people to decide" } else { "The agent asks" };
    let choices = question.choices.iter().map(|choice| text![foreign(choice, usize::MAX)]);
    let last = code(format_args!("/infra answer {}", question.choices.len()));
    vec![
        Block::Paragraph(text![who, ": ", foreign(&question.text, usize::MAX)]),
        Block::Steps(choices.collect()),
        Block::Paragraph(text![
            "Answer with ",
            code("/infra answer 1"),
            " to ",
            last,
            ", within a week."
        ]),
    ]
    .into()
}

/// Returns the reminder that is posted a day after a question.
pub fn reminder(question: &Question) -> Doc {
    text![
        "The run still waits for an answer: ",
        foreign(&question.text, usize::MAX),
        " ",
        code("/infra answer"),
        " chooses, as the comment above says; after a week the question is closed."
    ]
    .into()
}

fn over(how: &End, pull_request: Option<PrNumber>) -> Text {
    let revise = code("/infra revise TEXT");
    match (how, pull_request) {
        (End::Finished(Outcome::Propose), Some(number)) => text![
            "Its plan is shown in ",
            number,
            ". It is a draft until the plan succeeds, and it takes an approval by someone who did \
             not ask for it. ",
            revise,
            " changes it."
        ],
        (how, Some(number)) => text![
            why(how),
            " What validates stands in the draft ",
            number,
            ". ",
            revise,
            " goes on."
        ],
        (how, None) => text![why(how), " ", how_to_go_on(how)],
    }
}

/// Returns why a run ended, as a sentence.
fn why(how: &End) -> Text {
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
        End::Rejected(why) => text![
            "The server of the model does not take our requests: ",
            foreign(why, usize::MAX),
            "."
        ],
        End::Superseded => "A newer request took the place of this one.".into(),
        End::Cancelled => "It was cancelled.".into(),
        End::Unpublished(why) => {
            text!["The change could not be published: ", foreign(why, usize::MAX)]
        }
    }
}

fn exhausted(limit: Limit) -> Text {
    text!["The run reached its limit of ", words(limit), "."]
}

fn how_to_go_on(how: &End) -> Text {
    match how {
        End::Superseded | End::Finished(Outcome::NoChangeNeeded | Outcome::AnswerOnly) => {
            Text::default()
        }
        End::Rejected(_) => "Whoever runs Planwright finds the answer in its log.".into(),
        _ => text![
            code("/infra propose TEXT"),
            " begins anew with more words, and ",
            code("/infra set STACK PATH=VALUE"),
            " needs no model."
        ],
    }
}

fn note(report: &RunReport) -> Doc {
    let Some((summary, unmet)) = report.note.as_ref() else { return Doc::default() };
    let mut note = vec![Block::Paragraph(foreign(summary, NOTE).into())];
    let unmet: Vec<Item> =
        unmet.iter().map(|one| Item::new(text!["not met: ", foreign(one, usize::MAX)])).collect();
    if !unmet.is_empty() {
        note.push(Block::List(unmet));
    }
    vec![Block::Paragraph("The model's note, which nobody has checked:".into()), Block::Quote(note)]
        .into()
}

/// Returns what was spent, and of which limits.
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
    use crate::markdown;

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
        insta::assert_snapshot!(markdown(&run(&report(RunState::Asking(question)))), @r"
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
        let text = markdown(&super::facts(&facts));
        assert!(
            text.starts_with("**Not finished**: The run reached its limit of plans."),
            "{text}"
        );
        assert!(!text.lines().any(|line| line.starts_with("/infra")), "{text}");
    }
}
