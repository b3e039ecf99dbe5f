//! The stages of an upload, each alone.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA3_256, SHA256};
use bytes::Bytes;

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

pub(crate) fn write(dir: &Path, data: &Bytes) {
    let path = dir.join("written");
    let mut file = File::create(&path).unwrap();
    data.chunks(PIECE).for_each(|piece| file.write_all(piece).unwrap());
    file.sync_data().unwrap();
    fs::remove_file(&path).unwrap();
}
