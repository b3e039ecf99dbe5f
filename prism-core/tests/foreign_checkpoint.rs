//! Tools that know nothing of Prism confirm its log: OpenSSL the signature, Python the root.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise and says what it skips"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prism_core::audit::checkpoint::{Checkpoint, LogKey, SignedCheckpoint, VerifierKey};
use prism_core::audit::tree::{Tree, leaf_hash};
use prism_core::entropy::SystemEntropy;

/// RFC 6962, section 2.1, in another language; reads one entry in hex per line, prints the root in base64.
const PYTHON_ROOT: &str = r#"
import base64, hashlib, sys
def root(entries):
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    half = 1 << ((len(entries) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + root(entries[:half]) + root(entries[half:])).digest()
print(base64.b64encode(root([bytes.fromhex(line.strip()) for line in sys.stdin])).decode())
"#;

fn entries() -> Vec<Vec<u8>> {
    (0..333).map(|seq| format!(r#"{{"v":1,"seq":{seq},"type":"session.attested"}}"#).into_bytes()).collect()
}

fn log() -> (VerifierKey, SignedCheckpoint) {
    let key =
        LogKey::generate("prism.log/1ee04b8f/000102030405060708090a0b0c0d0e0f", &mut SystemEntropy::default()).unwrap();
    let mut tree = Tree::new();
    for entry in entries() {
        tree.append(leaf_hash(&entry));
    }
    let checkpoint = key.sign(&Checkpoint::new(key.verifier().name(), &tree)).unwrap();
    (key.verifier().clone(), checkpoint)
}

fn present(tool: &str, argument: &str) -> bool {
    let ran = Command::new(tool).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let present = ran.is_ok_and(|status| status.success());
    if !present {
        eprintln!("skipped: {tool} is not installed");
    }
    present
}

/// A directory of this test alone, gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn openssl_accepts(scratch: &Scratch, key: &VerifierKey, body: &str, signature: &[u8]) -> bool {
    let output = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey"])
        .arg(scratch.file("key.der", key.public_key().spki_der()))
        .arg("-in")
        .arg(scratch.file("body", body.as_bytes()))
        .arg("-sigfile")
        .arg(scratch.file("signature", signature))
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn openssl_accepts_the_signature_over_the_note_and_over_nothing_else() {
    if !present("openssl", "version") {
        return;
    }
    let (key, checkpoint) = log();
    // Signed notes: everything before the empty line, with the newline that ends the last line of text.
    let (body, line) = checkpoint.as_str().split_once("\n\n").unwrap();
    let body = format!("{body}\n");
    let signature = &STANDARD.decode(line.trim_end().rsplit(' ').next().unwrap()).unwrap()[4..];

    let scratch = Scratch::new("openssl");
    assert!(openssl_accepts(&scratch, &key, &body, signature));
    assert!(!openssl_accepts(&scratch, &key, &format!("{body}\n"), signature));
    assert!(!openssl_accepts(&scratch, &key, &body.replace("\n333\n", "\n334\n"), signature));
}

#[test]
fn python_computes_the_same_root() {
    if !present("python3", "--version") {
        return;
    }
    let (_, checkpoint) = log();
    let mut python =
        Command::new("python3").args(["-c", PYTHON_ROOT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = python.stdin.take().unwrap();
    for entry in entries() {
        writeln!(input, "{}", hex::encode(entry)).unwrap();
    }
    drop(input);
    let output = python.wait_with_output().unwrap();
    let root = String::from_utf8(output.stdout).unwrap();
    assert_eq!(checkpoint.as_str().lines().nth(2), Some(root.trim()));
}
