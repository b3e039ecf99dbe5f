use serde_json::{Value, json};

use super::{ENVELOPE_MAX, Envelope, EnvelopeError, PAYLOAD_MAX, PayloadType, pae};
use crate::code::{Code, Coded as _};
use crate::entropy::SystemEntropy;
use crate::key::{KeyAlgorithm, PublicKey, SigningKey};

fn key(algorithm: KeyAlgorithm) -> SigningKey {
    SigningKey::generate(algorithm, &mut SystemEntropy).unwrap()
}

fn signed(key: &SigningKey) -> Envelope {
    Envelope::sign(PayloadType::Manifest, b"{}", key).unwrap()
}

type Change = Box<dyn FnOnce(&mut Value)>;

/// The envelope's JSON with one change.
fn changed(envelope: &Envelope, change: impl FnOnce(&mut Value)) -> Result<Envelope, EnvelopeError> {
    let mut json: Value = serde_json::from_slice(&envelope.to_json()).unwrap();
    change(&mut json);
    Envelope::read(&serde_json::to_vec(&json).unwrap())
}

#[test]
fn what_was_signed_reads_back_and_verifies() {
    for &algorithm in KeyAlgorithm::ALL {
        for &payload_type in PayloadType::ALL {
            let key = key(algorithm);
            let json = Envelope::sign(payload_type, b"{\"a\":1}", &key).unwrap().to_json();
            let envelope = Envelope::read(&json).unwrap();
            assert_eq!(envelope.to_json(), json);
            assert_eq!(envelope.verify(payload_type, key.public()).unwrap(), b"{\"a\":1}");
            assert_eq!(payload_type.to_string().parse::<PayloadType>().unwrap(), payload_type);
        }
    }
}

#[test]
fn an_envelope_of_another_type_is_refused_even_if_relabelled() {
    let key = key(KeyAlgorithm::Ed25519);
    let envelope = signed(&key);
    for &other in PayloadType::ALL.iter().filter(|t| **t != PayloadType::Manifest) {
        let error = envelope.verify(other, key.public()).unwrap_err();
        assert!(matches!(error, EnvelopeError::OtherType { found: PayloadType::Manifest, .. }));
        let relabelled = changed(&envelope, |json| json["payloadType"] = other.as_str().into()).unwrap();
        let error = relabelled.verify(other, key.public()).unwrap_err();
        assert!(matches!(error, EnvelopeError::Signature { .. }), "{other}");
    }
}

#[test]
fn every_altered_bit_of_payload_and_signature_is_refused() {
    let key = key(KeyAlgorithm::Ed25519);
    let envelope = signed(&key);
    let is_refused = |altered: &Envelope| {
        matches!(altered.verify(PayloadType::Manifest, key.public()), Err(EnvelopeError::Signature { .. }))
    };
    for bit in 0..envelope.payload.len() * 8 {
        let mut altered = envelope.clone();
        altered.payload[bit / 8] ^= 1 << (bit % 8);
        assert!(is_refused(&altered), "payload bit {bit}");
    }
    for bit in 0..64 * 8 {
        let mut altered = envelope.clone();
        altered.signatures.values_mut().next().unwrap()[bit / 8] ^= 1 << (bit % 8);
        assert!(is_refused(&altered), "signature bit {bit}");
    }
    let mut longer = envelope.clone();
    longer.payload.push(b' ');
    assert!(is_refused(&longer));
}

#[test]
fn a_key_that_did_not_sign_is_refused_by_name() {
    let envelope = signed(&key(KeyAlgorithm::Ed25519));
    let stranger = key(KeyAlgorithm::Ed25519);
    let error = envelope.verify(PayloadType::Manifest, stranger.public()).unwrap_err();
    assert!(matches!(error, EnvelopeError::NotSigned { keyid } if keyid == stranger.public().fingerprint()));
    assert_eq!(error.code(), Code::SignatureInvalid);
}

#[test]
fn a_signature_under_another_keys_identifier_is_refused() {
    for &signer in KeyAlgorithm::ALL {
        let envelope = signed(&key(signer));
        for &claimed in KeyAlgorithm::ALL {
            let victim = key(claimed);
            let keyid = victim.public().fingerprint().to_string();
            let forged = changed(&envelope, |json| json["signatures"][0]["keyid"] = keyid.into()).unwrap();
            let error = forged.verify(PayloadType::Manifest, victim.public()).unwrap_err();
            assert!(matches!(error, EnvelopeError::Signature { .. }), "{signer} as {claimed}");
        }
    }
}

#[test]
fn joining_adds_signatures_and_order_does_not_matter() {
    let (a, b) = (key(KeyAlgorithm::Ed25519), key(KeyAlgorithm::EcdsaP256));
    let mut ab = signed(&a);
    let signed_by_b = signed(&b);
    let mut ba = signed_by_b.clone();
    ab.merge(signed_by_b).unwrap();
    ba.merge(signed(&a)).unwrap();
    assert_eq!(ab.to_json(), ba.to_json());
    assert_eq!(ab.signatures().len(), 2);
    for key in [a, b] {
        assert!(ab.verify(PayloadType::Manifest, key.public()).is_ok());
    }
}

