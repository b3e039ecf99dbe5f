//! Real collaborations, driven as people would drive them: through the `prism` command, with every participant in its
//! own process, directory and environment.
//!
//! This crate is for trying Prism out and for testing it as a whole. It contains nothing that a product needs: no
//! policy, no cryptography and no access to the other crates. Whatever the demo shows, the `prism` command did.
//!
//! - [`python`] and [`binary`] bring what is needed: an interpreter with packages, and the `prism` program itself.
//! - [`process`] and [`interrupt`] run other programs and never leave one behind.
//! - [`party`] is one organisation; [`room`] is all of them, from keys to the audited transcript.

pub mod binary;
pub mod failure;
pub mod interrupt;
pub mod party;
pub mod process;
pub mod python;
pub mod room;
pub mod scenario;

use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The directory of this crate, where the scenarios' programs are.
#[must_use]
pub fn examples() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The target directory of this build.
#[must_use]
pub fn target() -> PathBuf {
    let built = std::env::current_exe().unwrap_or_default();
    let found = built.ancestors().find(|path| path.join("CACHEDIR.TAG").is_file());
    found.map_or_else(|| examples().join("../target"), Path::to_path_buf)
}

/// Where what takes long to make is kept between runs: Python packages.
#[must_use]
pub fn cache() -> PathBuf {
    target().join("demo")
}

/// Says on standard error that a test did not run, and why. (What a passing test prints is hidden by the test runner.)
pub fn skipped(what: &str, why: impl Display) {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {what}: {why}");
}
