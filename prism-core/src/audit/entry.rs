//! Entries of the audit log: a closed list of events, each one JSON object.
//!
//! The log is the run's memory: the same [`Event`]s drive the agent's state and the auditor's replay
//! (see [`crate::lifecycle`]). An entry's stored bytes are hashed as they are and never written again.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::code::{Code, Coded};
use crate::name::Name;
use crate::strict::{self, JsonError};

mod event;
mod words;
pub use event::*;
pub use words::Words;

/// Longest entry in bytes (C2SP tlog-tiles bounds entries by their u16 length).
pub const ENTRY_MAX: usize = 65_535;

/// The version of the form of entries.
const VERSION: u8 = 1;

/// How the agent itself signs as an actor; no participant may bear this name.
pub const AGENT: &str = "agent";

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Actor {
    /// The agent.
    Agent,
    /// A participant, authenticated on its connection.
    Participant(Name),
}

impl Actor {
    /// The participant, unless the agent itself acted.
    #[must_use]
    pub fn participant(&self) -> Option<&Name> {
        match self {
            Self::Agent => None,
            Self::Participant(name) => Some(name),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.participant().map_or(AGENT, Name::as_str))
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Name::deserialize(deserializer)?;
        Ok(if name.as_str() == AGENT { Self::Agent } else { Self::Participant(name) })
    }
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these four parts")]
pub struct Entry {
    /// The leaf's index in the log.
    pub seq: u64,
    /// Unix milliseconds by the agent's clock, which the host owns: informational.
    pub ts: u64,
    /// Who caused the event.
    pub actor: Actor,
    /// What happened.
    pub event: Event,
}

/// Why bytes are not an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Not strict JSON of an entry's form, or an unknown type of event.
    #[error("expected a log entry, found other JSON; the log is damaged at {0}")]
    Json(#[from] JsonError),
    /// The event's body is not what its type asks for.
    #[error("expected the body of a {kind} entry, found another; the log is damaged")]
    Body {
        /// The entry's type.
        kind: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Not the exact text that writing this entry gives.
    #[error("expected an entry in its one canonical form, found another text of the same content; the log is damaged")]
    NotCanonical,
    /// The entry would be longer than [`ENTRY_MAX`].
    #[error("expected an entry of at most {ENTRY_MAX} bytes, found {0}")]
    TooLong(usize),
}

impl Coded for EntryError {
    fn code(&self) -> Code {
        match self {
            Self::TooLong(_) => Code::Internal,
            _ => Code::LogInvalid,
        }
    }
}

/// The JSON object, in the order of its keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    seq: u64,
    ts: u64,
    #[serde(rename = "type")]
    kind: String,
    actor: Actor,
    body: serde_json::Value,
}

/// The same to write, with a body in sorted order.
#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    seq: u64,
    ts: u64,
    #[serde(rename = "type")]
    kind: &'a str,
    actor: &'a Actor,
    body: Sorted<'a>,
}

/// A value whose objects have their keys in sorted order, whatever `serde_json::Map` is in this build: any crate of the
/// host program may have asked for the feature that keeps the order of insertion.
struct Sorted<'a>(&'a serde_json::Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            serde_json::Value::Object(fields) => {
                let sorted: BTreeMap<_, _> = fields.iter().map(|(name, value)| (name, Sorted(value))).collect();
                serializer.collect_map(sorted)
            }
            serde_json::Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            other => other.serialize(serializer),
        }
    }
}

/// How serde sees an event: its type and its body.
#[derive(Deserialize)]
struct Tagged {
    #[serde(rename = "type")]
    kind: String,
    body: serde_json::Value,
}

