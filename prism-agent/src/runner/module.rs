//! Whether a file is a WebAssembly module.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::outcome::RunError;

/// Refuses anything but a binary module of version 1. What is inside is the host's to judge, in the sandbox.
pub(super) fn check(path: &Path) -> Result<(), RunError> {
    let mut header = [0; 8];
    let found = match File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) => kind(header),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err("a file of less than 8 bytes"),
        Err(source) => return Err(RunError::Io { step: "read the algorithm", source }),
    };
    let expected = "a WebAssembly module of version 1";
    found.map_err(|found| RunError::Spec { expected, found: found.to_owned() })
}

/// The first bytes of a module (WebAssembly core specification, "Modules") and of a component, which has a layer there.
fn kind(header: [u8; 8]) -> Result<(), &'static str> {
    match header {
        [0, b'a', b's', b'm', 1, 0, 0, 0] => Ok(()),
        [0, b'a', b's', b'm', _, _, 1, 0] => Err("a component; build a module for WASI preview 1"),
        [0, b'a', b's', b'm', ..] => Err("a module of another version"),
        [b'(' | b';', ..] => Err("WebAssembly in its text format; convert it to the binary one"),
        _ => Err("another kind of file"),
    }
}
