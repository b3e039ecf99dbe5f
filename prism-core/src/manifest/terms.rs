//! Terms as a file holds them: bare, or beside the approvals that were given so far.

use serde_json::Value;

use super::difference::{Difference, differences};
use super::words::Words;
use super::{Manifest, ManifestError, Participant};
use crate::card::{Card, Mood};
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::envelope::{Envelope, PayloadType};
use crate::name::Name;
use crate::printable::size;

/// Why a file holds no terms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// It is an envelope of something else.
    #[error("expected a manifest, found a signed {0}; give the manifest's file")]
    OtherPayload(PayloadType),
    /// The terms cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Coded for TermsError {
    fn code(&self) -> Code {
        match self {
            Self::OtherPayload(_) => Code::EnvelopeMalformed,
            Self::Manifest(error) => error.code(),
        }
    }
}

/// A manifest, one participant's approval of it, or everybody's: what people look at before they approve.
///
/// Nobody may act on it: only a [`SignedManifest`](super::SignedManifest) has everybody's approval.
#[derive(Clone, Debug)]
pub struct Terms {
    bytes: Vec<u8>,
    manifest: Manifest,
    digest: Digest,
    envelope: Option<Envelope>,
}

impl Terms {
    /// Reads a manifest's exact bytes, or an envelope around them.
    ///
    /// # Errors
    /// [`TermsError`] says what the bytes are instead.
    pub fn read(bytes: &[u8]) -> Result<Self, TermsError> {
        match Envelope::read(bytes) {
            Ok(envelope) if envelope.payload_type() == PayloadType::Manifest => {
                Self::of(envelope.payload_unverified().to_vec(), Some(envelope))
            }
            Ok(envelope) => Err(TermsError::OtherPayload(envelope.payload_type())),
            Err(_) => Self::of(bytes.to_vec(), None),
        }
    }

    fn of(bytes: Vec<u8>, envelope: Option<Envelope>) -> Result<Self, TermsError> {
        let manifest = Manifest::read(&bytes)?;
        let digest = Digest::sha256(&bytes);
        Ok(Self { bytes, manifest, digest, envelope })
    }

    /// The exact bytes that participants approve.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What they say.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The SHA-256 of the exact bytes: the computation's name.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Participants whose approval of these bytes is here and holds, in the manifest's order.
    #[must_use]
    pub fn approved_by(&self) -> Vec<&Name> {
        self.participants(true)
    }

    /// Participants whose approval is not here, or does not hold.
    #[must_use]
    pub fn not_approved_by(&self) -> Vec<&Name> {
        self.participants(false)
    }

    fn participants(&self, approved: bool) -> Vec<&Name> {
        let holds = |envelope: &Envelope, key| envelope.verify(PayloadType::Manifest, key).is_ok();
        let has = |key| self.envelope.as_ref().is_some_and(|envelope| holds(envelope, key));
        let participants = self.manifest.participants.iter().filter(|p: &&Participant| has(&p.key) == approved);
        participants.map(|participant| &participant.name).collect()
    }

    /// Everything that a participant has to know before approving, in plain words.
    #[must_use]
    pub const fn words(&self) -> Words<'_> {
        Words { terms: &self.manifest, digest: self.digest }
    }

    /// The fields in which `other` differs, in the order of these terms.
    ///
    /// # Errors
    /// [`ManifestError`] when terms cannot be written as JSON.
    pub fn differences(&self, other: &Self) -> Result<Vec<Difference>, ManifestError> {
        let value = |terms: &Self| serde_json::to_value(&terms.manifest).map_err(ManifestError::unwritable);
        let (old, new): (Value, Value) = (value(self)?, value(other)?);
        Ok(differences(&old, &new))
    }

    /// The terms as a notebook shows them: who brings what, who approved, and everything else in plain words.
    #[must_use]
    pub fn card(&self) -> Card {
        let missing = self.not_approved_by();
        let mood = if missing.is_empty() { Mood::Good } else { Mood::Plain };
        let card = Card::new(self.manifest.title.clone(), mood).simulated(self.manifest.accepts_simulation());
        let card = card.row("manifest", self.digest.to_string());
        let bring = |card: Card, asset: crate::asset::AssetTerms| {
            card.row(asset.name.to_string(), format!("from {}, {}", asset.provider, size(asset.size)))
        };
        let card = self.manifest.assets().into_iter().fold(card, bring);
        let approved = self.approved_by();
        let all = self.manifest.participants.len();
        let card = card.row("approved", format!("by {} of {all}: {}", approved.len(), join(&approved)));
        let card = if missing.is_empty() { card } else { card.row("missing", join(&missing)) };
        card.folded("in plain words", self.words().to_string())
    }
}

fn join(names: &[&Name]) -> String {
    match names {
        [] => "nobody".to_owned(),
        _ => names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::SignedManifest;
    use crate::manifest::tests::sample;

    #[test]
    fn bare_terms_are_approved_by_nobody_and_an_approval_by_its_signer() {
        let (manifest, keys) = sample();
        let bytes = manifest.to_bytes().unwrap();
        let bare = Terms::read(&bytes).unwrap();
        assert_eq!(bare.bytes(), bytes);
        assert!(bare.approved_by().is_empty());
        let all = bare.not_approved_by().len();
        let approval = SignedManifest::approve(&bytes, &keys[1]).unwrap();
        let one = Terms::read(&approval.to_json()).unwrap();
        assert_eq!((one.approved_by().len(), one.not_approved_by().len()), (1, all - 1));
        assert_eq!((one.digest(), one.bytes()), (bare.digest(), bare.bytes()));
    }

    #[test]
    fn an_envelope_of_something_else_is_no_terms() {
        let other = Envelope::sign(PayloadType::Stop, b"{}", &sample().1[0]).unwrap();
        let refused = Terms::read(&other.to_json()).unwrap_err();
        assert!(matches!(refused, TermsError::OtherPayload(PayloadType::Stop)), "{refused}");
    }

    #[test]
    fn the_card_names_who_has_not_approved_and_escapes_what_the_owner_wrote() {
        let (mut terms, _) = sample();
        terms.title = "<script>alert(1)</script>".to_owned();
        let html = Terms::read(&terms.to_bytes().unwrap()).unwrap().card().to_html();
        assert!(html.contains("missing") && !html.contains("<script"), "{html}");
        assert!(html.contains("What leaves, and to whom"), "{html}");
    }
}
