//! The transcript: everything a stranger needs to audit a run, in one file.
//!
//! Reading a transcript proves nothing yet: `prism_attest::audit` replays it. The form is canonical, so every byte of
//! the file means something: a file that reads differently from how it would be written is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::code::{Code, Coded};
use crate::strict::{self, JsonError};

/// Longest transcript in bytes.
pub const TRANSCRIPT_MAX: usize = 256 << 20;

/// Everything a stranger needs, as it was received; nothing in it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these parts")]
pub struct Transcript {
    /// Format tag.
    pub format: TranscriptFormat,
    /// The signed manifest's file.
    pub manifest: Base64Bytes,
    /// The agent's binding `B`.
    pub binding: Base64Bytes,
    /// Every piece of evidence that the log names.
    pub evidence: Vec<EvidenceRecord>,
    /// The event log behind the registers of all of it, if the agent showed one: an agent lives in one boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_log: Option<Base64Bytes>,
    /// The log's entries, each as its exact text.
    pub entries: Vec<String>,
    /// The last signed checkpoint (C2SP signed note).
    pub checkpoint: String,
    /// Receipts (C2SP tlog-proof) that their holders added.
    pub receipts: Vec<String>,
}

/// The transcript's format tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TranscriptFormat {
    /// Version 1.
    #[serde(rename = "prism.transcript/v1")]
    V1,
}

/// One report of the machine with what its vendor vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these parts")]
pub struct EvidenceRecord {
    /// The platform's name.
    pub platform: String,
    /// The raw evidence.
    pub evidence: Base64Bytes,
    /// The endorsements' file.
    pub endorsements: Base64Bytes,
}

/// Bytes that JSON carries as canonical, padded base64.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a plain wrapper")]
pub struct Base64Bytes(pub Vec<u8>);

impl Serialize for Base64Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Why a file is not a transcript.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// Not strict JSON of the transcript's form.
    #[error("expected a transcript, found other JSON; fetch it again: {0}")]
    Json(#[from] JsonError),
    /// The same content in another text.
    #[error("expected a transcript in its one canonical form, found another text; it was changed after it was written")]
    NotCanonical,
    /// The transcript could not be written as JSON.
    #[error("expected a transcript that can be written as JSON, found another")]
    Unwritable(#[source] serde_json::Error),
}

impl Coded for TranscriptError {
    fn code(&self) -> Code {
        match self {
            Self::Unwritable(_) => Code::Internal,
            Self::Json(_) | Self::NotCanonical => Code::AuditFailed,
        }
    }
}

impl Transcript {
    /// Reads a transcript's file.
    ///
    /// # Errors
    /// [`TranscriptError`] when it is not exactly what [`to_bytes`](Self::to_bytes) writes.
    pub fn read(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let transcript: Self = strict::read(bytes, TRANSCRIPT_MAX)?;
        if transcript.to_bytes()? != bytes {
            return Err(TranscriptError::NotCanonical);
        }
        Ok(transcript)
    }

    /// The file: JSON for people to look into, one entry a line.
    ///
    /// # Errors
    /// [`TranscriptError::Unwritable`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, TranscriptError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(TranscriptError::Unwritable)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back_and_every_other_text_is_refused() {
        let transcript = Transcript {
            format: TranscriptFormat::V1,
            manifest: Base64Bytes(b"m".to_vec()),
            binding: Base64Bytes(b"b".to_vec()),
            evidence: vec![],
            event_log: None,
            entries: vec!["{}".to_owned()],
            checkpoint: "c".to_owned(),
            receipts: vec![],
        };
        let bytes = transcript.to_bytes().unwrap();
        assert_eq!(Transcript::read(&bytes).unwrap(), transcript);
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [("\n", " "), ("bQ==", "bR=="), ("bQ==", "bQ"), ("{}", "\\u007b}"), ("v1", "v2")] {
            assert!(Transcript::read(text.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
        }
    }
}
