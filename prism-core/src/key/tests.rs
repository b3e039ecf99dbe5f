use std::process::Command;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::{KeyAlgorithm, KeyError, PublicKey, SignatureError, SigningKey};
use crate::entropy::{Entropy, EntropyError, SystemEntropy};

/// Gives the same byte for ever.
struct Fixed(u8);

impl Entropy for Fixed {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        buffer.fill(self.0);
        Ok(())
    }
}

fn key(algorithm: KeyAlgorithm) -> SigningKey {
    SigningKey::generate(algorithm, &mut SystemEntropy).unwrap()
}

fn ed25519_spki(point: &str) -> Vec<u8> {
    hex::decode(format!("302a300506032b6570032100{point}")).unwrap()
}

#[test]
fn a_signature_holds_for_its_key_and_message_only() {
    for &algorithm in KeyAlgorithm::ALL {
        let (ours, other) = (key(algorithm), key(algorithm));
        let signature = ours.sign(b"prism").unwrap();
        assert_eq!(ours.public().verify(b"prism", &signature), Ok(()));
        assert_eq!(ours.public().verify(b"prisn", &signature), Err(SignatureError));
        assert_eq!(other.public().verify(b"prism", &signature), Err(SignatureError));
    }
}

#[test]
fn every_altered_bit_and_length_of_a_signature_is_refused() {
    for &algorithm in KeyAlgorithm::ALL {
        let key = key(algorithm);
        let signature = key.sign(b"prism").unwrap();
        for bit in 0..signature.len() * 8 {
            let mut altered = signature.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.public().verify(b"prism", &altered), Err(SignatureError), "{algorithm} bit {bit}");
        }
        for len in 0..signature.len() {
            assert_eq!(key.public().verify(b"prism", &signature[..len]), Err(SignatureError));
        }
        assert_eq!(key.public().verify(b"prism", &[signature.as_slice(), &[0]].concat()), Err(SignatureError));
    }
}

#[test]
fn a_signature_of_one_algorithm_never_passes_for_another() {
    for &signer in KeyAlgorithm::ALL {
        let signature = key(signer).sign(b"prism").unwrap();
        for &verifier in KeyAlgorithm::ALL {
            assert_eq!(key(verifier).public().verify(b"prism", &signature), Err(SignatureError), "{signer} {verifier}");
        }
    }
}

#[test]
fn ecdsa_signatures_with_zero_or_in_ber_are_refused() {
    let key = key(KeyAlgorithm::EcdsaP256);
    let good = key.sign(b"prism").unwrap();
    let long_form = [&[0x30, 0x81, good[1]], &good[2..]].concat();
    let zero_zero = [0x30, 6, 2, 1, 0, 2, 1, 0].to_vec();
    let one_zero = [0x30, 6, 2, 1, 1, 2, 1, 0].to_vec();
    for bad in [long_form, zero_zero, one_zero, vec![0; 64], Vec::new()] {
        assert_eq!(key.public().verify(b"prism", &bad), Err(SignatureError), "{}", hex::encode(bad));
    }
}

#[test]
fn keys_read_back_from_every_form() {
    for &algorithm in KeyAlgorithm::ALL {
        let key = key(algorithm);
        let public = key.public();
        assert_eq!(public.algorithm(), algorithm);
        assert_eq!(PublicKey::from_pem(&public.to_pem()).as_ref(), Ok(public));
        assert_eq!(public.to_string().parse().as_ref(), Ok(public));
        let json = serde_json::to_string(public).unwrap();
        assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), *public);
        let again = SigningKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.public(), public);
        assert_eq!(again.to_pem(), key.to_pem());
    }
}

