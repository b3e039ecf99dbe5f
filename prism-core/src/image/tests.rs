mod choose;
mod forge;
mod layers;

use std::io::{self, Cursor, Write};

use super::*;
use crate::code::{Code, Coded};
use forge::Forge;

/// What a sink was asked for, one line each.
#[derive(Default)]
struct Notes {
    lines: Vec<String>,
    bytes: u64,
}

struct Note<'n>(&'n mut Notes, String);

impl Write for Note<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.bytes += bytes.len() as u64;
        if self.0.bytes < 10_000 {
            self.1.push_str(&String::from_utf8_lossy(bytes));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lines.push(std::mem::take(&mut self.1));
        Ok(())
    }
}

impl Sink for Notes {
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()> {
        self.lines.push(format!("{path}/ {mode:o}"));
        Ok(())
    }

    fn file(&mut self, path: &ImagePath, terms: FileTerms) -> io::Result<Box<dyn Write + '_>> {
        let line = format!("{path} {:o} {} ", terms.mode, terms.modified);
        Ok(Box::new(Note(self, line)))
    }

    fn symlink(&mut self, path: &ImagePath, target: &[u8]) -> io::Result<()> {
        self.lines.push(format!("{path} -> {}", String::from_utf8_lossy(target)));
        Ok(())
    }

    fn hard_link(&mut self, path: &ImagePath, target: &ImagePath) -> io::Result<()> {
        self.lines.push(format!("{path} = {target}"));
        Ok(())
    }

    fn remove(&mut self, path: &ImagePath) -> io::Result<()> {
        self.lines.push(format!("- {path}"));
        Ok(())
    }

    fn clear(&mut self, path: Option<&ImagePath>) -> io::Result<()> {
        self.lines.push(format!("-- {}", path.map_or_else(|| "/".to_owned(), ToString::to_string)));
        Ok(())
    }
}

fn unpack_with(archive: Vec<u8>, limits: &Limits) -> Result<(Notes, ImageConfig), ImageError> {
    let mut notes = Notes::default();
    let image = Image::open(Cursor::new(archive), Architecture::Amd64, limits)?;
    let contents = image.contents();
    let config = image.unpack(&mut notes)?;
    assert_eq!(contents.bytes, notes.bytes, "what was announced is what came");
    Ok((notes, config))
}

fn unpack(archive: Vec<u8>) -> Result<(Notes, ImageConfig), ImageError> {
    unpack_with(archive, &Limits::default())
}

/// What unpacking an image of these layers asks for.
fn lines(forge: &Forge) -> Vec<String> {
    unpack(forge.oci()).unwrap().0.lines
}

/// Why an image of these layers is refused, before anything is written.
fn refusal(forge: &Forge) -> ImageError {
    let opened = Image::open(Cursor::new(forge.oci()), Architecture::Amd64, &Limits::default());
    opened.map(drop).expect_err("the image is accepted")
}

#[test]
fn every_refusal_says_who_has_to_act() {
    let platform = ImageError::Platform { wanted: "amd64", found: "linux/arm64".to_owned() };
    assert_eq!(platform.code(), Code::ManifestUnsupported);
    assert_eq!(ImageError::NoImage.code(), Code::ArchiveUnsafe);
    assert_eq!(ImageError::Read(io::Error::other("")).code(), Code::FileIo);
}
