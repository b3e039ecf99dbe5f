//! Digests and sizes of programs and datasets.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;

use prism_agent::files::{FileError, Measure, Measured, Source};
use prism_core::code::Code;
use prism_core::digest::Hasher;

use crate::error::{Fault, PrismError};
use crate::guard::{borrowed, bytes, c_text, fact, free, make, path};

/// Hears how far a call is, in bytes; `total` is 0 where it is not known. Anything but 0 cancels the call.
///
/// It is called on the thread of the call, with `user` as it was given, and must return: no exception, no longjmp. It may
/// call every function of this header, but not on the handles of the call that it is called from.
pub type PrismProgress = Option<extern "C" fn(user: *mut c_void, done: u64, total: u64) -> c_int>;

/// What an asset's bytes are.
pub struct PrismAsset {
    digest: CString,
    size: u64,
}

impl PrismAsset {
    pub(crate) fn of(measured: Measured) -> Self {
        Self { digest: c_text(measured.digest.to_string()), size: measured.size }
    }
}

/// Tells the host how far it is, until it has had enough.
struct Teller {
    progress: PrismProgress,
    user: *mut c_void,
    total: u64,
    done: u64,
    cancelled: bool,
}

impl Teller {
    fn tell(&mut self, more: usize) -> io::Result<()> {
        self.done += more as u64;
        self.cancelled |= self.progress.is_some_and(|progress| progress(self.user, self.done, self.total) != 0);
        if self.cancelled { Err(io::Error::other("cancelled")) } else { Ok(()) }
    }
}

/// A digest in the making.
struct Told<'a> {
    sum: Measure,
    teller: &'a mut Teller,
}

impl Write for Told<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sum.write_all(bytes)?;
        self.teller.tell(bytes.len())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many bytes are read at a time.
const STEP: usize = 256 * 1024;

fn pour(reader: &mut dyn Read, sum: &mut Told<'_>) -> io::Result<()> {
    let mut buffer = vec![0; STEP];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => sum.write_all(buffer.get(..n).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn measure(source: &Source, teller: &mut Teller, file: &std::path::Path) -> Result<Measured, FileError> {
    let mut sum = Told { sum: Measure::new(Hasher::sha256()), teller };
    if let Some(folder) = source.folder() {
        return Ok(folder.pack(sum)?.sum.finish());
    }
    let failed = |source| FileError::Io { verb: "read", path: file.to_owned(), source };
    pour(&mut source.reader(0)?, &mut sum).map_err(failed)?;
    Ok(sum.sum.finish())
}

/// The digest and size of a file, or of a folder's canonical archive, as a manifest names them.
///
/// Ownership: `*out` is yours, until `prism_asset_free`. Threads: any; `progress` is called on this thread and may be NULL.
/// Errors: `cancelled` when `progress` says so, `file.missing`, `file.changed`, `file.io`, `archive.unsafe` and
/// `archive.too-large` for a folder that nobody would accept.
/// Example: `if (prism_asset_measure("h1", tick, NULL, &asset, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_asset_measure(
    file: *const c_char,
    progress: PrismProgress,
    user: *mut c_void,
    out: Option<&mut MaybeUninit<*mut PrismAsset>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let file = path(file)?;
        let source = Source::open(&file)?;
        let total = source.length().unwrap_or(0);
        let mut teller = Teller { progress, user, total, done: 0, cancelled: false };
        match measure(&source, &mut teller, &file) {
            Ok(measured) => Ok(PrismAsset::of(measured)),
            Err(_) if teller.cancelled => Err(Fault::new(
                Code::Cancelled,
                "expected to go on, found that the caller's progress function cancelled",
            )),
            Err(error) => Err(error.into()),
        }
    })
}

/// The digest and size of bytes in memory, as those of a file with them.
///
/// Ownership: `*out` is yours, until `prism_asset_free`; the buffer stays yours. Threads: any. Errors: `usage` for NULL.
/// Example: `if (prism_asset_from_buffer(data, size, &asset, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_asset_from_buffer(
    data: *const u8,
    size: usize,
    out: Option<&mut MaybeUninit<*mut PrismAsset>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        bytes((data, size), "the bytes of an asset", |bytes| {
            let mut sum = Measure::new(Hasher::sha256());
            sum.write_all(bytes).map_err(|error| Fault::new(Code::Internal, error.to_string()))?;
            Ok(PrismAsset::of(sum.finish()))
        })
    })
}

/// The digest, "sha256:" and 64 hex digits.
///
/// Ownership: borrowed until `prism_asset_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_asset_digest(asset));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_asset_digest(asset: Option<&PrismAsset>) -> *const c_char {
    borrowed(asset, |asset| Some(asset.digest.as_c_str()))
}

/// The number of bytes.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL.
/// Example: `printf("%llu bytes\n", (unsigned long long)prism_asset_size(asset));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_asset_size(asset: Option<&PrismAsset>) -> u64 {
    fact(asset, 0, |asset| asset.size)
}

/// Ends what was found about an asset; NULL is taken. The asset itself stays as it is.
///
/// Ownership: it is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
/// Example: `prism_asset_free(asset);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_asset_free(asset: Option<Box<PrismAsset>>) {
    free(asset);
}
