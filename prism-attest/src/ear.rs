//! A verdict as an EAT attestation result (draft-ietf-rats-ear) for programs that know nothing of Prism: a JSON web
//! token (RFC 7519) or a CBOR web token (RFC 8392), signed by whoever judged.
//!
//! The profile is `tag:github.com,2023:veraison/ear`, that of the drafts before -04 and of the tools in the field; -04
//! renames every claim and is spoken by none of them yet. There is one submodule, `prism`. Its vector (AR4SI,
//! draft-ietf-rats-ar4si, section 2.3.4) says no more than was verified:
//!
//! | claim | 2 or 3: affirming | 32: warning | 96, 97, 99: contraindicated |
//! |---|---|---|---|
//! | `hardware` | 2: genuine under the vendor's built-in root | 32: so, but the vendor names vulnerabilities (a TDX status that is not `UpToDate`), or AMD's revocation list was not at hand; -33: genuine under a root that the caller brought | 96: simulated, or revoked; 97: a platform that is not accepted; 99: not genuine |
//! | `executables` | 3: the launch measurement (of TDX: MRTD, RTMR1 and RTMR2) is one that the policy names; under a TPM never | | 96: it is not |
//! | `configuration` | 2: all else that the policy demands holds | | 96: something does not |
//! | `instance-identity` | 2: the chip is one that the policy names | | 97: it is not |
//! | `runtime-opaque` | 2: memory is encrypted, and debugging is off | -33: so, under a root that the caller brought | 96: simulated, or open to a debugger, even where the policy allows that |
//!
//! What is absent was not looked at; a policy that accepts any measurement or chip earns no word about it. The status is
//! that of the worst claim, and `contraindicated` for every refused verdict, whatever its vector. It is no better than
//! `warning` where nothing says that the evidence is fresh: it is bound to nothing, or to a certificate's key only.
//! Simulated evidence is contraindicated even where the policy accepts it: whoever reads the token need not know what a
//! simulator is. The whole verdict is in the private claim `prism.verdict`. A result is good for a day at most.

mod token;
mod vector;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prism_core::UnixSeconds;
use prism_core::digest::Digest;
use serde_json::{Map, Value as Json, json};

pub use self::vector::{Tier, TrustVector};
use crate::binding::Bound;
use crate::cbor::Value;
use crate::verdict::Verdict;

/// The profile of these tokens.
pub const EAR_PROFILE: &str = "tag:github.com,2023:veraison/ear";

/// Who developed this verifier, in `ear.verifier-id`.
const DEVELOPER: &str = "prism";
/// Which software this is, in `ear.verifier-id`.
const BUILD: &str = concat!("prism-attest ", env!("CARGO_PKG_VERSION"));
/// The one submodule.
const SUBMODULE: &str = "prism";
/// The claim with the whole verdict.
const VERDICT: &str = "prism.verdict";

/// How long a result is good for, if nothing that it stands on ends before; in seconds.
const LIFETIME: u64 = 86_400;

/// Shortest and longest nonce in bytes (RFC 9711, section 4.1).
const NONCE: std::ops::RangeInclusive<usize> = 8..=64;

/// The claims of an attestation result.
#[derive(Clone, Debug)]
pub struct EarClaims {
    issued: UnixSeconds,
    expires: Option<UnixSeconds>,
    nonce: Option<Vec<u8>>,
    policy: Digest,
    status: Tier,
    vector: TrustVector,
    verdict: Json,
}

