//! What the vendor vouches for: certificates and revocation lists, gathered in one file that works offline.
//!
//! Nothing in here is believed because it is here: every entry is signed by the vendor, and verification begins at a
//! pinned root.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_core::code::{Code, Coded};
use prism_core::strict::{self, JsonError};
use serde::{Deserialize, Serialize};

use crate::roots;

/// Largest certificate or revocation list in bytes.
pub const ENDORSEMENT_MAX: usize = 16 * 1024;

/// Largest file of endorsements in bytes.
pub const ENDORSEMENTS_FILE_MAX: usize = 256 * 1024;

/// The vendor's vouching for one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endorsements(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Snp(SnpEndorsements),
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

impl Endorsements {
    /// Takes the parts of an SEV-SNP machine's endorsements as they came.
    ///
    /// # Errors
    /// [`EndorsementsError::Size`] for a part that is empty or too large.
    pub fn snp(parts: SnpEndorsements) -> Result<Self, EndorsementsError> {
        let named = [("vek", &parts.vek), ("ask", &parts.ask), ("ark", &parts.ark)];
        for (part, bytes) in named.into_iter().chain(parts.crl.as_ref().map(|crl| ("crl", crl))) {
            if bytes.is_empty() || bytes.len() > ENDORSEMENT_MAX {
                return Err(EndorsementsError::Size { part, found: bytes.len() });
            }
        }
        Ok(Self(Kind::Snp(parts)))
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
        let file: File = strict::read(bytes, ENDORSEMENTS_FILE_MAX)?;
        if file.v != 1 {
            return Err(EndorsementsError::Version { found: file.v });
        }
        let Entries::Snp(entries) = file.endorsements;
        let [vek, ask, ark] = [("vek", &entries.vek), ("ask", &entries.ask), ("ark", &entries.ark)].map(decode);
        let crl = match entries.crls.as_slice() {
            [] => None,
            [crl] => Some(decode(("crl", crl))?),
            more => return Err(EndorsementsError::RevocationLists { found: more.len() }),
        };
        Self::snp(SnpEndorsements { vek: vek?, ask: ask?, ark: ark?, crl })
    }

    /// The self-contained file form: strict JSON with base64.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let Kind::Snp(parts) = &self.0;
        let [vek, ask, ark] = [&parts.vek, &parts.ask, &parts.ark].map(|der| STANDARD.encode(der));
        let crls = parts.crl.iter().map(|der| STANDARD.encode(der)).collect();
        let file = File { v: 1, endorsements: Entries::Snp(SnpEntries { vek, ask, ark, crls }) };
        serde_json::to_vec(&file).unwrap_or_default()
    }

    /// The parts of an SEV-SNP machine's endorsements.
    #[must_use]
    pub fn as_snp(&self) -> Option<&SnpEndorsements> {
        let Kind::Snp(parts) = &self.0;
        Some(parts)
    }
}

fn decode((part, text): (&'static str, &String)) -> Result<Vec<u8>, EndorsementsError> {
    STANDARD.decode(text).map_err(|_| EndorsementsError::Base64 { part })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    v: u32,
    endorsements: Entries,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Entries {
    Snp(SnpEntries),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnpEntries {
    vek: String,
    ask: String,
    ark: String,
    crls: Vec<String>,
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
    /// A part is empty or too large.
    #[error("expected 1 to {ENDORSEMENT_MAX} bytes for the {part}, found {found}; fetch it again")]
    Size {
        /// Which part.
        part: &'static str,
        /// The number of bytes found.
        found: usize,
    },
    /// More than one revocation list.
    #[error("expected at most one revocation list, found {found}; keep the newest of the product's root")]
    RevocationLists {
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
mod tests {
    use super::*;

    fn parts() -> SnpEndorsements {
        SnpEndorsements { vek: vec![1], ask: vec![2], ark: vec![3], crl: Some(vec![4]) }
    }

    #[test]
    fn endorsements_read_back_as_they_were_written() {
        for crl in [None, Some(vec![4])] {
            let endorsements = Endorsements::snp(SnpEndorsements { crl, ..parts() }).unwrap();
            assert_eq!(Endorsements::read(&endorsements.to_json()).unwrap(), endorsements);
        }
    }

    #[test]
    fn a_part_that_is_empty_or_too_large_is_refused() {
        for length in [0, ENDORSEMENT_MAX + 1] {
            let bad = vec![0; length];
            for parts in [
                SnpEndorsements { vek: bad.clone(), ..parts() },
                SnpEndorsements { ask: bad.clone(), ..parts() },
                SnpEndorsements { ark: bad.clone(), ..parts() },
                SnpEndorsements { crl: Some(bad.clone()), ..parts() },
            ] {
                assert!(
                    matches!(Endorsements::snp(parts), Err(EndorsementsError::Size { found, .. }) if found == length)
                );
            }
        }
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        for text in [
            r#"{"v":2,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ==","crls":[]}}}"#,
            r#"{"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ=="}}}"#,
            r#"{"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ==","crls":["AQ==","AQ=="]}}}"#,
            r#"{"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ","crls":[]}}}"#,
            r#"{"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ==","crls":[],"x":1}}}"#,
            r#"{"v":1,"endorsements":{"tdx":{}}}"#,
            r#"{"v":1,"v":1,"endorsements":{"snp":{"vek":"AQ==","ask":"AQ==","ark":"AQ==","crls":[]}}}"#,
        ] {
            assert!(Endorsements::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
