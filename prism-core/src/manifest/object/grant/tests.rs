use super::*;
use crate::entropy::SystemEntropy;
use crate::seal::RecipientKind;

fn identity() -> Identity {
    Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy).unwrap()
}

fn age(text: &str, manifest: Digest) -> Result<Identity, GrantError> {
    match granted(text, manifest, Codec::Age)? {
        ObjectKey::Age(identity) => Ok(identity),
        other @ ObjectKey::Cobblestone256(_) => panic!("{other:?}"),
    }
}

fn cobblestone(text: &str, manifest: Digest) -> Result<[u8; 32], GrantError> {
    match granted(text, manifest, Codec::Cobblestone256)? {
        ObjectKey::Cobblestone256(key) => Ok(*key.expose()),
        other @ ObjectKey::Age(_) => panic!("{other:?}"),
    }
}

#[test]
fn a_grant_opens_for_the_manifests_that_it_names_and_for_no_other() {
    let (identity, own, other) = (identity(), Digest::sha256(b"own"), Digest::sha256(b"other"));
    let text = grant(&identity, own);
    assert_eq!(age(&text, own).unwrap().recipient(), identity.recipient());
    assert!(matches!(age(&text, other), Err(GrantError::OtherManifest(_))));
    let both = format!("# prism-manifest: {other}\r\n{}", text.as_str());
    assert!(age(&both, own).is_ok() && age(&both, other).is_ok());

    let key = CobblestoneKey::generate(&mut SystemEntropy).unwrap();
    let text = grant_cobblestone(&key, own);
    assert_eq!(cobblestone(&text, own).unwrap(), *key.expose());
    assert!(matches!(cobblestone(&text, other), Err(GrantError::OtherManifest(_))));
    let both = format!("# prism-manifest: {other}\r\n{}", text.as_str());
    assert!(cobblestone(&both, own).is_ok() && cobblestone(&both, other).is_ok());
}

#[test]
fn a_grant_has_one_form() {
    let (key, own) = (CobblestoneKey::from_bytes(&[0xab; 32]).unwrap(), Digest::sha256(b"own"));
    let expected = format!("# prism-manifest: {own}\ncobblestone-256:{}\n", "ab".repeat(32));
    assert_eq!(grant_cobblestone(&key, own).as_str(), expected);
    let identity = identity();
    let expected = format!("# prism-manifest: {own}\n{}\n", identity.to_text().as_str());
    assert_eq!(grant(&identity, own).as_str(), expected);
}

#[test]
fn a_bare_identity_is_no_grant() {
    let (identity, own) = (identity(), Digest::sha256(b"own"));
    let bare = identity.to_text();
    assert!(matches!(age(&bare, own), Err(GrantError::OtherManifest(_))));
    for line in [format!("# manifest: {own}"), format!("prism-manifest: {own}"), "# prism-manifest: any".to_owned()] {
        assert!(age(&format!("{line}\n{}\n", bare.as_str()), own).is_err(), "{line}");
    }
    assert!(matches!(age(&format!("# prism-manifest: {own}\n"), own), Err(GrantError::Identity(_))));
    let two = format!("{}{}", grant(&identity, own).as_str(), bare.as_str());
    assert!(matches!(age(&two, own), Err(GrantError::Identity(_))));
    let long = format!("{}#{}", grant(&identity, own).as_str(), "x".repeat(GRANT_MAX));
    assert!(age(&long, own).is_err());
}

#[test]
fn a_bare_symmetric_key_is_no_grant_and_one_of_another_length_neither() {
    let own = Digest::sha256(b"own");
    let line = format!("cobblestone-256:{}", "ab".repeat(32));
    assert!(matches!(cobblestone(&line, own), Err(GrantError::OtherManifest(_))));
    assert!(matches!(cobblestone("\u{1}", own), Err(GrantError::OtherManifest(_))));
    let named = |text: &str| cobblestone(&format!("# prism-manifest: {own}\n{text}\n"), own);
    assert!(named(&line).is_ok());
    let two = format!("{line}\n{line}");
    for text in [
        "",
        &line[..line.len() - 2],
        &line[..line.len() - 1],
        &format!("{line}ab"),
        &format!("{line} "),
        &format!(" {line}"),
        &line.to_uppercase(),
        &line.replace("ab", "AB"),
        &line.replace("ab", "zz"),
        &line["cobblestone-256:".len()..],
        &two,
    ] {
        assert_eq!(named(text).unwrap_err(), GrantError::Symmetric, "{text}");
    }
}

#[test]
fn a_key_of_the_other_codec_is_refused() {
    let own = Digest::sha256(b"own");
    let symmetric = grant_cobblestone(&CobblestoneKey::generate(&mut SystemEntropy).unwrap(), own);
    assert!(matches!(age(&symmetric, own), Err(GrantError::Identity(_))));
    assert_eq!(cobblestone(&grant(&identity(), own), own).unwrap_err(), GrantError::Symmetric);
    assert_eq!(GrantError::Symmetric.code(), Code::BrokerMisbehaved);
}
