//! PEM (RFC 7468, the strict form), one block only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::KeyError;

/// Label of an SPKI public key.
pub(super) const PUBLIC: &str = "PUBLIC KEY";
/// Label of a PKCS#8 private key.
pub(super) const PRIVATE: &str = "PRIVATE KEY";
/// Label of a SEC1 elliptic-curve private key (RFC 5915).
pub(super) const SEC1: &str = "EC PRIVATE KEY";
/// Label of a PKCS#8 private key under a passphrase.
pub(super) const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Labels that an error message may repeat.
const USUAL: [&str; 8] =
    [PUBLIC, PRIVATE, SEC1, ENCRYPTED, "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "CERTIFICATE", "EC PARAMETERS"];

/// Longest text; the longest key that Prism knows takes a twentieth of it.
const TEXT_MAX: usize = 8192;
const LINE_CHARS: usize = 64;
const LINE_BYTES: usize = 48;

/// What one PEM block holds.
pub(super) struct Block {
    pub(super) label: &'static str,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// Reads exactly one block of a usual label.
pub(super) fn read(text: &str) -> Result<Block, KeyError> {
    if text.len() > TEXT_MAX {
        return Err(KeyError::Pem);
    }
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n').map(without_cr);
    let label = lines.next().and_then(begin_label).ok_or(KeyError::Pem)?;
    let end = lines.next_back().and_then(end_label).ok_or(KeyError::Pem)?;
    if label != end {
        return Err(KeyError::Pem);
    }
    let label = USUAL.into_iter().find(|known| *known == label).unwrap_or("another label");
    if label == ENCRYPTED {
        return Err(KeyError::Encrypted);
    }
    Ok(Block { label, der: decode(lines)? })
}

/// One block with `label`.
pub(super) fn write(label: &str, der: &[u8]) -> Zeroizing<String> {
    let room = 2 * (label.len() + 18) + (der.len() / LINE_BYTES + 1) * (LINE_CHARS + 1);
    let mut text = Zeroizing::new(String::with_capacity(room));
    for part in ["-----BEGIN ", label, "-----\n"] {
        text.push_str(part);
    }
    let mut line = Zeroizing::new([0; LINE_CHARS]);
    for bytes in der.chunks(LINE_BYTES) {
        let written = STANDARD.encode_slice(bytes, line.as_mut_slice()).unwrap_or(0);
        let encoded = line.get(..written).and_then(|line| str::from_utf8(line).ok());
        text.push_str(encoded.unwrap_or_default());
        text.push('\n');
    }
    for part in ["-----END ", label, "-----\n"] {
        text.push_str(part);
    }
    text
}

fn without_cr(line: &str) -> &str {
    line.strip_suffix('\r').unwrap_or(line)
}

fn begin_label(line: &str) -> Option<&str> {
    line.strip_prefix("-----BEGIN ")?.strip_suffix("-----")
}

fn end_label(line: &str) -> Option<&str> {
    line.strip_prefix("-----END ")?.strip_suffix("-----")
}

/// Decodes full lines and one last line that may be shorter.
fn decode<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut der = Zeroizing::new(Vec::with_capacity(TEXT_MAX));
    let mut bytes = Zeroizing::new([0; LINE_BYTES]);
    let mut complete = false;
    for line in lines {
        if complete || line.is_empty() || line.len() > LINE_CHARS {
            return Err(KeyError::Pem);
        }
        let read = STANDARD.decode_slice(line, bytes.as_mut_slice()).map_err(|_| KeyError::Pem)?;
        der.extend_from_slice(bytes.get(..read).ok_or(KeyError::Pem)?);
        complete = read < LINE_BYTES;
    }
    Ok(der)
}
