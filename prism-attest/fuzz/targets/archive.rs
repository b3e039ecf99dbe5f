//! ZIP archives: whatever is unpacked stays below its folder and within its bounds.
#![no_main]

use std::io::{self, Cursor, Write};

use libfuzzer_sys::fuzz_target;
use prism_core::archive::{Limits, SafePath, Sink, unpack};

struct Watcher;

impl Sink for Watcher {
    fn directory(&mut self, path: &SafePath) -> io::Result<()> {
        check(path);
        Ok(())
    }

    fn file(&mut self, path: &SafePath, _size: u64) -> io::Result<Box<dyn Write + '_>> {
        check(path);
        Ok(Box::new(io::sink()))
    }
}

fn check(path: &SafePath) {
    let plain = path.components().all(|part| !part.is_empty() && part != ".." && part != "." && !part.contains('/'));
    assert!(plain, "no path leads outside");
}

fuzz_target!(|data: &[u8]| {
    let _ = unpack(Cursor::new(data), &Limits::default(), &mut Watcher);
});
