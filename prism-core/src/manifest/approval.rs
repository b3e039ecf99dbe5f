//! Approvals: each participant's signature on the manifest's exact bytes.

use std::collections::BTreeSet;

use super::{Manifest, ManifestError, Participant};
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::envelope::{Envelope, EnvelopeError, PayloadType};
use crate::key::SigningKey;
use crate::name::Name;

/// Why a manifest is not agreed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// The terms themselves cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The envelope cannot be read, or signatures of different bytes were put together.
    #[error("expected a DSSE envelope over the manifest, found another; ask its signer for a new approval")]
    Envelope(#[from] EnvelopeError),
    /// The terms as their owner wrote them: nobody's approval is with them.
    #[error(
        "expected a manifest with every participant's approval, found terms without any; collect the approvals and put them together: `prism manifest assemble`"
    )]
    Unapproved,
    /// Some participants have not approved.
    #[error("expected the approval of every participant, found none of {}; ask them to approve these very bytes", join(.0))]
    Missing(Vec<Name>),
    /// An approval is of other bytes than this manifest.
    #[error("expected an approval of manifest {expected}, found one of {found}; it has to be approved again")]
    OtherManifest {
        /// Digest of the manifest at hand.
        expected: Digest,
        /// Digest of what was approved.
        found: Digest,
    },
    /// A signature is by a key that the manifest does not name.
    #[error(
        "expected approvals by the manifest's participants only, found one by key {0}; remove it or name its holder"
    )]
    Unnamed(String),
    /// A signature does not hold.
    #[error("expected a valid approval by {name}, found one that does not verify; ask {name} for a new one")]
    Invalid {
        /// Whose approval it claims to be.
        name: Name,
        /// What is wrong with it.
        source: EnvelopeError,
    },
}

fn join(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

impl Coded for ApprovalError {
    fn code(&self) -> Code {
        match self {
            Self::Manifest(error) => error.code(),
            Self::Unapproved | Self::Missing(_) => Code::ApprovalMissing,
            Self::Unnamed(_) => Code::KeyUnknown,
            Self::Envelope(_) | Self::OtherManifest { .. } | Self::Invalid { .. } => Code::ApprovalInvalid,
        }
    }
}

/// A manifest that every participant named in it has approved: one envelope with all their signatures.
///
/// There is no other way to make one than through the signatures, so whoever holds it may act on its terms.
#[derive(Clone, Debug)]
pub struct SignedManifest {
    envelope: Envelope,
    bytes: Vec<u8>,
    manifest: Manifest,
    digest: Digest,
}

impl SignedManifest {
    /// Approves the exact bytes of a manifest with one participant's key.
    ///
    /// # Errors
    /// [`ApprovalError::Manifest`] when the bytes are no manifest, [`ApprovalError::Unnamed`] when no participant holds
    /// `key`.
    pub fn approve(bytes: &[u8], key: &SigningKey) -> Result<Envelope, ApprovalError> {
        let manifest = Manifest::read(bytes)?;
        if manifest.participant_with_key(key.public()).is_none() {
            return Err(ApprovalError::Unnamed(key.public().fingerprint().to_string()));
        }
        Ok(Envelope::sign(PayloadType::Manifest, bytes, key)?)
    }

    /// Puts the participants' approvals of `bytes` together.
    ///
    /// # Errors
    /// [`ApprovalError`] names who is missing or whose approval does not hold.
    pub fn assemble(bytes: &[u8], approvals: &[Envelope]) -> Result<Self, ApprovalError> {
        let manifest = Manifest::read(bytes)?;
        let expected = Digest::sha256(bytes);
        let Some((first, others)) = approvals.split_first() else {
            return Err(ApprovalError::Missing(manifest.participants.into_iter().map(|p| p.name).collect()));
        };
        let mut envelope = first.clone();
        for approval in approvals {
            let found = Digest::sha256(approval.payload_unverified());
            if found != expected {
                return Err(ApprovalError::OtherManifest { expected, found });
            }
        }
        others.iter().try_for_each(|approval| envelope.merge(approval.clone()))?;
        Self::from_envelope(envelope)
    }

    /// Whose approvals of `bytes` an envelope holds, each of them verified, while others may still be missing.
    ///
    /// # Errors
    /// [`ApprovalError`] when it is of other bytes, by a key that the manifest does not name, or does not hold.
    pub fn approvers(bytes: &[u8], approval: &Envelope) -> Result<Vec<Name>, ApprovalError> {
        let manifest = Manifest::read(bytes)?;
        let (expected, found) = (Digest::sha256(bytes), Digest::sha256(approval.payload_unverified()));
        if found != expected {
            return Err(ApprovalError::OtherManifest { expected, found });
        }
        refuse_unnamed(approval, &manifest)?;
        let mut names = Vec::new();
        for participant in manifest.participants {
            if has_approved(approval, &participant)? {
                names.push(participant.name);
            }
        }
        Ok(names)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote and verifies every approval.
    ///
    /// # Errors
    /// [`ApprovalError`] names who is missing or whose approval does not hold.
    pub fn read(bytes: &[u8]) -> Result<Self, ApprovalError> {
        match Envelope::read(bytes) {
            Ok(envelope) => Self::from_envelope(envelope),
            Err(_) if Manifest::read(bytes).is_ok() => Err(ApprovalError::Unapproved),
            Err(error) => Err(error.into()),
        }
    }

    /// The signed manifest as one file: a DSSE envelope.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.envelope.to_json()
    }

    fn from_envelope(envelope: Envelope) -> Result<Self, ApprovalError> {
        let bytes = envelope.payload_unverified().to_vec();
        let manifest = Manifest::read(&bytes)?;
        refuse_unnamed(&envelope, &manifest)?;
        let mut missing = Vec::new();
        for participant in &manifest.participants {
            if !has_approved(&envelope, participant)? {
                missing.push(participant.name.clone());
            }
        }
        if !missing.is_empty() {
            return Err(ApprovalError::Missing(missing));
        }
        let digest = Digest::sha256(&bytes);
        Ok(Self { envelope, bytes, manifest, digest })
    }

    /// The terms.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// `M`: the exact bytes that were approved.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `MD = SHA-256(M)`, the computation's name everywhere.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Whether the participant's approval is there; one that does not hold is an error.
fn has_approved(envelope: &Envelope, participant: &Participant) -> Result<bool, ApprovalError> {
    match envelope.verify(PayloadType::Manifest, &participant.key) {
        Ok(_) => Ok(true),
        Err(EnvelopeError::NotSigned { .. }) => Ok(false),
        Err(source) => Err(ApprovalError::Invalid { name: participant.name.clone(), source }),
    }
}

fn refuse_unnamed(envelope: &Envelope, manifest: &Manifest) -> Result<(), ApprovalError> {
    let named: BTreeSet<Digest> = manifest.participants.iter().map(|p| p.key.fingerprint()).collect();
    match envelope.signatures().find(|(keyid, _)| !named.contains(keyid)) {
        Some((stranger, _)) => Err(ApprovalError::Unnamed(stranger.to_string())),
        None => Ok(()),
    }
}
