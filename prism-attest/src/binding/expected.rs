//! What a verifier expects the signed 64 bytes to stand for.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use prism_core::audit::tree::TreeHash;
use prism_core::digest::Digest;
use prism_core::hexadecimal::Hex;
use prism_core::manifest::platform::PlatformPolicy;

use super::{AgentBinding, BatchPath, NONCE_LEN, SessionBinding};
use crate::dice::DiceEvidence;
use crate::finding::{Check, Notes};

/// What the report data have to stand for. Only [`ExpectedBinding::live`] can earn trust in a channel; the others look
/// at evidence after the fact.
#[derive(Clone, Debug)]
pub struct ExpectedBinding(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Live(Box<LiveBinding>),
    Recorded(Vec<u8>),
    Foreign(Vec<u8>),
    KeyOnly(Box<DiceEvidence>),
    Unbound,
}

/// What a client sees on its own end of a connection, beside what the agent claims there.
#[derive(Clone, Debug)]
pub struct LiveBinding {
    /// The TLS key (SPKI DER) of the peer of this very connection.
    pub tls_spki: Vec<u8>,
    /// The manifest that the agent has to serve.
    pub manifest: ExpectedManifest,
    /// Exported from this very connection under [`super::EXPORTER_LABEL`] with `client_nonce` as context.
    pub exporter: [u8; NONCE_LEN],
    /// The nonce that the client drew for this session.
    pub client_nonce: [u8; NONCE_LEN],
    /// What the agent sent.
    pub claim: BindingClaim,
}

/// The agent's own words about its binding. The signed bytes confirm them or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingClaim {
    /// `B`, the encoded [`AgentBinding`].
    pub agent: Vec<u8>,
    /// The nonce that the agent drew for this session.
    pub agent_nonce: [u8; NONCE_LEN],
    /// The path of this session in its batch.
    pub path: BatchPath,
}

/// Which manifest the agent has to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedManifest {
    /// Exactly none yet: the owner is about to bring it.
    NoneYet,
    /// Exactly this one.
    Exactly(Digest),
}

impl ExpectedBinding {
    /// For a client on its connection: the channel, the moment, the agent's boot and the manifest.
    #[must_use]
    pub fn live(live: LiveBinding) -> Self {
        Self(Kind::Live(Box::new(live)))
    }

    /// For an auditor with a transcript: only the static half `B` can be recomputed. Never makes trust in a channel.
    #[must_use]
    pub fn recorded(agent: Vec<u8>) -> Self {
        Self(Kind::Recorded(agent))
    }

    /// For a report that was not made by a Prism agent: these 64 bytes, whole. Never makes trust in a channel.
    #[must_use]
    pub fn foreign(report_data: [u8; 64]) -> Self {
        Self(Kind::Foreign(report_data.to_vec()))
    }

    /// For a TPM's quote that was not made for a Prism agent: this nonce, whole; an empty one never equals. Never makes
    /// trust in a channel.
    #[must_use]
    pub const fn foreign_nonce(nonce: Vec<u8>) -> Self {
        Self(Kind::Foreign(nonce))
    }

    /// For looking at a report whose binding cannot be known; the verdict says so. Never makes trust in a channel.
    #[must_use]
    pub const fn unbound() -> Self {
        Self(Kind::Unbound)
    }

    pub(crate) fn key_only(found: DiceEvidence) -> Self {
        Self(Kind::KeyOnly(Box::new(found)))
    }

    /// Notes whether the policy accepts a binding of this kind, where that is in question.
    pub(crate) fn check_accepted(&self, policy: &PlatformPolicy, notes: &mut Notes) -> bool {
        let Kind::KeyOnly(_) = &self.0 else { return true };
        let expected = "a policy with accept_key_only = true";
        let found = if policy.accept_key_only { "one" } else { "one that does not accept evidence of a key alone" };
        notes.check(Check::KeyOnlyAccepted, policy.accept_key_only, expected, found)
    }

    /// Compares with the signed bytes, notes every finding, and returns what was bound if all of it holds.
    pub(crate) fn check(&self, signed: &[u8], notes: &mut Notes) -> Bound {
        let report_data = signed.try_into();
        match (&self.0, report_data) {
            (Kind::Live(live), Ok(report_data)) => {
                live.check(report_data, notes).map_or(Bound::Nothing, Bound::Channel)
            }
            (Kind::Recorded(agent), Ok(report_data)) => {
                check_agent(agent, report_data, notes).map_or(Bound::Nothing, Bound::Recorded)
            }
            (Kind::KeyOnly(found), Ok(report_data)) => {
                found.check(report_data, notes).map_or(Bound::Nothing, Bound::KeyOnly)
            }
            (Kind::Live(_) | Kind::Recorded(_) | Kind::KeyOnly(_), Err(_)) => {
                let found = format!("{} bytes", signed.len());
                notes.check(Check::BindingReportData, false, "64 bytes that name an agent or a key", found);
                Bound::Nothing
            }
            (Kind::Foreign(expected), _) => {
                let ok = !expected.is_empty() && verify_slices_are_equal(expected, signed).is_ok();
                notes.check(Check::BindingReportData, ok, Hex(expected), Hex(signed));
                if ok { Bound::Foreign } else { Bound::Nothing }
            }
            (Kind::Unbound, _) => {
                notes.check(Check::BindingReportData, true, "anything: the caller only looks", Hex(signed));
                Bound::Nothing
            }
        }
    }
}

