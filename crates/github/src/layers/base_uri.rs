//! The layer that completes the path of a call to the address of REST, GraphQL or GitHub's website.

use std::sync::Arc;

use http::{HeaderValue, header::ACCEPT};
use tower::ServiceExt as _;
use url::Url;

use super::{CallRequest, CallResponse, Middleware, Next};
use crate::{
    call::CallFacts,
    error::{Error, Result},
    rate_limit::Resource,
};

/// The addresses of one GitHub, without a slash at the end.
#[derive(Debug)]
pub(crate) struct Addresses {
    rest: String,
    graphql: String,
    pub web: String,
}

impl Addresses {
    /// Fails unless `api_url` is an absolute http(s) URL without user, query or fragment.
    pub fn parse(api_url: &str) -> Result<Self> {
        let rest = base(api_url)?;
        // GitHub has two forms: `api.HOST`, and `HOST/api/v3` with GraphQL at `HOST/api/graphql`.
        let (graphql, web) = match rest.strip_suffix("/api/v3") {
            Some(host) => (format!("{host}/api/graphql"), host.to_owned()),
            None => (format!("{rest}/graphql"), rest.replacen("://api.", "://", 1)),
        };
        Ok(Self { rest, graphql, web })
    }

    fn locate(&self, resource: Resource, path: &str) -> String {
        match resource {
            Resource::Core => format!("{}{path}", self.rest),
            Resource::Graphql => self.graphql.clone(),
            Resource::Web => format!("{}{path}", self.web),
        }
    }
}

/// Completes the path to an address, and sets the `Accept` header that fits it.
#[derive(Clone)]
pub(crate) struct BaseUri(pub Arc<Addresses>);

impl Middleware for BaseUri {
    async fn exchange(self, mut request: CallRequest, next: impl Next) -> Result<CallResponse> {
        let facts = CallFacts::from_request(&request);
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let address = self.0.locate(facts.resource, path);
        *request.uri_mut() = address.parse().map_err(|error| facts.not_sent(error))?;
        let accept = match facts.resource {
            Resource::Web => "application/json",
            Resource::Core | Resource::Graphql => "application/vnd.github+json",
        };
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        next.oneshot(request).await
    }
}

/// Checks the base address of the API, and removes a slash at the end.
fn base(api_url: &str) -> Result<String> {
    let wrong = |why: &str| {
        Error::Settings(format!(
            "the GitHub API URL `{api_url}` {why}; expected e.g. `https://api.github.com` or `https://HOST/api/v3`"
        ))
    };
    let url = Url::parse(api_url).map_err(|e| wrong(&format!("is not a URL ({e})")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The URL is not quoted, because it contains a secret.
        return Err(Error::Settings(
            "the GitHub API URL has a user or password in it; remove them".into(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_has_its_address() {
        for (api, rest, graphql, web) in [
            (
                "https://api.github.com",
                "https://api.github.com/app",
                "https://api.github.com/graphql",
                "https://github.com/app",
            ),
            (
                "https://ghes.example/api/v3",
                "https://ghes.example/api/v3/app",
                "https://ghes.example/api/graphql",
                "https://ghes.example/app",
            ),
            (
                "http://127.0.0.1:4000/api/v3/",
                "http://127.0.0.1:4000/api/v3/app",
                "http://127.0.0.1:4000/api/graphql",
                "http://127.0.0.1:4000/app",
            ),
        ] {
            let addresses = Addresses::parse(api).unwrap();
            assert_eq!(addresses.locate(Resource::Core, "/app"), rest);
            assert_eq!(addresses.locate(Resource::Graphql, "/graphql"), graphql);
            assert_eq!(addresses.locate(Resource::Web, "/app"), web);
        }
    }

    #[test]
    fn an_api_url_with_a_password_is_refused_and_not_quoted() {
        let error = Addresses::parse("https://me:hunter2@ghes.example/api/v3").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn an_api_url_must_be_absolute_and_plain() {
        for url in ["api.github.com", "ftp://api.github.com", "https://h/api/v3?x=1", ""] {
            assert!(Addresses::parse(url).is_err(), "{url:?} was taken");
        }
        assert_eq!(base("https://h/api/v3/").unwrap(), "https://h/api/v3");
    }
}
