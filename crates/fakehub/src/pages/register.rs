//! Registers an app: another site's form brings its manifest, and a person confirms it on a page.
//!
//! Any site may send a manifest. It has no effect before somebody confirms it here.

use std::collections::BTreeMap;

use askama::Template;

use crate::{
    actions::registration::Manifest,
    api_error::ApiError,
    http::{Request, Response},
    hub::Hub,
    pages::guard::guard,
};

/// The page on which a person confirms the manifest that another site has sent.
#[derive(Template)]
#[template(
    ext = "html",
    source = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Create GitHub App</title>\
              <h1>Create GitHub App</h1><p>{{ name }}</p>\
              <form method=\"post\" action=\"{{ action }}\">\
              <input type=\"hidden\" name=\"manifest\" value=\"{{ manifest }}\">\
              <input type=\"hidden\" name=\"state\" value=\"{{ state }}\">\
              <button>Create GitHub App</button></form></html>"
)]
struct Confirmation<'a> {
    name: &'a str,
    action: &'a str,
    manifest: &'a str,
    state: &'a str,
}

/// The path to which another site's form posts a manifest.
const NEW: &str = "/settings/apps/new";
/// The path to which our page posts the manifest when it is confirmed.
const CONFIRMED: &str = "/settings/apps/confirmed";

/// Returns whether a request registers an app, for a person or for an organisation.
pub fn is_page(request: &Request) -> bool {
    let is_one = |page| owner_of(&request.path, page).is_some();
    request.method == "POST" && (is_one(NEW) || is_one(CONFIRMED))
}

/// Returns the owner of the new app: an organisation, or `Some(None)` for whoever is signed in.
///
/// Returns `None` if `path` does not end in `page`.
fn owner_of<'a>(path: &'a str, page: &str) -> Option<Option<&'a str>> {
    let of = path.strip_suffix(page)?;
    match of.strip_prefix("/organizations/") {
        _ if of.is_empty() => Some(None),
        Some(login) if !login.is_empty() && !login.contains('/') => Some(Some(login)),
        _ => None,
    }
}

/// Asks for confirmation, or registers the app and redirects to the site that asked for it.
pub fn answer(hub: &Hub, request: &Request) -> Response {
    let response = match owner_of(&request.path, CONFIRMED) {
        None => confirmation(request),
        Some(owner) => guard(hub, request).and_then(|()| register(hub, request, owner)),
    };
    // There is no `form-action`, because the confirmed form redirects to another site.
    let policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
    let response = response.unwrap_or_else(|error| Response::error(&error));
    response.with("content-security-policy", policy).with("cache-control", "no-store")
}

type Fields = BTreeMap<String, String>;

fn manifest_in(fields: &Fields) -> Result<(&str, Manifest), ApiError> {
    let text = fields.get("manifest").ok_or_else(|| ApiError::missing("manifest"))?;
    let manifest = serde_json::from_str(text)
        .map_err(|error| ApiError::invalid("Integration", "manifest", error.to_string()))?;
    Ok((text, manifest))
}

fn confirmation(request: &Request) -> Result<Response, ApiError> {
    let fields: Fields = form_urlencoded::parse(&request.body).into_owned().collect();
    let query: Fields = form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
    let (manifest, Manifest { name, .. }) = manifest_in(&fields)?;
    let action = request.path.replace(NEW, CONFIRMED);
    let state = query.get("state").map_or("", String::as_str);
    let page = Confirmation { name: &name, action: &action, manifest, state };
    let page = page.render().map_err(|error| ApiError::new(500, error.to_string()))?;
    let response = Response { status: 200, headers: vec![], body: page.into() };
    Ok(response.with("content-type", "text/html; charset=utf-8"))
}

fn register(hub: &Hub, request: &Request, owner: Option<&str>) -> Result<Response, ApiError> {
    let fields: Fields = form_urlencoded::parse(&request.body).into_owned().collect();
    let (_, manifest) = manifest_in(&fields)?;
    let redirect =
        manifest.redirect_url.as_ref().ok_or_else(|| ApiError::missing("redirect_url"))?;
    let code = hub.0.change(|state| state.register_app(owner, &manifest))?;
    let mut answer = form_urlencoded::Serializer::new(String::new());
    answer.append_pair("code", &code);
    if let Some(state) = fields.get("state").filter(|state| !state.is_empty()) {
        answer.append_pair("state", state);
    }
    Ok(Response::empty(302).with("location", format!("{redirect}?{}", answer.finish())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_that_of_a_person_or_an_organisation() {
        assert_eq!(owner_of("/settings/apps/new", NEW), Some(None));
        let of_acme = "/organizations/acme/settings/apps/new";
        assert_eq!(owner_of(of_acme, NEW), Some(Some("acme")));
        for path in ["/organizations//settings/apps/new", "/a/b/settings/apps/new", "/settings"] {
            assert_eq!(owner_of(path, NEW), None, "{path}");
        }
    }
}
