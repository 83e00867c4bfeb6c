//! Opening issues, e.g. to say that an apply has failed and what stands.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::transport::Call;
use super::{GitHub, Result, Task};
use crate::domain::names::PrNumber;
use crate::domain::repository::Repository;

impl GitHub {
    /// Opens an issue and returns its number.
    pub async fn create_issue(
        &self,
        repository: &Repository,
        title: &str,
        body: &str,
    ) -> Result<PrNumber> {
        #[derive(Deserialize)]
        struct Wire {
            number: PrNumber,
        }
        let path = format!("/repos/{}/issues", repository.name);
        let call = Call::close(Method::POST, path, json!({ "title": title, "body": body }));
        Ok(self.ask::<Wire>(repository, Task::Issue, &call).await?.number)
    }
}
