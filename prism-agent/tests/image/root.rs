//! The root of a small image: a shell and a few commands of this machine, with the libraries that they need.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What programs of images in these tests may call.
const COMMANDS: [&str; 8] = ["sh", "cat", "ls", "mkdir", "rm", "id", "chmod", "sleep"];

/// Files by their absolute paths, each an executable or a library.
pub(crate) fn files() -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for name in COMMANDS {
        let path = Path::new("/bin").join(name);
        let listed = Command::new("ldd").arg(&path).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        // "libc.so.6 => /lib/…/libc.so.6 (0x…)" and "/lib64/ld-linux-x86-64.so.2 (0x…)".
        let libraries = listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
        for file in libraries.map(PathBuf::from).chain([path]) {
            let bytes = fs::read(&file).unwrap();
            files.insert(file, bytes);
        }
    }
    files
}
