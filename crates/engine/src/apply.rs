//! `apply` of exactly one plan file, and reading the outputs of a state.
//!
//! An apply is never retried here. If it fails, the error has what is known of each resource.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Deserialize;

use super::{
    COLD, Control, Engine, Error, Planned, Root, Step,
    init::{Command, CommandContext},
    plan::PlanFile,
    transcript::Transcript,
};

/// One output of a root module.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Output {
    /// The value in plain text, even if it is sensitive.
    pub value: serde_json::Value,
    pub sensitive: bool,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sensitive {
            true => f.write_str("(sensitive)"),
            false => self.value.fmt(f),
        }
    }
}

/// What an apply has done.
#[derive(Debug)]
pub struct Applied {
    pub steps: Vec<Step>,
    pub outputs: BTreeMap<String, Output>,
}

/// Why an apply failed, and what it had done until then.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct ApplyFailed {
    pub steps: Vec<Step>,
    #[source]
    pub error: Error,
}

impl Engine {
    /// Installs the providers that the directory of a plan lacks for its apply. A plan may have
    /// used providers that were already running, but an apply starts its own; a missing one should
    /// be noticed before the apply begins.
    pub async fn install_providers(
        &self,
        root: &Root<'_>,
        planned: &Planned,
        control: &Control<'_>,
    ) -> Result<(), Error> {
        let _turn = self.turn("init", COLD, control).await?;
        let context = CommandContext { root, dir: &planned.dir, control };
        self.initialise(context, &BTreeSet::new()).await
    }

    /// Applies a plan, which can be applied only once; `root` must be the one that was planned.
    ///
    /// The engine continues if this future is dropped or this process dies; only
    /// [`Control::cancel`] and the time limit end it.
    pub async fn apply(
        &self,
        root: &Root<'_>,
        planned: Planned,
        control: &Control<'_>,
    ) -> Result<Applied, ApplyFailed> {
        let mut transcript = Transcript::new(root.secrets, control.log);
        let context = CommandContext { root, dir: &planned.dir, control };
        let done = self.apply_file(context, &planned.file, &mut transcript).await;
        let steps = transcript.steps;
        match done {
            Ok(outputs) => Ok(Applied { steps, outputs }),
            Err(error) => Err(ApplyFailed { steps, error }),
        }
    }

    async fn apply_file(
        &self,
        context: CommandContext<'_, '_>,
        file: &PlanFile,
        transcript: &mut Transcript<'_>,
    ) -> Result<BTreeMap<String, Output>, Error> {
        let _turn = self.turn("apply", COLD, context.control).await?;
        // Does nothing if `install_providers` was called before.
        self.initialise(context, &BTreeSet::new()).await?;
        let args = vec![file.0.clone().into_os_string()];
        let command = Command { name: "apply", args, captures: false };
        self.run(context, command, transcript).await?;
        self.read_outputs(context).await
    }

    /// Returns the outputs in the state of a root, without planning.
    pub async fn outputs(
        &self,
        root: &Root<'_>,
        control: &Control<'_>,
    ) -> Result<BTreeMap<String, Output>, Error> {
        let _turn = self.turn("output", COLD, control).await?;
        let dir = self.hold(root, control).await?;
        // Outputs are read from the state alone, so missing providers do not matter.
        let all = root.providers.keys().cloned().collect();
        let context = CommandContext { root, dir: &dir, control };
        self.initialise(context, &all).await?;
        self.read_outputs(context).await
    }

    async fn read_outputs(
        &self,
        context: CommandContext<'_, '_>,
    ) -> Result<BTreeMap<String, Output>, Error> {
        let root = context.root;
        let command = Command { name: "output", args: Vec::new(), captures: true };
        let ended = self.command(context, command).await?;
        let mut outputs: BTreeMap<String, Output> = serde_json::from_slice(&ended.stdout)
            .map_err(|why| Error::unreadable("the outputs that the engine printed", why))?;
        for output in outputs.values_mut() {
            // A value that contains a secret is sensitive, whatever the module declares.
            output.sensitive |= root.secrets.is_in(&output.value.to_string());
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensitive_output_is_not_printed() {
        let json = r#"{"value": "hunter2222", "sensitive": true, "type": "string"}"#;
        let output: Output = serde_json::from_str(json).unwrap();
        assert_eq!(format!("{output:?}"), "(sensitive)");
        assert_eq!(output.value, "hunter2222");
    }

    #[test]
    fn an_output_that_does_not_say_whether_it_is_sensitive_is_an_error() {
        assert!(serde_json::from_str::<Output>(r#"{"value": 1}"#).is_err());
    }
}
