//! The outcome: every finding, readable as text and as JSON, and the one type that a good outcome earns.

mod card;

use std::fmt;

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::platform::PlatformPolicy;
use serde::{Serialize, Serializer};

use crate::appraise;
use crate::binding::{AgentBinding, Bound, ExpectedBinding};
use crate::evidence::{Evidence, Platform};
use crate::facts::Facts;
use crate::finding::{Check, Finding, Findings, Notes, Stage};
use crate::roots::Assurance;
use crate::verify::Claims;
use crate::window::Window;
use crate::x509::time_text;

/// What verification, appraisal and binding found, all of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub(crate) platform: Platform,
    pub(crate) evidence: Digest,
    pub(crate) now: u64,
    pub(crate) findings: Findings,
    /// `None` if the evidence is not genuine.
    pub(crate) claims: Option<Claims>,
    pub(crate) wanted: bool,
    window: Option<Window>,
    pub(crate) bound: Bound,
}

impl Verdict {
    /// What verification, with these claims or none, means under the policy and the expected binding.
    pub(crate) fn conclude(
        (evidence, now): (&Evidence, u64),
        claims: Option<Claims>,
        mut notes: Notes,
        policy: &PlatformPolicy,
        expected: &ExpectedBinding,
    ) -> Self {
        let (wanted, window, bound) = claims.as_ref().map_or((false, None, Bound::Nothing), |claims| {
            let window = appraise::note(claims, policy, &mut notes);
            let wanted = window.is_some() & expected.check_accepted(policy, &mut notes);
            let bound = expected.check(claims.facts.report_data(), &mut notes);
            (wanted, Some(window.unwrap_or(claims.window)), bound)
        });
        Self {
            platform: evidence.platform(),
            evidence: evidence.digest(),
            now,
            findings: notes.into_findings(),
            claims,
            wanted,
            window,
            bound,
        }
    }

    /// Every condition that was looked at, in order.
    #[must_use]
    pub const fn findings(&self) -> &Findings {
        &self.findings
    }

    /// The first condition that is not met.
    #[must_use]
    pub fn refusal(&self) -> Option<Finding<'_>> {
        self.findings.unmet().next()
    }

    /// Whether the machine is genuine, wanted and bound as expected. For showing; what may be done with a good verdict
    /// is [`into_trust`](Self::into_trust)'s to give.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.claims.is_some() && self.wanted && self.refusal().is_none()
    }

    /// Verified facts, if the evidence is genuine.
    #[must_use]
    pub const fn claims(&self) -> Option<&Claims> {
        self.claims.as_ref()
    }

    /// What the agent's evidence is bound to, if that was confirmed: its boot, keys and manifest.
    #[must_use]
    pub const fn agent(&self) -> Option<&AgentBinding> {
        match &self.bound {
            Bound::Channel(agent) | Bound::Recorded(agent) => Some(agent),
            Bound::KeyOnly(_) | Bound::Foreign | Bound::Nothing => None,
        }
    }

    /// What the signed bytes are known to stand for: `channel` (this connection), `recorded` (an agent, at some time),
    /// `key-only` (the holder of a certificate's key), `report-data` (the bytes that the caller gave) or `none`.
    #[must_use]
    pub const fn binding(&self) -> &'static str {
        self.bound.name()
    }

    /// When everything that the verdict stands on is within its dates, and before the policy's days of grace for an
    /// out-of-date machine end; `None` if the evidence is not genuine.
    #[must_use]
    pub const fn window(&self) -> Option<Window> {
        self.window
    }

    /// Whether the evidence says of itself, or is known, to be simulated.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.platform.is_simulated() || self.claims().is_some_and(|claims| claims.assurance.is_simulated())
    }

    /// Trust in the machine at the other end of this connection. The only way to get it.
    ///
    /// # Errors
    /// [`Refusal`] with this verdict if any condition is not met, or if the binding was not that of a live connection.
    pub fn into_trust(self) -> Result<Trust, Refusal> {
        match (self.is_good(), &self.claims, &self.bound) {
            (true, Some(claims), Bound::Channel(agent)) => {
                let window = self.window.unwrap_or(claims.window);
                let summary = Summary { claims: claims.clone(), window, agent: agent.clone() };
                Ok(Trust(summary))
            }
            _ => Err(Refusal(Box::new(self))),
        }
    }

    /// The verdict as one JSON object with stable names.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) const fn word(&self, good: bool) -> &'static str {
        match (good, &self.bound) {
            (true, Bound::Channel(_)) => "trusted",
            (true, Bound::KeyOnly(_)) => "accepted for a key only",
            (true, _) => "accepted without a channel",
            (false, _) => "refused",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            v: u32,
            verdict: &'a str,
            simulated: bool,
            platform: Platform,
            evidence: Digest,
            now: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            stage: Option<Stage>,
            #[serde(skip_serializing_if = "Option::is_none")]
            code: Option<Check>,
            #[serde(skip_serializing_if = "Option::is_none")]
            assurance: Option<Assurance>,
            #[serde(skip_serializing_if = "Option::is_none")]
            root: Option<Digest>,
            #[serde(skip_serializing_if = "Option::is_none")]
            window: Option<Window>,
            binding: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            claims: Option<&'a Facts>,
            findings: &'a Findings,
        }
        let refusal = self.refusal().map(|finding| finding.check);
        let document = Document {
            v: 1,
            verdict: self.word(self.is_good()),
            simulated: self.is_simulated(),
            platform: self.platform,
            evidence: self.evidence,
            now: self.now,
            stage: refusal.map(Check::stage),
            code: refusal,
            assurance: self.claims().map(Claims::assurance),
            root: self.claims().and_then(|claims| claims.assurance.root()),
            window: self.window(),
            binding: self.binding(),
            claims: self.claims().map(Claims::facts),
            findings: &self.findings,
        };
        document.serialize(serializer)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aloud = if self.is_simulated() { " - SIMULATED, NOT A TEE" } else { "" };
        writeln!(f, "{}{aloud}", self.word(self.is_good()).to_uppercase())?;
        writeln!(f, "  platform  {}", self.platform)?;
        if let Some(claims) = &self.claims {
            writeln!(f, "  root      {}", claims.assurance)?;
            claims.facts.write_lines(f)?;
            writeln!(f, "  valid     {}", self.window.unwrap_or(claims.window))?;
            writeln!(f, "  bound to  {}", self.binding())?;
        }
        writeln!(f, "  evidence  {}", self.evidence)?;
        writeln!(f, "  at        {}", time_text(self.now))?;
        for finding in self.findings.iter() {
            writeln!(f, "  {finding}")?;
        }
        let unmet = self.findings.unmet().count();
        write!(f, "{} of {} conditions met{aloud}", self.findings.len() - unmet, self.findings.len())
    }
}

