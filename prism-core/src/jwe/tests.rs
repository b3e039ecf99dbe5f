use super::*;
use crate::entropy::SystemEntropy;

/// The key of RFC 7518, appendix C ("Bob"), and two secrets that the Python package jwcrypto 1.6.1 wrapped to it.
const SCALAR: &str = "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw";
const FOREIGN: [&str; 2] = [
    r#"{"protected": "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0yNTYiLCJrdHkiOiJFQyIsIngiOiJUSU40SWdfUG9PR2Y2WUZhVHZwaXY3djZ4aHN2RVRscXVHMzBpZmtMWU1jIiwieSI6IjRMWWpsVzRyamhXTF9GT1JiVVRMUDl4aFZ0WlhRdWYtLVNTekt6eUFOMk0ifX0", "encrypted_key": "4FeQAO2eQ3arWtial_p2h99EGMfGBaHy8YixGVSucDAv0k-bO5jUyA", "iv": "BdgRk338dICr3DaO", "ciphertext": "Scg3Xkgu0FjnS90dwJW_vJeCVcLUpg", "tag": "uStAc1Y1j2WZoI-a9cq97Q"}"#,
    r#"{"protected": "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImFwdSI6IlFXeHBZMlUiLCJhcHYiOiJRbTlpIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFtd2ZvWklsZnZPajJ5WTdNRkYtRlBobXM4ekQ0R1dsSk1sLXJ5WmM3WEUiLCJ5IjoiNjlXbHE4dWVrb0FxM2RjdVRaV1NOTnNBQ2VYMXYwNEVodk1ZS01QMmZwQSJ9fQ", "encrypted_key": "uItfWYS_mgmEF1cX6tgX4eJ8kJhe9tl6dqCWKEBU3Q8xgw8v8qk9UA", "iv": "PanXMQEr60O48xuV", "ciphertext": "j6JMgfGH2fd2lbYX4ba4GL1gmZ_1VQ", "tag": "r5y9r4v_Eis-MKJ1JVNqXQ"}"#,
];

fn bob() -> JweKey {
    JweKey::from_scalar(&exactly("d", SCALAR).unwrap()).unwrap()
}

#[test]
fn the_key_derivation_gives_the_value_of_rfc_7518() {
    let z = [
        158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163, 218, 128, 106,
        72, 246, 218, 167, 121, 140, 254, 144, 196,
    ];
    let derived = concat_kdf(&z, "A128GCM", (b"Alice", b"Bob"), 128);
    assert_eq!(URL_SAFE_NO_PAD.encode(&derived[..16]), "VqqN6vgjbSBcIijNcacQGg");
}

#[test]
fn a_key_has_its_published_form_and_thumbprint() {
    let public = bob().public().clone();
    assert_eq!(
        public.to_json(),
        r#"{"alg":"ECDH-ES+A256KW","crv":"P-256","kty":"EC","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}"#
    );
    assert_eq!(serde_json::to_string(&public).unwrap(), public.to_json());
    let thumbprint = public.thumbprint();
    assert_eq!(URL_SAFE_NO_PAD.encode(thumbprint.as_bytes()), "Vy57XrArUrW0NbpI12tEzDHABxMwrTh6HHXRenSpnCo");
    assert!(!format!("{:?}", bob()).contains(SCALAR));
}

#[test]
fn what_another_library_wrapped_opens() {
    for jwe in FOREIGN {
        assert_eq!(bob().open(jwe.as_bytes()).unwrap().as_slice(), b"the key of the dataset");
    }
}

#[test]
fn a_secret_for_another_key_does_not_open() {
    let other = JweKey::generate(&mut SystemEntropy).unwrap();
    assert_ne!(other.public(), bob().public());
    assert!(matches!(other.open(FOREIGN[0].as_bytes()), Err(JweError::Sealed)));
}

#[test]
fn every_altered_character_is_refused() {
    let jwe = FOREIGN[0];
    for position in 0..jwe.len() {
        for other in ['A', 'B', '"'] {
            let mut altered = jwe.to_owned();
            altered.replace_range(position..=position, &other.to_string());
            if altered != jwe {
                assert!(bob().open(altered.as_bytes()).is_err(), "{position} {other}");
            }
        }
    }
}

/// The first secret with a header made of this.
fn with_header(header: &serde_json::Value) -> Vec<u8> {
    let mut jwe: serde_json::Value = serde_json::from_str(FOREIGN[0]).unwrap();
    jwe["protected"] = URL_SAFE_NO_PAD.encode(header.to_string()).into();
    jwe.to_string().into_bytes()
}

#[test]
fn other_algorithms_fields_and_points_are_refused() {
    let protected: serde_json::Value = serde_json::from_str(FOREIGN[0]).unwrap();
    let header = URL_SAFE_NO_PAD.decode(protected["protected"].as_str().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    for (pointer, value) in [
        ("/alg", "ECDH-ES"),
        ("/alg", "RSA1_5"),
        ("/alg", "dir"),
        ("/enc", "A128GCM"),
        ("/enc", "A256CBC-HS512"),
        ("/epk/kty", "OKP"),
        ("/epk/crv", "P-384"),
    ] {
        let mut other = header.clone();
        *other.pointer_mut(pointer).unwrap() = value.into();
        assert!(matches!(bob().open(&with_header(&other)), Err(JweError::Algorithms)), "{pointer} {value}");
    }
    for (name, value) in [("crit", "b64"), ("zip", "DEF"), ("kid", "1"), ("jku", "https://evil.example")] {
        let mut other = header.clone();
        other[name] = value.into();
        assert!(matches!(bob().open(&with_header(&other)), Err(JweError::Form)), "{name}");
    }
    let mut off = header.clone();
    off["epk"]["y"] = off["epk"]["x"].clone();
    assert!(matches!(bob().open(&with_header(&off)), Err(JweError::Sealed)), "a point off the curve");
    off["epk"]["y"] = "AAAA".into();
    assert!(matches!(bob().open(&with_header(&off)), Err(JweError::Field { field: "epk.y" })));
}

#[test]
fn another_form_is_refused() {
    for text in ["", "{}", "[]", "a.b.c.d.e", r#"{"protected":"","encrypted_key":"","iv":"","ciphertext":"","tag":""}"#]
    {
        assert!(bob().open(text.as_bytes()).is_err(), "{text}");
    }
    let recipients = FOREIGN[0].replacen('{', r#"{"recipients":[],"#, 1);
    assert!(matches!(bob().open(recipients.as_bytes()), Err(JweError::Form)));
    let padded = FOREIGN[0].replacen(r#""iv": "BdgRk338dICr3DaO""#, r#""iv": "BdgRk338dICr3DaO====""#, 1);
    assert_ne!(padded, FOREIGN[0]);
    assert_eq!(bob().open(padded.as_bytes()).unwrap_err().code(), Code::BrokerMisbehaved);
    assert!(bob().open(&vec![b' '; JWE_MAX + 1]).is_err());
}
