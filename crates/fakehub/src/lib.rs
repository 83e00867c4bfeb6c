//! The local GitHub: REST, GraphQL, git over HTTP, webhooks and pages, on this machine alone.
//!
//! `planwright demo` and the tests play against it as against github.com, over HTTP. It imports
//! nothing of the rest of the workspace, not one type, so that the two sides cannot share a
//! misunderstanding. It has only what the demo or a test calls: anything else is answered 501 and
//! listed by `Hub::unknown`. People get web pages at the same address.
//!
//! It is built in layers, which `tests/layers.rs` holds; each imports those before it only:
//! `api_error`, `http` and `git_repo` know nothing of GitHub's state; `state` is what is remembered;
//! `json` shows it as GitHub does; `actions` change it by GitHub's rules; `hub` runs it; the surfaces
//! `rest`, `graphql`, `pages` and `git_http` lead requests to actions and do not know each other;
//! `server` chooses between them. `people`, `views` and `testing` are for programs in this process.

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
