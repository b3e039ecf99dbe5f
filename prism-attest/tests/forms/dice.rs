use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_attest::dice::{self, DICE_CERTIFICATE_MAX, DiceError, DiceEvidence};
use prism_attest::{Case, Check, Endorsements, Evidence, ExpectedBinding, Platform, ReportData, Roots, Verdict};
use prism_core::key::{KeyAlgorithm, SigningKey};
use prism_core::manifest::platform::PlatformPolicy;
use proptest::prelude::*;

use crate::world::{NOW, certificate, key, snp, snp_policy, tdx, tdx_policy};

const OID: &[u64] = &[2, 23, 133, 5, 4, 9];

fn sha256(bytes: &[u8]) -> Vec<u8> {
    prism_core::digest::Digest::sha256(bytes).as_bytes().to_vec()
}

/// A CBOR string of any length up to 65,535.
fn string(major: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let head = match length {
        0..=23 => vec![major << 5 | u8::try_from(length).unwrap()],
        24..=255 => vec![major << 5 | 0x18, u8::try_from(length).unwrap()],
        _ => [vec![major << 5 | 0x19], length.to_be_bytes().to_vec()].concat(),
    };
    [head, bytes.to_vec()].concat()
}

/// `{"pubkey-hash": [1, hash]}`, the pair inside of a byte string or not.
fn claims(hash: &[u8], wrapped: bool) -> Vec<u8> {
    let pair = [vec![0x82, 1], string(2, hash)].concat();
    let pair = if wrapped { string(2, &pair) } else { pair };
    [vec![0xa1], string(3, b"pubkey-hash"), pair].concat()
}

fn tagged(tag: u16, quote: &[u8], claims: &[u8]) -> Vec<u8> {
    [vec![0xd9], tag.to_be_bytes().to_vec(), vec![0x82], string(2, quote), string(2, claims)].concat()
}

/// A certificate of `key` with a quote over `claims`, and what vouches for the quote.
fn with_quote(key: &SigningKey, claims: &[u8]) -> (DiceEvidence, Endorsements) {
    let (evidence, endorsements) = tdx(&ReportData::simulated_key_only(claims));
    let der = certificate(key, &[(OID, tagged(60_000, evidence.bytes(), claims))]);
    (dice::read(&der).unwrap(), endorsements)
}

fn judge(found: &(DiceEvidence, Endorsements)) -> Verdict {
    judge_under(found, true)
}

fn judge_under((found, endorsements): &(DiceEvidence, Endorsements), accept_key_only: bool) -> Verdict {
    let mut policy = if found.evidence().platform() == Platform::SimulatedTdx { tdx_policy() } else { snp_policy() };
    policy.accept_key_only = accept_key_only;
    let expected = ExpectedBinding::dangerous_key_only(found);
    Case { evidence: found.evidence(), endorsements, policy: &policy, expected: &expected, now: NOW }
        .judge_under(&Roots::built_in())
}

fn unmet(verdict: &Verdict) -> Vec<Check> {
    verdict.findings().unmet().map(|finding| finding.check).collect()
}

