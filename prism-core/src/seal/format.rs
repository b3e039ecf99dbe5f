//! The header's text, byte for byte (c2sp.org/age, "Header").

use std::io::{BufRead, Read as _};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::kdf::{self, WRAPPED_LEN};
use super::{FileKey, HEADER_MAX, OpenError, RECIPIENTS_MAX};

const VERSION: &[u8] = b"age-encryption.org/v1";
const STANZA_START: &[u8] = b"-> ";
const MAC_START: &[u8] = b"---";
const ARMOUR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const COLUMNS: usize = 64;
const MAC_LEN: usize = 32;

/// The argument and the body of a stanza that wraps a file key.
pub(super) type Parts<const N: usize> = ([u8; N], [u8; WRAPPED_LEN]);

/// One wrapping of the file key.
pub(super) struct Stanza {
    /// The type first; never empty when parsed.
    pub(super) args: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Stanza {
    /// Whether it is of type `name`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.args.first().is_some_and(|found| found == name)
    }

    /// The one argument and the body of a stanza of type `name`; `None` for another type.
    pub(super) fn read<const N: usize>(&self, name: &str) -> Result<Option<Parts<N>>, OpenError> {
        let arg = match self.args.as_slice() {
            [found, ..] if found != name => return Ok(None),
            [_, arg] => decode(arg.as_bytes()).and_then(|arg| arg.try_into().ok()).ok_or(OpenError::Header)?,
            _ => return Err(OpenError::Header),
        };
        let body = self.body.as_slice().try_into().map_err(|_| OpenError::Header)?;
        Ok(Some((arg, body)))
    }
}

/// A header that has the right form. Its MAC is checked once a stanza gave the file key.
pub(super) struct Header<'a> {
    pub(super) stanzas: Vec<Stanza>,
    covered: &'a [u8],
    mac: [u8; MAC_LEN],
}

impl<'a> Header<'a> {
    /// Reads exactly one header.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, OpenError> {
        if bytes.len() > HEADER_MAX {
            return Err(OpenError::Header);
        }
        let mut lines = Lines(bytes);
        if lines.next()? != VERSION {
            return Err(OpenError::Header);
        }
        let mut stanzas = Vec::new();
        loop {
            let before = lines.0.len();
            let line = lines.next()?;
            if let Some(mac) = line.strip_prefix(MAC_START) {
                let covered = bytes.get(..bytes.len() - before + MAC_START.len()).ok_or(OpenError::Header)?;
                let mac = mac.strip_prefix(b" ").and_then(decode).and_then(|mac| mac.try_into().ok());
                let header = Self { stanzas, covered, mac: mac.ok_or(OpenError::Header)? };
                return if lines.0.is_empty() && !header.stanzas.is_empty() {
                    Ok(header)
                } else {
                    Err(OpenError::Header)
                };
            }
            if stanzas.len() == RECIPIENTS_MAX {
                return Err(OpenError::TooManyRecipients);
            }
            stanzas.push(lines.stanza(line)?);
        }
    }

    /// Checks that the header is as the holder of `key` wrote it.
    pub(super) fn authenticate(&self, key: &FileKey) -> Result<(), OpenError> {
        let key = mac_key(key).ok_or(OpenError::HeaderAltered)?;
        hmac::verify(&key, self.covered, &self.mac).map_err(|_| OpenError::HeaderAltered)
    }
}

/// What is left of a header.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    /// The next line, without its line feed.
    fn next(&mut self) -> Result<&'a [u8], OpenError> {
        let end = self.0.iter().position(|byte| *byte == b'\n').ok_or(OpenError::Header)?;
        let (line, rest) = self.0.split_at_checked(end).ok_or(OpenError::Header)?;
        self.0 = rest.get(1..).ok_or(OpenError::Header)?;
        Ok(line)
    }

    /// The stanza that starts with `first`.
    fn stanza(&mut self, first: &[u8]) -> Result<Stanza, OpenError> {
        let args = first.strip_prefix(STANZA_START).ok_or(OpenError::Header)?;
        let args: Vec<String> =
            args.split(|byte| *byte == b' ').map(argument).collect::<Option<_>>().ok_or(OpenError::Header)?;
        let mut body = Vec::new();
        loop {
            let line = self.next()?;
            if line.len() > COLUMNS {
                return Err(OpenError::Header);
            }
            body.extend(decode(line).ok_or(OpenError::Header)?);
            if line.len() < COLUMNS {
                return Ok(Stanza { args, body });
            }
        }
    }
}

/// One or more visible ASCII characters.
fn argument(bytes: &[u8]) -> Option<String> {
    let visible = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    if visible { String::from_utf8(bytes.to_vec()).ok() } else { None }
}

/// Takes the lines of a header off the front of a file: bounded, and checked no further than finding its end needs.
pub(super) fn read<R: BufRead>(reader: &mut R) -> Result<Vec<u8>, OpenError> {
    let mut header = Vec::new();
    loop {
        let start = header.len();
        let left = u64::try_from(HEADER_MAX - start).unwrap_or(0);
        reader.by_ref().take(left).read_until(b'\n', &mut header).map_err(OpenError::Read)?;
        let line = header.get(start..).and_then(|line| line.strip_suffix(b"\n"));
        match line {
            Some(line) if start == 0 && line.starts_with(ARMOUR) => return Err(OpenError::Armour),
            Some(line) if start == 0 && line != VERSION => return Err(OpenError::Header),
            Some(line) if line.starts_with(MAC_START) => return Ok(header),
            Some(_) => {}
            None => return Err(OpenError::Header),
        }
    }
}

/// A whole header over `stanzas`.
pub(super) fn write(stanzas: &[Stanza], key: &FileKey) -> Option<Vec<u8>> {
    let mut header = [VERSION, b"\n"].concat();
    for stanza in stanzas {
        header.extend_from_slice(STANZA_START);
        header.extend_from_slice(stanza.args.join(" ").as_bytes());
        header.push(b'\n');
        let body = encode(&stanza.body);
        let full_lines = body.len() / COLUMNS;
        for line in body.as_bytes().chunks(COLUMNS) {
            header.extend_from_slice(line);
            header.push(b'\n');
        }
        if body.len() == full_lines * COLUMNS {
            header.push(b'\n'); // a body ends with a line that is not full
        }
    }
    header.extend_from_slice(MAC_START);
    let mac = hmac::sign(&mac_key(key)?, &header);
    header.push(b' ');
    header.extend_from_slice(encode(mac.as_ref()).as_bytes());
    header.push(b'\n');
    Some(header)
}

fn mac_key(key: &FileKey) -> Option<hmac::Key> {
    let key = kdf::hkdf(key.expose(), b"", b"header")?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
}

/// Base64 without padding (RFC 4648 §4).
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// The one canonical encoding only (RFC 4648 §3.5).
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}
