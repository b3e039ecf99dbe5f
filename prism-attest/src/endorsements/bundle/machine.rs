//! One machine's endorsements as entries of a bundle.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_core::code::{Code, Coded};

use super::content;
use super::entry::{Answer, Entry, EntryError, Origin};
use super::key::{AmdSigner, EndorsementKey, PckCa};
use super::{Bundle, MergeError};
use crate::endorsements::collateral::{Signed, write_signed};
use crate::endorsements::{Endorsements, SnpEndorsements, TdxEndorsements};
use prism_core::hexadecimal::HexBytes;

impl Bundle {
    /// A bundle of one machine's endorsements, whose keys are read in the certificates and lists themselves.
    ///
    /// # Errors
    /// [`MachineError`] when they do not say what they are about, or contradict each other.
    pub fn of_machine(endorsements: &Endorsements, origin: &Origin) -> Result<Self, MachineError> {
        let answers = match (endorsements.as_snp(), endorsements.as_tdx()) {
            (Some(parts), _) => of_snp(parts),
            (_, Some(parts)) => of_tdx(parts),
            _ => None,
        };
        let mut bundle = Self::new();
        for (key, answer) in answers.ok_or(MachineError::Unnamed)? {
            bundle.add(Entry::new(key, answer, origin.clone())?)?;
        }
        Ok(bundle)
    }
}

type Answers = Vec<(EndorsementKey, Answer)>;

fn of_snp(parts: &SnpEndorsements) -> Option<Answers> {
    let (vek, signer) = match (content::vcek_of(&parts.vek), content::vlek_of(&parts.vek)) {
        (Some((product, chip, tcb)), _) => {
            (EndorsementKey::Vcek { product, chip: HexBytes::new(chip), tcb }, AmdSigner::Vcek)
        }
        (_, Some((product, tcb))) => (EndorsementKey::Vlek { product, tcb }, AmdSigner::Vlek),
        _ => return None,
    };
    let product = vek.product()?;
    let chain = [pem(&parts.ask), pem(&parts.ark)].concat();
    let mut answers = vec![
        (vek, alone(parts.vek.clone())),
        (EndorsementKey::AmdChain { product, signer }, alone(chain.into_bytes())),
    ];
    if let Some(crl) = &parts.crl {
        answers.push((EndorsementKey::AmdCrl { product, signer }, alone(crl.clone())));
    }
    Some(answers)
}

fn of_tdx(parts: &TdxEndorsements) -> Option<Answers> {
    let fmspc = content::fmspc_of(&parts.tcb_info.json)?;
    let authority = content::issuer_of_list(&parts.pck_crl)?;
    let ca = PckCa::ALL.into_iter().find(|ca| authority.ends_with(ca.ending()))?;
    let with = |bytes, issuers: &Vec<u8>| Answer { bytes, issuers: Some(issuers.clone()) };
    Some(vec![
        (
            EndorsementKey::TcbInfo { fmspc },
            with(write_signed(Signed::TcbInfo, &parts.tcb_info), &parts.tcb_info_chain),
        ),
        (
            EndorsementKey::QeIdentity,
            with(write_signed(Signed::QeIdentity, &parts.qe_identity), &parts.qe_identity_chain),
        ),
        (EndorsementKey::PckCrl { ca }, with(parts.pck_crl.clone(), &parts.pck_crl_chain)),
        (EndorsementKey::RootCrl, alone(parts.root_crl.clone())),
    ])
}

const fn alone(bytes: Vec<u8>) -> Answer {
    Answer { bytes, issuers: None }
}

/// A certificate as PEM (RFC 7468).
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = String::from("-----BEGIN CERTIFICATE-----\n");
    for (at, character) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines + "\n-----END CERTIFICATE-----\n"
}

/// Why one machine's endorsements make no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// A certificate or list does not say what it is about.
    #[error(
        "expected endorsements that name their chip, platform or authority, found none; fetch them from the vendor"
    )]
    Unnamed,
    /// A part is not of the form of its kind.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Two parts exclude each other.
    #[error(transparent)]
    Merge(#[from] MergeError),
}

impl Coded for MachineError {
    fn code(&self) -> Code {
        match self {
            Self::Unnamed => Code::FileMalformed,
            Self::Entry(error) => error.code(),
            Self::Merge(error) => error.code(),
        }
    }
}