/// What the signed bytes are known to stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// This connection with this agent.
    Channel(AgentBinding),
    /// This agent, at some time.
    Recorded(AgentBinding),
    /// The holder of the key with this SHA-256 (SPKI DER), whoever and whenever that is.
    KeyOnly(Digest),
    /// The bytes that the caller gave.
    Foreign,
    /// Nothing that Prism knows.
    Nothing,
}

impl Bound {
    /// The word for it in JSON and on every print.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Channel(_) => "channel",
            Self::Recorded(_) => "recorded",
            Self::KeyOnly(_) => "key-only",
            Self::Foreign => "report-data",
            Self::Nothing => "none",
        }
    }
}

impl LiveBinding {
    fn check(&self, report_data: &[u8; 64], notes: &mut Notes) -> Option<AgentBinding> {
        let agent = check_agent(&self.claim.agent, report_data, notes);
        let key = agent.as_ref().is_some_and(|agent| agent.tls_spki() == self.tls_spki);
        let found_key = agent.as_ref().map_or_else(nothing, |agent| spki(agent.tls_spki()));
        notes.check(Check::BindingChannelKey, key, spki(&self.tls_spki), found_key);
        let serves = agent.as_ref().is_some_and(|agent| self.manifest.is(agent.manifest()));
        let found_manifest = agent.as_ref().map_or_else(nothing, |agent| manifest_text(agent.manifest()));
        notes.check(Check::BindingManifest, serves, manifest_text(self.manifest.digest()), found_manifest);
        let session = self.check_session(report_data, notes);
        agent.filter(|_| key && serves && session)
    }

    fn check_session(&self, report_data: &[u8; 64], notes: &mut Notes) -> bool {
        let session = SessionBinding {
            exporter: self.exporter,
            client_nonce: self.client_nonce,
            agent_nonce: self.claim.agent_nonce,
        };
        let (root, _) = halves(report_data);
        let leads = self.claim.path.leads(session.leaf(), &TreeHash::from_bytes(root));
        let expected = format!("a batch with session {}", hex::encode(session.leaf().as_bytes()));
        let found = if leads { "it".to_owned() } else { format!("batch {} without it", hex::encode(root)) };
        notes.check(Check::BindingSession, leads, expected, found)
    }
}

impl ExpectedManifest {
    const fn digest(self) -> Option<Digest> {
        match self {
            Self::NoneYet => None,
            Self::Exactly(digest) => Some(digest),
        }
    }

    fn is(self, found: Option<Digest>) -> bool {
        self.digest() == found
    }
}

fn check_agent(agent: &[u8], report_data: &[u8; 64], notes: &mut Notes) -> Option<AgentBinding> {
    let (_, signed) = halves(report_data);
    let claimed = Digest::sha256(agent);
    let ok = verify_slices_are_equal(claimed.as_bytes(), &signed).is_ok();
    notes.check(Check::BindingAgent, ok, Hex(claimed.as_bytes()), Hex(&signed));
    let decoded = AgentBinding::decode(agent);
    let found = decoded.as_ref().map_or_else(ToString::to_string, |agent| {
        format!("boot {}, log {}", hex::encode(agent.boot_id()), agent.log_vkey())
    });
    notes.check(Check::BindingForm, decoded.is_ok(), "the binding of an agent", found);
    decoded.ok().filter(|_| ok)
}

fn halves(report_data: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let (mut dynamic, mut fixed) = ([0; 32], [0; 32]);
    let (first, second) = report_data.split_at(32);
    dynamic.copy_from_slice(first);
    fixed.copy_from_slice(second);
    (dynamic, fixed)
}

fn spki(der: &[u8]) -> String {
    format!("TLS key {}", Digest::sha256(der))
}

fn manifest_text(digest: Option<Digest>) -> String {
    digest.map_or_else(|| "no manifest yet".to_owned(), |digest| digest.to_string())
}

fn nothing() -> String {
    "nothing that is signed".to_owned()
}
