//! The stages of an upload, each alone.

use std::io::Write as _;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA3_256, SHA256};
use bytes::Bytes;
use tempfile::NamedTempFile;

/// Pieces as large as an upload's frames.
const PIECE: usize = 128 << 10;

pub(crate) fn sha256(data: &Bytes) {
    let mut context = Context::new(&SHA256);
    data.chunks(PIECE).for_each(|piece| context.update(piece));
    std::hint::black_box(context.finish());
}

pub(crate) fn sha3(data: &Bytes) {
    let mut context = Context::new(&SHA3_256);
    data.chunks(PIECE).for_each(|piece| context.update(piece));
    std::hint::black_box(context.finish());
}

/// The file is removed when what this gives is dropped.
pub(crate) fn write(dir: &Path, data: &Bytes) -> NamedTempFile {
    let mut file = NamedTempFile::new_in(dir).unwrap();
    data.chunks(PIECE).for_each(|piece| file.as_file_mut().write_all(piece).unwrap());
    file.as_file().sync_data().unwrap();
    file
}
