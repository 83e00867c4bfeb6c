//! Tests: a table of module texts, in HCL and JSON, with the types and functions that they use.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const REQUIRED: &str = "terraform {
  required_version = \">= 1.9\"
  required_providers {
    aws  = { source = \"hashicorp/aws\", version = \"~> 5\" }
    eu   = { source = \"registry.terraform.io/Hashicorp/aws\" }
    echo = { \"source\" = \"planwright/echo\" }
    old  = \"~> 1.0\"
  }
}
";

fn in_files(files: &[(&str, &str)]) -> Checked<BTreeMap<String, Types>> {
    let files: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    types("p", &files)
}

/// Returns one line per provider.
fn lines(types: &BTreeMap<String, Types>) -> String {
    let lines: Vec<String> =
        types.iter().map(|(source, types)| format!("{source}: {types}")).collect();
    lines.join("\n")
}

/// Returns what a module with these blocks uses, besides the required providers above.
fn used_by(blocks: &str) -> String {
    lines(&in_files(&[("m/versions.tf", REQUIRED), ("m/main.tf", blocks)]).unwrap())
}

#[test]
fn each_block_with_a_type_uses_it() {
    for (block, used) in [
        ("resource \"aws_a\" \"x\" {}", "hashicorp/aws: resources aws_a"),
        ("resource aws_a x {}", "hashicorp/aws: resources aws_a"),
        ("resource \"aws\" \"x\" {}", "hashicorp/aws: resources aws"),
        ("data \"aws_a\" \"x\" {}", "hashicorp/aws: data sources aws_a"),
        ("ephemeral \"aws_a\" \"x\" {}", "hashicorp/aws: ephemeral aws_a"),
        ("action \"aws_a\" \"x\" {}", "hashicorp/aws: actions aws_a"),
        ("list \"aws_a\" \"x\" {}", "hashicorp/aws: resources aws_a; lists aws_a"),
        ("check \"c\" {\n  data \"aws_a\" \"x\" {}\n}", "hashicorp/aws: data sources aws_a"),
        ("resource \"old_a\" \"x\" {}", "hashicorp/old: resources old_a"),
        ("resource \"random_id\" \"x\" {}", "hashicorp/random: resources random_id"),
        ("resource \"terraform_data\" \"x\" {}", ""),
        ("data \"terraform_remote_state\" \"x\" {}", ""),
        ("variable \"aws_a\" {}\nlocals {\n  data = { aws_b = 1 }\n}", ""),
    ] {
        assert_eq!(used_by(block), used, "{block}");
    }
}

#[test]
fn a_block_may_name_its_provider() {
    for (provider, used) in [
        ("eu", "hashicorp/aws: resources foo_a"),
        ("eu.west", "hashicorp/aws: resources foo_a"),
        ("\"echo.west\"", "planwright/echo: resources foo_a"),
        ("echo.by[each.key]", "planwright/echo: resources foo_a"),
        ("(echo)", "planwright/echo: resources foo_a"),
        ("random", "hashicorp/random: resources foo_a"),
        // Only the engine can tell which provider this is, so all of them are included.
        (
            "1 + 1",
            "hashicorp/aws: resources foo_a\nhashicorp/old: resources foo_a\n\
             planwright/echo: resources foo_a",
        ),
    ] {
        let block = format!("resource \"foo_a\" \"x\" {{\n  provider = {provider}\n}}");
        assert_eq!(used_by(&block), used, "{provider}");
    }
}

#[test]
fn an_address_uses_the_type_of_what_was_or_will_be_there() {
    let everywhere = "hashicorp/aws: resources aws_a\nhashicorp/old: resources aws_a\n\
                      planwright/echo: resources aws_a";
    for (block, used) in [
        ("import {\n  to = aws_a.x[\"k\"]\n  id = \"1\"\n}", "hashicorp/aws: resources aws_a"),
        (
            "import {\n  to = aws_a.x\n  provider = echo\n  id = \"1\"\n}",
            "planwright/echo: resources aws_a",
        ),
        ("moved {\n  from = aws_a.x\n  to = aws_b.x\n}", "hashicorp/aws: resources aws_a, aws_b"),
        ("removed {\n  from = aws_a.x\n}", "hashicorp/aws: resources aws_a"),
        ("removed {\n  from = data.aws_a.x\n}", "hashicorp/aws: data sources aws_a"),
        ("removed {\n  from = module.a[\"b.c]\"].module.d.aws_a.x\n}", everywhere),
        ("moved {\n  from = module.a\n  to = module.b[0]\n}", ""),
    ] {
        assert_eq!(used_by(block), used, "{block}");
    }
}

#[test]
fn a_function_is_used_wherever_it_is_called() {
    for call in [
        "locals {\n  a = provider::aws::f(1)\n}",
        "output \"a\" {\n  value = \"x-${provider::aws::f(1).y}\"\n}",
        "output \"a\" {\n  value = <<-EOT\n    %{ if provider::aws::f(1) }a%{ endif }\n  EOT\n}",
        "locals {\n  a = { for k, v in [provider::aws::f(1)] : k => v }\n}",
        "locals {\n  a = max(1, provider::eu::f(2))\n}",
        "locals {\n  a = provider::aws::west::f(1)\n}",
        "check \"a\" {\n  assert {\n    condition     = provider::aws::f(1)\n    error_message = \"\"\n  }\n}",
        "provider \"aws\" {\n  assume_role {\n    role_arn = provider::aws::f(1)\n  }\n}",
    ] {
        assert_eq!(used_by(call), "hashicorp/aws: functions f", "{call}");
    }
    assert_eq!(used_by("locals {\n  a = max(1, 2)\n  b = \"provider::aws::f(1)\"\n}"), "");
    assert_eq!(used_by("# provider::aws::f(1)\n"), "");
}

#[test]
fn a_module_in_json_uses_the_same() {
    let hcl = "resource \"aws_a\" \"x\" {
  provider = eu.west
  name     = \"n-${provider::echo::upper(\"a\")}\"
}
resource \"aws_a\" \"y\" {}
resource \"aws_b\" \"x\" {}
data \"aws_c\" \"x\" {}
ephemeral \"aws_d\" \"x\" {}
action \"aws_e\" \"x\" {}
list \"echo_f\" \"x\" {}
check \"c\" {
  data \"aws_g\" \"x\" {}
}
import {
  to = aws_h.x[\"a\"]
  id = \"1\"
}
import {
  to = aws_i.x
  id = \"1\"
}
moved {
  from = aws_j.x
  to   = aws_k.x
}
removed {
  from = module.m.aws_l.x
}
";
    let json = json!([{
        "//": "A comment.",
        "terraform": {"required_version": ">= 1.9", "required_providers": [{
            "aws": {"source": "hashicorp/aws", "version": "~> 5"},
            "eu": {"source": "registry.terraform.io/Hashicorp/aws"},
        }]},
        "resource": [
            {"aws_a": {"x": {"provider": "eu.west", "name": "n-${provider::echo::upper(\"a\")}"}}},
            {"aws_a": {"y": [{}]}, "aws_b": {"x": {"count": 0, "data": "a string"}}},
        ],
        "data": {"aws_c": {"x": {}}},
        "ephemeral": {"aws_d": [{"x": {}}]},
        "action": {"aws_e": {"x": {}}},
        "list": {"echo_f": {"x": {}}},
        "check": {"c": {"data": {"aws_g": {"x": {}}}}},
        "import": [{"to": "aws_h.x[\"a\"]", "id": "1"}, {"to": "aws_i.x", "id": "1"}],
        "moved": {"from": "aws_j.x", "to": "aws_k.x"},
    }, {
        "terraform": [{"required_providers": {
            "echo": {"source": "planwright/echo"},
            "old": "~> 1.0",
        }}],
        "removed": {"from": "module.m.aws_l.x"},
    }]);
    let json = in_files(&[("m/main.tf.json", &json.to_string())]).unwrap();
    let shown = lines(&json);
    assert_eq!(shown, used_by(hcl));
    for name in ('a'..='l').filter(|name| *name != 'f').map(|name| format!("aws_{name}")) {
        assert!(shown.contains(&name), "{name} in\n{shown}");
    }
    assert!(shown.contains("lists echo_f; functions upper"), "{shown}");
}

#[test]
fn a_function_in_json_is_found_where_a_string_is_a_template() {
    for (value, is_call) in [
        (json!("${provider::aws::f(1)}"), true),
        (json!({"deep": [{"${provider::aws::f(1)}": 1}]}), true),
        (json!("%{ if provider::aws::f(1) }a%{ endif }"), true),
        (json!("provider::aws::f(1)"), false),
        (json!("${ no template"), false),
        (json!(1), false),
    ] {
        let module = json!({"locals": {"a": value}}).to_string();
        let used = in_files(&[("main.tf.json", &module)]).unwrap();
        assert_eq!(used.contains_key("hashicorp/aws"), is_call, "{module}");
    }
}

#[test]
fn each_folder_has_local_names_of_its_own() {
    let a = "terraform {\n  required_providers {\n    x = { source = \"a/a\" }\n  }\n}";
    let used = in_files(&[
        ("m/versions.tf", a),
        ("m/main.tf", "resource \"x_1\" \"a\" {}"),
        ("m/nested/main.tofu", "resource \"x_2\" \"a\" {}"),
        ("m/README.md", "resource \"x_3\" \"a\" {}"),
        ("m/terraform.tfvars.json", "{\"resource\": {\"x_4\": {\"a\": {}}}}"),
    ]);
    assert_eq!(lines(&used.unwrap()), "a/a: resources x_1\nhashicorp/x: resources x_2");
}

#[test]
fn a_module_that_cannot_be_read_is_told_and_not_left_out() {
    for (path, text, code) in
        [("m/a.tf", "resource {", "invalid_hcl"), ("m/a.tf.json", "{", "invalid_json")]
    {
        let findings = in_files(&[(path, text), ("m/b.tf", "")]).unwrap_err();
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].code.as_ref(), findings[0].place.file.as_str()),
            (code, &*format!("p/{path}"))
        );
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,6}(_[a-z0-9]{1,6}){0,3}"
}

