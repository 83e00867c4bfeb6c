//! Commands in comments: which are answered, which are refused, and which are ignored.

use planwright_fakehub::Person;

use crate::support::{
    bot::{REPO, Setup, Story, borrowed, hello},
    starts::Starts,
};

/// A pull request of two stacks that is planned; the engine is counted from here on.
async fn planned() -> (Story, Starts, i64) {
    let starts = Starts::new();
    let setup = Setup { engine: Some(starts.engine.clone()), ..Setup::default() };
    let story = Story::with(setup).await;
    let files = [hello("hello", "Hello"), hello("other", "Moin")].concat();
    let pr = story.open(&story.alice, "hello", &borrowed(&files));
    story.settle().await;
    starts.take();
    (story, starts, pr)
}

/// Says `body` and waits; answers how the bot reacted and what it replied to just that.
async fn say(story: &Story, person: &Person, pr: i64, body: &str) -> (Vec<String>, String) {
    let comment = person.comment(REPO, pr, body).unwrap();
    story.settle().await;
    let all = story.hub.comments(REPO, pr).unwrap();
    let given = all.iter().find(|it| it.id == comment).unwrap();
    let reactions = given.reactions.iter().map(|(_, content)| content.clone()).collect();
    let marker = format!("<!-- planwright:reply:{comment} -->");
    let reply = all.iter().find(|it| it.via_app && it.body.starts_with(&marker));
    (reactions, reply.map_or_else(String::new, |reply| reply.body.clone()))
}

const DONE: [&str; 2] = ["eyes", "rocket"];
const REFUSED: [&str; 2] = ["eyes", "confused"];

#[tokio::test]
async fn questions_are_answered_for_anyone_who_can_read() {
    let (story, starts, pr) = planned().await;
    let (reactions, reply) = say(&story, &story.eve, pr, "/infra help").await;
    println!("{reply}");
    assert_eq!(reactions, DONE);
    assert!(reply.contains("| `/infra plan [STACK…]` |"), "{reply}");
    let (reactions, reply) = say(&story, &story.eve, pr, "Hm.\n\n/infra status").await;
    println!("{reply}");
    assert_eq!(reactions, DONE);
    assert!(reply.contains("4 to add") && reply.contains("approved by 0 of 1"), "{reply}");
    assert_eq!(starts.take(), Vec::<String>::new());
    story.finish().await;
}

#[tokio::test]
async fn each_command_of_a_comment_has_a_reply_of_its_own() {
    let (story, _starts, pr) = planned().await;
    let body = "/infra drift\n/infra plan missing\n/infra status";
    let comment = story.bob.comment(REPO, pr, body).unwrap();
    story.settle().await;
    let all = story.bot_comments(pr);
    for (nth, said) in [(1, "no stack was checked"), (2, "does not affect"), (3, "4 to add")] {
        let marker = format!("<!-- planwright:reply:{comment}:{nth} -->");
        let reply = all.iter().find(|it| it.body.starts_with(&marker));
        let reply = reply.unwrap_or_else(|| panic!("no reply {nth}: {all:#?}"));
        assert!(reply.body.contains(said), "{}", reply.body);
    }
    assert_eq!(all.len(), 4, "the report and three replies: {all:#?}");

    // What was answered before one is refused stays answered.
    story.bob.comment(REPO, pr, "/infra help\n/infra unlock").unwrap();
    story.settle().await;
    let said: String = story.bot_comments(pr)[4..].iter().map(|it| it.body.as_str()).collect();
    assert!(said.contains("Show this list") && said.contains("holds no lock"), "{said}");
    story.finish().await;
}

