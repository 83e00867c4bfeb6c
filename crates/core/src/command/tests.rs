//! The syntax of commands, one by one.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::{digest::Digest, names::StackId};

fn one(comment: &str) -> Result<Command, CommandError> {
    let mut commands = parse(comment);
    assert_eq!(commands.len(), 1, "{comment:?}");
    commands.remove(0)
}

fn website() -> StackId {
    StackId::parse("website/prod").unwrap()
}

#[test]
fn each_command_is_read() {
    for (comment, command) in [
        ("/infra", Command::Help(Help)),
        ("/infra help", Command::Help(Help)),
        ("/infra plan", Command::Plan(Plan { stacks: vec![] })),
        ("/infra plan website/prod", Command::Plan(Plan { stacks: vec![website()] })),
        ("/infra  plan\tstacks/website/prod ", Command::Plan(Plan { stacks: vec![website()] })),
        ("/infra drift website/prod", Command::Drift(Drift { stacks: vec![website()] })),
        ("/infra status", Command::Status(Status)),
        (
            "/infra allow website/prod module.a.b_c.this[\"a b\"] d_e.f[0]",
            Command::Allow(Allow {
                stack: website(),
                addresses: vec!["module.a.b_c.this[\"a b\"]".into(), "d_e.f[0]".into()],
            }),
        ),
        ("/infra apply", Command::Apply(Apply { digest: None })),
        (
            "/infra apply --plan v1:0123456789ab",
            Command::Apply(Apply { digest: Some(Digest::from_text("v1:0123456789ab")) }),
        ),
        (
            "/infra apply --plan=v1:0123456789ab",
            Command::Apply(Apply { digest: Some(Digest::from_text("v1:0123456789ab")) }),
        ),
        ("/infra unlock", Command::Unlock(Unlock { stack: None })),
        ("/infra unlock website/prod", Command::Unlock(Unlock { stack: Some(website()) })),
        ("/infra cancel", Command::Cancel(Cancel)),
        ("/infra propose", Command::Propose(Propose(String::new()))),
        (
            "/infra propose a bucket, isn't it; $5?",
            Command::Propose(Propose("a bucket, isn't it; $5?".into())),
        ),
        ("/infra revise larger", Command::Revise(Revise("larger".into()))),
        ("/infra answer 2", Command::Answer(Answer(2))),
    ] {
        assert_eq!(one(comment), Ok(command), "{comment}");
    }
}

#[test]
fn each_row_of_the_table_leads_to_a_command_of_that_row() {
    for row in rows() {
        let arguments = match row.name {
            "allow" => "website a.b",
            "set" => "website a=b",
            "revise" => "larger",
            "answer" => "1",
            _ => "",
        };
        let command = one(&format!("/infra {} {arguments}", row.name)).unwrap();
        assert_eq!(command.row().name, row.name);
    }
}

#[test]
fn what_is_written_for_a_shell_is_refused() {
    for c in ";$()&|<>`'\\!*?{}~#".chars() {
        for comment in
            [format!("/infra plan web{c}site"), format!("/infra allow website a.b[\"{c}\"]")]
        {
            assert!(
                matches!(
                    one(&comment),
                    Err(CommandError::Usage { problem: Problem::Character { .. }, .. })
                ),
                "{comment}"
            );
        }
    }
    assert!(matches!(
        one("/infra plan a\u{202e}b"),
        Err(CommandError::HiddenCharacter('\u{202e}'))
    ));
    assert!(matches!(one("/infra plan a\u{7}b"), Err(CommandError::HiddenCharacter('\u{7}'))));
}

