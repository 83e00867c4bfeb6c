//! How a log is folded to a state, and the next step.

use serde_json::json;

use super::*;
use crate::{
    agent::{
        budget::Limits,
        sample::{self, Sample, finish, person, raw, set},
    },
    names::{CommentId, PrNumber, Sha},
};

fn next(sample: &Sample) -> Step {
    sample.run().next(sample.now())
}

#[test]
fn a_run_asks_decides_does_and_asks_again() {
    let mut sample = Sample::default();
    assert_eq!(next(&sample), Step::Ask);
    let call = set("logs", "x", 0);
    sample.asked();
    assert_eq!(next(&sample), Step::Ask, "what was asked before a crash is asked again");
    sample.turn(std::slice::from_ref(&call));
    assert_eq!(next(&sample), Step::Decide(call.clone()));
    sample.allowed(&call);
    assert_eq!(next(&sample), Step::Do(Call::read(&call).unwrap()));
    sample.add(Event::Returned { content: json!({}), accepted: true, planned: None });
    assert_eq!(next(&sample), Step::Ask);
    assert_eq!(sample.run().rev(), 1);
    sample.turn(&[raw("plan_preview", &json!({}))]).allowed(&raw("plan_preview", &json!({})));
    assert_eq!(next(&sample), Step::Plan);
}

#[test]
fn each_request_begins_with_the_whole_one_before_it() {
    let mut sample = Sample::default();
    sample
        .done(&set("logs", "x", 0), None)
        .stopped(Stop::Cut)
        .planned(1, 0)
        .done(&set("logs", "y", 1), None)
        .planned(2, 0);
    let all: Vec<Vec<Message>> =
        (1..=sample.0.len()).map(|n| Run::from_log(&sample.0[..n]).unwrap().conversation).collect();
    for pair in all.windows(2) {
        assert_eq!(pair[0], pair[1][..pair[0].len()]);
    }
    assert!(all.last().unwrap().len() > 10);
}

#[test]
fn a_refused_edit_and_one_that_is_not_valid_change_nothing() {
    let mut sample = Sample::default();
    let call = set("logs", "x", 0);
    sample.turn(std::slice::from_ref(&call)).decided(Decision::Refused(Problem::new(
        "out_of_scope",
        "",
        "no",
    )));
    assert_eq!(sample.run().change_set.0.len(), 0);
    sample.turn(std::slice::from_ref(&call)).allowed(&call);
    sample.add(Event::Returned { content: json!({}), accepted: false, planned: None });
    assert_eq!(sample.run().change_set.0.len(), 0);
    assert_eq!(next(&sample), Step::Ask);
}

#[test]
fn what_cannot_be_used_three_times_in_a_row_ends_the_run() {
    let mut sample = Sample::default();
    sample.stopped(Stop::Done).stopped(Stop::Cut);
    assert_eq!(next(&sample), Step::Ask);
    sample.turn(&[set("logs", "x", 9)]).decided(Decision::Refused(repeated()));
    assert_eq!(next(&sample), Step::Close(End::Unusable));
    let mut sample = Sample::default();
    for _ in 0..2 {
        sample.stopped(Stop::Done).stopped(Stop::Cut).done(&raw("validate", &json!({})), None);
    }
    assert_eq!(next(&sample), Step::Ask, "a call that can be used counts anew");
}

#[test]
fn the_same_call_three_times_ends_the_run_unless_an_edit_came_between() {
    let list = raw("list_stacks", &json!({}));
    let mut sample = Sample::default();
    sample.done(&list, None).done(&raw("validate", &json!({})), None).done(&list, None);
    assert_eq!(next(&sample), Step::Ask);
    let mut other = Sample(sample.0.clone());
    sample.turn(std::slice::from_ref(&list)).allowed(&list);
    assert_eq!(next(&sample), Step::Close(End::Repeating));
    other.done(&set("logs", "x", 0), None).done(&list, None);
    assert_eq!(next(&other), Step::Ask);
}

#[test]
fn a_refusal_of_the_model_ends_the_run() {
    let mut sample = Sample::default();
    sample.stopped(Stop::Refused);
    assert_eq!(next(&sample), Step::Close(End::Refused));
}

#[test]
fn what_was_debited_for_an_answer_that_never_came_stays_debited() {
    let mut sample = Sample::default();
    sample.asked().asked().asked();
    assert_eq!(sample.run().budget.spent.model_calls, 3);
    assert_eq!(sample.run().budget.spent.output_tokens, 12_000);
    sample.turn(&[]);
    assert_eq!(sample.run().budget.spent.output_tokens, 12_100);
}

#[test]
fn a_server_that_is_away_costs_nothing_and_ends_the_run_at_last() {
    let mut sample = Sample::default();
    for i in 0..ABSENCES {
        assert_eq!(next(&sample), Step::Ask, "{i}");
        let until = sample.now().checked_add(SignedDuration::from_mins(5)).unwrap();
        sample.asked().add(Event::Failed { why: "503".into(), until });
        if i + 1 < ABSENCES {
            assert_eq!(next(&sample), Step::Park(until));
            let log = &mut sample.0;
            let event = Event::Garbled { why: String::new() };
            log.push(sample::entry(log.last(), event, until));
            log.pop();
            assert_eq!(sample.run().next(until), Step::Ask);
            sample.later(
                Event::Asked { debit: Amount::default(), body: Digest::sha256(b"") },
                SignedDuration::from_mins(6),
            );
        }
    }
    assert_eq!(next(&sample), Step::Close(End::Away));
    assert_eq!(sample.run().budget.spent.model_calls, 0);
}

