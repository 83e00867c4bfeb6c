//! `plan`: what the engine would do, and the file that holds exactly that.
//!
//! The plan file has secrets in clear: it lies in the private work directory and is removed with
//! the value that names it.

use std::{collections::BTreeSet, ffi::OsString, fmt, fs, path::PathBuf};

use secrecy::ExposeSecret as _;

use super::{
    COLD, Control, Diagnostic, Engine, Error, Root, StateId, WARM,
    init::{Command, Ready},
    plan_json,
    warm::{REATTACH, ahead, state_types},
};
use planwright_core::{finding::Severity, plan::Plan};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Normal,
    /// Plans to delete everything that the state knows.
    Destroy,
}

/// A plan that can be applied, once, as long as this value lives.
///
/// It holds the work directory: no other operation works there until it is dropped.
pub struct Planned {
    pub plan: Plan,
    /// The state it was made from; none where there was none yet.
    pub state: Option<StateId>,
    pub warnings: Vec<Diagnostic>,
    pub(super) file: PlanFile,
    pub(super) ready: Ready,
}

impl fmt::Debug for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planned").field("plan", &self.plan).field("state", &self.state).finish()
    }
}

/// A plan without the directory that it was made in.
struct Made {
    plan: Plan,
    state: Option<StateId>,
    warnings: Vec<Diagnostic>,
    file: PlanFile,
}

impl Made {
    fn held_in(self, ready: Ready) -> Planned {
        let Self { plan, state, warnings, file } = self;
        Planned { plan, state, warnings, file, ready }
    }
}

/// Removes the file when it is dropped.
pub(super) struct PlanFile(pub PathBuf);

impl Drop for PlanFile {
    fn drop(&mut self) {
        // What cannot be removed now is removed when the work directory is used next.
        let _ = fs::remove_file(&self.0);
    }
}

impl Engine {
    /// Plans one root; errors unless the plan is complete and every part of it was understood.
    ///
    /// Warm where that can be; whatever goes wrong with it, the plan is made once more, cold, and
    /// only what comes of that is an error.
    pub async fn plan(
        &self,
        root: &Root<'_>,
        mode: Mode,
        control: &Control<'_>,
    ) -> Result<Planned, Error> {
        // One that turns out cold does not wait again: it holds what others may be waiting for.
        let weight = if self.may_be_warm(root) { WARM } else { COLD };
        let _turn = self.turn("plan", weight, control).await?;
        let mut ready = self.hold(root, control).await?;
        let session = self.warmed(root, &ready, control).await?;
        if let Some(session) = &session {
            ready.env.insert(REATTACH.into(), session.reattach.clone());
            let planned = self.plan_in(root, &ready, (mode, &session.sources), control).await;
            ready.env.remove(REATTACH);
            match planned {
                Ok(made) => match session.troubles() {
                    None => {
                        self.warm.hit();
                        ahead::note(&self.settings.work, root, session);
                        return Ok(made.held_in(ready));
                    }
                    // An engine takes what fails within a `check` for a warning.
                    Some(why) => self.cold(root, &why),
                },
                // No single call may take that long, so it is the plan's own time.
                Err(error @ (Error::Cancelled { .. } | Error::TimedOut { .. })) => {
                    return Err(error);
                }
                Err(error) => self.cold(root, &session.why(&error)),
            }
        }
        let made = self.plan_in(root, &ready, (mode, &BTreeSet::new()), control).await?;
        if let Some(session) = session {
            session.distrust();
        }
        Ok(made.held_in(ready))
    }

    /// Plans in a held directory; `running` are the providers that the engine need not start.
    async fn plan_in(
        &self,
        root: &Root<'_>,
        ready: &Ready,
        (mode, running): (Mode, &BTreeSet<String>),
        control: &Control<'_>,
    ) -> Result<Made, Error> {
        self.initialise(root, ready, running, control).await?;
        let file = PlanFile(ready.workdir.new_plan_file());
        let warnings = self.plan_into(&file, root, (ready, mode), control).await?;
        let json = self.show(&file, root, ready, control).await?;
        let plan = plan_json::read(&json, self.settings.key.expose_secret(), root.secrets)?;
        let state = StateId::of_plan(&file.0)?;
        state_types::remember(&self.settings.work, root, &state_types::of_plan(&json));
        Ok(Made { plan, state, warnings, file })
    }

    async fn plan_into(
        &self,
        file: &PlanFile,
        root: &Root<'_>,
        (ready, mode): (&Ready, Mode),
        control: &Control<'_>,
    ) -> Result<Vec<Diagnostic>, Error> {
        let mut out = OsString::from("-out=");
        out.push(&file.0);
        let mut args = vec!["-detailed-exitcode".into(), out];
        if mode == Mode::Destroy {
            args.push("-destroy".into());
        }
        let command = Command { name: "plan", args, captures: false };
        let mut transcript = ready.transcript(root.secrets, control.log);
        self.run(root, ready, command, (control, &mut transcript)).await?;
        let mut warnings = transcript.diagnostics;
        warnings.retain(|diagnostic| diagnostic.severity == Severity::Warning);
        Ok(warnings)
    }

    /// The plan's JSON, in memory only: it has secrets in clear too.
    async fn show(
        &self,
        file: &PlanFile,
        root: &Root<'_>,
        ready: &Ready,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, Error> {
        let args = vec![file.0.clone().into_os_string()];
        let command = Command { name: "show", args, captures: true };
        Ok(self.command(root, ready, command, control).await?.stdout)
    }
}