impl EarClaims {
    /// What a verdict says, issued at `now` (Unix seconds). `policy` is the digest of the policy's bytes as they were
    /// agreed. The result of a good verdict expires with the first thing that it stands on, or after a day.
    #[must_use]
    pub fn of(verdict: &Verdict, policy: Digest, now: UnixSeconds) -> Self {
        let vector = TrustVector::of(verdict);
        let status = match verdict.bound {
            _ if !verdict.is_good() => Tier::Contraindicated,
            Bound::Nothing | Bound::KeyOnly(_) => vector.worst().max(Tier::Warning),
            Bound::Channel(_) | Bound::Recorded(_) | Bound::Foreign => vector.worst(),
        };
        let end = now.saturating_add(LIFETIME);
        let expires = verdict.window().filter(|_| verdict.is_good()).map(|window| window.not_after.min(end));
        let verdict = serde_json::to_value(verdict).unwrap_or_default();
        Self { issued: now, expires, nonce: None, policy, status, vector, verdict }
    }

    /// Adds the nonce that the relying party gave, of 8 to 64 bytes (RFC 9711, section 4.1); another is left out, and
    /// whoever expects it refuses the token.
    #[must_use]
    pub fn with_nonce(mut self, nonce: &[u8]) -> Self {
        self.nonce = NONCE.contains(&nonce.len()).then(|| nonce.to_vec());
        self
    }

    /// The status of the one submodule.
    #[must_use]
    pub const fn status(&self) -> Tier {
        self.status
    }

    /// The vector of the one submodule.
    #[must_use]
    pub const fn vector(&self) -> &TrustVector {
        &self.vector
    }

    /// The claims in JSON.
    fn to_json(&self) -> Json {
        let vector: Map<_, _> = self.vector.entries().map(|(name, _, value)| (name.to_owned(), json!(value))).collect();
        let mut submodule = Map::from_iter([
            ("ear.status".to_owned(), json!(self.status.name())),
            ("ear.appraisal-policy-id".to_owned(), json!(self.policy.to_string())),
            (VERDICT.to_owned(), self.verdict.clone()),
        ]);
        if !vector.is_empty() {
            submodule.insert("ear.trustworthiness-vector".to_owned(), vector.into());
        }
        let mut claims = Map::from_iter([
            ("eat_profile".to_owned(), json!(EAR_PROFILE)),
            ("iat".to_owned(), json!(self.issued)),
            ("ear.verifier-id".to_owned(), json!({ "build": BUILD, "developer": DEVELOPER })),
            ("submods".to_owned(), json!({ SUBMODULE: submodule })),
        ]);
        claims.extend(self.expires.map(|expires| ("exp".to_owned(), json!(expires))));
        let nonce = self.nonce.as_ref().map(|nonce| URL_SAFE_NO_PAD.encode(nonce));
        claims.extend(nonce.map(|nonce| ("eat_nonce".to_owned(), json!(nonce))));
        Json::Object(claims)
    }

    /// The claims in CBOR, under the keys of the draft and of IANA's registry of CWT claims.
    fn to_cbor(&self) -> Value {
        let vector: Vec<_> =
            self.vector.entries().map(|(_, key, value)| entry(key, Value::Int(value.into()))).collect();
        let mut submodule = vec![
            entry(1000, Value::Int(self.status.value())),
            entry(1003, Value::text(self.policy.to_string())),
            (Value::text(VERDICT), Value::from(&self.verdict)),
        ];
        if !vector.is_empty() {
            submodule.push(entry(1001, Value::Map(vector)));
        }
        let verifier = Value::Map(vec![entry(0, Value::text(DEVELOPER)), entry(1, Value::text(BUILD))]);
        let mut claims = vec![
            entry(265, Value::text(EAR_PROFILE)),
            entry(6, seconds(self.issued)),
            entry(1004, verifier),
            entry(266, Value::Map(vec![(Value::text(SUBMODULE), Value::Map(submodule))])),
        ];
        claims.extend(self.expires.map(|expires| entry(4, seconds(expires))));
        claims.extend(self.nonce.clone().map(|nonce| entry(10, Value::Bytes(nonce))));
        Value::Map(claims)
    }
}

const fn entry(key: i64, value: Value) -> (Value, Value) {
    (Value::Int(key), value)
}

fn seconds(seconds: UnixSeconds) -> Value {
    Value::Int(i64::try_from(seconds).unwrap_or(i64::MAX))
}