proptest! {
    #[test]
    fn a_type_spelled_in_a_resource_anywhere_is_found(
        spelled in prop::collection::vec(
            (name(), "[a-z]{1,4}(/[a-z]{1,4}){0,3}", any::<bool>(), any::<bool>(), prop::option::of(name())),
            1..8,
        ),
        noise in "[ -~]{0,40}",
    ) {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (i, (name, folder, is_json, is_data, provider)) in spelled.iter().enumerate() {
            let keyword = if *is_data { "data" } else { "resource" };
            let (path, text) = if *is_json {
                let mut body = json!({"comment": noise});
                if let Some(provider) = provider {
                    body["provider"] = provider.clone().into();
                }
                (format!("{folder}/{i}.tf.json"), json!({keyword: {name: {"x": body}}}).to_string())
            } else {
                let provider = provider.as_ref().map(|name| format!("  provider = {name}\n"));
                let provider = provider.unwrap_or_default();
                let text = format!("# {noise}\n{keyword} \"{name}\" \"x{i}\" {{\n{provider}}}\n");
                (format!("{folder}/{i}.tf"), text)
            };
            files.insert(path, text.into_bytes());
        }
        let used = types("p", &files).unwrap();
        for (name, _, _, is_data, provider) in &spelled {
            let local = provider.clone().unwrap_or_else(|| prefix(name));
            if local == "terraform" {
                continue;
            }
            let types = &used[&format!("hashicorp/{local}")];
            let names = if *is_data { &types.data_sources } else { &types.resources };
            prop_assert!(names.contains(name), "{name} is not in {types}");
        }
    }
}
