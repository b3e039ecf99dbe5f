//! `RECORD`: what a wheel contains, with the digest of each file (PEP 376, PEP 427).

use std::fmt::{self, Write as _};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::FileHash;
use crate::archive::{PathError, SafePath};

/// Why a text is not a wheel's `RECORD`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not three fields of comma-separated values.
    #[error("expected path, hash and size in line {line} of RECORD, found something else")]
    Form {
        /// Line number, from 1.
        line: usize,
    },
    /// A path that leads out of the wheel.
    #[error("expected a path inside the wheel in line {line} of RECORD: {source}")]
    Path {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        source: PathError,
    },
    /// A digest other than a SHA-256, or a longer one of its family, in the form of the standard.
    #[error(
        "expected sha256=, sha384= or sha512= and its 43, 64 or 86 characters as the hash in line {line} of RECORD, found something else"
    )]
    Hash {
        /// Line number, from 1.
        line: usize,
    },
    /// A size that is no number.
    #[error("expected a number of bytes in line {line} of RECORD, found something else")]
    Size {
        /// Line number, from 1.
        line: usize,
    },
}

/// What a `RECORD` says of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordLine {
    /// The file's path in the wheel.
    pub path: SafePath,
    /// The digest of its content; none for `RECORD` itself and its signatures.
    pub hash: Option<RecordHash>,
    /// Its size in bytes, if it is said.
    pub size: Option<u64>,
}

/// The digest of one file of a wheel: SHA-256 or better (PEP 427).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "PEP 376 names the algorithms by hashlib's names; these are what wheels have"
)]
pub enum RecordHash {
    /// SHA-256.
    Sha256(FileHash),
    /// SHA-384.
    Sha384([u8; 48]),
    /// SHA-512.
    Sha512([u8; 64]),
}

impl RecordHash {
    /// What recomputes it.
    #[must_use]
    pub fn hasher(self) -> RecordHasher {
        let algorithm = match self {
            Self::Sha256(_) => &digest::SHA256,
            Self::Sha384(_) => &digest::SHA384,
            Self::Sha512(_) => &digest::SHA512,
        };
        RecordHasher { expected: self, context: digest::Context::new(algorithm) }
    }

    const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha384(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }

    /// `sha256=…` in the form of the standard.
    fn read(text: &str) -> Option<Self> {
        let (algorithm, encoded) = text.split_once('=')?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        match algorithm {
            "sha256" => bytes.try_into().ok().map(Self::Sha256),
            "sha384" => bytes.try_into().ok().map(Self::Sha384),
            "sha512" => bytes.try_into().ok().map(Self::Sha512),
            _ => None,
        }
    }
}

/// A digest of a `RECORD` that is being recomputed: feed it the file's bytes in order, then ask.
#[derive(Clone)]
pub struct RecordHasher {
    expected: RecordHash,
    context: digest::Context,
}

impl RecordHasher {
    /// Adds the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    /// Whether the bytes were those that `RECORD` means.
    #[must_use]
    pub fn matches(self) -> bool {
        self.context.finish().as_ref() == self.expected.as_bytes()
    }
}

impl fmt::Debug for RecordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordHasher").field("expected", &self.expected).finish_non_exhaustive()
    }
}

/// A wheel's `RECORD`, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    lines: Vec<RecordLine>,
}

impl Record {
    /// Reads a `RECORD`.
    ///
    /// # Errors
    /// [`RecordError`] with the number of the first line that is none.
    pub fn read(text: &str) -> Result<Self, RecordError> {
        let mut lines = Vec::new();
        for (index, raw) in text.split('\n').enumerate() {
            let raw = raw.strip_suffix('\r').unwrap_or(raw);
            if !raw.is_empty() {
                lines.push(line(raw, index + 1)?);
            }
        }
        Ok(Self { lines })
    }

    /// What it says, in its order.
    #[must_use]
    pub fn into_lines(self) -> Vec<RecordLine> {
        self.lines
    }
}

/// The text of a `RECORD`: paths relative to the packages, whatever they are, with hash and size, or neither.
#[must_use]
pub fn record_text<'a>(lines: impl IntoIterator<Item = (&'a str, Option<(FileHash, u64)>)>) -> String {
    let mut text = String::new();
    for (path, content) in lines {
        let quoted = path.contains([',', '"']);
        let path = if quoted { format!("\"{}\"", path.replace('"', "\"\"")) } else { path.to_owned() };
        let (hash, size) = match content {
            Some((hash, size)) => (format!("sha256={}", URL_SAFE_NO_PAD.encode(hash)), size.to_string()),
            None => (String::new(), String::new()),
        };
        // Writing to memory does not fail.
        let _ = writeln!(text, "{path},{hash},{size}");
    }
    text
}

