//! DER of the three key kinds, as templates: X.690 allows one encoding of each, so nothing else is read.

use zeroize::Zeroizing;

use super::{KeyAlgorithm, KeyError};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const IMPLICIT_1: u8 = 0x81;
const EXPLICIT_0: u8 = 0xa0;
const EXPLICIT_1: u8 = 0xa1;

/// Fixed parts of an algorithm's encodings.
pub(super) struct Template {
    pub(super) algorithm: KeyAlgorithm,
    /// SPKI (RFC 5280, RFC 8410, RFC 5480) up to the public point.
    spki: &'static [u8],
    /// Content of the `AlgorithmIdentifier`.
    identifier: &'static [u8],
    /// The curve's object identifier, with tag and length; empty for Ed25519.
    curve: &'static [u8],
    /// PKCS#8 up to the secret.
    private: &'static [u8],
    /// What stands between the secret and the public point; the point follows for ECDSA only.
    between: &'static [u8],
    point_len: usize,
    /// First byte of every point: uncompressed (SEC1 §2.3.3) for ECDSA; the hybrid forms name the same point again.
    point_start: &'static [u8],
}

const ED25519: Template = Template {
    algorithm: KeyAlgorithm::Ed25519,
    spki: b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
    identifier: b"\x06\x03\x2b\x65\x70",
    curve: b"",
    private: b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20",
    between: b"",
    point_len: 32,
    point_start: b"",
};

const P256: Template = Template {
    algorithm: KeyAlgorithm::EcdsaP256,
    spki: b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
    identifier: b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
    curve: b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
    private:
        b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\
        \x04\x6d\x30\x6b\x02\x01\x01\x04\x20",
    between: b"\xa1\x44\x03\x42\x00",
    point_len: 65,
    point_start: b"\x04",
};

const P384: Template = Template {
    algorithm: KeyAlgorithm::EcdsaP384,
    spki: b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00",
    identifier: b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
    curve: b"\x06\x05\x2b\x81\x04\x00\x22",
    private: b"\x30\x81\xb6\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\
        \x04\x81\x9e\x30\x81\x9b\x02\x01\x01\x04\x30",
    between: b"\xa1\x64\x03\x62\x00",
    point_len: 97,
    point_start: b"\x04",
};

const TEMPLATES: [&Template; 3] = [&ED25519, &P256, &P384];

impl Template {
    const fn of(algorithm: KeyAlgorithm) -> &'static Self {
        match algorithm {
            KeyAlgorithm::Ed25519 => &ED25519,
            KeyAlgorithm::EcdsaP256 => &P256,
            KeyAlgorithm::EcdsaP384 => &P384,
        }
    }
}

/// Splits an SPKI into its algorithm and the bytes of its point, which are still to be checked.
pub(super) fn read_spki(der: &[u8]) -> Option<(KeyAlgorithm, &[u8])> {
    TEMPLATES.into_iter().find_map(|template| {
        let point = der.strip_prefix(template.spki)?;
        (point.len() == template.point_len && point.starts_with(template.point_start))
            .then_some((template.algorithm, point))
    })
}

/// The SPKI of a point.
pub(super) fn write_spki(algorithm: KeyAlgorithm, point: &[u8]) -> Vec<u8> {
    [Template::of(algorithm).spki, point].concat()
}

/// The PKCS#8 v1 form of a private key, as `openssl genpkey` writes it.
pub(super) fn write_private(algorithm: KeyAlgorithm, secret: &[u8], point: &[u8]) -> Zeroizing<Vec<u8>> {
    let template = Template::of(algorithm);
    let public: [&[u8]; 2] = if template.between.is_empty() { [b"", b""] } else { [template.between, point] };
    let parts = [template.private, secret, public[0], public[1]];
    let mut der = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

/// A private key as read from DER.
pub(super) struct Private<'a> {
    pub(super) algorithm: KeyAlgorithm,
    pub(super) secret: &'a [u8],
    /// The public half, where the file carries it.
    pub(super) point: Option<&'a [u8]>,
}

