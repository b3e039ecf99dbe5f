//! Strict JSON: what two readers could understand differently is refused.
//!
//! Duplicate keys, floats, nesting deeper than 16, trailing bytes and oversized documents are errors here; unknown and
//! missing keys are errors of the types that are read (`deny_unknown_fields`, every field required).

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 16;

/// Why a document was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Longer than the reader's limit.
    #[error("expected at most {limit} bytes of JSON, found {found}; this cannot be the right file")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length found in bytes.
        found: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("expected at most {MAX_DEPTH} levels of nesting, found more; flatten the document")]
    TooDeep,
    /// Not strict JSON, or not the type that was asked for.
    #[error("{path}: {source}")]
    Content {
        /// Where in the document, for example `participants[1].key`.
        path: String,
        /// What is wrong there, with line and column.
        source: serde_json::Error,
    },
}

/// Reads a `T` from exactly `bytes`.
///
/// # Errors
/// [`JsonError`] names the place and what was expected there.
pub fn read<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLong { limit, found: bytes.len() });
    }
    check_depth(bytes)?;
    parse::<Unambiguous>(bytes)?;
    parse(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|e| JsonError::Content { path: e.path().to_string(), source: e.into_inner() })?;
    deserializer.end().map_err(|source| JsonError::Content { path: "end".to_owned(), source })?;
    Ok(value)
}

fn check_depth(bytes: &[u8]) -> Result<(), JsonError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
    }
    Ok(())
}

/// A document that every JSON reader understands in the same way; its content is dropped.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Unambiguous;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate keys and without floats")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_unit<E>(self) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unambiguous, A::Error> {
        while seq.next_element::<Unambiguous>()?.is_some() {}
        Ok(Unambiguous)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unambiguous, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key) {
                return Err(A::Error::custom("expected every key once, found a duplicate key; remove one of them"));
            }
            map.next_value::<Unambiguous>()?;
        }
        Ok(Unambiguous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_two_readers_could_understand_differently_are_refused() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"\u0062":2}}"#,
            r"[1.0]",
            r"[1e2]",
            r"[-0]",
            r"[18446744073709551616]",
            r"{} {}",
            r#"{"a":1,}"#,
            "\u{feff}{}",
            "",
        ] {
            assert!(read::<serde_json::Value>(text.as_bytes(), 100).is_err(), "{text}");
        }
        assert!(read::<serde_json::Value>(br#"{"a":[1,-2,"x",true,null]}"#, 100).is_ok());
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(read::<serde_json::Value>(nested(16).as_bytes(), 100).is_ok());
        assert!(matches!(read::<serde_json::Value>(nested(17).as_bytes(), 100), Err(JsonError::TooDeep)));
        assert!(matches!(read::<serde_json::Value>(b"[    ]", 5), Err(JsonError::TooLong { limit: 5, found: 6 })));
    }
}
