//! Envelopes verify with the public Python library `securesystemslib`, which shares no code with Prism.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use prism_core::entropy::SystemEntropy;
use prism_core::envelope::{Envelope, PayloadType};
use prism_core::key::{KeyAlgorithm, SigningKey};

const CHECK: &str = r#"
import json, sys
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

keytype, scheme, pem = sys.argv[1:4]
wire = json.load(sys.stdin)
key = SSlibKey(wire["signatures"][0]["keyid"], keytype, scheme, {"public": pem})
envelope = Envelope.from_dict(wire)
envelope.verify([key], 1)
envelope.payload += b" "
try:
    envelope.verify([key], 1)
    sys.exit("an altered payload verified")
except VerificationError:
    print(envelope.payload.decode())
"#;

#[test]
fn envelopes_verify_with_securesystemslib() {
    let Some(python) = python() else { return };
    for (algorithm, keytype, scheme) in [
        (KeyAlgorithm::Ed25519, "ed25519", "ed25519"),
        (KeyAlgorithm::EcdsaP256, "ecdsa", "ecdsa-sha2-nistp256"),
        (KeyAlgorithm::EcdsaP384, "ecdsa", "ecdsa-sha2-nistp384"),
    ] {
        let key = SigningKey::generate(algorithm, &mut SystemEntropy::default()).unwrap();
        let envelope = Envelope::sign(PayloadType::Manifest, b"{\"v\":1}", &key).unwrap();
        let public = public_form(algorithm, &key);
        let output =
            run(Command::new(&python).args(["-c", CHECK, keytype, scheme, &public]), &envelope.to_json()).unwrap();
        assert!(output.status.success(), "{algorithm}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout, b"{\"v\":1} \n");
    }
}

/// The library takes raw hex for Ed25519 and PEM for ECDSA.
fn public_form(algorithm: KeyAlgorithm, key: &SigningKey) -> String {
    match algorithm {
        KeyAlgorithm::Ed25519 => hex::encode(&key.public().spki_der()[12..]),
        _ => key.public().to_pem(),
    }
}

/// Python with the library in an environment of its own, made once under the build directory.
fn python() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dsse-venv");
    let python = directory.join("bin/python");
    let ready = |python: &Path| {
        let args = ["-c", "import securesystemslib.dsse, cryptography"];
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
    let installed =
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "securesystemslib", "cryptography"]).output();
    if !ready(&python) {
        println!("skipped: pip cannot install securesystemslib: {installed:?}");
        return None;
    }
    Some(python)
}

fn run(command: &mut Command, input: &[u8]) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input)?;
    }
    child.wait_with_output()
}
