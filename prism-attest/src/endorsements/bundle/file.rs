//! The file form of a bundle: strict JSON with base64, in one spelling.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_core::digest::Digest;
use prism_core::strict;
use serde::{Deserialize, Serialize};

use super::entry::{Answer, Entry, Origin};
use super::key::EndorsementKey;
use super::{BUNDLE_ENTRIES_MAX, BUNDLE_MAX, Bundle, BundleError, MergeError};
use crate::window::Window;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    v: u32,
    bundle: Vec<Line>,
    /// SHA-256 of `bundle` as it is written here: says that the file was damaged, not who wrote it.
    sha256: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: String,
    key: String,
    bytes: String,
    issuers: Vec<String>,
    source: String,
    fetched_at: u64,
    window: Dates,
    sha256: Digest,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Dates {
    not_before: u64,
    not_after: u64,
}

impl From<Window> for Dates {
    fn from(window: Window) -> Self {
        Self { not_before: window.not_before, not_after: window.not_after }
    }
}

pub(super) fn write(bundle: &Bundle) -> Vec<u8> {
    let lines: Vec<Line> = bundle.entries().iter().map(Line::encode).collect();
    let sha256 = digest(&lines);
    let mut bytes = serde_json::to_vec(&File { v: 1, bundle: lines, sha256 }).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

pub(super) fn read(bytes: &[u8]) -> Result<Bundle, BundleError> {
    let file: File = strict::read(bytes, BUNDLE_MAX)?;
    if file.v != 1 {
        return Err(BundleError::Version { found: file.v });
    }
    if file.bundle.len() > BUNDLE_ENTRIES_MAX {
        return Err(MergeError::Full.into());
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(file.bundle.len());
    let mut last = String::new();
    for (at, line) in file.bundle.iter().enumerate() {
        let entry = line.decode(at)?;
        let text = entry.key().to_string();
        if text <= last {
            return Err(BundleError::Order { key: Box::new(entry.key().clone()) });
        }
        last = text;
        entries.push(entry);
    }
    let bundle = Bundle(entries);
    if file.sha256 != digest(&file.bundle) {
        return Err(BundleError::Damaged);
    }
    // Spaces and escapes say the same in other bytes; a bundle has one spelling.
    if write(&bundle) == bytes { Ok(bundle) } else { Err(BundleError::Damaged) }
}

pub(super) fn is_meant_by(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "bundle")]
        _bundle: serde::de::IgnoredAny,
    }
    bytes.len() <= BUNDLE_MAX && serde_json::from_slice::<Head>(bytes).is_ok()
}

fn digest(lines: &[Line]) -> Digest {
    Digest::sha256(&serde_json::to_vec(lines).unwrap_or_default())
}

impl Line {
    fn encode(entry: &Entry) -> Self {
        let Answer { bytes, issuers } = entry.answer();
        let Origin { source, fetched_at } = entry.origin();
        Self {
            kind: entry.key().kind().to_owned(),
            key: entry.key().subject(),
            bytes: STANDARD.encode(bytes),
            issuers: issuers.iter().map(|pem| STANDARD.encode(pem)).collect(),
            source: source.clone(),
            fetched_at: *fetched_at,
            window: entry.window().into(),
            sha256: entry.digest(),
        }
    }

    fn decode(&self, at: usize) -> Result<Entry, BundleError> {
        let key: EndorsementKey = format!("{}/{}", self.kind, self.key).parse().map_err(|_| BundleError::Key { at })?;
        let named = || Box::new(key.clone());
        let bytes = |text: &String| STANDARD.decode(text).map_err(|_| BundleError::Base64 { key: named() });
        let issuers = match self.issuers.as_slice() {
            [] => None,
            [pem] => Some(bytes(pem)?),
            _ => return Err(BundleError::Issuers { key: named() }),
        };
        let answer = Answer { bytes: bytes(&self.bytes)?, issuers };
        if Digest::sha256(&answer.bytes) != self.sha256 {
            return Err(BundleError::Digest { key: named() });
        }
        let origin = Origin { source: self.source.clone(), fetched_at: self.fetched_at };
        let entry = Entry::new(key.clone(), answer, origin)?;
        if Dates::from(entry.window()) != self.window {
            return Err(BundleError::Window { key: named() });
        }
        Ok(entry)
    }
}
