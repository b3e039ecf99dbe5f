//! From an address to trust: connect, ask for evidence, judge it.

use std::sync::Arc;

use bytes::Bytes;
use prism_attest::binding::{AgentBinding, BatchPath, BindingClaim, ExpectedManifest, LiveBinding};
use prism_attest::{Endorsements, Evidence, ExpectedBinding, SessionBinding, Trust, Verdict, judge};
use prism_core::UnixSeconds;
use prism_core::audit::checkpoint::VerifierKey;
use prism_core::entropy::{SystemEntropy, draw};
use prism_core::manifest::SignedManifest;
use prism_core::statement::SessionFacts;

use super::memory::Remembered;
use super::options::Clock;
use super::witness::{Witness, blocking, hashes};
use super::{AttestError, AttestedChannel, CallError, ConnectError, Options, bounded, stub};
use crate::channel::{self, RawChannel};
use crate::wire::{AttestRequest, AttestResponse};

/// Where an agent is, what it has to serve, and how the client behaves: the same for every connection of a session.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) address: String,
    pub(super) signed: SignedManifest,
    pub(super) options: Options,
}

/// A connection to somebody of whom nothing is known yet. Nothing can be sent on it but a nonce.
pub struct Connecting {
    endpoint: Arc<Endpoint>,
    raw: RawChannel,
}

impl std::fmt::Debug for Connecting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connecting").field("address", &self.endpoint.address).finish_non_exhaustive()
    }
}

impl Connecting {
    pub(super) async fn to(endpoint: Arc<Endpoint>) -> Result<Self, ConnectError> {
        let raw = channel::connect(&endpoint.address).await?;
        Ok(Self { endpoint, raw })
    }

    /// Has the agent prove at `now` that it is genuine, that the manifest accepts its platform, that it serves this very
    /// manifest, and that it is the other end of this very connection; and that its log continues what was seen before.
    ///
    /// # Errors
    /// [`AttestError::Refused`] carries the verdict with every finding.
    pub async fn attest(self, now: UnixSeconds) -> Result<AttestedChannel, AttestError> {
        self.endpoint.signed.manifest().require_current(now)?;
        let clock = Clock::starting(now);
        let (store, manifest) = (self.endpoint.options.checkpoints.clone(), self.endpoint.signed.digest());
        let latest = blocking::<_, AttestError>(move || Ok(store.latest(manifest)?)).await?;
        let endpoint = Arc::clone(&self.endpoint);
        match self.attest_knowing(latest, clock).await? {
            Outcome::Trusted(channel) => Ok(*channel),
            Outcome::OtherLog(known) => {
                // Two agents of one manifest took turns: this log is known as well, but was asked with the other's size.
                let again = Self::to(endpoint).await?;
                match again.attest_knowing(Some(*known), clock).await? {
                    Outcome::Trusted(channel) => Ok(*channel),
                    Outcome::OtherLog(_) => Err(AttestError::Malformed { expected: "the log of the last answer" }),
                }
            }
        }
    }

    async fn attest_knowing(self, latest: Option<Remembered>, clock: Clock) -> Result<Outcome, AttestError> {
        let client_nonce = draw::<32>(&mut SystemEntropy::default())?;
        let known_size = latest.as_ref().map_or(0, |seen| seen.head.size());
        let request = AttestRequest { client_nonce: client_nonce.to_vec().into(), known_size };
        let mut stub = stub(self.raw.channel());
        let response = bounded(stub.attest(request)).await?;
        let answer = Answer::read(response)?;
        let exporter = self.raw.export(&client_nonce).map_err(|_| CallError::ended())?;
        let session = SessionBinding { exporter, client_nonce, agent_nonce: answer.claim.agent_nonce };
        let (verdict, trust) = self.judge(&answer, &session, clock.now())?;
        let agent = trust.summary().agent().clone();
        let key = log_key(&agent)?;
        let manifest = self.endpoint.signed.digest();
        let witness = Arc::new(Witness::open(self.endpoint.options.checkpoints.clone(), manifest, key).await?);
        let known = match (latest, witness.newest()) {
            (Some(latest), Some(_)) if latest.key == *witness.key() => Some(latest),
            (_, Some(other)) => return Ok(Outcome::OtherLog(Box::new(other))),
            (_, None) => None,
        };
        witness.advance(known, &answer.checkpoint, &answer.consistency).await?;
        let facts = SessionFacts {
            boot: *agent.boot_id(),
            computation: self.endpoint.signed.manifest().id.clone(),
            manifest,
            session: *session.leaf().as_bytes(),
            agent_nonce: session.agent_nonce,
        };
        let Self { endpoint, raw } = self;
        Ok(Outcome::Trusted(Box::new(AttestedChannel { endpoint, raw, trust, verdict, facts, witness, clock })))
    }

    fn judge(
        &self,
        answer: &Answer,
        session: &SessionBinding,
        now: UnixSeconds,
    ) -> Result<(Verdict, Trust), AttestError> {
        let signed = &self.endpoint.signed;
        let expected = ExpectedBinding::live(LiveBinding {
            tls_spki: self.raw.spki_der().to_vec(),
            manifest: ExpectedManifest::Exactly(signed.digest()),
            exporter: session.exporter,
            client_nonce: session.client_nonce,
            claim: answer.claim.clone(),
        });
        let policy = &signed.manifest().platform;
        let verdict = judge(&answer.evidence, &answer.endorsements, policy, &expected, now);
        let trust = verdict.clone().into_trust()?;
        Ok((verdict, trust))
    }
}

enum Outcome {
    Trusted(Box<AttestedChannel>),
    OtherLog(Box<Remembered>),
}

/// The agent's answer, taken apart and within its bounds; nothing in it is believed.
struct Answer {
    evidence: Evidence,
    endorsements: Endorsements,
    claim: BindingClaim,
    checkpoint: String,
    consistency: Vec<Bytes>,
}

impl Answer {
    fn read(response: AttestResponse) -> Result<Self, AttestError> {
        let malformed = |expected| AttestError::Malformed { expected };
        let platform = response.platform.parse().map_err(|_| malformed("a known platform"))?;
        let evidence = Evidence::new(platform, response.evidence.into()).map_err(|_| malformed("evidence"))?;
        let evidence = match &*response.event_log {
            [] => evidence,
            log => evidence.with_event_log(log).map_err(|_| malformed("an event log of such a machine"))?,
        };
        let endorsements = Endorsements::read(&response.endorsements).map_err(|_| malformed("endorsements"))?;
        let path = BatchPath::new(response.index, response.batch_size, hashes(&response.path)?)
            .map_err(|_| malformed("a path in a batch of sessions"))?;
        let agent_nonce = response.agent_nonce.as_ref().try_into().map_err(|_| malformed("a nonce of 32 bytes"))?;
        Ok(Self {
            evidence,
            endorsements,
            claim: BindingClaim { agent: response.binding.into(), agent_nonce, path },
            checkpoint: response.checkpoint,
            consistency: response.consistency,
        })
    }
}

/// The log's key, from a binding that the evidence confirmed.
fn log_key(agent: &AgentBinding) -> Result<VerifierKey, AttestError> {
    agent.log_vkey().parse().map_err(|_| AttestError::Malformed { expected: "the log's verifier key" })
}
