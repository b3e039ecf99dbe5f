//! Sealed files and public age tools open each other. Each tool that is not there is skipped, and the test says so.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail it")]

mod library;
mod node;
mod program;
mod vectors;

use std::io;

use prism_core::entropy::SystemEntropy;
use prism_core::seal::{self, Identity, OpenError, RecipientKind};

/// Sizes on both sides of a chunk's end.
const SIZES: [usize; 6] = [0, 1, 65535, 65536, 65537, (1 << 20) + 5];

fn identity(kind: RecipientKind) -> Identity {
    Identity::generate(kind, &mut SystemEntropy::default()).unwrap()
}

fn data(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

fn sealed(plain: &[u8], identity: &Identity) -> Vec<u8> {
    let mut file = Vec::new();
    seal::seal(plain, &[identity.recipient().clone()], &mut SystemEntropy::default(), &mut file).unwrap();
    file
}

fn opened(file: &[u8], identity: &Identity) -> Result<Vec<u8>, OpenError> {
    let mut plain = Vec::new();
    seal::open(file, identity, &mut plain).map(|_| plain)
}

/// A directory for one test, under the build directory.
fn directory(name: &str) -> io::Result<std::path::PathBuf> {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

#[test]
fn a_hybrid_file_made_by_typage_opens() {
    let identity: Identity =
        "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR".parse().unwrap();
    assert_eq!(opened(include_bytes!("typage-hybrid.age"), &identity).unwrap(), b"prism\n");
}
