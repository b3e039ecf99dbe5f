//! What the vendor vouches for: certificates and revocation lists, gathered in one file that works offline.
//!
//! Nothing in here is believed because it is here: every entry is signed by the vendor, and verification begins at a
//! pinned root.

pub mod bundle;
mod collateral;
mod file;
mod folder;
mod offered;

use prism_core::code::{Code, Coded};
use prism_core::strict::JsonError;

pub use self::offered::{Offered, OfferedError};
use crate::roots;

/// Largest certificate or revocation list of AMD's in bytes.
pub const ENDORSEMENT_MAX: usize = 16 * 1024;

/// Largest part of a TDX machine's endorsements in bytes; Intel's revocation lists grow with the machines revoked.
pub const COLLATERAL_MAX: usize = 128 * 1024;

/// Largest file of endorsements in bytes.
pub const ENDORSEMENTS_FILE_MAX: usize = 1024 * 1024;

/// The vendor's vouching for one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endorsements(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Snp(SnpEndorsements),
    Tdx(Box<TdxEndorsements>),
}

/// Certificates (DER) and the revocation list of an SEV-SNP machine, as AMD's key distribution service gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnpEndorsements {
    /// The key that signs reports: VCEK or VLEK.
    pub vek: Vec<u8>,
    /// The key that signed it: ASK or ASVK.
    pub ask: Vec<u8>,
    /// AMD's root for the product: ARK.
    pub ark: Vec<u8>,
    /// The root's revocation list, when there is one.
    pub crl: Option<Vec<u8>>,
}

/// JSON that the vendor signed, as its exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedJson {
    /// The signed bytes: one JSON object.
    pub json: Vec<u8>,
    /// ECDSA P-256 with SHA-256: `r ‖ s`, big-endian.
    pub signature: [u8; 64],
}

/// What Intel's provisioning certification service (API version 4) gives for a TDX machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxEndorsements {
    /// The judgement of security versions, `tcbInfo`.
    pub tcb_info: SignedJson,
    /// Certificates of the key that signed it, and the root (PEM).
    pub tcb_info_chain: Vec<u8>,
    /// The quoting enclave's identity, `enclaveIdentity`.
    pub qe_identity: SignedJson,
    /// Certificates of the key that signed it, and the root (PEM).
    pub qe_identity_chain: Vec<u8>,
    /// The revocation list of the authority for machines' certificates (DER).
    pub pck_crl: Vec<u8>,
    /// Certificates of that authority, and the root (PEM).
    pub pck_crl_chain: Vec<u8>,
    /// The root's revocation list (DER).
    pub root_crl: Vec<u8>,
    /// The machine's certificate, its authority and the root (PEM), when the quote does not bring them.
    pub pck_chain: Option<Vec<u8>>,
}

impl Endorsements {
    /// Takes the parts of an SEV-SNP machine's endorsements as they came.
    ///
    /// # Errors
    /// [`EndorsementsError::Size`] for a part that is empty or too large.
    pub fn snp(parts: SnpEndorsements) -> Result<Self, EndorsementsError> {
        let named = [("vek", &parts.vek), ("ask", &parts.ask), ("ark", &parts.ark)];
        for (part, bytes) in named.into_iter().chain(parts.crl.as_ref().map(|crl| ("crl", crl))) {
            check_size(part, bytes, ENDORSEMENT_MAX)?;
        }
        Ok(Self(Kind::Snp(parts)))
    }

    /// Takes the parts of a TDX machine's endorsements as they came.
    ///
    /// # Errors
    /// [`EndorsementsError::Size`] for a part that is empty or too large.
    pub fn tdx(parts: TdxEndorsements) -> Result<Self, EndorsementsError> {
        let named = [
            ("tcb_info", &parts.tcb_info.json),
            ("tcb_info_chain", &parts.tcb_info_chain),
            ("qe_identity", &parts.qe_identity.json),
            ("qe_identity_chain", &parts.qe_identity_chain),
            ("pck_crl", &parts.pck_crl),
            ("pck_crl_chain", &parts.pck_crl_chain),
            ("root_crl", &parts.root_crl),
        ];
        for (part, bytes) in named.into_iter().chain(parts.pck_chain.as_ref().map(|chain| ("pck_chain", chain))) {
            check_size(part, bytes, COLLATERAL_MAX)?;
        }
        Ok(Self(Kind::Tdx(Box::new(parts))))
    }

