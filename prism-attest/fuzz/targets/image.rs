//! Container images: whatever is unpacked stays below its root and within its bounds.
#![no_main]

use std::io::{self, Cursor, Write};

use libfuzzer_sys::fuzz_target;
use prism_core::archive::Limits;
use prism_core::image::{Architecture, FileTerms, Image, ImagePath, Sink};

struct Watcher;

fn check(path: &ImagePath) -> io::Result<()> {
    let plain = path.parts().all(|part| !matches!(part, b"" | b"." | b"..") && !part.contains(&0));
    assert!(plain, "no path leads outside");
    Ok(())
}

impl Sink for Watcher {
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()> {
        assert_eq!(mode & !0o777, 0);
        check(path)
    }

    fn file(&mut self, path: &ImagePath, terms: FileTerms) -> io::Result<Box<dyn Write + '_>> {
        assert_eq!(terms.mode & !0o777, 0);
        check(path).map(|()| Box::new(io::sink()) as Box<dyn Write>)
    }

    fn symlink(&mut self, path: &ImagePath, _target: &[u8]) -> io::Result<()> {
        check(path)
    }

    fn hard_link(&mut self, path: &ImagePath, target: &ImagePath) -> io::Result<()> {
        check(target).and_then(|()| check(path))
    }

    fn remove(&mut self, path: &ImagePath) -> io::Result<()> {
        check(path)
    }

    fn clear(&mut self, path: Option<&ImagePath>) -> io::Result<()> {
        path.map_or(Ok(()), check)
    }
}

fuzz_target!(|data: &[u8]| {
    let limits = Limits { total_bytes: 64 << 20, ..Limits::default() };
    if let Ok(image) = Image::open(Cursor::new(data), Architecture::Amd64, &limits) {
        let _ = image.unpack(&mut Watcher);
    }
});
