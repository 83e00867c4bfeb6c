//! The APIs of model servers, one variant each.
//!
//! To add one, write a file with an [`Api`], and add a variant, its row here, and a value of the
//! setting.

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
