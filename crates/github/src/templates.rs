//! Path templates, by which similar calls are counted together in traces and metrics.

/// Replaces variable segments by placeholders, as in `/repos/{owner}/{repo}/issues/{id}/comments`.
pub(crate) fn path_template(path: &str) -> String {
    let mut template = String::new();
    let mut before = "";
    for (index, segment) in path.split('/').skip(1).enumerate() {
        let in_repository = path.starts_with("/repos/");
        let placeholder = match (before, index) {
            (_, 1) if in_repository => Some("{owner}"),
            (_, 2) if in_repository => Some("{repo}"),
            ("commits", _) => Some("{sha}"),
            ("collaborators", _) => Some("{login}"),
            ("app-manifests", _) => Some("{code}"),
            // The name of a branch may contain slashes.
            ("heads", _) => return template + "/{branch}",
            _ if is_number(segment) => Some("{id}"),
            _ => None,
        };
        before = placeholder.unwrap_or(segment);
        template.push('/');
        template.push_str(before);
    }
    template
}

fn is_number(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_call_to_call_is_a_placeholder() {
        for (path, template) in [
            ("/app", "/app"),
            ("/repos/acme/infra/pulls", "/repos/{owner}/{repo}/pulls"),
            (
                "/repos/commits/heads/issues/1/comments",
                "/repos/{owner}/{repo}/issues/{id}/comments",
            ),
            (
                "/repos/a/b/git/ref/heads/planwright/3-logs",
                "/repos/{owner}/{repo}/git/ref/heads/{branch}",
            ),
            (
                "/repos/a/b/collaborators/bob/permission",
                "/repos/{owner}/{repo}/collaborators/{login}/permission",
            ),
            (
                "/repos/a/b/commits/0a1b/check-runs",
                "/repos/{owner}/{repo}/commits/{sha}/check-runs",
            ),
            ("/app/hook/deliveries/50/attempts", "/app/hook/deliveries/{id}/attempts"),
            ("/app/installations/9/access_tokens", "/app/installations/{id}/access_tokens"),
            ("/app-manifests/c0de/conversions", "/app-manifests/{code}/conversions"),
        ] {
            assert_eq!(path_template(path), template);
        }
    }
}
