//! The export of the peer: names, hashes and keys are understood; everything else is named, never guessed.

use serde_json::{Map, Value};

use super::ImportError;
use crate::digest::{Digest, DigestAlgorithm};
use crate::key::PublicKey;
use crate::strict;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest file of the peer in bytes.
pub const PEER_MAX: usize = 1 << 20;
/// Most assets in it.
const ASSETS_MAX: usize = 257;

/// An asset or a consumer as the peer exports it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerAsset {
    /// The file's name, if there is one.
    pub filename: Option<String>,
    /// SHA3-256 of its bytes; the peer's documents also say SHA-256, so it is checked against the file.
    pub digest: Option<Digest>,
    /// Its provider's key, if it is one that Prism knows.
    pub key: Option<PublicKey>,
}

/// A computation as the peer exports it: what was understood of it, and what was not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerComputation {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What runs.
    pub algorithm: Option<PeerAsset>,
    /// On which data.
    pub datasets: Vec<PeerAsset>,
    /// Who receives the result.
    pub consumers: Vec<PeerAsset>,
    /// What was not understood, in the order of the fields' names.
    pub not_understood: Vec<NotUnderstood>,
}

/// A field that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct NotUnderstood {
    /// The field, for example `datasets[0].user_key`.
    pub field: String,
    /// Why, in words.
    pub why: &'static str,
}

/// Reads an export of the peer. What has the right name but another form is not understood either; nothing is guessed.
///
/// # Errors
/// [`ImportError`] when it is no strict JSON object of at most [`PEER_MAX`] bytes.
pub fn read_peer(bytes: &[u8]) -> Result<PeerComputation, ImportError> {
    let mut fields: Map<String, Value> = strict::read(bytes, PEER_MAX)?;
    let mut reader = Reader::default();
    let name = reader.text(&mut fields, "", "name").unwrap_or_default();
    let description = reader.text(&mut fields, "", "description").unwrap_or_default();
    let algorithm = fields.remove("algorithm").and_then(|value| reader.asset(value, "algorithm"));
    let datasets = reader.assets(&mut fields, "datasets");
    let consumers = reader.assets(&mut fields, "result_consumers");
    reader.rest(fields, "");
    reader.not_understood.sort();
    let not_understood = reader.not_understood;
    Ok(PeerComputation { name, description, algorithm, datasets, consumers, not_understood })
}

/// Takes fields out of objects and notes what it does not understand.
#[derive(Default)]
struct Reader {
    not_understood: Vec<NotUnderstood>,
}

impl Reader {
    fn note(&mut self, field: String, why: &'static str) {
        self.not_understood.push(NotUnderstood { field, why });
    }

    fn rest(&mut self, fields: Map<String, Value>, place: &str) {
        for (name, _) in fields {
            self.note(format!("{place}{name}"), "a field that Prism has no counterpart for; write it into the draft");
        }
    }

    fn text(&mut self, fields: &mut Map<String, Value>, place: &str, name: &str) -> Option<String> {
        if let Value::String(text) = fields.remove(name)? {
            return Some(text);
        }
        self.note(format!("{place}{name}"), "expected a text, found something else");
        None
    }

    fn assets(&mut self, fields: &mut Map<String, Value>, name: &str) -> Vec<PeerAsset> {
        match fields.remove(name) {
            None => Vec::new(),
            Some(Value::Array(items)) if items.len() <= ASSETS_MAX => {
                let items = items.into_iter().enumerate();
                items.filter_map(|(place, item)| self.asset(item, &format!("{name}[{place}]"))).collect()
            }
            Some(_) => {
                self.note(name.to_owned(), "expected a list that is not too long, found something else");
                Vec::new()
            }
        }
    }

    fn asset(&mut self, value: Value, place: &str) -> Option<PeerAsset> {
        let Value::Object(mut fields) = value else {
            self.note(place.to_owned(), "expected an object, found something else");
            return None;
        };
        let inside = format!("{place}.");
        let filename = self.text(&mut fields, &inside, "filename");
        let digest = fields.remove("hash").and_then(|hash| {
            let digest = read_hash(&hash);
            if digest.is_none() {
                self.note(format!("{inside}hash"), "expected 32 numbers from 0 to 255, found something else");
            }
            digest
        });
        let key = self.text(&mut fields, &inside, "user_key").and_then(|text| {
            let key = STANDARD.decode(&text).ok().and_then(|der| PublicKey::from_spki_der(&der).ok());
            if key.is_none() {
                self.note(format!("{inside}user_key"), "not a key that Prism takes (Ed25519, P-256, P-384); make one");
            }
            key
        });
        self.rest(fields, &inside);
        Some(PeerAsset { filename, digest, key })
    }
}

fn read_hash(value: &Value) -> Option<Digest> {
    let numbers = value.as_array().filter(|numbers| numbers.len() == 32)?;
    let byte = |number: &Value| number.as_u64().and_then(|n| u8::try_from(n).ok());
    let bytes: Vec<u8> = numbers.iter().map(byte).collect::<Option<_>>()?;
    Some(Digest::from_bytes(DigestAlgorithm::Sha3_256, bytes.try_into().ok()?))
}
