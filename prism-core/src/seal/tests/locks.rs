//! Passphrases and SSH keys.

use zeroize::Zeroizing;

use super::super::{Passphrase, Recipient, RewrapError, SealKeyError, Sealer, SshIdentity, read_header, rewrap};
use super::{
    FileKey, OpenError, RecipientKind, SealError, SystemEntropy, file_key, header, identity, open, opened, sealed,
};
use crate::code::{Code, Coded as _};

/// Made with `ssh-keygen -t ed25519`, for these tests only.
const SSH_KEY: &str = include_str!("../../../tests/data/ssh_ed25519");
const SSH_KEY_LOCKED: &str = include_str!("../../../tests/data/ssh_ed25519_locked");
const SSH_KEY_ECDSA: &str = include_str!("../../../tests/data/ssh_ecdsa");
/// `age -R ssh_ed25519.pub` of "prism\n".
const SSH_FILE: &[u8] = include_bytes!("../../../tests/data/to_ssh_ed25519.age");

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.to_owned())).quick()
}

fn under(text: &str) -> Vec<u8> {
    let mut file = Vec::new();
    Sealer::under(&passphrase(text)).seal(b"data".as_slice(), &mut SystemEntropy, &mut file).unwrap();
    file
}

#[test]
fn a_passphrase_opens_what_it_sealed_and_no_other_does() {
    let (file, mut plain) = (under("correct horse"), Vec::new());
    open(file.as_slice(), &passphrase("correct horse"), &mut plain).unwrap();
    assert_eq!(plain, b"data");
    let error = open(file.as_slice(), &passphrase("correct house"), &mut plain).unwrap_err();
    assert!(matches!(error, OpenError::NotForYou), "{error:?}");
}

#[test]
fn an_identity_never_tries_a_passphrase() {
    let error = opened(&under("correct horse"), &identity(RecipientKind::Hybrid)).unwrap_err();
    assert!(matches!(error, OpenError::Passphrase), "{error:?}");
}

#[test]
fn a_passphrase_opens_nothing_that_is_sealed_to_keys() {
    let file = sealed(b"data", &identity(RecipientKind::X25519));
    let error = open(file.as_slice(), &passphrase("x"), Vec::new()).unwrap_err();
    assert!(matches!(error, OpenError::NotForYou), "{error:?}");
}

/// A header under a passphrase with its stanza changed, with the right MAC.
fn changed(change: impl Fn(&str) -> String) -> Result<FileKey, OpenError> {
    let key = FileKey::generate(&mut SystemEntropy).unwrap();
    let stanza = passphrase("x").wrap(&key, &mut SystemEntropy).unwrap();
    let body = super::super::format::encode(&stanza.body);
    let text = change(&format!("-> {}\n{body}\n", stanza.args.join(" ")));
    file_key(&super::headers::with_mac(&text, &key), &passphrase("x"))
}

#[test]
fn a_passphrase_stanza_is_alone_and_in_its_one_form() {
    assert!(changed(str::to_owned).is_ok());
    for (from, to) in
        [(" 10\n", " 010\n"), (" 10\n", " +10\n"), (" 10\n", " 0xa\n"), (" 10\n", "\n"), (" 10\n", " 10 1\n")]
    {
        assert!(matches!(changed(|text| text.replace(from, to)), Err(OpenError::Header)), "{to:?}");
    }
    assert!(matches!(changed(|text| format!("{text}{text}")), Err(OpenError::Header)));
    assert!(matches!(changed(|text| format!("{text}-> X\nAAAA\n")), Err(OpenError::Header)));
    assert!(matches!(changed(|text| text.replace("-> scrypt ", "-> scrypt A")), Err(OpenError::Header)));
}

#[test]
fn a_stranger_cannot_make_us_work_for_ever() {
    for work in ["21", "22", "63"] {
        let error = changed(|text| text.replace(" 10\n", &format!(" {work}\n"))).unwrap_err();
        assert!(matches!(error, OpenError::TooMuchWork { found } if found.to_string() == work), "{error:?}");
        assert_eq!(error.code(), Code::SealUnsupported);
    }
    assert!(matches!(changed(|text| text.replace(" 10\n", " 64\n")), Err(OpenError::Header)));
    assert!(matches!(changed(|text| text.replace(" 10\n", " 18446744073709551626\n")), Err(OpenError::Header)));
}

#[test]
fn what_others_sealed_to_an_ssh_key_opens() {
    let (ssh, mut plain) = (SshIdentity::from_file(SSH_KEY).unwrap(), Vec::new());
    open(SSH_FILE, &ssh, &mut plain).unwrap();
    assert_eq!(plain, b"prism\n");
    assert!(matches!(opened(SSH_FILE, &identity(RecipientKind::X25519)), Err(OpenError::NotForYou)));
    let file = sealed(b"data", &identity(RecipientKind::X25519));
    assert!(matches!(open(file.as_slice(), &ssh, Vec::new()), Err(OpenError::NotForYou)));
    for at in (0..read_header(&mut &*SSH_FILE).unwrap().len()).step_by(3) {
        let mut altered = SSH_FILE.to_vec();
        altered[at] ^= 1;
        assert!(open(altered.as_slice(), &ssh, Vec::new()).is_err(), "byte {at}");
    }
}

#[test]
fn ssh_keys_that_cannot_open_files_are_refused_with_the_reason() {
    assert!(matches!(SshIdentity::from_file(SSH_KEY_LOCKED), Err(SealKeyError::SshLocked)));
    assert!(matches!(SshIdentity::from_file(SSH_KEY_ECDSA), Err(SealKeyError::Ssh)));
    assert!(matches!(SshIdentity::from_file("ssh-ed25519 AAAA"), Err(SealKeyError::Ssh)));
    assert!("ssh-ed25519 AAAA".parse::<Recipient>().is_err(), "files are never made for them");
}

#[test]
fn secrets_do_not_show_themselves() {
    let shown = format!("{:?} {:?}", passphrase("correct horse"), SshIdentity::from_file(SSH_KEY).unwrap());
    assert_eq!(shown, "Passphrase(..) SshIdentity(..)");
}

#[test]
fn a_new_header_opens_the_same_payload_for_others_only() {
    let (before, after) = (identity(RecipientKind::X25519), identity(RecipientKind::Hybrid));
    let file = sealed(b"data", &before);
    let old = read_header(&mut &*file).unwrap();
    let new = rewrap(&old, &before, &[after.recipient().clone()], &mut SystemEntropy).unwrap();
    let moved = [new.as_slice(), &file[old.len()..]].concat();
    assert_eq!(opened(&moved, &after).unwrap(), b"data");
    assert!(matches!(opened(&moved, &before), Err(OpenError::NotForYou)));
    let stranger = rewrap(&old, &after, &[after.recipient().clone()], &mut SystemEntropy);
    assert!(matches!(stranger, Err(RewrapError::Open(OpenError::NotForYou))));
    let nobody = rewrap(&old, &before, &[], &mut SystemEntropy);
    assert!(matches!(nobody, Err(RewrapError::Seal(SealError::Count { found: 0 }))));
    let key = file_key(&old, &before).unwrap();
    assert!(header(&key, &[before.recipient().clone()], &mut SystemEntropy).is_ok());
}
