//! The content of the start page: what can be tried, step by step.
//!
//! fakehub does not know what it is used to show. The program that starts it provides the guide.

use std::sync::Arc;

/// The content of the start page. Texts are Markdown.
#[derive(Clone, Default)]
pub struct Guide {
    pub title: String,
    pub about: String,
    pub steps: Vec<Step>,
    /// A last remark: where the data is kept, and how to start afresh.
    pub note: String,
}

#[derive(Clone, Default)]
pub struct Step {
    pub title: String,
    pub text: String,
    pub is_done: bool,
    /// The label and the URL of the page on which the step is done.
    pub link: Option<(String, String)>,
    pub action: Option<Action>,
}

/// Something that is done by a button beside its step, because no page of GitHub does it.
#[derive(Clone)]
pub struct Action {
    pub name: String,
    pub act: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}
