//! What people hand over as endorsements: one machine's, or a bundle for many.

use prism_core::code::{Code, Coded};

use super::bundle::{Bundle, BundleError, SelectError};
use super::{Endorsements, EndorsementsError};
use crate::evidence::Evidence;

/// How every certificate in DER begins; JSON never does.
const DER_SEQUENCE: u8 = 0x30;

/// A file of endorsements as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Offered {
    /// Those of one machine.
    Machine(Box<Endorsements>),
    /// Those of several, to be chosen from.
    Bundle(Bundle),
}

impl Offered {
    /// Reads a bundle, a file of one machine's endorsements, a file of Intel's answers, or the certificate (DER) of an AMD
    /// machine's key, which AMD's built-in certificates complete: whichever it is.
    ///
    /// # Errors
    /// [`OfferedError`] with what is wrong with the form that the file seems to have.
    pub fn read(bytes: &[u8]) -> Result<Self, OfferedError> {
        if Bundle::is_meant_by(bytes) {
            return Ok(Self::Bundle(Bundle::read(bytes)?));
        }
        if bytes.first() == Some(&DER_SEQUENCE) {
            return Ok(Self::Machine(Box::new(Endorsements::snp_from_leaf(bytes.to_vec(), None)?)));
        }
        let machine = match Endorsements::read(bytes) {
            Ok(endorsements) => endorsements,
            Err(error) => Endorsements::from_collateral_json(bytes).map_err(|_| error)?,
        };
        Ok(Self::Machine(Box::new(machine)))
    }

    /// The endorsements for this evidence.
    ///
    /// # Errors
    /// [`SelectError`] when a bundle has none for it.
    pub fn for_evidence(&self, evidence: &Evidence) -> Result<Endorsements, SelectError> {
        match self {
            Self::Machine(endorsements) => Ok(Endorsements::clone(endorsements)),
            Self::Bundle(bundle) => bundle.select(evidence),
        }
    }
}

/// Why a file offers no endorsements.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfferedError {
    /// A bundle that cannot be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// One machine's endorsements that cannot be read.
    #[error(transparent)]
    Machine(#[from] EndorsementsError),
}

impl Coded for OfferedError {
    fn code(&self) -> Code {
        match self {
            Self::Bundle(error) => error.code(),
            Self::Machine(error) => error.code(),
        }
    }
}