#[test]
fn the_rfc_8032_vector_is_reproduced() {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let der = hex::decode(format!("302e020100300506032b657004220420{seed}")).unwrap();
    let key = SigningKey::from_pem(&super::pem::write("PRIVATE KEY", &der)).unwrap();
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(key.public().spki_der(), ed25519_spki(public));
    assert_eq!(
        hex::encode(key.sign(b"").unwrap()),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
}

#[test]
fn small_order_and_non_canonical_ed25519_keys_are_refused() {
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in points {
        assert_eq!(PublicKey::from_spki_der(&ed25519_spki(point)), Err(KeyError::WeakPoint), "{point}");
    }
}

#[test]
fn ed25519_signatures_with_small_order_r_or_large_s_are_refused() {
    // Made with a pure big-number program: the key of seed 07×32 and the message "prism".
    let point = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
    let key = PublicKey::from_spki_der(&ed25519_spki(point)).unwrap();
    let sig = |text| hex::decode(text).unwrap();
    let good = sig(
        "edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548dfaeec0999fb2a9fa29c09ce1fddc7af937870aa9923c28a3c76677825713f2b0d",
    );
    let s_plus_l = sig(
        "edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df9bc0fff5158eb1fa72a6c5c2bbc18ea87870aa9923c28a3c76677825713f2b1d",
    );
    let identity_r = sig(
        "0100000000000000000000000000000000000000000000000000000000000000344de5fe047a4c78203b422fda44d2e3476dfefac1f65fa2d2dd620cc4176409",
    );
    assert_eq!(key.verify(b"prism", &good), Ok(()));
    assert_eq!(key.verify(b"prism", &s_plus_l), Err(SignatureError));
    assert_eq!(key.verify(b"prism", &identity_r), Err(SignatureError));
    let lenient = UnparsedPublicKey::new(&ED25519, hex::decode(point).unwrap());
    assert!(lenient.verify(b"prism", &identity_r).is_ok(), "this vector tests our own check only while this holds");
}

#[test]
fn points_off_the_curve_and_other_spki_are_refused() {
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384] {
        let good = key(algorithm).public().spki_der().to_vec();
        let mut off_curve = good.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        assert_eq!(PublicKey::from_spki_der(&off_curve), Err(KeyError::WeakPoint));
        let start = good.len() - 2 * algorithm.secret_len() - 1;
        for form in [0x00, 0x02, 0x03, 0x06, 0x07] {
            let mut other_form = good.clone();
            other_form[start] = form;
            assert_eq!(PublicKey::from_spki_der(&other_form), Err(KeyError::Spki), "{form}");
        }
        for position in 0..start {
            let mut altered = good.clone();
            altered[position] ^= 1;
            assert_eq!(PublicKey::from_spki_der(&altered), Err(KeyError::Spki), "{position}");
        }
        assert_eq!(PublicKey::from_spki_der(&good[..good.len() - 1]), Err(KeyError::Spki));
        assert_eq!(PublicKey::from_spki_der(&[good.as_slice(), &[0]].concat()), Err(KeyError::Spki));
    }
    assert_eq!(PublicKey::from_spki_der(b""), Err(KeyError::Spki));
}

#[test]
fn public_key_text_that_is_not_exactly_one_key_is_refused() {
    let text = key(KeyAlgorithm::Ed25519).public().to_string();
    let (_, value) = text.split_once(':').unwrap();
    for bad in [
        value.to_owned(),
        format!("ecdsa-p256:{value}"),
        format!("Ed25519:{value}"),
        format!("{text} "),
        format!("{text}="),
        text.trim_end_matches('=').to_owned(),
    ] {
        assert_eq!(bad.parse::<PublicKey>(), Err(KeyError::Text), "{bad}");
    }
    assert_eq!("ed25519:AAAA".parse::<PublicKey>(), Err(KeyError::Spki));
}

#[test]
fn pem_with_anything_around_or_inside_it_is_refused() {
    let key = key(KeyAlgorithm::EcdsaP384);
    let pem = key.public().to_pem();
    assert!(PublicKey::from_pem(pem.trim_end()).is_ok());
    assert!(PublicKey::from_pem(&pem.replace('\n', "\r\n")).is_ok());
    let body = pem.lines().nth(1).unwrap();
    for bad in [
        format!("note\n{pem}"),
        format!("{pem}\n"),
        format!("{pem}{pem}"),
        format!(" {pem}"),
        pem.replace("END PUBLIC", "END PRIVATE"),
        pem.replace(body, &format!("{body} ")),
        pem.replace(body, &format!("{}\n{}", &body[..60], &body[60..])),
        pem.replace(body, &format!("{body}\n")),
        pem.replace(body, &format!("Header: x\n\n{body}")),
        pem.replace('\n', ""),
        "x".repeat(10_000),
        String::new(),
    ] {
        assert_eq!(PublicKey::from_pem(&bad), Err(KeyError::Pem), "{bad}");
    }
    let label = |expected, found| KeyError::PemLabel { expected, found };
    assert_eq!(PublicKey::from_pem(&key.to_pem()), Err(label("PUBLIC KEY", "PRIVATE KEY")));
    assert_eq!(SigningKey::from_pem(&pem).unwrap_err(), label("PRIVATE KEY", "PUBLIC KEY"));
    assert_eq!(
        SigningKey::from_pem(&key.to_pem().replace("PRIVATE", "ENCRYPTED PRIVATE")).unwrap_err(),
        KeyError::Encrypted
    );
}

