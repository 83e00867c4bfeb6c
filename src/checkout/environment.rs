//! The variables that an engine on the command line gets from the user's own environment.
//!
//! All variables are passed on, since providers may read any of them for credentials, except
//! Planwright's own and those that would change what the engine does with a stack (`TF_VAR_…`,
//! `TF_CLI_ARGS`, `TF_WORKSPACE`, `TF_DATA_DIR`, …). Of the engine's own variables it gets
//! `TF_TOKEN_…` and, from the adapter, `TF_CLI_CONFIG_FILE` and `TF_PLUGIN_CACHE_DIR`. The bot
//! passes on only what its settings name.

use std::{collections::BTreeMap, ffi::OsString};

use planwright_engine::Secrets;

use super::Error;

/// The variables that children get, and those of their values that are never shown.
#[derive(Clone, Default)]
pub struct Environment {
    pub variables: BTreeMap<String, OsString>,
    pub secrets: Secrets,
}

impl Environment {
    /// Fails if leaving a variable out would do harm.
    pub fn new(all: &BTreeMap<String, OsString>) -> Result<Self, Error> {
        if all.contains_key("TF_ENCRYPTION") {
            return Err(Error::Usage(
                "TF_ENCRYPTION is set, and Planwright cannot read encrypted states and plans; \
                 unset it, or keep the state in a backend that encrypts"
                    .into(),
            ));
        }
        let passed_on = all.iter().filter(|(name, _)| is_passed_on(name));
        let variables: BTreeMap<String, OsString> =
            passed_on.map(|(name, value)| (name.clone(), value.clone())).collect();
        let secret = variables.iter().filter(|(name, _)| is_secret(name));
        let values: Vec<&str> = secret.filter_map(|(_, value)| value.to_str()).collect();
        Ok(Self { secrets: Secrets::new(values), variables })
    }
}

fn is_passed_on(name: &str) -> bool {
    let is_engines = name.starts_with("TF_") && !name.starts_with("TF_TOKEN_");
    !is_engines && !name.starts_with("PLANWRIGHT_")
}

/// Returns whether a variable is secret, judging by its name: a user has too many variables to hide
/// the values of all of them.
fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 6] = ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIALS"];
    let name = name.to_uppercase();
    name.split('_').any(|word| WORDS.contains(&word)) || name.ends_with("_KEY")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Result<Environment, Error> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        Environment::new(&pairs.collect())
    }

    #[test]
    fn credentials_reach_the_engine_and_what_would_change_its_behaviour_does_not() {
        let all = [
            ("AWS_PROFILE", "work"),
            ("TF_TOKEN_example_org", "t0ken"),
            ("TF_VAR_greeting", "no"),
            ("TF_CLI_ARGS_plan", "-destroy"),
            ("TF_WORKSPACE", "other"),
            ("TF_DATA_DIR", "elsewhere"),
            ("PLANWRIGHT_ENGINE", "tofu"),
        ];
        let names: Vec<String> = environment(&all).unwrap().variables.into_keys().collect();
        assert_eq!(names, ["AWS_PROFILE", "TF_TOKEN_example_org"]);
    }

    #[test]
    fn what_looks_like_a_credential_is_never_shown() {
        let all = [
            ("AWS_SECRET_ACCESS_KEY", "hunter2222"),
            ("GITHUB_TOKEN", "gh-token"),
            ("CLOUDFLARE_API_KEY", "cf-value"),
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("LANG", "en_GB"),
        ];
        let secrets = environment(&all).unwrap().secrets;
        assert_eq!(
            secrets.scrubbed("hunter2222 gh-token cf-value AKIA en_GB"),
            "[secret] [secret] [secret] AKIA en_GB"
        );
    }

    #[test]
    fn an_encryption_that_would_silently_be_left_out_is_refused() {
        assert!(environment(&[("TF_ENCRYPTION", "…")]).is_err());
    }
}
