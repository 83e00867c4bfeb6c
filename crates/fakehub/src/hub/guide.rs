//! What the start page says: what can be tried, step by step.
//!
//! fakehub does not know what it is shown for; whoever starts it hands it a guide.

use std::sync::Arc;

/// What the start page says. Texts are Markdown.
#[derive(Clone, Default)]
pub struct Guide {
    pub title: String,
    pub about: String,
    pub steps: Vec<Step>,
    /// Where everything is kept, and how to begin anew.
    pub note: String,
}

#[derive(Clone, Default)]
pub struct Step {
    pub title: String,
    pub text: String,
    pub is_done: bool,
    /// The words and the address of the page where it is done.
    pub link: Option<(String, String)>,
    pub action: Option<Action>,
}

/// Something that is not done on a page of GitHub's, but by a button beside its step.
#[derive(Clone)]
pub struct Action {
    pub name: String,
    pub act: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}