fn line(raw: &str, line: usize) -> Result<RecordLine, RecordError> {
    let [path, hash, size] = fields(raw).ok_or(RecordError::Form { line })?;
    let path = SafePath::new(&path).map_err(|source| RecordError::Path { line, source })?;
    let hash = match hash.as_str() {
        "" => None,
        hash => Some(RecordHash::read(hash).ok_or(RecordError::Hash { line })?),
    };
    let number = |size: &str| size.bytes().all(|b| b.is_ascii_digit()).then(|| size.parse().ok()).flatten();
    let size = match size.as_str() {
        "" => None,
        size => Some(number(size).ok_or(RecordError::Size { line })?),
    };
    Ok(RecordLine { path, hash, size })
}

/// Three comma-separated values, each plain or in double quotes that are doubled inside.
fn fields(raw: &str) -> Option<[String; 3]> {
    let mut fields = Vec::new();
    let mut rest = raw;
    loop {
        let (field, after) = field(rest)?;
        fields.push(field);
        if after.is_empty() {
            return fields.try_into().ok();
        }
        rest = after.strip_prefix(',').filter(|_| fields.len() < 3)?;
    }
}

/// The first value, and what follows it.
fn field(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        let (plain, after) = text.split_at(end);
        return (!plain.contains('"')).then(|| (plain.to_owned(), after));
    };
    let (mut value, mut rest) = (String::new(), quoted);
    loop {
        let (inside, after) = rest.split_once('"')?;
        value.push_str(inside);
        match after.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None => return Some((value, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of nothing, as RECORD writes it.
    const EMPTY: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn what_wheels_have_is_read() {
        let text =
            format!("a/b.py,sha256={EMPTY},0\r\n\"a/c,\"\"d\"\".py\",sha256={EMPTY},\na-1.dist-info/RECORD,,\n\n");
        let lines = Record::read(&text).unwrap().into_lines();
        let paths: Vec<&str> = lines.iter().map(|line| line.path.as_str()).collect();
        assert_eq!(paths, ["a/b.py", "a/c,\"d\".py", "a-1.dist-info/RECORD"]);
        assert_eq!(lines[0].hash, Some(RecordHash::Sha256(*crate::digest::Digest::sha256(b"").as_bytes())));
        assert_eq!((lines[0].size, lines[1].size, lines[2].hash), (Some(0), None, None));
    }

    #[test]
    fn what_is_written_reads_back() {
        let text = record_text([("a,\"b", Some(([7; 32], 12))), ("x/RECORD", None)]);
        let lines = Record::read(&text).unwrap().into_lines();
        assert_eq!(
            (lines[0].path.as_str(), lines[0].hash, lines[0].size),
            ("a,\"b", Some(RecordHash::Sha256([7; 32])), Some(12))
        );
        assert_eq!((lines[1].path.as_str(), lines[1].hash, lines[1].size), ("x/RECORD", None, None));
    }

    #[test]
    fn longer_hashes_of_the_family_will_do() {
        for algorithm in [&digest::SHA256, &digest::SHA384, &digest::SHA512] {
            let encoded = URL_SAFE_NO_PAD.encode(digest::digest(algorithm, b"abc"));
            let name = format!("sha{}", algorithm.output_len() * 8);
            let lines = Record::read(&format!("a,{name}={encoded},3")).unwrap().into_lines();
            let mut hasher = lines[0].hash.unwrap().hasher();
            hasher.update(b"ab");
            assert!(!hasher.clone().matches(), "{name} of a part");
            hasher.update(b"c");
            assert!(hasher.matches(), "{name}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_their_line() {
        for text in ["a", "a,", "a,,,", "a,,,b", "\"a,,", "\"a\"b,,", "a\"b,,"] {
            assert_eq!(Record::read(&format!("x,,\n{text}")), Err(RecordError::Form { line: 2 }), "{text}");
        }
        for text in ["../a,,", "/a,,", "a/../b,,", "a//b,,", ",,"] {
            assert!(matches!(Record::read(text), Err(RecordError::Path { line: 1, .. })), "{text}");
        }
        for hash in [
            "md5=1B2M2Y8AsgTpgAmY7PhCfg",
            "sha256=",
            "sha256=47DE",
            "sha1=abc",
            "sha512=47DE",
            "sha384=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
            EMPTY,
        ] {
            assert_eq!(Record::read(&format!("a,{hash},")), Err(RecordError::Hash { line: 1 }), "{hash}");
        }
        for size in ["x", "-1", "+1", "99999999999999999999", "1.0"] {
            assert_eq!(Record::read(&format!("a,,{size}")), Err(RecordError::Size { line: 1 }), "{size}");
        }
    }
}
