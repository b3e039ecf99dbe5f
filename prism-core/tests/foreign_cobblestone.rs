//! Cobblestone-256 files and pyca/cryptography, an independent implementation, open each other. Skipped, and said so,
//! where Python or the package cannot be had.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};
use std::process::Command;

use prism_core::entropy::SystemEntropy;
use prism_core::seal::{CobblestoneKey, Context, Opener, Sealer};

const PACKAGE: &str = "cryptography==50.0.2";
/// Sizes on both sides of a chunk's and of a batch's end.
const SIZES: [usize; 8] = [0, 1, 16_383, 16_384, 16_385, 262_144, 262_145, 1 << 20];

/// Opens `ours-<size>` and seals the same bytes as `theirs-<size>`.
const EXCHANGE: &str = r#"
import sys
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor

work, context, *sizes = sys.argv[1:]
key = open(f"{work}/key", "rb").read()
for size in sizes:
    decryptor = Cobblestone256Decryptor(key, context=b"prism/v1\0" + context.encode())
    plain = decryptor.update(open(f"{work}/ours-{size}", "rb").read()) + decryptor.finalize()
    assert len(plain) == int(size), (len(plain), size)
    encryptor = Cobblestone256Encryptor(key, context=b"prism/v1\0" + context.encode())
    open(f"{work}/theirs-{size}", "wb").write(encryptor.update(plain) + encryptor.finalize())
"#;

/// A Python that has the package, made once under the build directory.
fn python() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pyca");
    let python = home.join("bin/python");
    let has_it = || {
        let probe = Command::new(&python).args(["-c", "import cryptography.cobblestone"]).output();
        probe.is_ok_and(|output| output.status.success())
    };
    if !has_it() {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&home).output();
        let pip =
            Command::new(&python).args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", PACKAGE]).output();
        if !has_it() {
            println!("skipped: {PACKAGE} cannot be installed: {made:?} {pip:?}");
            return None;
        }
    }
    Some(python)
}

#[test]
fn pyca_and_we_open_each_others() {
    let Some(python) = python() else { return };
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cobblestone");
    std::fs::create_dir_all(&work).unwrap();
    let key = CobblestoneKey::generate(&mut SystemEntropy::default()).unwrap();
    let context = Context::asset(&"h1".parse().unwrap());
    let data = |size| (0..=250_u8).cycle().take(size).collect::<Vec<u8>>();
    std::fs::write(work.join("key"), key.expose()).unwrap();
    for size in SIZES {
        let mut file = Vec::new();
        Sealer::cobblestone(&key, &context)
            .seal(data(size).as_slice(), &mut SystemEntropy::default(), &mut file)
            .unwrap();
        std::fs::write(work.join(format!("ours-{size}")), file).unwrap();
    }
    let mut exchange = Command::new(python);
    exchange.args(["-c", EXCHANGE]).arg(&work).arg("h1").args(SIZES.map(|size| size.to_string()));
    let output = exchange.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for size in SIZES {
        let (theirs, mut plain) = (std::fs::read(work.join(format!("theirs-{size}"))).unwrap(), Vec::new());
        Opener::cobblestone(&key, &context).open(theirs.as_slice(), &mut plain).unwrap();
        assert!(plain == data(size), "{size}");
    }
}
