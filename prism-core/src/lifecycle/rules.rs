//! The rules of [`step`](super::step), one function for each event.

use super::{Effect, Illegal, Phase, Prelude, Run, State, Step, Terms};
use crate::asset::{AssetKind, AssetTerms};
use crate::audit::entry::{
    Actor, AssetBody, Event, KeyReleasedBody, LogCloseBody, LogOpenBody, ManifestBody, Outcome, OutputBody, Releaser,
    ResultAckedBody, ResultReleasedBody, ResultSealedBody, RunExitBody, RunStartBody,
};
use crate::manifest::KeyRelease;
use crate::name::Name;
use crate::release::{Answer, Release, ReleaseError};

type Outcomes = Result<Vec<Effect>, Illegal>;

pub(super) fn step(terms: &Terms, state: &State, actor: &Actor, event: &Event) -> Result<Step, Illegal> {
    let mut next = state.clone();
    let rule = Rule { terms, actor, event: event.kind() };
    let effects = rule.apply(&mut next, event)?;
    Ok(Step { state: next, effects })
}

struct Rule<'a> {
    terms: &'a Terms,
    actor: &'a Actor,
    event: &'static str,
}

impl Rule<'_> {
    fn apply(&self, state: &mut State, event: &Event) -> Outcomes {
        if state.closed.is_some() || (state.prelude == Prelude::Unopened && !matches!(event, Event::LogOpen(_))) {
            return Err(self.wrong_phase(state));
        }
        match event {
            Event::LogOpen(body) => self.log_open(state, body),
            Event::Evidence(_) | Event::SessionAttested(_) | Event::AuthRefused(_) => self.noted(state),
            Event::ManifestAccepted(body) => self.manifest_accepted(state, body),
            Event::AuthOk(_) => self.auth_ok(state),
            Event::AssetBegin(body) => self.asset_begin(state, body),
            Event::AssetAccepted(body) => self.asset_accepted(state, body),
            Event::AssetRefused(body) => self.asset_refused(state, &body.asset),
            Event::KeyReleased(body) => self.key_released(state, body),
            Event::RunStart(body) => self.run_start(state, body),
            Event::RunExit(body) => self.run_exit(state, body),
            Event::OutputChecked(body) => self.output_checked(state, body),
            Event::ResultSealed(body) => self.result_sealed(state, body),
            Event::ResultReleased(body) => self.result_released(state, body),
            Event::ResultAcked(body) => self.result_acked(state, body),
            Event::Stop(_) => self.stop(state),
            Event::Error(_) => self.error(state),
            Event::LogClose(body) => self.log_close(state, body),
        }
    }

    fn wrong_phase(&self, state: &State) -> Illegal {
        Illegal::Phase { event: self.event, phase: state.phase() }
    }

    fn require_phase(&self, state: &State, permitted: bool) -> Result<(), Illegal> {
        if permitted { Ok(()) } else { Err(self.wrong_phase(state)) }
    }

    fn require_agent(&self) -> Result<(), Illegal> {
        match self.actor {
            Actor::Agent => Ok(()),
            Actor::Participant(_) => Err(self.wrong_actor("the agent")),
        }
    }

    fn require_participant(&self) -> Result<&Name, Illegal> {
        let name = self.actor.participant().ok_or_else(|| self.wrong_actor("a participant"))?;
        let known = self.terms.participants.contains(name);
        if known { Ok(name) } else { Err(self.wrong_actor("a participant that the manifest names")) }
    }

    fn wrong_actor(&self, expected: &str) -> Illegal {
        Illegal::Actor { event: self.event, expected: expected.to_owned(), found: self.actor.clone() }
    }

    fn require_agreement(&self, agrees: bool, field: &'static str) -> Result<(), Illegal> {
        if agrees { Ok(()) } else { Err(Illegal::Contradiction { event: self.event, field }) }
    }

    fn log_open(&self, state: &mut State, body: &LogOpenBody) -> Outcomes {
        self.require_agent()?;
        self.require_phase(state, state.prelude == Prelude::Unopened)?;
        self.require_agreement(body.manifest == self.terms.manifest, "manifest")?;
        self.require_agreement(body.computation == self.terms.id, "computation")?;
        let permitted = !body.simulated || self.terms.simulated;
        self.require_agreement(permitted, "simulated")?;
        state.prelude = Prelude::Opened;
        Ok(vec![])
    }

    /// Events that are recorded and change nothing.
    fn noted(&self, state: &State) -> Outcomes {
        self.require_agent()?;
        self.require_phase(state, state.prelude >= Prelude::Manifested)?;
        Ok(vec![])
    }

    fn manifest_accepted(&self, state: &mut State, body: &ManifestBody) -> Outcomes {
        self.require_agent()?;
        self.require_phase(state, state.prelude == Prelude::Opened)?;
        self.require_agreement(body.digest == self.terms.manifest, "digest")?;
        self.require_agreement(body.participants == self.terms.participants, "participants")?;
        state.prelude = Prelude::Manifested;
        self.count_assets(state);
        Ok(vec![])
    }

    fn auth_ok(&self, state: &mut State) -> Outcomes {
        self.require_participant()?;
        self.require_phase(state, state.prelude >= Prelude::Manifested)?;
        state.prelude = Prelude::Authenticated;
        Ok(vec![])
    }

    /// An asset that is still missing, at the time for assets. Whether the actor may touch it is still to be asked.
    fn missing_asset(&self, state: &State, name: &Name) -> Result<&AssetTerms, Illegal> {
        let asset = self.terms.assets.get(name).ok_or_else(|| Illegal::UnknownAsset(name.clone()))?;
        self.require_one_who_brings(asset)?;
        if state.accepted.contains(name) {
            return Err(Illegal::DuplicateAsset(name.clone()));
        }
        let waiting = matches!(state.phase(), Phase::WaitingForAlgorithm | Phase::WaitingForDatasets);
        self.require_phase(state, waiting)?;
        Ok(asset)
    }

    /// An asset is its provider's business or, when it lies in a store, the agent's too.
    fn require_one_who_brings(&self, asset: &AssetTerms) -> Result<(), Illegal> {
        match self.actor {
            Actor::Agent if asset.source.is_some() => Ok(()),
            _ if *self.require_participant()? == asset.provider => Ok(()),
            _ => Err(self.wrong_actor(asset.provider.as_str())),
        }
    }

    /// What arrives is sent by its provider, or fetched by the agent with a key that was released to it.
    fn asset(&self, state: &State, name: &Name) -> Result<&AssetTerms, Illegal> {
        let asset = self.missing_asset(state, name)?;
        match (self.actor, &asset.source) {
            (Actor::Participant(_), None) => Ok(asset),
            (Actor::Agent, Some(_)) => {
                self.require_agreement(state.released.contains(name), "asset")?;
                Ok(asset)
            }
            _ => Err(Self::other_way(asset)),
        }
    }

    fn other_way(asset: &AssetTerms) -> Illegal {
        let expected = if asset.source.is_some() { "fetched by the agent" } else { "sent by its provider" };
        Illegal::OtherWay { asset: asset.name.clone(), expected }
    }

    /// A key is released by whom the manifest names, once until the asset is refused, and in one boot to one key of the
    /// agent for every provider.
    fn key_released(&self, state: &mut State, body: &KeyReleasedBody) -> Outcomes {
        let asset = self.missing_asset(state, &body.asset)?;
        let source = asset.source.as_ref().ok_or_else(|| Self::other_way(asset))?;
        match (&source.release, self.actor) {
            (KeyRelease::Provider {}, Actor::Participant(_)) => {
                self.require_agreement(body.by == Releaser::Provider, "by")?;
                let sound = body.recipient.parse::<crate::seal::Recipient>().is_ok();
                let same = state.release_key.as_ref().is_none_or(|key| *key == body.recipient);
                self.require_agreement(sound && same, "recipient")?;
            }
            (KeyRelease::Kbs { .. }, Actor::Agent) => {
                self.require_agreement(body.by == Releaser::Kbs, "by")?;
                let sound = body.recipient.parse::<crate::digest::Digest>().is_ok();
                self.require_agreement(sound, "recipient")?;
            }
            (KeyRelease::Provider {}, Actor::Agent) => return Err(self.wrong_actor(asset.provider.as_str())),
            (KeyRelease::Kbs { .. }, Actor::Participant(_)) => return Err(self.wrong_actor("the agent")),
        }
        self.require_agreement(!state.released.contains(&body.asset), "asset")?;
        state.released.insert(body.asset.clone());
        if body.by == Releaser::Provider {
            state.release_key = Some(body.recipient.clone());
        }
        Ok(vec![])
    }

    fn agreed_asset(&self, state: &State, body: &AssetBody) -> Result<(), Illegal> {
        let asset = self.asset(state, &body.asset)?;
        if asset.digest == body.digest && asset.size == body.size {
            return Ok(());
        }
        Err(Illegal::OtherAsset { asset: asset.name.clone(), digest: asset.digest, size: asset.size })
    }

    fn asset_begin(&self, state: &mut State, body: &AssetBody) -> Outcomes {
        self.agreed_asset(state, body)?;
        state.begun.insert(body.asset.clone());
        Ok(vec![])
    }

    fn asset_accepted(&self, state: &mut State, body: &AssetBody) -> Outcomes {
        self.agreed_asset(state, body)?;
        self.require_agreement(state.begun.contains(&body.asset), "asset")?;
        state.accepted.insert(body.asset.clone());
        self.count_assets(state);
        let complete = state.algorithm_complete && state.datasets_complete;
        Ok(if complete { vec![Effect::StartRun] } else { vec![] })
    }

    fn count_assets(&self, state: &mut State) {
        let complete = |kind: fn(AssetKind) -> bool| {
            self.terms.assets.values().filter(|a| kind(a.kind)).all(|a| state.accepted.contains(&a.name))
        };
        let (algorithm, datasets) =
            (complete(|kind| kind != AssetKind::Dataset), complete(|kind| kind == AssetKind::Dataset));
        state.algorithm_complete = algorithm;
        state.datasets_complete = datasets;
    }

    fn asset_refused(&self, state: &mut State, name: &Name) -> Outcomes {
        self.asset(state, name)?;
        state.begun.remove(name);
        state.released.remove(name);
        Ok(vec![])
    }

    fn run_start(&self, state: &mut State, body: &RunStartBody) -> Outcomes {
        self.require_agent()?;
        let complete = state.algorithm_complete && state.datasets_complete;
        let ready = complete && state.run == Run::Awaited && state.ending.is_none();
        self.require_phase(state, ready)?;
        self.require_agreement(body.run == 1, "run")?;
        state.run = Run::Started;
        Ok(vec![])
    }

    fn run_exit(&self, state: &mut State, body: &RunExitBody) -> Outcomes {
        self.require_agent()?;
        self.require_phase(state, state.run == Run::Started && state.ending.is_none())?;
        self.require_agreement(body.run == 1, "run")?;
        if body.is_success() {
            state.run = Run::Succeeded;
            return Ok(vec![Effect::CheckOutput]);
        }
        Ok(Self::end(state, Outcome::Failed))
    }

    fn output_checked(&self, state: &mut State, body: &OutputBody) -> Outcomes {
        self.require_agent()?;
        self.require_phase(state, state.run == Run::Succeeded && state.ending.is_none())?;
        self.require_agreement(body.bytes <= self.terms.max_result, "bytes")?;
        state.run = Run::Checked;
        Ok(self.terms.consumers.iter().cloned().map(Effect::Seal).collect())
    }

    fn result_sealed(&self, state: &mut State, body: &ResultSealedBody) -> Outcomes {
        self.require_agent()?;
        self.require_phase(state, state.run == Run::Checked && state.ending.is_none())?;
        self.require_agreement(self.terms.consumers.contains(&body.consumer), "consumer")?;
        self.require_agreement(!state.results.contains_key(&body.consumer), "consumer")?;
        state.results.insert(body.consumer.clone(), Release::Sealed { payload: body.payload });
        if state.results.len() == self.terms.consumers.len() {
            state.run = Run::Sealed;
        }
        Ok(vec![])
    }

    fn result_of<'s>(&self, state: &'s mut State) -> Result<(Name, &'s mut Release), Illegal> {
        let consumer = self.require_participant()?.clone();
        let delivering = state.phase() == Phase::Delivering;
        let error = if self.terms.consumers.contains(&consumer) {
            self.wrong_phase(state)
        } else {
            self.wrong_actor("a consumer")
        };
        match state.results.get_mut(&consumer) {
            Some(release) if delivering => Ok((consumer, release)),
            _ => Err(error),
        }
    }

    fn result_released(&self, state: &mut State, body: &ResultReleasedBody) -> Outcomes {
        let (_, release) = self.result_of(state)?;
        *release = release.released(&body.recipient, body.payload)?;
        Ok(vec![])
    }

    fn result_acked(&self, state: &mut State, body: &ResultAckedBody) -> Outcomes {
        let (consumer, release) = self.result_of(state)?;
        *release = release.acked(body.payload)?;
        let mut effects = vec![Effect::DestroyResult(consumer)];
        if state.results.values().all(|release| matches!(release, Release::Acked { .. })) {
            effects.extend(Self::end(state, Outcome::Completed));
        }
        Ok(effects)
    }

    fn stop(&self, state: &mut State) -> Outcomes {
        if let Some(name) = self.actor.participant()
            && !self.terms.stoppers.contains(name)
        {
            return Err(self.wrong_actor("the owner or a provider"));
        }
        self.require_phase(state, state.ending.is_none())?;
        Ok(Self::end(state, Outcome::Stopped))
    }

    fn error(&self, state: &mut State) -> Outcomes {
        self.require_agent()?;
        self.require_phase(state, state.ending.is_none())?;
        Ok(Self::end(state, Outcome::Failed))
    }

    fn end(state: &mut State, outcome: Outcome) -> Vec<Effect> {
        state.ending = Some(outcome);
        vec![Effect::DestroyAll, Effect::Close(outcome)]
    }

    fn log_close(&self, state: &mut State, body: &LogCloseBody) -> Outcomes {
        self.require_agent()?;
        let agrees = match state.ending {
            Some(ending) => body.outcome == ending,
            None => body.outcome == Outcome::Expired,
        };
        self.require_agreement(agrees, "outcome")?;
        state.closed = Some(body.outcome);
        Ok(if state.ending.is_some() { vec![] } else { vec![Effect::DestroyAll] })
    }
}

/// Whether a request would be the first release: what the agent asks before it logs.
impl State {
    /// Decides over `consumer`'s request for the result key, without changing anything.
    ///
    /// # Errors
    /// [`Illegal`] in any phase without a result, [`ReleaseError`] when the release forbids it.
    pub fn answer_request(
        &self,
        consumer: &Name,
        recipient: &str,
        payload: crate::digest::Digest,
    ) -> Result<Answer, Illegal> {
        let release =
            self.results.get(consumer).ok_or(Illegal::Phase { event: "result.released", phase: self.phase() })?;
        if self.phase() == Phase::Closed || self.ending.is_some() {
            return Err(ReleaseError::Gone.into());
        }
        Ok(release.request(recipient, payload)?)
    }
}
