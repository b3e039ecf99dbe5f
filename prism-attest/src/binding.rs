//! What the 64 signed bytes stand for: this agent, this channel, this moment (protocol, section 4).
//!
//! `REPORT_DATA = R ‖ H(B)`: `B` names the agent's boot, TLS key, log key and manifest and is the same for the whole
//! boot; `R` is the RFC 6962 root over the sessions of one batch and proves this channel and this moment. Both sides
//! compute them from what they see themselves; no interface takes raw report data to be signed. An answer to a key broker
//! ([`BrokerBinding`]) has bytes of its own form.

mod batch;
mod broker;
mod expected;

use std::fmt;

use prism_core::audit::tree::{TreeHash, leaf_hash};
use prism_core::code::{Code, Coded};
use prism_core::digest::{DIGEST_LEN, Digest, DigestAlgorithm};

pub use self::batch::{BATCH_MAX, Batch, BatchPath};
pub use self::broker::BrokerBinding;
pub(crate) use self::expected::Bound;
pub use self::expected::{BindingClaim, ExpectedBinding, ExpectedManifest, LiveBinding};

/// The label of the TLS exporter (RFC 8446, section 7.5) whose context is the client's nonce.
pub const EXPORTER_LABEL: &[u8] = b"EXPERIMENTAL prism session v1";

/// Length in bytes of the exporter and of both nonces.
pub const NONCE_LEN: usize = 32;

/// Longest encoded [`AgentBinding`] in bytes.
pub const AGENT_BINDING_MAX: usize = 4096;

const AGENT_DOMAIN: &[u8] = b"prism/agent/v1\0";
const SESSION_DOMAIN: &[u8] = b"prism/session/v1\0";
const BOOT_ID_LEN: usize = 16;

/// Why a binding could not be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// The bytes are not an encoded [`AgentBinding`].
    #[error("expected the encoding of an agent's binding, found other bytes; the other side may be newer")]
    Malformed,
    /// The TLS key is empty or makes the binding longer than [`AGENT_BINDING_MAX`].
    #[error("expected a binding of at most {AGENT_BINDING_MAX} bytes with a TLS key in it, found {found} bytes")]
    Size {
        /// The length found.
        found: usize,
    },
    /// The log's verifier key is not printable ASCII without spaces.
    #[error("expected the log's verifier key in printable ASCII, found other characters; copy the whole key")]
    LogKey,
    /// The manifest's digest is not SHA-256.
    #[error("expected the manifest's SHA-256, found {0}; a computation is named by SHA-256 only")]
    ManifestDigest(DigestAlgorithm),
    /// A key broker's nonce that JSON would write in more than one way.
    #[error("expected a nonce of 1 to 1024 printable characters without quotes, found another text")]
    Nonce,
    /// No session in a batch, too many, or an index outside of it.
    #[error("expected 1 to {BATCH_MAX} sessions and an index among them, found something else")]
    Batch,
}

impl Coded for BindingError {
    fn code(&self) -> Code {
        match self {
            Self::Malformed => Code::AgentMisbehaved,
            Self::Nonce => Code::BrokerMisbehaved,
            Self::Size { .. } | Self::LogKey | Self::ManifestDigest(_) | Self::Batch => Code::Internal,
        }
    }
}

/// The static half, `B`: which agent this is, for one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentBinding {
    boot_id: [u8; BOOT_ID_LEN],
    tls_spki: Vec<u8>,
    log_vkey: String,
    manifest: Option<Digest>,
}

