//! `plan`: what the engine would do, and the plan file that holds exactly that.
//!
//! The plan file contains secrets in plain text: it is in the private work directory and is removed
//! when the value that owns it is dropped.

use std::{collections::BTreeSet, ffi::OsString, fmt, fs, path::PathBuf};

use secrecy::ExposeSecret as _;

use planwright_core::{finding::Severity, plan::Plan};

use super::{
    COLD, Control, Diagnostic, Engine, Error, Root, StateId, WARM,
    init::{Command, CommandContext, InitializedDir, REATTACH},
    plan_json,
    warm::{prewarm, state_types},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Normal,
    /// Plans to delete everything in the state.
    Destroy,
}

/// A plan that can be applied once.
///
/// It holds the lock of its work directory: no other operation runs there until it is dropped.
pub struct Planned {
    pub plan: Plan,
    /// The state that it was made from; `None` if there was none yet.
    pub state: Option<StateId>,
    pub warnings: Vec<Diagnostic>,
    pub(super) file: PlanFile,
    pub(super) dir: InitializedDir,
}

impl fmt::Debug for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planned").field("plan", &self.plan).field("state", &self.state).finish()
    }
}

/// A plan without the directory that it was made in.
struct RawPlan {
    plan: Plan,
    state: Option<StateId>,
    warnings: Vec<Diagnostic>,
    file: PlanFile,
}

impl RawPlan {
    fn held_in(self, dir: InitializedDir) -> Planned {
        let Self { plan, state, warnings, file } = self;
        Planned { plan, state, warnings, file, dir }
    }
}

/// The path of a plan file, which is removed when this is dropped.
pub(super) struct PlanFile(pub PathBuf);

impl Drop for PlanFile {
    fn drop(&mut self) {
        // If it cannot be removed now, the next use of the work directory removes it.
        let _ = fs::remove_file(&self.0);
    }
}

impl Engine {
    /// Plans one root. Fails unless the plan is complete and every part of it was understood.
    ///
    /// Uses kept providers (a warm plan) where possible. If that goes wrong, plans once more
    /// without them (cold); only the failure of that is returned.
    pub async fn plan(
        &self,
        root: &Root<'_>,
        mode: Mode,
        control: &Control<'_>,
    ) -> Result<Planned, Error> {
        // A warm plan that has to be repeated cold does not wait for more room, because it holds a
        // lock that others may be waiting for.
        let weight = if self.may_be_warm(root) { WARM } else { COLD };
        let _turn = self.turn("plan", weight, control).await?;
        let mut dir = self.hold(root, control).await?;
        let session = self.warm_session(root, &dir, control).await?;
        if let Some(session) = &session {
            dir.env.insert(REATTACH.into(), session.reattach.clone());
            let context = CommandContext { root, dir: &dir, control };
            let planned = self.plan_in(context, mode, &session.sources).await;
            dir.env.remove(REATTACH);
            match planned {
                Ok(raw) => match session.troubles() {
                    None => {
                        self.warm.hit();
                        prewarm::note(&self.settings.work, root, session);
                        return Ok(raw.held_in(dir));
                    }
                    // An engine reports failures inside a `check` block only as warnings.
                    Some(why) => self.cold(root, &why),
                },
                // Calls to kept providers have shorter limits, so this is the time limit of the
                // plan itself.
                Err(error @ (Error::Cancelled { .. } | Error::TimedOut { .. })) => {
                    return Err(error);
                }
                Err(error) => self.cold(root, &session.why(&error)),
            }
        }
        let context = CommandContext { root, dir: &dir, control };
        let raw = self.plan_in(context, mode, &BTreeSet::new()).await?;
        if let Some(session) = session {
            session.distrust();
        }
        Ok(raw.held_in(dir))
    }

    /// Plans in a locked directory; `running` are the providers that the engine need not start.
    async fn plan_in(
        &self,
        context: CommandContext<'_, '_>,
        mode: Mode,
        running: &BTreeSet<String>,
    ) -> Result<RawPlan, Error> {
        let root = context.root;
        self.initialise(context, running).await?;
        let file = PlanFile(context.dir.workdir.new_plan_file());
        let warnings = self.plan_into(&file, context, mode).await?;
        let json = self.show(&file, context).await?;
        let plan = plan_json::read(&json, self.settings.key.expose_secret(), root.secrets)?;
        let state = StateId::from_plan_file(&file.0)?;
        state_types::remember(&self.settings.work, root, &state_types::types_in_plan(&json));
        Ok(RawPlan { plan, state, warnings, file })
    }

    async fn plan_into(
        &self,
        file: &PlanFile,
        context: CommandContext<'_, '_>,
        mode: Mode,
    ) -> Result<Vec<Diagnostic>, Error> {
        let mut out = OsString::from("-out=");
        out.push(&file.0);
        let mut args = vec!["-detailed-exitcode".into(), out];
        if mode == Mode::Destroy {
            args.push("-destroy".into());
        }
        let command = Command { name: "plan", args, captures: false };
        let mut transcript = context.transcript();
        self.run(context, command, &mut transcript).await?;
        let mut warnings = transcript.diagnostics;
        warnings.retain(|diagnostic| diagnostic.severity == Severity::Warning);
        Ok(warnings)
    }

    /// Returns the plan's JSON, kept only in memory because it contains secrets in plain text.
    async fn show(
        &self,
        file: &PlanFile,
        context: CommandContext<'_, '_>,
    ) -> Result<Vec<u8>, Error> {
        let args = vec![file.0.clone().into_os_string()];
        let command = Command { name: "show", args, captures: true };
        Ok(self.command(context, command).await?.stdout)
    }
}