#[test]
fn time_that_people_and_plans_take_is_not_the_time_of_the_loop() {
    let mut sample = Sample::default();
    let ask = raw("ask_human", &json!({ "question": "Which?", "choices": ["a", "b"] }));
    let question =
        Question { text: "Which?".into(), choices: vec!["a".into(), "b".into()], is_ours: false };
    sample
        .turn(std::slice::from_ref(&ask))
        .decided(Decision::Asked(Call::read(&ask).unwrap(), question));
    assert_eq!(next(&sample), Step::Wait);
    let (run, asked_at) = (sample.run(), sample.now());
    let after = |hours| asked_at.checked_add(SignedDuration::from_hours(hours)).unwrap();
    assert!(!run.is_expired(after(7 * 24)) && run.is_expired(after(7 * 24 + 1)));
    let by = person(2, "bob");
    sample.later(
        Event::Chosen { by, comment: CommentId(1), choice: 2 },
        SignedDuration::from_hours(50),
    );
    assert_eq!(next(&sample), Step::Ask);
    assert!(
        matches!(sample.run().conversation.last(), Some(Message::Tool { content, .. }) if content == r#"{"choice":2,"text":"b"}"#)
    );
    for _ in 0..3 {
        sample.later(Event::Garbled { why: String::new() }, SignedDuration::from_hours(1));
        sample.done(&raw("validate", &json!({})), None);
        sample.add(Event::Revised {
            by: person(1, "alice"),
            comment: CommentId(2),
            text: "x".into(),
            dropped: Default::default(),
        });
    }
    assert_eq!(
        next(&sample),
        Step::Ask,
        "a revision gives time anew, and a pause of ours is short"
    );
    for _ in 0..2 {
        sample.later(Event::Garbled { why: String::new() }, SignedDuration::from_mins(3));
        sample.later(
            Event::Asked { debit: Amount::default(), body: Digest::sha256(b"") },
            SignedDuration::from_mins(3),
        );
    }
    assert_eq!(next(&sample), Step::Close(End::Exhausted(Limit::LoopTime)));
}

#[test]
fn a_question_of_ours_lets_the_call_pass_with_the_first_choice_only() {
    let remove = raw("remove_stack", &json!({ "stack": "logs", "expected_rev": 0, "why": "x" }));
    let call = Call::read(&remove).unwrap();
    let question = Question {
        text: "Remove?".into(),
        choices: vec!["Yes".into(), "No".into()],
        is_ours: true,
    };
    for (choice, expected) in [(1, Step::Do(call.clone())), (2, Step::Ask)] {
        let mut sample = Sample::default();
        sample
            .turn(std::slice::from_ref(&remove))
            .decided(Decision::Asked(call.clone(), question.clone()));
        sample.chosen(person(2, "bob"), choice);
        assert_eq!(next(&sample), expected);
        let people: Vec<String> = sample.run().people.iter().map(|p| p.login.to_string()).collect();
        assert_eq!(people, ["alice", "bob"], "who answers shapes the change");
    }
}

#[test]
fn a_run_that_is_over_rests_until_it_is_revised() {
    let mut sample = Sample::default();
    sample
        .done(&set("logs", "x", 0), None)
        .planned(1, 0)
        .turn(&[finish("propose"), finish("propose")]);
    sample.allowed(&finish("propose"));
    assert_eq!(next(&sample), Step::Close(End::Finished(Outcome::Propose)));
    let published = Published {
        pull_request: PrNumber(8),
        branch: crate::names::BranchName::parse("planwright/7").unwrap(),
        head: Sha::parse("b".repeat(40)).unwrap(),
    };
    let how = End::Finished(Outcome::Propose);
    sample.add(Event::Ended { how, published: Some(published) });
    assert_eq!(next(&sample), Step::Rest);
    assert!(sample.run().is_complete());
    let spent = sample.run().spent();
    sample.add(Event::Revised {
        by: person(3, "carol"),
        comment: CommentId(2),
        text: "larger".into(),
        dropped: Default::default(),
    });
    assert_eq!(next(&sample), Step::Ask);
    let run = sample.run();
    assert!(!run.is_complete());
    assert_eq!((run.spent(), run.budget.spent), (spent, Amount::default()));
    assert_eq!(run.published.unwrap().pull_request, PrNumber(8));
    let answered: usize =
        run.conversation.iter().filter(|m| matches!(m, Message::Tool { .. })).count();
    assert_eq!(answered, 4, "each call has its answer");
}

#[test]
fn a_log_without_a_request_is_none() {
    assert!(Run::from_log(&[]).is_err());
    let other = sample::entry(None, Event::Garbled { why: String::new() }, Timestamp::UNIX_EPOCH);
    assert!(Run::from_log(&[other]).is_err());
    let mut sample = Sample::with(Limits::default());
    sample.asked();
    assert!(Run::from_log(&sample.0[1..]).is_err());
}
