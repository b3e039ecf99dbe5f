//! Evidence in the conceptual message wrapper of the RATS working group (draft-ietf-rats-msg-wrap): an array of a media
//! type, the value and an indicator of what kind of message it is, in JSON or in CBOR, alone or in a collection.
//!
//! The wrapper is not signed and proves nothing: it only names what is inside. Media types:
//!
//! | platform | media type | from |
//! |---|---|---|
//! | `snp` | `application/vnd.amd.sev-snp.attestation-report` | draft-deeglaze-amd-sev-snp-corim-profile |
//! | `tdx` | `application/vnd.intel.tdx.quote` | in Intel's tree; registered by nobody yet |
//! | others | `application/vnd.prism.` and the platform's name | this project |
//!
//! None of them has a `CoAP` content format, so a number in place of the type, or a tag made of one, is refused.

mod binary;
mod text;

use std::collections::BTreeSet;

use prism_core::code::{Code, Coded};

use crate::evidence::{EVIDENCE_MAX, Evidence, EvidenceError, Platform};

/// Largest wrapper in bytes, collections included.
pub const CMW_MAX: usize = 4 * EVIDENCE_MAX;

/// Deepest nesting of collections.
pub const CMW_DEPTH_MAX: usize = 4;

/// Most records and collections in a wrapper.
pub const CMW_RECORDS_MAX: usize = 64;

/// The indicator's bit of evidence.
const IND_EVIDENCE: u64 = 1 << 2;

/// The key under which a collection may say its own type.
const COLLECTION_TYPE: &str = "__cmwc_t";

/// Why some bytes are not evidence in a wrapper.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CmwError {
    /// Longer than [`CMW_MAX`].
    #[error("expected at most {CMW_MAX} bytes of a message wrapper, found {found}; this cannot be one")]
    Size {
        /// The length found in bytes.
        found: usize,
    },
    /// Not a record or collection in strict JSON or deterministic CBOR.
    #[error("expected a message wrapper in strict JSON or deterministic CBOR, found something else; wrap it again")]
    Malformed,
    /// Nested deeper than [`CMW_DEPTH_MAX`], or more than [`CMW_RECORDS_MAX`] records.
    #[error(
        "expected at most {CMW_DEPTH_MAX} levels and {CMW_RECORDS_MAX} records in a wrapper, found more; unwrap it first"
    )]
    Limits,
    /// Two entries of a collection have the same label.
    #[error("expected labels that differ in a collection of wrappers, found one twice; wrap it again")]
    DuplicateLabel,
    /// The media type or content format is none of evidence that is read here.
    #[error("expected a media type of evidence, found another; the other side may be newer")]
    UnknownType,
    /// The indicator says that it is something else than evidence.
    #[error("expected the indicator of evidence (4), found {found}; this message is something else")]
    NotEvidence {
        /// The indicator found.
        found: u64,
    },
    /// A collection in which not exactly one record is.
    #[error("expected exactly one record in the wrapper, found {found}; choose one with cmw::records")]
    Records {
        /// The number found.
        found: usize,
    },
    /// The value cannot be evidence.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl Coded for CmwError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownType => Code::PlatformUnsupported,
            _ => Code::EvidenceRefused,
        }
    }
}

/// What a record says that it is: a media type, or the number of a `CoAP` content format.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordType {
    /// A media type (RFC 6838).
    Media(String),
    /// A content format's number (RFC 7252, section 12.3).
    ContentFormat(u16),
}

/// One message and what it is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The labels of the collections around it, outermost first.
    pub labels: Vec<String>,
    /// What it is said to be.
    pub kind: RecordType,
    /// The message.
    pub value: Vec<u8>,
    /// The bits of what it may be, where given: 1 reference values, 2 endorsements, 4 evidence, 8 results.
    pub indicator: Option<u64>,
}

impl Record {
    /// The record's message as evidence.
    ///
    /// # Errors
    /// [`CmwError::UnknownType`], [`CmwError::NotEvidence`] and [`CmwError::Evidence`].
    pub fn into_evidence(self) -> Result<Evidence, CmwError> {
        let RecordType::Media(kind) = self.kind else { return Err(CmwError::UnknownType) };
        let named = Platform::ALL.into_iter().find(|platform| media_type(*platform) == kind);
        let platform = named.ok_or(CmwError::UnknownType)?;
        if let Some(found) = self.indicator.filter(|indicator| *indicator != IND_EVIDENCE) {
            return Err(CmwError::NotEvidence { found });
        }
        Ok(Evidence::new(platform, self.value)?)
    }
}

/// Every record of a wrapper in the order written, those of collections included.
///
/// # Errors
/// [`CmwError`] for anything that is not exactly one wrapper in one of its forms.
pub fn records(bytes: &[u8]) -> Result<Vec<Record>, CmwError> {
    if bytes.len() > CMW_MAX {
        return Err(CmwError::Size { found: bytes.len() });
    }
    match bytes.first() {
        Some(b'[' | b'{') => text::read(bytes),
        _ => binary::read(bytes),
    }
}

impl Evidence {
    /// Reads evidence from a wrapper (draft-ietf-rats-msg-wrap) in JSON or CBOR with exactly one record. Nothing in it
    /// is believed yet, its type neither.
    ///
    /// # Errors
    /// [`CmwError`].
    pub fn from_cmw(bytes: &[u8]) -> Result<Self, CmwError> {
        let mut records = records(bytes)?;
        match (records.len(), records.pop()) {
            (1, Some(record)) => record.into_evidence(),
            (found, _) => Err(CmwError::Records { found }),
        }
    }

    /// The evidence as a record in JSON.
    #[must_use]
    pub fn to_cmw_json(&self) -> String {
        text::write(self)
    }

    /// The evidence as a record in CBOR.
    #[must_use]
    pub fn to_cmw_cbor(&self) -> Vec<u8> {
        binary::write(self)
    }
}

/// The media type of a platform's evidence.
#[must_use]
pub fn media_type(platform: Platform) -> String {
    match platform {
        Platform::Snp => "application/vnd.amd.sev-snp.attestation-report".to_owned(),
        Platform::Tdx => "application/vnd.intel.tdx.quote".to_owned(),
        other => format!("application/vnd.prism.{other}"),
    }
}

/// Where reading stands: the records so far and the collections that are open.
#[derive(Default)]
struct Walk {
    records: Vec<Record>,
    labels: Vec<String>,
    entries: usize,
}

impl Walk {
    /// Counts an entry before it is read.
    fn enter(&mut self) -> Result<(), CmwError> {
        self.entries += 1;
        if self.entries > CMW_RECORDS_MAX || self.labels.len() > CMW_DEPTH_MAX {
            return Err(CmwError::Limits);
        }
        Ok(())
    }

    fn record(&mut self, kind: RecordType, value: Vec<u8>, indicator: Option<u64>) -> Result<(), CmwError> {
        let known = indicator.is_none_or(|bits| (1..16).contains(&bits));
        if !known {
            return Err(CmwError::NotEvidence { found: indicator.unwrap_or_default() });
        }
        self.records.push(Record { labels: self.labels.clone(), kind, value, indicator });
        Ok(())
    }
}

/// The labels of one collection, each once.
#[derive(Default)]
struct Labels(BTreeSet<String>);

impl Labels {
    fn add(&mut self, label: &str) -> Result<(), CmwError> {
        if self.0.insert(label.to_owned()) { Ok(()) } else { Err(CmwError::DuplicateLabel) }
    }
}