/// Reads PKCS#8 (RFC 5958): version 1, or version 2 with the public half.
pub(super) fn read_pkcs8(der: &[u8]) -> Result<Private<'_>, KeyError> {
    let mut info = only(der, SEQUENCE)?;
    let version = info.take(INTEGER)?;
    let identifier = info.take(SEQUENCE)?;
    let octets = info.take(OCTET_STRING)?;
    let outer = match version {
        [0] => None,
        [1] => info.optional(IMPLICIT_1)?.map(whole_octets).transpose()?,
        _ => return Err(KeyError::Private),
    };
    info.end()?;
    let template = TEMPLATES.into_iter().find(|t| t.identifier == identifier).ok_or(KeyError::Private)?;
    let mut private = if template.curve.is_empty() {
        let secret = only(octets, OCTET_STRING)?.0;
        Private { algorithm: template.algorithm, secret, point: None }
    } else {
        read_ec(octets, Some(template))?
    };
    match (private.point, outer) {
        (Some(inner), Some(outer)) if inner != outer => return Err(KeyError::Mismatch),
        _ => private.point = private.point.or(outer),
    }
    Ok(private)
}

/// Reads a SEC1 private key (RFC 5915), which names its curve itself.
pub(super) fn read_sec1(der: &[u8]) -> Result<Private<'_>, KeyError> {
    read_ec(der, None)
}

fn read_ec<'a>(der: &'a [u8], named_outside: Option<&'static Template>) -> Result<Private<'a>, KeyError> {
    let mut key = only(der, SEQUENCE)?;
    if key.take(INTEGER)? != [1] {
        return Err(KeyError::Private);
    }
    let secret = key.take(OCTET_STRING)?;
    let named_inside = match key.optional(EXPLICIT_0)? {
        Some(curve) => Some(TEMPLATES.into_iter().find(|t| t.curve == curve).ok_or(KeyError::Private)?),
        None => None,
    };
    let point = match key.optional(EXPLICIT_1)? {
        Some(inner) => Some(whole_octets(only(inner, BIT_STRING)?.0)?),
        None => None,
    };
    key.end()?;
    let algorithm = match (named_outside, named_inside) {
        (Some(outside), Some(inside)) if outside.algorithm != inside.algorithm => return Err(KeyError::Private),
        (Some(template), _) | (None, Some(template)) => template.algorithm,
        (None, None) => return Err(KeyError::Private),
    };
    Ok(Private { algorithm, secret, point })
}

/// The content of a BIT STRING without unused bits.
fn whole_octets(bits: &[u8]) -> Result<&[u8], KeyError> {
    bits.strip_prefix(&[0]).ok_or(KeyError::Private)
}

/// The content of the one element that `der` is.
fn only(der: &[u8], tag: u8) -> Result<Reader<'_>, KeyError> {
    let mut reader = Reader(der);
    let content = reader.take(tag)?;
    reader.end()?;
    Ok(Reader(content))
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, tag: u8) -> Result<&'a [u8], KeyError> {
        let (len, rest) = match *self.0 {
            [found, len @ 0..=0x7f, ref rest @ ..] if found == tag => (usize::from(len), rest),
            [found, 0x81, len @ 0x80..=0xff, ref rest @ ..] if found == tag => (usize::from(len), rest),
            [found, 0x82, high @ 1..=0xff, low, ref rest @ ..] if found == tag => {
                (usize::from(u16::from_be_bytes([high, low])), rest)
            }
            _ => return Err(KeyError::Private),
        };
        let (content, rest) = rest.split_at_checked(len).ok_or(KeyError::Private)?;
        self.0 = rest;
        Ok(content)
    }

    fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, KeyError> {
        if self.0.first() == Some(&tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    fn end(&self) -> Result<(), KeyError> {
        if self.0.is_empty() { Ok(()) } else { Err(KeyError::Private) }
    }
}