impl AgentBinding {
    /// Names one boot of an agent by its id, its TLS key (SPKI DER), its log's verifier key (C2SP text) and the
    /// manifest it serves, which is `None` only before it took one.
    ///
    /// # Errors
    /// [`BindingError::Size`], [`BindingError::LogKey`] and [`BindingError::ManifestDigest`].
    pub fn new(
        boot_id: [u8; BOOT_ID_LEN],
        tls_spki: Vec<u8>,
        log_vkey: String,
        manifest: Option<Digest>,
    ) -> Result<Self, BindingError> {
        if log_vkey.is_empty() || !log_vkey.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(BindingError::LogKey);
        }
        if let Some(digest) = manifest.filter(|digest| digest.algorithm() != DigestAlgorithm::Sha256) {
            return Err(BindingError::ManifestDigest(digest.algorithm()));
        }
        let binding = Self { boot_id, tls_spki, log_vkey, manifest };
        let length = binding.encode().len();
        if binding.tls_spki.is_empty() || length > AGENT_BINDING_MAX {
            return Err(BindingError::Size { found: length });
        }
        Ok(binding)
    }

    /// The agent's boot: 16 random bytes.
    #[must_use]
    pub const fn boot_id(&self) -> &[u8; BOOT_ID_LEN] {
        &self.boot_id
    }

    /// The agent's TLS key (SPKI DER).
    #[must_use]
    pub fn tls_spki(&self) -> &[u8] {
        &self.tls_spki
    }

    /// The verifier key of the agent's log (C2SP text).
    #[must_use]
    pub fn log_vkey(&self) -> &str {
        &self.log_vkey
    }

    /// The manifest that the agent serves; `None` before it took one.
    #[must_use]
    pub const fn manifest(&self) -> Option<Digest> {
        self.manifest
    }

    /// `B`, byte for byte.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let manifest = self.manifest.as_ref().map_or::<&[u8], _>(&[], |digest| digest.as_bytes());
        let parts = [self.boot_id.as_slice(), &self.tls_spki, self.log_vkey.as_bytes(), manifest];
        encode(AGENT_DOMAIN, &parts)
    }

    /// Reads `B`.
    ///
    /// # Errors
    /// [`BindingError`] for anything that [`encode`](Self::encode) does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, BindingError> {
        if bytes.len() > AGENT_BINDING_MAX {
            return Err(BindingError::Size { found: bytes.len() });
        }
        let mut rest = bytes.strip_prefix(AGENT_DOMAIN).ok_or(BindingError::Malformed)?;
        let boot_id = take(&mut rest)?.try_into().map_err(|_| BindingError::Malformed)?;
        let tls_spki = take(&mut rest)?.to_vec();
        let log_vkey = String::from_utf8(take(&mut rest)?.to_vec()).map_err(|_| BindingError::Malformed)?;
        let manifest = match take(&mut rest)? {
            [] => None,
            digest => {
                let digest: [u8; DIGEST_LEN] = digest.try_into().map_err(|_| BindingError::Malformed)?;
                Some(Digest::from_bytes(DigestAlgorithm::Sha256, digest))
            }
        };
        if !rest.is_empty() {
            return Err(BindingError::Malformed);
        }
        Self::new(boot_id, tls_spki, log_vkey, manifest)
    }
}

/// The dynamic half, `S`: this channel and this moment.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionBinding {
    /// Exported from the TLS session under [`EXPORTER_LABEL`] with the client's nonce as context.
    pub exporter: [u8; NONCE_LEN],
    /// Drawn by the client for this session.
    pub client_nonce: [u8; NONCE_LEN],
    /// Drawn by the agent for this session.
    pub agent_nonce: [u8; NONCE_LEN],
}

impl SessionBinding {
    /// `S`, byte for byte.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(SESSION_DOMAIN, &[&self.exporter, &self.client_nonce, &self.agent_nonce])
    }

    /// The leaf of `S` in its batch: `H(0x00 ‖ S)`. It also names the session in `auth.v1`.
    #[must_use]
    pub fn leaf(&self) -> TreeHash {
        leaf_hash(&self.encode())
    }
}

impl fmt::Debug for SessionBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBinding").finish_non_exhaustive()
    }
}

/// The 64 bytes that the hardware signs. They can only be composed, never given.
///
/// ```compile_fail
/// let forged = prism_attest::binding::ReportData([0; 64]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportData([u8; 64]);

impl ReportData {
    /// `R ‖ H(B)`: the root of a batch of sessions and the agent's binding.
    #[must_use]
    pub fn compose(root: &TreeHash, agent: &AgentBinding) -> Self {
        let mut bytes = [0; 64];
        let (dynamic, fixed) = bytes.split_at_mut(32);
        dynamic.copy_from_slice(root.as_bytes());
        fixed.copy_from_slice(Digest::sha256(&agent.encode()).as_bytes());
        Self(bytes)
    }

    /// The SHA-256 of a claims buffer (or of a key's SPKI) and zeros, as RA-TLS certificates have it
    /// ([`dice`](crate::dice)). Only the simulator makes such evidence, so that verifiers can be tested.
    #[cfg(feature = "simulator")]
    #[must_use]
    pub fn simulated_key_only(claims: &[u8]) -> Self {
        let mut bytes = [0; 64];
        let (hash, _) = bytes.split_at_mut(32);
        hash.copy_from_slice(Digest::sha256(claims).as_bytes());
        Self(bytes)
    }

    /// The bytes, for the machine that signs them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// SHA-256 of the bytes, for a TPM that signs in a machine's place: it takes no more than its longest digest and two
    /// bytes (TPM 2.0 Library, part 2, `TPM2B_DATA`), which is 50 bytes in Azure's. The bytes go beside the quote.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.0)
    }
}

fn encode(domain: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = domain.to_vec();
    for part in parts {
        // The parts are bounded far below 4 GiB by AGENT_BINDING_MAX and by their types.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        bytes.extend(length.to_be_bytes());
        bytes.extend(*part);
    }
    bytes
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], BindingError> {
    let (length, tail) = rest.split_first_chunk::<4>().ok_or(BindingError::Malformed)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BindingError::Malformed)?;
    let (part, tail) = tail.split_at_checked(length).ok_or(BindingError::Malformed)?;
    *rest = tail;
    Ok(part)
}

#[cfg(test)]
mod tests;