#[test]
fn private_der_is_read_only_in_its_one_encoding() {
    let point = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let read = |hex_text: String| {
        SigningKey::from_pem(&super::pem::write("PRIVATE KEY", &hex::decode(hex_text).unwrap())).map(|_| ())
    };
    let version_2 = |point: &str| format!("3051020101300506032b657004220420{seed}812100{point}");
    assert_eq!(read(version_2(point)), Ok(()));
    assert_eq!(read(version_2(&point.replace("d75a", "d75b"))), Err(KeyError::Mismatch));
    for bad in [
        format!("302e020101300506032b657004220420{seed}00"), // trailing byte
        format!("30812e020100300506032b657004220420{seed}"), // long length
        format!("302e020102300506032b657004220420{seed}"),   // version 3
        format!("302d020100300506032b65700421041f{}", &seed[2..]), // short seed
        format!("302e020100300506032b656e04220420{seed}"),   // X25519
        format!("3030020100300706032b6570050004220420{seed}"), // parameters
        format!("3051020100300506032b657004220420{seed}812100{point}"), // public half in version 1
        format!("302e020100300506032b657005220420{seed}"),   // another tag
        String::new(),
    ] {
        assert_eq!(read(bad.clone()), Err(KeyError::Private), "{bad}");
    }
}

#[test]
fn an_ecdsa_scalar_out_of_range_is_refused() {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    for scalar in [order, &"00".repeat(32), &"ff".repeat(32)] {
        let der = hex::decode(format!("30310201010420{scalar}a00a06082a8648ce3d030107")).unwrap();
        assert_eq!(SigningKey::from_pem(&super::pem::write("EC PRIVATE KEY", &der)).unwrap_err(), KeyError::Private);
    }
    for byte in [0x00, 0xff] {
        let error = SigningKey::generate(KeyAlgorithm::EcdsaP256, &mut Fixed(byte)).unwrap_err();
        assert_eq!(error, KeyError::Entropy(EntropyError));
    }
}

#[test]
fn generation_takes_all_its_randomness_from_the_caller() {
    for &algorithm in KeyAlgorithm::ALL {
        let one = SigningKey::generate(algorithm, &mut Fixed(7)).unwrap();
        let same = SigningKey::generate(algorithm, &mut Fixed(7)).unwrap();
        let other = SigningKey::generate(algorithm, &mut Fixed(8)).unwrap();
        assert_eq!(one.public(), same.public());
        assert_ne!(one.public(), other.public());
    }
}

#[test]
fn a_private_key_does_not_show_itself() {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519, &mut Fixed(7)).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey(ed25519, ..)");
}

/// Runs `openssl`, or says that it is not there.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn openssl(args: &[&str]) -> Option<String> {
    match Command::new("openssl").args(args).output() {
        Ok(output) if output.status.success() => Some(String::from_utf8(output.stdout).unwrap()),
        Ok(output) => panic!("openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            println!("skipped: openssl is not installed ({error})");
            None
        }
    }
}

#[test]
fn keys_that_openssl_makes_are_read() {
    let curves: [(&[&str], KeyAlgorithm); 5] = [
        (&["genpkey", "-algorithm", "ed25519"], KeyAlgorithm::Ed25519),
        (&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], KeyAlgorithm::EcdsaP256),
        (&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], KeyAlgorithm::EcdsaP384),
        (&["ecparam", "-genkey", "-noout", "-name", "prime256v1"], KeyAlgorithm::EcdsaP256),
        (&["ecparam", "-genkey", "-noout", "-name", "secp384r1"], KeyAlgorithm::EcdsaP384),
    ];
    for (args, algorithm) in curves {
        let Some(pem) = openssl(args) else { return };
        let key = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(key.public().algorithm(), algorithm);
        if pem.contains("BEGIN PRIVATE KEY") {
            assert_eq!(*key.to_pem(), pem, "both programs write the same file");
        }
    }
}

#[test]
fn a_signature_of_fixed_length_holds_the_same_numbers() {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, VerificationAlgorithm};
    for (algorithm, verifier, length) in [
        (KeyAlgorithm::Ed25519, &ED25519 as &dyn VerificationAlgorithm, 64),
        (KeyAlgorithm::EcdsaP256, &ECDSA_P256_SHA256_FIXED, 64),
        (KeyAlgorithm::EcdsaP384, &ECDSA_P384_SHA384_FIXED, 96),
    ] {
        let key = key(algorithm);
        // A number with a leading zero byte comes about once in 128 signatures.
        for _ in 0..400 {
            let signature = key.sign_fixed(b"prism").unwrap();
            assert_eq!(signature.len(), length, "{algorithm}");
            assert!(verifier.verify_sig(key.public().point(), b"prism", &signature).is_ok(), "{algorithm}");
        }
    }
}