/// The machine at the other end of this connection is genuine, wanted and ours.
///
/// Only [`Verdict::into_trust`] makes it:
/// ```compile_fail
/// let trust = prism_attest::Trust(todo!());
/// ```
/// ```compile_fail
/// let trust = prism_attest::Trust::default();
/// ```
/// It cannot be copied to another connection:
/// ```compile_fail
/// fn twice(trust: prism_attest::Trust) -> (prism_attest::Trust, prism_attest::Trust) { (trust.clone(), trust) }
/// ```
/// Nor is it read from a file:
/// ```compile_fail
/// let trust: prism_attest::Trust = serde_json::from_str("{}").unwrap();
/// ```
#[derive(Debug)]
pub struct Trust(Summary);

impl Trust {
    /// What is trusted, for logs and prints.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.0
    }
}

/// What a trusted machine is. It proves nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    claims: Claims,
    window: Window,
    agent: AgentBinding,
}

impl Summary {
    /// Verified facts about the machine.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// When the verdict that earned the trust holds; see [`Verdict::window`].
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }

    /// The agent's boot, keys and manifest, confirmed by the hardware's signature.
    #[must_use]
    pub const fn agent(&self) -> &AgentBinding {
        &self.agent
    }

    /// Whether the machine is simulated and protects nothing.
    #[must_use]
    pub const fn is_simulated(&self) -> bool {
        self.claims.assurance.is_simulated()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Claims { assurance, evidence, facts, .. } = &self.claims;
        let aloud = if self.is_simulated() { "SIMULATED, NOT A TEE: " } else { "" };
        write!(f, "{aloud}{facts}, {assurance}, {evidence}")
    }
}

/// The machine is not trusted; the verdict says why.
#[derive(Debug, thiserror::Error)]
#[error("expected a trustworthy machine, found: {}", self.reason())]
pub struct Refusal(Box<Verdict>);

impl Refusal {
    /// The verdict with every finding.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.0
    }

    fn reason(&self) -> String {
        let said = |Finding { check, expected, found, .. }: Finding<'_>| {
            format!("{check} unmet (expected {expected}, found {found})")
        };
        let unmet: Vec<_> = self.0.findings.unmet().map(said).collect();
        if unmet.is_empty() { "evidence that is not bound to a live connection".to_owned() } else { unmet.join("; ") }
    }
}

impl Coded for Refusal {
    fn code(&self) -> Code {
        match self.0.refusal().map(|finding| finding.check) {
            Some(Check::PlatformSupported) => Code::PlatformUnsupported,
            _ => Code::EvidenceRefused,
        }
    }
}
