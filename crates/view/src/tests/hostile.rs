//! Whatever a plan contains: the size stays below the limit, and foreign text is never read as
//! Markdown.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser};

use planwright_core::{
    escape,
    plan::{OutputChange, ResourceChange, Step},
};

use super::*;

fn assert_fits(text: &str) {
    assert!(text.len() < LIMIT, "{} bytes", text.len());
    assert!(text.encode_utf16().count() < LIMIT);
}

/// Fails if there are foreign tags, open elements or fences, or foreign text outside of code.
fn assert_sound(text: &str) {
    let mut depth = 0_i32;
    let mut is_code = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_GFM) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                for tag in html.split('<').skip(1).map(|tag| tag.split(['>', ' ']).next().unwrap())
                {
                    match tag {
                        "details" => depth += 1,
                        "/details" => depth -= 1,
                        "code" => is_code = true,
                        "/code" => is_code = false,
                        "summary" | "/summary" | "sub" | "/sub" | "br" | "!--" => {}
                        other => panic!("a tag of somebody else: {other}\n{text}"),
                    }
                    assert!((0..=2).contains(&depth), "{text}");
                }
            }
            Event::Start(tag) => {
                use pulldown_cmark::Tag::*;
                assert!(
                    !matches!(tag, Link { .. } | Image { .. } | Heading { .. }),
                    "{tag:?}\n{text}"
                );
            }
            Event::Text(_) if is_code => {}
            _ => {}
        }
    }
    assert_eq!(depth, 0, "details left open\n{text}");
    assert!(text.trim_end().ends_with("</sub>"), "the end is swallowed\n{text}");
    assert!(!text.chars().any(|c| c != '\n' && escape::is_hidden(c)), "{text:?}");
    let outside = outside_code(text);
    for word in ["@evil", "#66", "GH-66", "deadbeef66", "evil.example"] {
        assert!(!outside.contains(word), "{word} stands outside of code\n{outside}");
    }
}

/// Returns all text in which GitHub would look for mentions and references.
fn outside_code(text: &str) -> String {
    use pulldown_cmark::{Tag, TagEnd};
    let mut outside = String::new();
    let mut is_code = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_GFM) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => is_code = true,
            Event::End(TagEnd::CodeBlock) => is_code = false,
            Event::InlineHtml(html) if &*html == "<code>" => is_code = true,
            Event::InlineHtml(html) if &*html == "</code>" => is_code = false,
            Event::Text(text) if !is_code => outside.push_str(&text),
            _ => {}
        }
    }
    outside
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("`"),
        Just("```\n"),
        Just("~~~"),
        Just("@evil/team "),
        Just("#66 "),
        Just("GH-66"),
        Just("deadbeef66"),
        Just("https://evil.example/x"),
        Just("![x](https://evil.example/y)"),
        Just("<img src=z>"),
        Just("</details>"),
        Just("</summary>"),
        Just("</code>"),
        Just("<!-- planwright:report -->"),
        Just("|"),
        Just("\n\n"),
        Just("\r"),
        Just("\\"),
        Just("\u{202e}\u{200b}\u{1b}]0;x\u{7}"),
        Just("\u{e0041}"),
        Just("word "),
        Just("- "),
        Just("# "),
        Just("> "),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// Returns a report in which every foreign string is `text`.
fn report_of(text: &str, action: Action) -> ChangeRecord {
    let value = || Value::Known(text.into());
    let difference = planwright_core::plan::Difference {
        path: Path(vec![Step::Key(text.into()), Step::Index(0), Step::Key(text.into())]),
        before: value(),
        after: value(),
    };
    let resource = ResourceChange {
        resource_type: text.into(),
        previous_address: Some(text.into()),
        deposed: Some(text.into()),
        importing: Some(text.into()),
        action_reason: Some(text.into()),
        replace_paths: vec![difference.path.clone()],
        differences: vec![difference],
        ..change(text, action)
    };
    let tainted = ResourceChange { replace_paths: vec![], ..resource.clone() };
    let output = OutputChange { action, before: value(), after: value() };
    let plan = Plan {
        resources: vec![resource.clone(), tainted],
        outputs: [(text.to_owned(), output)].into(),
        refreshed: vec![resource],
        unchanged: 0,
    };
    let mut finding = finding(text);
    finding.message = text.into();
    finding.allowed = vec![text.into()];
    finding.did_you_mean = Some(text.into());
    finding.fix = Some(text.into());
    let outputs = [(text.to_owned(), value())].into();
    let mut report = awaiting();
    report.stacks = vec![
        StackChange {
            drift: DriftCheck::Checked(plan.clone()),
            protected: [text.to_owned()].into(),
            progress: Some(StackProgress::Applied { outputs }),
            ..stack("a", PlanOutcome::Planned(plan.clone()))
        },
        StackChange {
            progress: Some(StackProgress::Differs { now: plan }),
            ..stack("b", PlanOutcome::Planned(Plan::default()))
        },
        stack("c", PlanOutcome::Invalid(vec![finding.clone()])),
        stack("d", PlanOutcome::EngineFailed(text.into())),
        stack("e", PlanOutcome::NotPlanned(NotPlanned::PackageBytes(text.into()))),
    ];
    let setting = planwright_core::repo_config::SettingChange {
        setting: planwright_core::repo_config::Setting::Packages,
        before: Some(text.into()),
        after: text.into(),
    };
    report.settings = Some(SettingsChange::Changed(vec![setting.clone()]));
    report.findings = vec![finding];
    report.conflicts = vec![text.into()];
    report.warnings = vec![Warning::SettingsChanged(vec![setting]), Warning::Other(text.into())];
    report
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Create),
        Just(Action::Update),
        Just(Action::Delete),
        Just(Action::DeleteThenCreate),
        Just(Action::NoOp),
        Just(Action::Forget),
    ]
}

