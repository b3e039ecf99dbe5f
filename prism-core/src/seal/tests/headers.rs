//! Headers that are almost right.

use aws_lc_rs::hmac;

use super::super::format::encode;
use super::super::{HEADER_MAX, kdf};
use super::{
    FileKey, Identity, OpenError, RecipientKind, SystemEntropy, file_key, header, identity, open, open_with_header,
};

/// A header over `stanzas` with the right MAC.
pub(super) fn with_mac(stanzas: &str, key: &FileKey) -> Vec<u8> {
    let covered = format!("age-encryption.org/v1\n{stanzas}---");
    let mac_key = kdf::hkdf(key.expose(), b"", b"header").unwrap();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, mac_key.as_slice()), covered.as_bytes());
    format!("{covered} {}\n", encode(mac.as_ref())).into_bytes()
}

/// A file key, an identity, and the text of the stanza between them.
fn parts(kind: RecipientKind) -> (FileKey, Identity, String) {
    let key = FileKey::generate(&mut SystemEntropy).unwrap();
    let identity = identity(kind);
    let header = header(&key, &[identity.recipient().clone()], &mut SystemEntropy).unwrap();
    let text = String::from_utf8(header).unwrap();
    let stanza = text["age-encryption.org/v1\n".len()..text.find("---").unwrap()].to_owned();
    (key, identity, stanza)
}

fn is_malformed(result: &Result<FileKey, OpenError>) -> bool {
    matches!(result, Err(OpenError::Header))
}

#[test]
fn stanzas_of_other_types_are_passed_over() {
    let (key, identity, stanza) = parts(RecipientKind::X25519);
    for other in ["-> x-grease a b ~!\n\n", "-> X\nAAAA\n", &format!("-> X\n{}\n\n", "A".repeat(64)), "-> x25519 A\n\n"]
    {
        assert!(file_key(&with_mac(&format!("{other}{stanza}{other}"), &key), &identity).is_ok(), "{other}");
    }
}

#[test]
fn stanzas_that_are_not_canonical_are_refused() {
    let (key, identity, stanza) = parts(RecipientKind::X25519);
    let stanza = stanza.as_str();
    let full = "A".repeat(64);
    for bad in [
        "->X\n\n".to_owned(),
        "-> \n\n".to_owned(),
        "->\n\n".to_owned(),
        "-> X  Y\n\n".to_owned(),
        "-> X \n\n".to_owned(),
        "-> X\ty\n\n".to_owned(),
        "-> é\n\n".to_owned(),
        "-> X\r\n\r\n".to_owned(),
        "-> X\n".to_owned(),
        "-> X\nAA==\n".to_owned(),
        "-> X\nAB\n".to_owned(),
        "-> X\nA\n".to_owned(),
        "-> X\n-_\n".to_owned(),
        "-> X\nAAAA\nAAAA\n".to_owned(),
        format!("-> X\n{full}\n"),
        format!("-> X\n{full}A\n"),
        "\n".to_owned(),
    ] {
        for stanzas in [format!("{bad}{stanza}"), format!("{stanza}{bad}")] {
            assert!(is_malformed(&file_key(&with_mac(&stanzas, &key), &identity)), "{bad:?}");
        }
    }
    assert!(is_malformed(&file_key(&with_mac("", &key), &identity)));
}

#[test]
fn stanzas_of_our_type_must_have_exactly_its_parts() {
    for kind in [RecipientKind::X25519, RecipientKind::Hybrid] {
        let (key, identity, stanza) = parts(kind);
        let (first, body) = stanza.split_once('\n').unwrap();
        let (name, argument) = first.rsplit_once(' ').unwrap();
        for bad in [
            format!("{first} x\n{body}"),
            format!("{name}\n{body}"),
            format!("{name} {}\n{body}", &argument[..argument.len() - 4]),
            format!("{name} {argument}=\n{body}"),
            format!("{first}\n{}\n", "A".repeat(42)),
            format!("{first}\n{}\n", "A".repeat(44)),
            format!("{first}\n\n"),
        ] {
            assert!(is_malformed(&file_key(&with_mac(&bad, &key), &identity)), "{bad}");
        }
    }
}

