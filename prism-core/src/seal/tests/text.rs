//! The text of recipients and identities.

use bech32::primitives::iter::{ByteIterExt as _, Fe32IterExt as _};
use bech32::{Bech32, Fe32, Hrp};

use super::super::{SealKeyError, text};
use super::{Identity, KINDS, Recipient, RecipientKind, identity};
use crate::digest::Digest;

/// From the format's specification.
const SPEC_X25519: [&str; 2] = [
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
    "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
];
const SPEC_HYBRID: &str = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR";
/// SHA-256 of the recipient that the specification gives for it, which has 1959 characters.
const SPEC_HYBRID_RECIPIENT: &str = "sha256:a091dd7e0ee9d62b75173dcc98441a0424baa941e66a8776e570a4ae60ff61ea";

#[test]
fn the_specifications_keys_are_reproduced() {
    let [secret, public] = SPEC_X25519;
    let identity: Identity = secret.parse().unwrap();
    assert_eq!(identity.recipient().to_string(), public);
    assert_eq!(*identity.to_text(), secret);
    let identity: Identity = SPEC_HYBRID.parse().unwrap();
    assert_eq!(*identity.to_text(), SPEC_HYBRID);
    let recipient = identity.recipient().to_string();
    assert_eq!(
        (recipient.len(), Digest::sha256(recipient.as_bytes()).to_string()),
        (1959, SPEC_HYBRID_RECIPIENT.into())
    );
}

#[test]
fn keys_read_back_from_their_text() {
    for kind in KINDS {
        let one = identity(kind);
        let again: Identity = one.to_text().parse().unwrap();
        assert_eq!(again.recipient(), one.recipient());
        assert_eq!(one.recipient().kind(), kind);
        let text = one.recipient().to_string();
        assert_eq!(text.parse::<Recipient>().as_ref(), Ok(one.recipient()));
        let json = serde_json::to_string(one.recipient()).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Recipient>(&json).unwrap(), *one.recipient());
        let file = format!("# created: today\n# public key: {text}\n\n{}\n", *one.to_text());
        assert_eq!(Identity::from_file(&file).unwrap().recipient(), one.recipient());
        let twice = format!("{}\n{}\n", *one.to_text(), *one.to_text());
        assert_eq!(Identity::from_file(&twice).unwrap_err(), SealKeyError::Identity);
        assert_eq!(Identity::from_file("# nothing\n").unwrap_err(), SealKeyError::Identity);
    }
}

#[test]
fn every_altered_character_is_refused() {
    let [secret, public] = SPEC_X25519;
    let altered = |text: &str, position: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[position] = if bytes[position].eq_ignore_ascii_case(&b'q') { b'p' } else { b'q' };
        String::from_utf8(bytes).unwrap()
    };
    for position in 0..public.len() {
        assert_eq!(altered(public, position).parse::<Recipient>(), Err(SealKeyError::Recipient), "{position}");
    }
    for position in 0..secret.len() {
        let text = altered(secret, position).to_ascii_uppercase();
        assert_eq!(text.parse::<Identity>().unwrap_err(), SealKeyError::Identity, "{position}");
    }
}

#[test]
fn another_case_prefix_length_or_space_is_refused() {
    let [secret, public] = SPEC_X25519;
    for bad in [
        public.to_uppercase(),
        format!("{public} "),
        format!("\n{public}"),
        secret.to_owned(),
        String::new(),
        "age1".to_owned(),
        "x".repeat(10_000),
        text::encode("age", &[9; 31]).to_string(),
        text::encode("age", &[9; 33]).to_string(),
        text::encode("agex", &[9; 32]).to_string(),
        text::encode("age1pq", &[9; 32]).to_string(),
        "age1é".to_owned(),
    ] {
        assert_eq!(bad.parse::<Recipient>(), Err(SealKeyError::Recipient), "{bad}");
    }
    for bad in [
        secret.to_lowercase(),
        secret.replace("AGE", "age"),
        format!("{secret}\n"),
        public.to_owned(),
        text::encode("age-secret-key-", &[9; 31]).to_uppercase(),
        text::encode("age-secret-key-pq-", &[9; 33]).to_uppercase(),
    ] {
        assert_eq!(bad.parse::<Identity>().unwrap_err(), SealKeyError::Identity, "{bad}");
    }
}

/// A text with a right checksum over any 5-bit groups.
fn with_checksum(prefix: &str, groups: &[Fe32]) -> String {
    groups.iter().copied().with_checksum::<Bech32>(&Hrp::parse(prefix).unwrap()).chars().collect()
}

#[test]
fn a_second_text_of_the_same_key_is_refused() {
    let groups: Vec<Fe32> = [9_u8; 32].into_iter().bytes_to_fes().collect();
    assert!(with_checksum("age", &groups).parse::<Recipient>().is_ok());
    let mut padded_with_one = groups.clone();
    *padded_with_one.last_mut().unwrap() = groups[51] + Fe32::P;
    let mut one_more_group = groups;
    one_more_group.push(Fe32::Q);
    for groups in [padded_with_one, one_more_group] {
        assert_eq!(with_checksum("age", &groups).parse::<Recipient>(), Err(SealKeyError::Recipient));
    }
}

#[test]
fn recipients_to_whom_everything_is_open_are_refused() {
    for point in ["00".repeat(32), format!("01{}", "00".repeat(31)), format!("ec{}7f", "ff".repeat(30))] {
        let point = hex::decode(point).unwrap();
        let recipient = text::encode("age", &point);
        assert_eq!(recipient.parse::<Recipient>(), Err(SealKeyError::Weak));
        let hybrid = identity(RecipientKind::Hybrid).recipient().to_string();
        let mut bytes = text::decode("age1pq", &hybrid).unwrap();
        bytes[1184..].copy_from_slice(&point);
        assert_eq!(text::encode("age1pq", &bytes).parse::<Recipient>(), Err(SealKeyError::Weak));
    }
    let unreduced = text::encode("age1pq", &[0xff; 1216]);
    assert_eq!(unreduced.parse::<Recipient>(), Err(SealKeyError::Weak), "ML-KEM's modulus check (FIPS 203 §7.2)");
}

#[test]
fn secrets_do_not_show_themselves() {
    let identity: Identity = SPEC_HYBRID.parse().unwrap();
    assert_eq!(format!("{identity:?}"), "Identity(Hybrid, ..)");
    let key = super::FileKey::from_slice(&[7; 16]).unwrap();
    assert_eq!(format!("{key:?}"), "FileKey(..)");
}