proptest! {
    #[test]
    fn a_line_of_a_change_is_bounded_and_visible_before_it_is_counted(
        text in hostile(), action in action(), times in 1_usize..100
    ) {
        let report = report_of(&text.repeat(times), action);
        for resource in &report.stacks[0].plan.plan().unwrap().resources {
            let lines = change::change_lines(resource, change::Labels::default());
            for line in lines.iter().chain(&change::drift_lines(resource)) {
                let line = markdown::diff_line(line);
                prop_assert_eq!(escape::visible(&line), line.clone());
                prop_assert!(line.chars().count() < 12_000, "{}", line.chars().count());
            }
        }
    }

    #[test]
    fn nothing_foreign_is_read_as_markdown(text in hostile(), action in action()) {
        let report = report_of(&text, action);
        let comment = comment(&report);
        assert_sound(&comment);
        assert_fits(&comment);
        let sub = "\n\n<sub></sub>";
        assert_sound(&format!("{}{sub}", check(&report).summary));
        let drifts: Vec<_> =
            report.stacks.iter().map(|s| (s.stack.clone(), s.drift.clone())).collect();
        assert_sound(&format!("{}{sub}", markdown(&drift(&drifts))));
    }

}

proptest! {
    // Parsing long texts is slow in a debug build, so there are fewer cases.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_text_of_any_length_fits(text in any::<String>(), times in 1_usize..1_000) {
        let report = report_of(&text.repeat(times), Action::Update);
        let comment = comment(&report);
        assert_fits(&comment);
        assert_sound(&comment);
    }
}

#[test]
fn ten_thousand_resources_fit_and_the_riskiest_are_kept() {
    let mut plan = Plan::default();
    for i in 0..10_000 {
        let mut created = change(&format!("module.m.terraform_data.this[{i}]"), Action::Create);
        created.differences =
            vec![difference("input", Value::Absent, "🦀".repeat(60).as_str().into())];
        plan.resources.push(created);
    }
    plan.resources.push(change("module.m.aws_db_instance.last", Action::Delete));
    let mut report = awaiting();
    report.stacks[0].plan = PlanOutcome::Planned(plan);
    let text = comment(&report);
    assert_fits(&text);
    assert_sound(&text);
    assert!(text.contains("- module.m.aws_db_instance.last: delete; data loss"));
    assert!(
        text.contains("more changes are not shown; `planwright plan stacks/logs/prod` shows all")
    );
    assert!(text.len() > LIMIT / 2, "the room is used: {}", text.len());
}

#[test]
fn a_thousand_stacks_fit_and_what_is_left_out_is_counted() {
    let mut report = awaiting();
    report.stacks =
        (0..1_000).map(|i| stack(&format!("s{i}"), PlanOutcome::Planned(bucket_plan()))).collect();
    let text = comment(&report);
    assert_fits(&text);
    assert_sound(&text);
    assert!(text.contains("more stacks, none of them riskier"));
    let shown = text.matches("<details>").count();
    assert!(
        text.contains(&format!("The details of {} stacks are left out", 1_000 - shown)),
        "{shown}"
    );
}

#[test]
fn a_long_address_is_cut_and_its_resource_still_shown() {
    let mut report = awaiting();
    let resources = vec![change(&"a".repeat(1_000_000), Action::Create)];
    report.stacks[0].plan = PlanOutcome::Planned(Plan { resources, ..Plan::default() });
    let text = comment(&report);
    assert_fits(&text);
    assert!(text.contains("a… (999,800 more): create"), "{text}");
}

#[test]
fn a_value_of_a_megabyte_fits() {
    let huge = "`".repeat(1_000_000);
    let mut plan = bucket_plan();
    plan.resources[0].differences =
        vec![difference("a", huge.as_str().into(), huge.as_str().into()); 50];
    let mut report = awaiting();
    report.stacks[0].plan = PlanOutcome::Planned(plan);
    let text = comment(&report);
    assert_fits(&text);
    assert_sound(&text);
    assert!(text.contains("999,880 more characters"));
    assert!(text.contains("… 26 more attributes"));
}
