//! The shared library offers the header's functions and nothing else, under a name that changes with their contract.

use std::fs;

const WHERE: &str = "src/error.rs";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={WHERE}");
    // Some crates below give functions of theirs a name that C knows. They are nobody's business outside.
    println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    // Threads of sessions that were freed may take a moment to end: their code stays where it is until the program ends.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    match abi() {
        Some(abi) => println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libprism.so.{abi}"),
        None => println!("cargo::error=expected `pub const PRISM_ABI: u32 = NUMBER;` in {WHERE}, found no such line"),
    }
}

/// The version of the header's contract, from the line that the header has it from.
fn abi() -> Option<u32> {
    let source = fs::read_to_string(WHERE).ok()?;
    let line = source.lines().find_map(|line| line.strip_prefix("pub const PRISM_ABI: u32 = "))?;
    line.strip_suffix(';')?.parse().ok()
}
