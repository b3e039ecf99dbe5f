//! Agents come and go.

use super::{Done, require_room, taken, unknown};
use crate::name::Name;
use crate::workspace::account::Bound;
use crate::workspace::action::Action;
use crate::workspace::agent::{AGENTS_MAX, Agent};
use crate::workspace::refusal::{Refusal, Thing};
use crate::workspace::state::Workspace;

impl Workspace {
    pub(super) fn register(&mut self, own: &Name, action: &Action) -> Done {
        let Action::AgentRegister { agent, endpoint, platform, software, evidence, log } = action else {
            return Err(Refusal::Unchanged);
        };
        if self.agents.contains_key(agent) || self.retired.contains(agent) {
            return Err(taken(Thing::Agent, agent));
        }
        require_room(Thing::Agent, self.agents.len(), AGENTS_MAX)?;
        let most = self.account.plan.limits().agents;
        if most.is_some_and(|max| usize::try_from(max).is_ok_and(|max| self.agents.len() >= max)) {
            return Err(Refusal::Plan(Bound::Agents));
        }
        let found = Agent {
            endpoint: endpoint.clone(),
            platform: platform.clone(),
            software: software.clone(),
            evidence: *evidence,
            log: log.clone(),
            by: own.clone(),
            computation: None,
        };
        self.agents.insert(agent.clone(), found);
        Ok(())
    }

    pub(super) fn remove_agent(&mut self, agent: &Name) -> Done {
        let busy = |run: &crate::workspace::computation::Run| &run.agent == agent;
        if self.computations.values().filter_map(|found| found.running()).any(busy) {
            return Err(Refusal::InUse { thing: Thing::Agent, name: agent.to_string() });
        }
        self.agents.remove(agent).ok_or_else(|| unknown(Thing::Agent, agent))?;
        self.retired.insert(agent.clone());
        Ok(())
    }
}
