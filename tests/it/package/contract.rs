//! `lock` refuses a package whose parts do not fit together.

use planwright_package::{files::MemoryFiles, source};

use super::{findings, id, lock};

const STACK: &str = "apiVersion: planwright.dev/v1
kind: Stack
package: packages/site
version: \"^0.1\"
params:
  bucket: acme-website
  region: eu-central-1
";

/// `aws-static-site` as a package of the repository.
fn repository() -> MemoryFiles {
    let site = source::built_in()["aws-static-site"].iter();
    let site = site.map(|(path, bytes)| (format!("packages/site/{path}"), bytes.clone()));
    site.chain([("stacks/s/stack.yaml".to_owned(), STACK.as_bytes().to_vec())]).collect()
}

fn replaced(path: &str, from: &str, to: &str) -> MemoryFiles {
    let mut files = repository();
    let path = format!("packages/site/{path}");
    let text = String::from_utf8(files.0[&path].clone()).unwrap();
    assert!(text.contains(from), "{path} has no {from:?}");
    files.0.insert(path, text.replacen(from, to, 1).into_bytes());
    files
}

#[test]
fn the_package_is_sound_before_it_is_broken() {
    lock(&mut repository(), &id("s")).unwrap();
}

/// Makes one flaw and expects it to be told at a pointer of the file it stands in.
fn is_told(path: &str, (from, to): (&str, &str), at: &str) {
    let found = findings(lock(&mut replaced(path, from, to), &id("s")));
    assert!(
        found.iter().any(|f| f.code == "package_unsound" && f.pointer.as_deref() == Some(at)),
        "{from:?} to {to:?} in {path}: {found:#?}"
    );
}

#[test]
fn each_flaw_of_a_manifest_is_told_where_it_stands() {
    for (from, to, at) in [
        ("planwright: \">=0.1\"", "planwright: \">=99\"", "/requires/planwright"),
        ("implements: web.site/v1", "implements: web.site/v2", "/slots/site/implements"),
        ("variants: [route53, none]", "variants: [route53]", "/slots/dns/select"),
        ("    select: ${params.dns.provider}\n", "", "/slots/dns"),
        ("${params.dns.provider}", "${params.region}", "/slots/dns/select"),
        ("dns.target: ${slots.site.target}", "dns.target: plain", "/wiring/dns.target"),
        ("dns.target: ${slots.site.target}", "dns.target: ${slots.site.x}", "/wiring/dns.target"),
        ("  dns.target: ${slots.site.target}\n", "", "/wiring"),
        ("dns.target:", "dns.aim:", "/wiring/dns.aim"),
        ("url: ${slots.dns.url}", "url: ${slots.dns.nope}", "/outputs/url"),
        ("protect: [site]", "protect: [nope]", "/protect/0"),
        ("protect: [site]", "sensitive: [url, nope]", "/sensitive/1"),
    ] {
        is_told("package.yaml", (from, to), at);
    }
}

#[test]
fn each_flaw_of_a_variant_or_schema_is_told_where_it_stands() {
    const CLOUDFRONT: &str = "modules/site/cloudfront/variant.yaml";
    const ROUTE53: &str = "modules/dns/route53/variant.yaml";
    for (path, from, to, at) in [
        (CLOUDFRONT, "implements: web.site/v1", "implements: web.site/v0", "/implements"),
        (CLOUDFRONT, "${params.region}", "${params.reggion}", "/providers/aws/region"),
        (CLOUDFRONT, "${params.tags}", "${slots.dns.url}", "/variables/tags/value"),
        (CLOUDFRONT, "${params.tags}", "x-${params.tags}", "/variables/tags/value"),
        (
            CLOUDFRONT,
            "value: TLSv1.2_2021",
            "value: 12",
            "/variables/minimum_protocol_version/value",
        ),
        (CLOUDFRONT, "  aws:\n", "  gcp:\n", "/providers/gcp"),
        (CLOUDFRONT, "  tags: {", "  count: {", "/variables/count"),
        (CLOUDFRONT, "outputs:\n  bucket: string\n", "outputs:\n", "/outputs"),
        (ROUTE53, "domain: { type: string }", "domain: { type: bool }", "/variables"),
        (
            ROUTE53,
            "domain: { type: string }",
            "domain: { type: string, value: a }",
            "/variables/domain/value",
        ),
        (ROUTE53, "  zone_id:", "  other: { type: string }\n  zone_id:", "/variables/other"),
        (ROUTE53, "${params.dns.zone_id}", "${params.dns.zone}", "/variables/zone_id/value"),
        (
            "modules/dns/route53/params.schema.json",
            "\"required\": [\"zone_id\"],",
            "",
            "/variables/zone_id/value",
        ),
        (
            "params.schema.json",
            "\"default\": \"index.html\"",
            "\"title\": \"x\"",
            "/variables/index_document/value",
        ),
    ] {
        is_told(path, (from, to), at);
    }
}

#[test]
fn a_file_that_is_missing_or_belongs_to_nothing_is_told() {
    for path in [
        "package.yaml",
        "params.schema.json",
        "modules/dns/none/variant.yaml",
        "modules/dns/none/params.schema.json",
    ] {
        let mut files = repository();
        files.0.remove(&format!("packages/site/{path}"));
        assert!(lock(&mut files, &id("s")).is_err(), "{path}");
    }
    let mut files = repository();
    files.0.retain(|path, _| !(path.contains("dns/none") && path.ends_with(".tf")));
    assert!(lock(&mut files, &id("s")).is_err(), "a variant without a module");
    let mut files = repository();
    files.0.insert("packages/site/modules/dns/nonee/main.tf".into(), Vec::new());
    assert!(lock(&mut files, &id("s")).is_err(), "a module without a variant");
}
