mod forge;
mod hostile;
mod limits;
mod round_trip;

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use super::*;

/// Keeps what is unpacked, and insists on what a sink may rely on.
#[derive(Debug, Default, PartialEq)]
struct Memory {
    directories: Vec<String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Memory {
    fn assert_known(&self, path: &SafePath) {
        assert_eq!(SafePath::new(path.as_str()).as_ref(), Ok(path));
        assert!(!self.directories.contains(&path.to_string()), "{path} is announced already");
        assert!(!self.files.contains_key(path.as_str()), "{path} is there already");
        if let Some((parent, _)) = path.as_str().rsplit_once('/') {
            assert!(self.directories.contains(&parent.to_owned()), "{parent} was not announced");
        }
    }
}

impl Sink for Memory {
    fn directory(&mut self, path: &SafePath) -> io::Result<()> {
        self.assert_known(path);
        assert!(self.files.is_empty(), "directories come first");
        self.directories.push(path.to_string());
        Ok(())
    }

    fn file(&mut self, path: &SafePath, size: u64) -> io::Result<Box<dyn Write + '_>> {
        self.assert_known(path);
        let content = self.files.entry(path.to_string()).or_default();
        Ok(Box::new(Exact { content, left: size }))
    }
}

/// A file that takes no byte more than was announced.
struct Exact<'a> {
    content: &'a mut Vec<u8>,
    left: u64,
}

impl Write for Exact<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len() as u64).expect("more bytes than announced");
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        assert_eq!(self.left, 0, "flushed before the end");
        Ok(())
    }
}

fn unpacked(archive: &[u8]) -> (Result<Summary, UnpackError>, Memory) {
    unpacked_within(archive, &Limits::default())
}

fn unpacked_within(archive: &[u8], limits: &Limits) -> (Result<Summary, UnpackError>, Memory) {
    let mut memory = Memory::default();
    (unpack(Cursor::new(archive), limits, &mut memory), memory)
}

fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packer = Packer::new(Vec::new());
    for (name, content) in files {
        packer.file(name, &mut &**content).unwrap();
    }
    packer.finish().unwrap()
}
