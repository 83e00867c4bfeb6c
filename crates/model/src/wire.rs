//! The APIs that model servers speak: one variant and one row each.
//!
//! A new one is a file with an [`Api`], a variant and a row here, and a value of the settings.

use super::{api::Api, chat_completions};

/// The API of a model server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    #[default]
    ChatCompletions,
}

impl Wire {
    pub(crate) fn api(self) -> &'static Api {
        match self {
            Self::ChatCompletions => &chat_completions::API,
        }
    }
}
