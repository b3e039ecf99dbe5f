//! Runs: scheduled, followed by what their agents signed, ended.

use super::{Done, require_room, unknown};
use crate::UnixSeconds;
use crate::name::Name;
use crate::workspace::computation::{Ending, RUNS_MAX, Run};
use crate::workspace::mirror::{Mirror, VerifiedPhase};
use crate::workspace::refusal::{Refusal, Thing};
use crate::workspace::state::Workspace;

impl Workspace {
    pub(super) fn schedule(&mut self, own: &Name, name: &Name, agent: &Name, now: UnixSeconds) -> Done {
        let missing = self.dry_run(name, Some(agent), now).ok_or_else(|| unknown(Thing::Computation, name))?;
        if !missing.is_empty() {
            return Err(Refusal::NotReady(missing));
        }
        let registered = self.agents.get_mut(agent).ok_or_else(|| unknown(Thing::Agent, agent))?;
        let found = self.computations.get_mut(name).ok_or_else(|| unknown(Thing::Computation, name))?;
        require_room(Thing::Computation, found.runs.len(), RUNS_MAX)?;
        let signed = found.proposal.as_ref().and_then(|proposal| proposal.signed());
        let Some(signed) = signed else { return Err(Refusal::NotReady(Vec::new())) };
        let mirror = Mirror::new(registered.log.clone(), signed);
        registered.computation = Some(name.clone());
        let (agent, by) = (agent.clone(), own.clone());
        found.runs.push(Run { agent, by, at: now, stop_asked: false, ended: None, mirror });
        Ok(())
    }

    pub(super) fn report(&mut self, name: &Name, entries: &[String], checkpoint: &str, now: UnixSeconds) -> Done {
        let run = self.running_of(name)?;
        let verified = run.mirror.extend(entries, checkpoint)?;
        if verified.size() == run.reported() {
            return Err(Refusal::Unchanged);
        }
        follow(run, verified, now);
        Ok(())
    }

    /// Calls off what has not begun; an agent that has begun ends by itself, and says so.
    pub(super) fn stop(&mut self, name: &Name, now: UnixSeconds) -> Done {
        let run = self.running_of(name)?;
        if run.reported() == 0 {
            run.ended = Some((Ending::Cancelled, now));
            return Ok(());
        }
        if run.stop_asked {
            return Err(Refusal::Unchanged);
        }
        run.stop_asked = true;
        Ok(())
    }

    pub(super) fn abandon(&mut self, name: &Name, now: UnixSeconds) -> Done {
        self.running_of(name)?.ended = Some((Ending::Abandoned, now));
        Ok(())
    }

    fn running_of(&mut self, name: &Name) -> Result<&mut Run, Refusal> {
        let found = self.computation_mut(name)?;
        let stage = found.stage();
        found.running_mut().ok_or(Refusal::Stage { expected: "scheduled", found: stage })
    }
}

/// Takes over what an agent signed. Only a verified phase comes here.
fn follow(run: &mut Run, verified: VerifiedPhase, now: UnixSeconds) {
    run.ended = verified.outcome().map(|outcome| (Ending::from(outcome), now));
    run.mirror = verified.into_mirror();
}
