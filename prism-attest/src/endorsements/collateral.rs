//! What Intel's service answers, and the file of such answers that `dcap-qvl` and others keep.

use prism_core::strict;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ENDORSEMENTS_FILE_MAX, Endorsements, EndorsementsError, SignedJson, TdxEndorsements};

/// Which signed object an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    TcbInfo,
    QeIdentity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TcbInfoAnswer {
    #[serde(rename = "tcbInfo")]
    signed: Box<RawValue>,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QeIdentityAnswer {
    #[serde(rename = "enclaveIdentity")]
    signed: Box<RawValue>,
    signature: String,
}

/// Takes the signed object out of an answer of API version 4, as its exact bytes.
pub(super) fn read_signed(what: Signed, body: &[u8]) -> Result<SignedJson, EndorsementsError> {
    let (part, signed, signature) = match what {
        Signed::TcbInfo => {
            let answer: TcbInfoAnswer = strict::read(body, ENDORSEMENTS_FILE_MAX)?;
            ("tcb_info", answer.signed, answer.signature)
        }
        Signed::QeIdentity => {
            let answer: QeIdentityAnswer = strict::read(body, ENDORSEMENTS_FILE_MAX)?;
            ("qe_identity", answer.signed, answer.signature)
        }
    };
    Ok(SignedJson { json: signed.get().as_bytes().to_vec(), signature: signature_of(part, &signature)? })
}

/// The answer of API version 4 that carries these exact bytes.
pub(super) fn write_signed(what: Signed, signed: &SignedJson) -> Vec<u8> {
    let name = match what {
        Signed::TcbInfo => "tcbInfo",
        Signed::QeIdentity => "enclaveIdentity",
    };
    let (head, tail) = (format!("{{\"{name}\":"), format!(",\"signature\":\"{}\"}}", hex::encode(signed.signature)));
    [head.as_bytes(), &signed.json, tail.as_bytes()].concat()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Collateral {
    pck_crl_issuer_chain: String,
    root_ca_crl: String,
    pck_crl: String,
    tcb_info_issuer_chain: String,
    tcb_info: String,
    tcb_info_signature: String,
    qe_identity_issuer_chain: String,
    qe_identity: String,
    qe_identity_signature: String,
    #[serde(default)]
    pck_certificate_chain: Option<String>,
}

impl Endorsements {
    /// Reads a file of Intel's answers in the form of `dcap-qvl`: chains as PEM, lists and signatures in hexadecimal,
    /// signed objects as text. What is signed is taken as it is and not looked into.
    ///
    /// # Errors
    /// [`EndorsementsError`] for anything that is not exactly that form.
    pub fn from_collateral_json(bytes: &[u8]) -> Result<Self, EndorsementsError> {
        let file: Collateral = strict::read(bytes, ENDORSEMENTS_FILE_MAX)?;
        let tcb_info_signature = signature_of("tcb_info", &file.tcb_info_signature)?;
        let qe_identity_signature = signature_of("qe_identity", &file.qe_identity_signature)?;
        Self::tdx(TdxEndorsements {
            tcb_info: SignedJson { json: file.tcb_info.into_bytes(), signature: tcb_info_signature },
            tcb_info_chain: file.tcb_info_issuer_chain.into_bytes(),
            qe_identity: SignedJson { json: file.qe_identity.into_bytes(), signature: qe_identity_signature },
            qe_identity_chain: file.qe_identity_issuer_chain.into_bytes(),
            pck_crl: hexadecimal("pck_crl", &file.pck_crl)?,
            pck_crl_chain: file.pck_crl_issuer_chain.into_bytes(),
            root_crl: hexadecimal("root_crl", &file.root_ca_crl)?,
            pck_chain: file.pck_certificate_chain.map(String::into_bytes),
        })
    }
}

fn hexadecimal(part: &'static str, text: &str) -> Result<Vec<u8>, EndorsementsError> {
    hex::decode(text).map_err(|_| EndorsementsError::Hexadecimal { part })
}

fn signature_of(part: &'static str, text: &str) -> Result<[u8; 64], EndorsementsError> {
    hexadecimal(part, text)?.try_into().map_err(|_| EndorsementsError::Signature { part })
}
