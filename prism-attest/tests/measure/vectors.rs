//! Where the public test vectors are.

use std::path::PathBuf;

/// A folder or file of vectors; says so when there is none.
pub(crate) fn vectors(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let root = std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let place = root.join(name);
    if place.exists() {
        return Some(place);
    }
    println!("skipped: no test vectors at {}", place.display());
    None
}
