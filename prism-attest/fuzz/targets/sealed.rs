//! Sealed files of both codecs, in one pass and by ranges: what a stranger sends never opens and never panics.
#![no_main]

use std::io::{Cursor, sink};
use std::num::NonZeroUsize;

use libfuzzer_sys::fuzz_target;
use prism_core::seal::{CobblestoneKey, Context, Identity, Opener, Ranges};

const IDENTITY: &str = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR";

fuzz_target!(|data: &[u8]| {
    let (Ok(key), Ok(identity)) = (CobblestoneKey::from_bytes(&[7; 32]), IDENTITY.parse::<Identity>()) else { return };
    let context = Context::from_bytes(b"fuzz");
    let workers = NonZeroUsize::new(2).unwrap_or(NonZeroUsize::MIN);
    let _ = Opener::cobblestone(&key, &context).workers(workers).open(data, sink());
    let _ = Opener::with(&identity).open(data, sink());
    let _ = Ranges::cobblestone(Cursor::new(data), &key, &context);
    let _ = Ranges::open(Cursor::new(data), &identity);
});
