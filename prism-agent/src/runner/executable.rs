//! Whether a file is an executable for this machine.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::outcome::RunError;

/// The machine's number in ELF files (`e_machine`).
const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// Refuses anything but a 64-bit little-endian ELF program for this machine: a script would be executed by whatever its
/// first line names, which nobody approved.
pub(super) fn check(path: &Path) -> Result<(), RunError> {
    let mut header = [0; 20];
    let found = match File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) => kind(&header),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err("a file of less than 20 bytes"),
        Err(source) => return Err(RunError::Io { step: "read the algorithm", source }),
    };
    let expected = "an ELF executable for this machine";
    found.map_err(|found| RunError::Spec { expected, found: found.to_owned() })
}

/// The first bytes of an ELF file (System V ABI, "ELF header").
fn kind(header: &[u8; 20]) -> Result<(), &'static str> {
    match header {
        [0x7f, b'E', b'L', b'F', 2, 1, ..] => {}
        [0x7f, b'E', b'L', b'F', ..] => return Err("an ELF file of another width or byte order"),
        [b'#', b'!', ..] => return Err("a script"),
        _ => return Err("another kind of file"),
    }
    let [.., kind_low, kind_high, low, high] = *header;
    if !matches!(u16::from_le_bytes([kind_low, kind_high]), 2 | 3) {
        return Err("an ELF file that is no program");
    }
    if u16::from_le_bytes([low, high]) == MACHINE { Ok(()) } else { Err("an ELF program for another machine") }
}