#[test]
fn a_certificates_key_is_accepted_but_never_trusted() {
    let key = key(KeyAlgorithm::EcdsaP256);
    for wrapped in [false, true] {
        let claims = claims(&sha256(key.public().spki_der()), wrapped);
        let found = with_quote(&key, &claims);
        assert_eq!(found.0.claims_buffer(), Some(claims.as_slice()));
        let verdict = judge(&found);
        assert!(verdict.is_good(), "{verdict}");
        assert_eq!(verdict.binding(), "key-only");
        assert!(verdict.to_json().contains(r#""binding":"key-only""#));
        assert!(verdict.to_string().starts_with("ACCEPTED FOR A KEY ONLY"));
        assert!(verdict.to_html().contains("key-only"));
        assert_eq!(verdict.agent(), None);
        assert!(verdict.into_trust().is_err());
    }
}

#[test]
fn a_key_alone_is_refused_unless_the_policy_accepts_it_in_so_many_words() {
    let key = key(KeyAlgorithm::EcdsaP256);
    let found = with_quote(&key, &claims(&sha256(key.public().spki_der()), false));
    let verdict = judge_under(&found, false);
    assert_eq!(unmet(&verdict), [Check::KeyOnlyAccepted]);
    assert!(!verdict.is_good() && verdict.to_string().contains("accept_key_only"), "{verdict}");
    let policy: PlatformPolicy = serde_json::from_str(&serde_json::to_string(&tdx_policy()).unwrap()).unwrap();
    assert!(!policy.accept_key_only, "what is not written is not accepted");
}

#[test]
fn the_same_evidence_is_refused_by_every_other_expectation() {
    let key = key(KeyAlgorithm::EcdsaP256);
    let (found, endorsements) = with_quote(&key, &claims(&sha256(key.public().spki_der()), false));
    let expected = ExpectedBinding::recorded(found.claims_buffer().unwrap().to_vec());
    let policy = tdx_policy();
    let verdict = Case {
        evidence: found.evidence(),
        endorsements: &endorsements,
        policy: &policy,
        expected: &expected,
        now: NOW,
    }
    .judge_under(&Roots::built_in());
    assert!(!verdict.is_good());
}

#[test]
fn a_key_may_be_named_by_a_longer_hash() {
    use aws_lc_rs::digest::{SHA384, SHA512, digest};
    let (key, other) = (key(KeyAlgorithm::EcdsaP256), key(KeyAlgorithm::EcdsaP256));
    for (number, algorithm) in [(7, &SHA384), (8, &SHA512)] {
        let claims = |named: &SigningKey| {
            let hash = digest(algorithm, named.public().spki_der());
            let pair = [vec![0x82, number], string(2, hash.as_ref())].concat();
            [vec![0xa1], string(3, b"pubkey-hash"), pair].concat()
        };
        assert!(judge(&with_quote(&key, &claims(&key))).is_good());
        assert_eq!(unmet(&judge(&with_quote(&key, &claims(&other)))), [Check::BindingCertificateKey]);
    }
}

#[test]
fn a_certificate_has_at_most_its_size() {
    let key = key(KeyAlgorithm::Ed25519);
    let value = Evidence::new(Platform::Snp, vec![1]).unwrap().to_cmw_cbor();
    let of = |filling: usize| certificate(&key, &[(OID, value.clone()), (&[1, 2, 3], vec![0; filling])]);
    let rest = of(100_000).len() - 100_000;
    let longest = of(DICE_CERTIFICATE_MAX - rest);
    assert_eq!(longest.len(), DICE_CERTIFICATE_MAX);
    assert!(dice::read(&longest).is_ok() && dice::read_file(&longest).is_ok());
    let too_long = Err(DiceError::Certificate("more bytes than one has"));
    assert_eq!(dice::read(&of(DICE_CERTIFICATE_MAX - rest + 1)), too_long);
    assert_eq!(dice::read(&of(DICE_CERTIFICATE_MAX)), too_long);
    // A file is text, with room for lines and base64; beyond twice the size nobody looks.
    let file = |length: usize| {
        let text = STANDARD.encode(of(100));
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        pem.into_bytes().into_iter().chain(std::iter::repeat(b'\n')).take(length).collect::<Vec<_>>()
    };
    assert!(dice::read_file(&file(2 * DICE_CERTIFICATE_MAX)).is_ok());
    assert_eq!(dice::read_file(&file(2 * DICE_CERTIFICATE_MAX + 1)), too_long);
}

#[test]
fn a_quote_replayed_under_another_key_is_refused() {
    let (owner, thief) = (key(KeyAlgorithm::EcdsaP256), key(KeyAlgorithm::EcdsaP256));
    let original = claims(&sha256(owner.public().spki_der()), false);
    let (evidence, endorsements) = tdx(&ReportData::simulated_key_only(&original));
    // The owner's claims in the thief's certificate.
    let der = certificate(&thief, &[(OID, tagged(60_000, evidence.bytes(), &original))]);
    let replayed = (dice::read(&der).unwrap(), endorsements.clone());
    assert_eq!(unmet(&judge(&replayed)), [Check::BindingCertificateKey]);
    // The thief's claims beside the owner's quote.
    let forged = claims(&sha256(thief.public().spki_der()), false);
    let der = certificate(&thief, &[(OID, tagged(60_000, evidence.bytes(), &forged))]);
    assert_eq!(unmet(&judge(&(dice::read(&der).unwrap(), endorsements))), [Check::BindingKeyOnly]);
}

#[test]
fn report_data_with_more_than_the_hash_are_refused() {
    use prism_attest::binding::Batch;
    use prism_attest::{AgentBinding, SessionBinding};
    let key = key(KeyAlgorithm::EcdsaP256);
    let claims = claims(&sha256(key.public().spki_der()), false);
    let session = SessionBinding { exporter: [1; 32], client_nonce: [2; 32], agent_nonce: [3; 32] };
    let agent = AgentBinding::new([1; 16], key.public().spki_der().to_vec(), "log+1+k".to_owned(), None).unwrap();
    let other = ReportData::compose(&Batch::new(&[session.leaf()]).unwrap().root(), &agent);
    let (evidence, endorsements) = tdx(&other);
    let der = certificate(&key, &[(OID, tagged(60_000, evidence.bytes(), &claims))]);
    assert_eq!(unmet(&judge(&(dice::read(&der).unwrap(), endorsements))), [Check::BindingKeyOnly]);
}

#[test]
fn a_wrapper_in_a_certificate_stands_for_its_key() {
    let (owner, thief) = (key(KeyAlgorithm::EcdsaP256), key(KeyAlgorithm::Ed25519));
    let (evidence, endorsements) = snp(&ReportData::simulated_key_only(owner.public().spki_der()));
    for value in [evidence.to_cmw_cbor(), evidence.to_cmw_json().into_bytes()] {
        let found = dice::read(&certificate(&owner, &[(OID, value.clone())])).unwrap();
        assert_eq!((found.evidence(), found.spki()), (&evidence, owner.public().spki_der()));
        let verdict = judge(&(found, endorsements.clone()));
        assert!(verdict.is_good() && verdict.binding() == "key-only", "{verdict}");
        let stolen = dice::read(&certificate(&thief, &[(OID, value)])).unwrap();
        let verdict = judge(&(stolen, endorsements.clone()));
        assert_eq!((unmet(&verdict), verdict.binding()), (vec![Check::BindingKeyOnly], "none"));
    }
}

#[test]
fn a_certificate_without_the_extension_or_with_two_is_refused() {
    let key = key(KeyAlgorithm::EcdsaP256);
    let value = Evidence::new(Platform::Snp, vec![1]).unwrap().to_cmw_cbor();
    let other: &[u64] = &[2, 23, 133, 5, 4, 1];
    assert_eq!(dice::read(&certificate(&key, &[(other, value.clone())])), Err(DiceError::NoEvidence));
    let twice = certificate(&key, &[(OID, value.clone()), (OID, value.clone())]);
    assert_eq!(dice::read(&twice), Err(DiceError::Certificate("an extension twice")));
    let trailing = [certificate(&key, &[(OID, value)]), vec![0]].concat();
    assert!(matches!(dice::read(&trailing), Err(DiceError::Certificate(_))));
    assert!(matches!(dice::read(b""), Err(DiceError::Certificate(_))));
}

#[test]
fn another_tag_or_form_of_the_extension_is_refused() {
    let key = key(KeyAlgorithm::EcdsaP256);
    let good = claims(&[7; 32], false);
    let read = |value: Vec<u8>| dice::read(&certificate(&key, &[(OID, value)]));
    assert!(read(tagged(60_000, &[1; 64], &good)).is_ok());
    let three = [vec![0xd9, 0xea, 0x60, 0x83], string(2, &[1]), string(2, &good), vec![0]].concat();
    for value in [
        tagged(60_001, &[1], &good),
        tagged(60_002, &[1], &good),
        three,
        [tagged(60_000, &[1], &good), vec![0]].concat(),
        vec![],
        vec![0xd9, 0xea, 0x60],
    ] {
        assert_eq!(read(value.clone()), Err(DiceError::Form), "{}", hex::encode(value));
    }
    assert!(matches!(read(tagged(60_000, &[], &good)), Err(DiceError::Evidence(_))));
    assert!(matches!(read(br#"["application/x","AQ"]"#.to_vec()), Err(DiceError::Wrapper(_))));
}

#[test]
fn a_claims_buffer_in_another_form_is_refused() {
    let key = key(KeyAlgorithm::EcdsaP256);
    let read = |claims: &[u8]| dice::read(&certificate(&key, &[(OID, tagged(60_000, &[1; 64], claims))]));
    let entry = claims(&[7; 32], false)[1..].to_vec();
    let nonce = [string(3, b"nonce"), string(2, &[9; 16])].concat();
    let both = [vec![0xa2], entry.clone(), nonce.clone()].concat();
    assert_eq!(read(&both).unwrap().nonce(), Some([9; 16].as_slice()));
    let unknown_hash = [vec![0xa1], string(3, b"pubkey-hash"), vec![0x82, 2], string(2, &[7; 16])].concat();
    for buffer in [
        vec![],
        vec![0xa0],
        [vec![0xa1], nonce].concat(),
        [vec![0xa2], entry.clone(), entry.clone()].concat(),
        [vec![0xa2], entry.clone(), string(3, b"other"), string(2, &[1])].concat(),
        [vec![0xa1], entry, vec![0]].concat(),
        claims(&[7; 31], false),
        claims(&[7; 48], false),
        unknown_hash,
    ] {
        assert_eq!(read(&buffer), Err(DiceError::Claims), "{}", hex::encode(buffer));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_fall(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = dice::read(&bytes);
    }

    #[test]
    fn no_extension_makes_the_reader_fall(value in proptest::collection::vec(any::<u8>(), 0..100), head: bool) {
        let head = if head { vec![0xd9, 0xea, 0x60, 0x82] } else { vec![] };
        let _ = dice::read(&certificate(&key(KeyAlgorithm::Ed25519), &[(OID, [head, value].concat())]));
    }
}