#[test]
fn what_is_no_command_says_why() {
    let comments = [
        "/infra aply",
        "/infra destroy-everything",
        "/infra plan -destroy",
        "/infra plan ../../etc",
        "/infra plan website; rm -rf /",
        "/infra plan `website`",
        "/infra status now",
        "/infra allow website",
        "/infra allow website bucket",
        "/infra apply --plan",
        "/infra apply --plan v1:01",
        "/infra apply --auto-approve",
        "/infra apply website",
        "/infra unlock a b",
        "/infra allow website a.b[\"c",
        "/infra @acme/owners",
        "/infra plan a\u{200b}b",
    ];
    let said: Vec<String> =
        comments.iter().map(|comment| one(comment).unwrap_err().to_string()).collect();
    assert_snapshot!(said.join("\n"), @"
`aply` is no command. Did you mean `apply`? The commands are `help`, `plan`, `drift`, `status`, `allow`, `set`, `propose`, `revise`, `answer`, `apply`, `unlock`, `cancel`.
`destroy-everything` is no command. The commands are `help`, `plan`, `drift`, `status`, `allow`, `set`, `propose`, `revise`, `answer`, `apply`, `unlock`, `cancel`.
`-destroy` is no flag, and nothing is passed on to the engine. Usage: `/infra plan [STACK…]`.
`../../etc` is no stack, which is `name` or `name/environment` in lower case. Usage: `/infra plan [STACK…]`.
`website;` has the character `;`, which no name has. Usage: `/infra plan [STACK…]`.
`` `website` `` has the character `` ` ``, which no name has. Usage: `/infra plan [STACK…]`.
There is more than it takes. Usage: `/infra status`.
Something is missing. Usage: `/infra allow STACK ADDRESS…`.
`bucket` is no address of a resource, which is like `module.site.aws_s3_bucket.this`. Usage: `/infra allow STACK ADDRESS…`.
Something is missing. Usage: `/infra apply [--plan DIGEST]`.
`v1:01` is no plan digest, which is `v1:` and at least 12 hex digits. Usage: `/infra apply [--plan DIGEST]`.
`--auto-approve` is no flag, and nothing is passed on to the engine. Usage: `/infra apply [--plan DIGEST]`.
There is more than it takes. Usage: `/infra apply [--plan DIGEST]`.
There is more than it takes. Usage: `/infra unlock [STACK]`.
A quote is not closed. Usage: `/infra allow STACK ADDRESS…`.
`@acme/owners` is no command. The commands are `help`, `plan`, `drift`, `status`, `allow`, `set`, `propose`, `revise`, `answer`, `apply`, `unlock`, `cancel`.
A line holds the hidden character `⟨U+200B⟩`; type the command anew.
");
}

#[test]
fn several_commands_are_read_in_order_but_not_a_flood() {
    let five = "/infra plan\ntext\n".repeat(MOST);
    assert_eq!(parse(&five), vec![Ok(Command::Plan(Plan { stacks: vec![] })); MOST]);
    let six = format!("{five}/infra cancel");
    assert_eq!(parse(&six), [Err(CommandError::TooManyCommands)]);
}

#[test]
fn the_table_is_written_for_people() {
    assert_snapshot!(commands_table(), @"
| Command | What it does | Who |
| --- | --- | --- |
| `/infra help` | Show this list. | anyone |
| `/infra plan [STACK…]` | Plan again, on the current head. | write access |
| `/infra drift [STACK…]` | Show what was changed behind the configuration's back. | write access |
| `/infra status` | Show what is met, what is missing and what waits. | anyone |
| `/infra allow STACK ADDRESS…` | Allow these protected resources to be deleted or replaced, in the plan shown. | write access, and no part in the change |
| `/infra set STACK PATH=VALUE…` | Change params of a stack: on an issue by a new pull request, on a pull request by a commit to it. | write access |
| `/infra propose [TEXT]` | On an issue: have the agent propose what it asks for, and TEXT. | write access |
| `/infra revise TEXT` | Have the agent change what it proposed. | write access |
| `/infra answer N` | Answer the question of the agent with the choice of that number. | write access |
| `/infra apply [--plan DIGEST]` | After the merge: retry a failed apply, or confirm by its digest a plan that differs. | write access, and no part in the change |
| `/infra unlock [STACK]` | Release the locks that this change holds. | write access |
| `/infra cancel` | Stop what runs for this pull request. | write access |
");
}

#[test]
fn a_set_takes_any_value_and_only_a_path_before_it() {
    let line =
        "/infra set logs/prod tags.\"cost centre\"=12 greeting=\"Good day; $(x)\" a={\"b\":1}";
    let Ok(Command::Set(Set(set))) = &parse(line)[0] else { panic!("{:?}", parse(line)) };
    let params: Vec<(String, &str)> =
        set.params.iter().map(|(path, value)| (path.to_string(), value.as_str())).collect();
    assert_eq!(set.stack.to_string(), "logs/prod");
    assert_eq!(
        params,
        [
            ("tags.\"cost centre\"".to_owned(), "12"),
            ("greeting".into(), "\"Good day; $(x)\""),
            ("a".into(), "{\"b\":1}"),
        ]
    );
    for line in ["set", "set logs", "set logs name", "set logs a/b=1", "set ../x a=1", "set -x a=1"]
    {
        assert!(parse(&format!("/infra {line}"))[0].is_err(), "{line}");
    }
}

proptest! {
    #[test]
    fn a_name_that_is_taken_is_a_stack(word in "[ -~]{1,20}") {
        for command in parse(&format!("/infra plan {word}")).into_iter().flatten() {
            let Command::Plan(Plan { stacks }) = command else { panic!("{command:?}") };
            for stack in stacks {
                prop_assert!(StackId::parse(&stack.to_string()).is_ok());
            }
        }
    }

    #[test]
    fn any_line_gives_a_command_or_a_reason_on_one_line(line in "[^\n\r]{0,60}") {
        for error in parse(&format!("/infra {line}")).into_iter().filter_map(Result::err) {
            prop_assert!(!error.to_string().contains(['\n', '\r']));
        }
    }
}