impl Entry {
    /// The entry's bytes, as they are stored and hashed.
    ///
    /// # Errors
    /// [`EntryError::TooLong`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let body_error = |source| EntryError::Body { kind: self.event.kind().to_owned(), source };
        let tagged = serde_json::to_value(&self.event).and_then(Tagged::deserialize).map_err(body_error)?;
        let Tagged { kind, body } = tagged;
        let (actor, body) = (&self.actor, Sorted(&body));
        let written = Written { v: VERSION, seq: self.seq, ts: self.ts, kind: &kind, actor, body };
        let bytes = serde_json::to_vec(&written).map_err(body_error)?;
        if bytes.len() > ENTRY_MAX {
            return Err(EntryError::TooLong(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// [`EntryError`] when they are not exactly what [`to_bytes`](Self::to_bytes) writes.
    pub fn read(bytes: &[u8]) -> Result<Self, EntryError> {
        let wire: Wire = strict::read(bytes, ENTRY_MAX)?;
        let tagged = serde_json::json!({"type": wire.kind, "body": wire.body});
        let event =
            serde_json::from_value(tagged).map_err(|source| EntryError::Body { kind: wire.kind.clone(), source })?;
        let entry = Self { seq: wire.seq, ts: wire.ts, actor: wire.actor, event };
        if wire.v != VERSION || entry.to_bytes()? != bytes {
            return Err(EntryError::NotCanonical);
        }
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn entry() -> Entry {
        let body = AssetBody { asset: "h1.zip".parse().unwrap(), digest: Digest::sha256(b"x"), size: 1 };
        let actor = Actor::Participant("hospital-1".parse().unwrap());
        Entry { seq: 17, ts: 1_700_000_000_017, actor, event: Event::AssetAccepted(body) }
    }

    #[test]
    fn an_entry_has_the_published_form() {
        let text = String::from_utf8(entry().to_bytes().unwrap()).unwrap();
        assert!(
            text.starts_with(
                r#"{"v":1,"seq":17,"ts":1700000000017,"type":"asset.accepted","actor":"hospital-1","body":{"asset":"h1.zip","digest":"sha256:"#
            ),
            "{text}"
        );
        assert_eq!(Entry::read(text.as_bytes()).unwrap(), entry());
    }

    /// The text of an exit with one layer, which has this detail.
    fn exit(detail: Option<&str>) -> String {
        let nothing = Output { bytes: 0, digest: Digest::sha256(b"") };
        let layer = crate::manifest::SandboxLayer::Seccomp;
        let body = RunExitBody {
            run: 1,
            end: RunEnd::Exited,
            status: 0,
            layers: vec![LayerReport { layer, state: LayerState::Off, detail: detail.map(str::to_owned) }],
            stdout: nothing.clone(),
            stderr: nothing,
            wall_ms: 1,
            code: None,
            conditions: None,
        };
        let entry = Entry { seq: 1, ts: 1, actor: Actor::Agent, event: Event::RunExit(Box::new(body)) };
        String::from_utf8(entry.to_bytes().unwrap()).unwrap()
    }

    fn layer(text: &str) -> String {
        let Event::RunExit(body) = Entry::read(text.as_bytes()).unwrap().event else { panic!("{text}") };
        assert!(body.is_executed());
        body.layers[0].to_string()
    }

    /// In a build of the whole workspace another crate turns on `serde_json/preserve_order`, as a host program's may.
    #[test]
    fn the_form_does_not_depend_on_what_else_is_in_the_host_program() {
        let text = exit(Some("why"));
        let body = text.split_once(r#""body":"#).unwrap().1;
        assert!(
            body.starts_with(r#"{"end":"exited","layers":[{"detail":"why","layer":"seccomp","state":"off"}],"run":1,"#),
            "{body}"
        );
    }

    #[test]
    fn a_run_that_was_logged_before_layers_had_reasons_is_read() {
        let text = exit(None);
        assert!(!text.contains("detail") && !text.contains("packages"), "{text}");
        assert_eq!(layer(&text), "seccomp off");
    }

    #[test]
    fn a_reason_that_could_deceive_or_fill_the_log_is_refused() {
        assert_eq!(layer(&exit(Some("not needed"))), "seccomp off (not needed)");
        for bad in ["", "a\u{1b}[2J", "a\u{202e}b", &"x".repeat(121)] {
            assert!(Entry::read(exit(Some(bad)).as_bytes()).is_err(), "{bad}");
        }
        assert!(Entry::read(exit(Some(&"x".repeat(120))).as_bytes()).is_ok());
    }

    #[test]
    fn every_other_text_of_the_same_content_is_refused() {
        let text = String::from_utf8(entry().to_bytes().unwrap()).unwrap();
        for (from, to) in [
            (":17,", ": 17,"),
            (r#""v":1,"#, r#""v":2,"#),
            ("asset.accepted", "asset.swallowed"),
            (r#""size":1"#, r#""size":1,"note":"hi""#),
            (r#""size":1"#, r#""size":1.0"#),
            (r#""size":1"#, r#""size":1,"size":1"#),
            (r#""actor":"hospital-1""#, r#""actor":"hospital\u002d1""#),
            (r#"{"v":1,"seq":17,"#, r#"{"seq":17,"v":1,"#),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            assert!(Entry::read(changed.as_bytes()).is_err(), "{changed}");
        }
    }
}