#[tokio::test]
async fn a_plan_is_made_anew_of_all_stacks_or_of_those_named() {
    let (story, starts, pr) = planned().await;
    let (reactions, reply) = say(&story, &story.bob, pr, "/infra plan").await;
    assert_eq!((reactions, reply.as_str()), (DONE.map(str::to_owned).into(), ""));
    assert_eq!(starts.count("plan"), 2);
    let (reactions, _) = say(&story, &story.bob, pr, "/infra plan other").await;
    assert_eq!(reactions, DONE);
    assert_eq!(starts.count("plan"), 1, "only the one that was named");
    assert!(story.report(pr).contains("`hello`") && story.report(pr).contains("`other`"));
    let (reactions, reply) = say(&story, &story.bob, pr, "/infra plan missing").await;
    println!("{reply}");
    assert_eq!(reactions, REFUSED);
    assert!(reply.contains("does not affect `missing`"), "{reply}");
    assert_eq!(starts.take(), Vec::<String>::new());
    assert_eq!(story.conclusion(pr), "action_required", "a refusal leaves no check hanging");
    story.finish().await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_one_line_that_says_why() {
    let (story, starts, pr) = planned().await;
    for (command, said) in [
        ("/infra unlock", "holds no lock"),
        ("/infra unlock hello", "holds no lock of `hello`"),
        ("/infra cancel", "Nothing runs"),
        ("/infra apply", "not merged"),
        ("/infra allow hello module.greeting.terraform_data.greeting", "no resource of `hello`"),
        ("/infra drift missing", "There is no stack `missing`"),
        ("/infra plna", "Did you mean `plan`?"),
        ("/infra deploy --now", "is no command"),
        ("/infra plan $(reboot)", "which no name has"),
        ("/infra plan -auto-approve", "is no flag"),
        ("/infra plan ../hello", "is no stack"),
    ] {
        let (reactions, reply) = say(&story, &story.bob, pr, command).await;
        println!("{command}\n  {reply}");
        assert_eq!(reactions.last().map(String::as_str), Some("confused"), "{command}");
        assert!(reply.contains(said), "{command}: {reply}");
        assert_eq!(reply.trim_end().lines().count(), 2, "the marker and one line: {reply}");
    }
    assert_eq!(starts.take(), Vec::<String>::new());
    story.finish().await;
}

#[tokio::test]
async fn who_may_not_write_is_told_so_and_nothing_happens() {
    let (story, starts, pr) = planned().await;
    for command in ["plan", "drift", "apply", "unlock", "cancel", "allow hello a.b"] {
        let (reactions, reply) = say(&story, &story.eve, pr, &format!("/infra {command}")).await;
        println!("{reply}");
        assert_eq!(reactions.last().map(String::as_str), Some("confused"), "{command}");
        assert!(reply.contains("needs write access") && reply.contains("`eve`"), "{reply}");
    }
    assert_eq!(starts.take(), Vec::<String>::new());
    story.finish().await;
}

#[tokio::test]
async fn who_lost_write_access_since_the_comment_is_refused() {
    let (story, starts, pr) = planned().await;
    story.hub.hold_webhooks();
    story.carol.comment(REPO, pr, "/infra plan").unwrap();
    story.hub.set_permission(REPO, "carol", None).unwrap();
    story.hub.release_webhooks();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    assert!(story.reply(pr).contains("needs write access"), "{}", story.reply(pr));
    story.finish().await;
}

#[tokio::test]
async fn quotes_code_talk_edits_and_bots_are_not_read() {
    let (story, starts, pr) = planned().await;
    let silence = (Vec::<String>::new(), String::new());
    for body in [
        "> /infra plan",
        "```\n/infra plan\n```",
        "    /infra plan",
        "`/infra plan`",
        "Please /infra plan",
        "<!--\n/infra plan\n-->",
        "/infrastructure plan",
    ] {
        assert_eq!(say(&story, &story.bob, pr, body).await, silence, "{body}");
    }
    let bot = story.hub.add_bot("friendly").unwrap();
    story.hub.set_permission(REPO, "friendly[bot]", Some(planwright_fakehub::Role::Write)).unwrap();
    assert_eq!(say(&story, &bot, pr, "/infra plan").await, silence);
    let comment = story.bob.comment(REPO, pr, "Looks good.").unwrap();
    story.bob.edit_comment(REPO, comment, "/infra plan").unwrap();
    story.settle().await;
    let all = story.hub.comments(REPO, pr).unwrap();
    assert!(all.iter().find(|it| it.id == comment).unwrap().reactions.is_empty());
    assert_eq!(starts.take(), Vec::<String>::new());
    assert_eq!(story.bot_comments(pr).len(), 1);
    story.finish().await;
}

#[tokio::test]
async fn drift_is_told_of_stacks_that_were_applied_and_of_others_that_they_were_not() {
    let (story, starts, pr) = planned().await;
    let (reactions, reply) = say(&story, &story.bob, pr, "/infra drift").await;
    println!("{reply}");
    assert_eq!(reactions, DONE);
    assert!(reply.contains("no stack was checked"), "{reply}");
    assert!(reply.contains("`hello`: never applied"), "{reply}");
    assert_eq!(starts.take(), Vec::<String>::new());
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    story.merge(&story.bob, pr);
    story.settle().await;
    starts.take();
    let (reactions, reply) = say(&story, &story.bob, pr, "/infra drift hello").await;
    println!("{reply}");
    assert_eq!(reactions, DONE);
    assert!(reply.contains("none in 1 stack"), "{reply}");
    assert_eq!(starts.count("plan"), 1);
    let (reactions, reply) = say(&story, &story.bob, pr, "/infra plan").await;
    assert_eq!(reactions.last().map(String::as_str), Some("confused"));
    println!("{reply}");
    assert_eq!(starts.take(), Vec::<String>::new(), "a merged pull request is not planned");
    story.finish().await;
}

#[tokio::test]
async fn a_command_on_an_issue_is_refused_and_help_is_given() {
    let (story, _starts, _pr) = planned().await;
    let issue = story.bob.open_issue(REPO, "How?", "…").unwrap();
    let (reactions, reply) = say(&story, &story.bob, issue, "/infra help").await;
    assert_eq!(reactions, DONE);
    assert!(reply.contains("/infra plan"), "{reply}");
    let (reactions, reply) = say(&story, &story.bob, issue, "/infra plan").await;
    println!("{reply}");
    assert_eq!(reactions.last().map(String::as_str), Some("confused"));
    story.finish().await;
}