#[test]
fn a_share_of_small_order_is_refused() {
    let (key, identity, stanza) = parts(RecipientKind::X25519);
    let body = stanza.split_once('\n').unwrap().1;
    for point in [[0; 32], [[1].as_slice(), &[0; 31]].concat().try_into().unwrap()] {
        let stanza = format!("-> X25519 {}\n{body}", encode(&point));
        assert!(is_malformed(&file_key(&with_mac(&stanza, &key), &identity)));
    }
    let (key, identity, stanza) = parts(RecipientKind::Hybrid);
    let (first, body) = stanza.split_once('\n').unwrap();
    let argument = first.rsplit_once(' ').unwrap().1;
    let mut encapsulated = super::super::format::decode(argument.as_bytes()).unwrap();
    encapsulated[1088..].fill(0);
    let stanza = format!("-> mlkem768x25519 {}\n{body}", encode(&encapsulated));
    assert!(is_malformed(&file_key(&with_mac(&stanza, &key), &identity)));
}

#[test]
fn a_passphrase_beside_another_recipient_is_refused() {
    let (key, identity, stanza) = parts(RecipientKind::X25519);
    let scrypt = format!("-> scrypt {} 10\n{}\n", "A".repeat(22), "A".repeat(43));
    for stanzas in [format!("{scrypt}{stanza}"), format!("{stanza}{scrypt}")] {
        assert!(is_malformed(&file_key(&with_mac(&stanzas, &key), &identity)), "{stanzas}");
    }
}

#[test]
fn a_mac_that_is_wrong_or_not_canonical_is_refused() {
    let (key, identity, stanza) = parts(RecipientKind::X25519);
    let other = FileKey::generate(&mut SystemEntropy).unwrap();
    assert!(matches!(file_key(&with_mac(&stanza, &other), &identity), Err(OpenError::HeaderAltered)));
    let good = String::from_utf8(with_mac(&stanza, &key)).unwrap();
    assert!(file_key(good.as_bytes(), &identity).is_ok());
    let trimmed = good.trim_end();
    for bad in [
        trimmed.to_owned(),
        format!("{trimmed}=\n"),
        format!("{trimmed} \n"),
        format!("{trimmed}\r\n"),
        format!("{}\n", &trimmed[..trimmed.len() - 1]),
        good.replace("--- ", "---"),
        good.replace("--- ", "---  "),
        good.replace("--- ", "---- "),
        good.replace("age-encryption.org/v1\n", "age-encryption.org/v2\n"),
        good.replace('\n', "\r\n"),
        format!("{good}\n"),
    ] {
        assert!(is_malformed(&file_key(bad.as_bytes(), &identity)), "{bad:?}");
    }
}

#[test]
fn headers_are_bounded_in_stanzas_and_bytes() {
    let (key, identity, stanza) = parts(RecipientKind::X25519);
    let other = "-> X\n\n";
    assert!(file_key(&with_mac(&format!("{}{stanza}", other.repeat(63)), &key), &identity).is_ok());
    let crowded = file_key(&with_mac(&format!("{}{stanza}", other.repeat(64)), &key), &identity);
    assert!(matches!(crowded, Err(OpenError::TooManyRecipients)));
    let long = format!("-> {}\n\n", "x".repeat(HEADER_MAX));
    let header = with_mac(&format!("{long}{stanza}"), &key);
    assert!(is_malformed(&file_key(&header, &identity)));
    assert!(matches!(open(header.as_slice(), &identity, std::io::sink()), Err(OpenError::Header)));
}

/// Gives `x` for ever.
struct Endless;

impl std::io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.fill(b'x');
        Ok(buffer.len())
    }
}

#[test]
fn what_is_no_age_file_is_refused_without_reading_on() {
    let identity = identity(RecipientKind::X25519);
    assert!(matches!(open(Endless, &identity, std::io::sink()), Err(OpenError::Header)));
    let armoured = b"-----BEGIN AGE ENCRYPTED FILE-----\n".as_slice();
    assert!(matches!(open(armoured, &identity, std::io::sink()), Err(OpenError::Armour)));
    assert!(matches!(open(b"".as_slice(), &identity, std::io::sink()), Err(OpenError::Header)));
    assert!(matches!(open_with_header(b"", b"".as_slice(), &identity, std::io::sink()), Err(OpenError::Header)));
}