    /// Completes a VCEK or VLEK with AMD's certificates that are built in, found by the issuer's name. For agents whose
    /// host hands over the leaf only.
    ///
    /// # Errors
    /// [`EndorsementsError::UnknownIssuer`] when no built-in certificate has that name.
    pub fn snp_from_leaf(vek: Vec<u8>, crl: Option<Vec<u8>>) -> Result<Self, EndorsementsError> {
        let (ask, ark) = roots::amd_issuers(&vek).ok_or(EndorsementsError::UnknownIssuer)?;
        Self::snp(SnpEndorsements { vek, ask: ask.to_vec(), ark: ark.to_vec(), crl })
    }

    /// Reads the self-contained file form.
    ///
    /// # Errors
    /// [`EndorsementsError`] for anything that is not exactly that form.
    pub fn read(bytes: &[u8]) -> Result<Self, EndorsementsError> {
        file::read(bytes)
    }

    /// The self-contained file form: strict JSON with base64.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        file::write(self)
    }

    /// The parts of an SEV-SNP machine's endorsements.
    #[must_use]
    pub const fn as_snp(&self) -> Option<&SnpEndorsements> {
        match &self.0 {
            Kind::Snp(parts) => Some(parts),
            Kind::Tdx(_) => None,
        }
    }

    /// The parts of a TDX machine's endorsements.
    #[must_use]
    pub const fn as_tdx(&self) -> Option<&TdxEndorsements> {
        match &self.0 {
            Kind::Snp(_) => None,
            Kind::Tdx(parts) => Some(parts),
        }
    }
}

fn check_size(part: &'static str, bytes: &[u8], limit: usize) -> Result<(), EndorsementsError> {
    if bytes.is_empty() || bytes.len() > limit {
        return Err(EndorsementsError::Size { part, limit, found: bytes.len() });
    }
    Ok(())
}

/// Why some bytes are not endorsements.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndorsementsError {
    /// Not the strict JSON of this form.
    #[error("expected a file of endorsements, found something else ({0}); fetch it again")]
    Json(#[from] JsonError),
    /// Another version of the form.
    #[error("expected version 1 of the file of endorsements, found version {found}; a newer Prism may read it")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A part is not base64.
    #[error("expected the {part} in base64, found something else; fetch the file again")]
    Base64 {
        /// Which part.
        part: &'static str,
    },
    /// A part is not hexadecimal.
    #[error("expected the {part} in hexadecimal, found something else; fetch the file again")]
    Hexadecimal {
        /// Which part.
        part: &'static str,
    },
    /// A folder lacks a file that it needs.
    #[error("expected collateral.json or vek.der among the vendor's files, found neither; see --help for their names")]
    Folder,
    /// A folder has one certificate of AMD's issuers, but not the other.
    #[error("expected ask.der and ark.der, or neither of them, found one; add the other")]
    HalfChain,
    /// A part is empty or too large.
    #[error("expected 1 to {limit} bytes for the {part}, found {found}; fetch it again")]
    Size {
        /// Which part.
        part: &'static str,
        /// The largest size in bytes.
        limit: usize,
        /// The number of bytes found.
        found: usize,
    },
    /// A signature is not 64 bytes.
    #[error("expected a signature of 64 bytes for the {part}, found another length; fetch the file again")]
    Signature {
        /// Which part.
        part: &'static str,
    },
    /// More than one revocation list.
    #[error("expected at most one revocation list, found {found}; keep the newest of the product's root")]
    RevocationLists {
        /// The number found.
        found: usize,
    },
    /// More than one chain of the machine's certificate.
    #[error("expected at most one chain of the machine's certificate, found {found}; keep the machine's own")]
    Chains {
        /// The number found.
        found: usize,
    },
    /// The leaf's issuer is none of the built-in certificates.
    #[error("expected a certificate issued by one of AMD's built-in keys, found another; give the whole chain")]
    UnknownIssuer,
}

impl Coded for EndorsementsError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownIssuer => Code::EvidenceRefused,
            _ => Code::FileMalformed,
        }
    }
}

#[cfg(test)]
mod tests;