#[test]
fn joining_envelopes_that_differ_is_refused_and_changes_nothing() {
    let key = key(KeyAlgorithm::EcdsaP256);
    let mut envelope = signed(&key);
    let before = envelope.clone();
    let other_type = Envelope::sign(PayloadType::Stop, b"{}", &key).unwrap();
    let other_payload = Envelope::sign(PayloadType::Manifest, b"{ }", &key).unwrap();
    for other in [other_type, other_payload] {
        assert!(matches!(envelope.merge(other), Err(EnvelopeError::OtherPayload)));
    }
    let signed_again = signed(&key); // ECDSA signatures are random
    assert!(matches!(envelope.merge(signed_again), Err(EnvelopeError::Duplicate { .. })));
    envelope.merge(before.clone()).unwrap();
    assert_eq!(envelope, before);
}

#[test]
fn json_that_is_not_exactly_an_envelope_is_refused() {
    let envelope = signed(&key(KeyAlgorithm::Ed25519));
    let sig = serde_json::from_slice::<Value>(&envelope.to_json()).unwrap()["signatures"][0].clone();
    let cases: [(&str, Change); 14] = [
        ("an unknown key", Box::new(|json| json["more"] = json!(1))),
        ("an unknown key of a signature", Box::new(|json| json["signatures"][0]["cert"] = json!(""))),
        ("no signatures", Box::new(|json| json["signatures"] = json!([]))),
        ("no signature list", Box::new(|json| drop(json.as_object_mut().unwrap().remove("signatures")))),
        ("no key identifier", Box::new(|json| json["signatures"][0] = json!({"sig": "AAAA"}))),
        ("an empty key identifier", Box::new(|json| json["signatures"][0]["keyid"] = json!(""))),
        (
            "another digest",
            Box::new(|json| json["signatures"][0]["keyid"] = json!(format!("sha3-256:{}", "0".repeat(64)))),
        ),
        ("two signatures of one key", Box::new(move |json| json["signatures"] = json!([sig, sig]))),
        ("an unknown type", Box::new(|json| json["payloadType"] = json!("application/vnd.in-toto+json"))),
        ("a type of another case", Box::new(|json| json["payloadType"] = json!("Application/vnd.prism.stop.v1+json"))),
        ("URL-safe base64", Box::new(|json| json["payload"] = json!("-_-_"))),
        ("unpadded base64", Box::new(|json| json["payload"] = json!("e30"))),
        ("non-canonical base64", Box::new(|json| json["payload"] = json!("e31="))),
        ("a line break in base64", Box::new(|json| json["signatures"][0]["sig"] = json!("AAAA\n"))),
    ];
    for (name, change) in cases {
        let error = changed(&envelope, change).expect_err(name);
        assert_eq!(error.code(), Code::EnvelopeMalformed, "{name}");
    }
    let text = String::from_utf8(envelope.to_json()).unwrap();
    let doubled = text.replacen("\"payload\":", "\"payload\":\"AAAA\",\"payload\":", 1);
    assert!(matches!(Envelope::read(doubled.as_bytes()), Err(EnvelopeError::Json(_))));
    assert!(matches!(Envelope::read(format!("{text}x").as_bytes()), Err(EnvelopeError::Json(_))));
}

#[test]
fn lengths_are_bounded_before_and_after_decoding() {
    let key = key(KeyAlgorithm::Ed25519);
    let longest = vec![b' '; PAYLOAD_MAX];
    let envelope = Envelope::sign(PayloadType::Manifest, &longest, &key).unwrap();
    assert!(Envelope::read(&envelope.to_json()).is_ok());
    assert!(matches!(
        Envelope::sign(PayloadType::Manifest, &vec![b' '; PAYLOAD_MAX + 1], &key),
        Err(EnvelopeError::TooLong)
    ));
    let mut too_long = envelope;
    too_long.payload.push(b' ');
    assert!(matches!(Envelope::read(&too_long.to_json()), Err(EnvelopeError::TooLong)));
    assert!(matches!(Envelope::read(&vec![b' '; ENVELOPE_MAX + 1]), Err(EnvelopeError::Json(_))));
}

#[test]
fn joining_beyond_what_can_be_read_back_is_refused() {
    let key = key(KeyAlgorithm::Ed25519);
    let mut envelope = Envelope::sign(PayloadType::Manifest, &vec![b' '; PAYLOAD_MAX], &key).unwrap();
    let mut other = envelope.clone();
    other.signatures = std::iter::once((crate::digest::Digest::sha256(b"x"), vec![0; PAYLOAD_MAX])).collect();
    assert!(matches!(envelope.merge(other), Err(EnvelopeError::TooLong)));
    assert_eq!(envelope.signatures().len(), 1);
}

#[test]
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn the_shared_vector_holds() {
    let directory = std::env::var("PRISM_VECTORS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors").to_owned());
    let Ok(bytes) = std::fs::read(format!("{directory}/protocol-v1.json")) else {
        println!("skipped: no vectors in {directory}");
        return;
    };
    let vector: Value = serde_json::from_slice(&bytes).unwrap();
    let text = |name: &str| vector[name].as_str().unwrap().to_owned();
    let body = text("manifest");
    assert_eq!(pae(PayloadType::Manifest, body.as_bytes()), text("pae").as_bytes());
    let spki = hex::decode(format!("302a300506032b6570032100{}", text("consent_pk"))).unwrap();
    let key = PublicKey::from_spki_der(&spki).unwrap();
    let signature = hex::decode(text("consent_sig")).unwrap();
    let signatures = std::iter::once((key.fingerprint(), signature)).collect();
    let envelope = Envelope { payload_type: PayloadType::Manifest, payload: body.clone().into_bytes(), signatures };
    assert_eq!(envelope.verify(PayloadType::Manifest, &key).unwrap(), body.as_bytes());
}
