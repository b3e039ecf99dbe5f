//! Python's `PyJWT` and `cwt`, which share no code with Prism, verify attestation results and read their claims.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prism_core::key::KeyAlgorithm;
use serde_json::Value;

use crate::ear::claims;
use crate::world::{NOW, accepted, key};

const CHECK: &str = r#"
import base64, json, sys
import cwt, jwt
from cwt import COSE, COSEKey

wire = json.load(sys.stdin)
pem, algorithm = wire["pem"], wire["algorithm"]
options = {"verify_iat": False, "verify_exp": False}
claims = jwt.decode(wire["jwt"], pem, algorithms=[algorithm], options=options)
head, body, signature = wire["jwt"].split(".")
forged = body[:40] + ("A" if body[40] != "A" else "B") + body[41:]
try:
    jwt.decode(".".join([head, forged, signature]), pem, algorithms=[algorithm], options=options)
    sys.exit("an altered JWT verified")
except jwt.InvalidSignatureError:
    pass

token = bytes.fromhex(wire["cwt"])
key = COSEKey.from_pem(pem, kid=bytes.fromhex(wire["kid"]))
payload = COSE.new().decode(token, key)
try:
    COSE.new().decode(token[:-1] + bytes([token[-1] ^ 1]), key)
    sys.exit("an altered CWT verified")
except cwt.VerifyError:
    pass
import cbor2
binary = cbor2.loads(payload)
assert cbor2.dumps(binary, canonical=True) == payload, "not deterministic"
prism = binary[266]["prism"]
names = {0: "instance-identity", 1: "configuration", 2: "executables", 4: "hardware", 5: "runtime-opaque"}
statuses = {0: "none", 2: "affirming", 32: "warning", 96: "contraindicated"}
again = {
    "eat_profile": binary[265],
    "iat": binary[6],
    "exp": binary[4],
    "eat_nonce": base64.urlsafe_b64encode(binary[10]).decode().rstrip("="),
    "ear.verifier-id": {"developer": binary[1004][0], "build": binary[1004][1]},
    "submods": {"prism": {
        "ear.status": statuses[prism[1000]],
        "ear.trustworthiness-vector": {names[key]: value for key, value in prism[1001].items()},
        "ear.appraisal-policy-id": prism[1003],
        "prism.verdict": prism["prism.verdict"],
    }},
}
assert again == claims, (again, claims)
print(json.dumps(claims))
"#;

#[test]
fn results_verify_and_say_the_same_in_both_forms() {
    let Some(python) = python() else { return };
    for (algorithm, name) in
        [(KeyAlgorithm::Ed25519, "EdDSA"), (KeyAlgorithm::EcdsaP256, "ES256"), (KeyAlgorithm::EcdsaP384, "ES384")]
    {
        let key = key(algorithm);
        let claims = claims(&accepted()).with_nonce(&[7; 32]);
        let wire = serde_json::json!({
            "pem": key.public().to_pem(),
            "algorithm": name,
            "kid": key.public().fingerprint().to_hex(),
            "jwt": claims.to_jwt(&key).unwrap(),
            "cwt": hex::encode(claims.to_cwt(&key).unwrap()),
        });
        let mut child = Command::new(&python)
            .args(["-c", CHECK])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(wire.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(read["iat"], NOW);
        assert_eq!(read["submods"]["prism"]["ear.status"], "contraindicated");
    }
}

/// Python with the libraries in an environment of its own, made once under the build directory.
fn python() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ear-venv");
    let python = directory.join("bin/python");
    let ready = |python: &Path| {
        let args = ["-c", "import jwt, cwt, cbor2, cryptography"];
        Command::new(python).args(args).output().is_ok_and(|output| output.status.success())
    };
    if ready(&python) {
        return Some(python);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&directory).output();
    if !made.as_ref().is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 cannot make a virtual environment: {made:?}");
        return None;
    }
    let packages = ["-m", "pip", "install", "--quiet", "pyjwt", "cwt", "cbor2", "cryptography"];
    let installed = Command::new(&python).args(packages).output();
    if !ready(&python) {
        println!("skipped: pip cannot install pyjwt and cwt: {installed:?}");
        return None;
    }
    Some(python)
}
