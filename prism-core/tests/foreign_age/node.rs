//! The JavaScript library `age-encryption` (typage), the independent reader and maker of hybrid files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use prism_core::seal::{Identity, RecipientKind};

use super::{SIZES, data, directory, identity, opened, sealed};

const PACKAGES: [&str; 2] = ["age-encryption@0.3.1", "cctv-age@0.2.0"];

/// Opens `ours-<size>.age` and seals the same bytes as `theirs-<size>.age`.
const EXCHANGE: &str = r#"
import { readFileSync, writeFileSync } from "node:fs";
import * as age from "age-encryption";

const [identity, recipient, work, ...sizes] = process.argv.slice(2);
if (await age.identityToRecipient(identity) !== recipient) throw new Error("another recipient");
for (const size of sizes) {
    const decrypter = new age.Decrypter();
    decrypter.addIdentity(identity);
    const plain = await decrypter.decrypt(readFileSync(`${work}/ours-${size}.age`));
    if (plain.length !== Number(size)) throw new Error(`${plain.length} bytes of ${size}`);
    const encrypter = new age.Encrypter();
    encrypter.addRecipient(recipient);
    writeFileSync(`${work}/theirs-${size}.age`, await encrypter.encrypt(plain));
}
"#;

/// A directory with the packages in it, made once under the build directory.
pub(super) fn packages() -> Option<&'static Path> {
    static PACKAGES_DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    PACKAGES_DIRECTORY.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let path = directory("age-npm").unwrap();
    let ready = |path: &Path| PACKAGES.iter().all(|name| path.join("node_modules").join(bare(name)).is_dir());
    if ready(&path) {
        return Some(path);
    }
    std::fs::write(path.join("package.json"), r#"{"private":true,"type":"module"}"#).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]).args(PACKAGES).current_dir(&path);
    let installed = npm.output();
    if !ready(&path) {
        println!("skipped: npm cannot install {PACKAGES:?}: {installed:?}");
        return None;
    }
    Some(path)
}

/// A package's name without its version.
fn bare(package: &str) -> &str {
    package.split('@').next().unwrap_or(package)
}

/// Runs a script that sees the packages.
pub(super) fn run(directory: &Path, name: &str, script: &str, args: &[&str]) -> Output {
    std::fs::write(directory.join(name), script).unwrap();
    let output = Command::new("node").arg(name).args(args).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn exchange(ours: &Identity, packages: &Path, work: &Path) {
    for size in SIZES {
        std::fs::write(work.join(format!("ours-{size}.age")), sealed(&data(size), ours)).unwrap();
    }
    let sizes = SIZES.map(|size| size.to_string());
    let mut args = vec![ours.to_text().to_string(), ours.recipient().to_string(), work.display().to_string()];
    args.extend(sizes);
    run(packages, "exchange.mjs", EXCHANGE, &args.iter().map(String::as_str).collect::<Vec<_>>());
    for size in SIZES {
        let theirs = std::fs::read(work.join(format!("theirs-{size}.age"))).unwrap();
        assert!(opened(&theirs, ours).unwrap() == data(size), "{size}");
    }
}

#[test]
fn typage_and_we_open_each_others() {
    let Some(packages) = packages() else { return };
    let work = directory("age-node").unwrap();
    for kind in [RecipientKind::Hybrid, RecipientKind::X25519] {
        exchange(&identity(kind), packages, &work);
    }
}
