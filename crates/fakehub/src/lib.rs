//! A local GitHub for `planwright demo` and the tests: REST, GraphQL, git over HTTP, webhooks and
//! web pages, on loopback only.
//!
//! Programs use it over HTTP, as they use github.com; people open its pages at the same address. It
//! shares no code with the bot, not even a type, so that the two cannot share a wrong assumption
//! about GitHub. It has only what the demo or a test uses. Any other call of the API is answered
//! with 501 and listed by `Hub::unknown`.
//!
//! These are its layers, from the bottom to the top. `tests/layers.rs` checks that a layer imports
//! only those below it.
//!
//! - `api_error`, `http` and `git_repo` know nothing of GitHub's state.
//! - `state` is what is stored.
//! - `json` renders the state as GitHub's REST API and webhooks do.
//! - `actions` change the state by GitHub's rules.
//! - `hub` is the running server: the state behind a lock, the call log, faults and webhooks.
//! - `rest`, `graphql`, `pages` and `git_http` turn requests into actions, and `people` and `views`
//!   do the same for programs in this process.
//! - `server` passes each request to one of them; `testing` has what only tests use.

mod actions;
mod api_error;
mod git_http;
mod git_repo;
mod graphql;
mod http;
mod hub;
mod json;
mod pages;
mod people;
mod rest;
mod server;
mod state;
#[cfg(feature = "testing")]
mod testing;
mod views;

pub use actions::branches::Edit;
pub use actions::merge::MergeMethod;
pub use actions::registration::AppEdit;
pub use api_error::ApiError;
pub use git_repo::FileChange;
pub use hub::guide::{Action, Guide, Step};
pub use hub::{AppCredentials, Hub, Settings};
pub use people::Person;
pub use state::data::{Level, ReviewState, Role};
pub use views::{CheckRunView, CommentView, PullView};
#[cfg(feature = "testing")]
pub use {
    actions::issues::IssueEdit,
    actions::pulls::NewPull,
    hub::call_log::{Call, Kind, Phase},
    hub::faults::Fault,
    testing::{CommitView, DeliveryView, IssueView},
};
