//! Taking the result: exactly once.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;

use prism_agent::client::{Receipt, ResultOptions, ResultProgress};
use prism_core::digest::Digest;
use prism_core::seal::RecipientKind;

use crate::asset::PrismProgress;
use crate::cancel::PrismCancel;
use crate::error::PrismError;
use crate::guard::{borrowed, c_text, fact, free, given, make, options, part, path};
use crate::receipt::PrismReceipt;
use crate::session::PrismSession;
use crate::waiting::Enough;

/// How a result is taken. Begin with `PRISM_RESULT_OPTIONS_INIT`; zeros mean the usual.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PrismResultOptions {
    /// The size of this struct in bytes.
    pub size: usize,
    /// Hears how many sealed bytes have come; may be NULL. Anything but 0 ends the call with the error `cancelled`, and
    /// the same call goes on where it ended.
    pub progress: PrismProgress,
    /// The first argument of `progress`.
    pub user: *mut c_void,
    /// What ends this call while it waits, beside what ends every call of the session; may be NULL.
    pub cancel: *const PrismCancel,
    /// Anything but 0: the key travels under X25519 alone, without the post-quantum half.
    pub x25519: u32,
    /// Anything but 0: the sealed file stays too, as `<output>.age`, with `<output>.identity`, which opens it.
    pub keep_sealed: u32,
    /// Anything but 0: `<output>.receipt` is written, in place of an older one.
    pub keep_receipt: u32,
}

impl PrismResultOptions {
    fn read(&self) -> ResultOptions {
        let mut options = ResultOptions::default();
        options.kind = if self.x25519 == 0 { RecipientKind::Hybrid } else { RecipientKind::X25519 };
        options.keep_sealed = self.keep_sealed != 0;
        options.keep_receipt = self.keep_receipt != 0;
        options
    }

    fn tell(&self, at: ResultProgress, enough: &Enough) {
        if let Some(progress) = self.progress {
            enough.heed(progress(self.user, at.received, at.total));
        }
    }
}

/// A result that arrived: a ZIP archive of what the program wrote.
pub struct PrismResult {
    digest: CString,
    size: u64,
    data: Option<Vec<u8>>,
    receipt: PrismReceipt,
    compared: bool,
}

impl PrismResult {
    fn of(digest: Digest, receipt: &Receipt, compared: bool) -> Self {
        Self { digest: c_text(digest.to_string()), size: 0, data: None, receipt: PrismReceipt::of(receipt), compared }
    }
}

/// Takes your result into the new file `out`, exactly once, and confirms it: then the agent destroys its own. After an
/// interruption the same call goes on; what that needs lies beside `out`.
///
/// Ownership: `*out` is yours, until `prism_result_free`; `options` may be NULL and is read during the call only. Threads:
/// any; the progress is told on this thread. Errors: `result.not-ready`, `result.released` when it went to another
/// recipient, `result.gone` when it was taken before, `role.refused` for others than consumers, `run.failed`,
/// `run.stopped`, `file.exists`, `file.io`, `cancelled`, `agent.unreachable`.
/// Example: `if (prism_session_result_file(session, "result.zip", NULL, &result, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_result_file(
    session: Option<&PrismSession>,
    file: *const c_char,
    options: *const PrismResultOptions,
    out: Option<&mut MaybeUninit<*mut PrismResult>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let (session, file, how) = (given(session, "a session")?, path(file)?, self::options(options)?);
        let (session, _, enough) = session.for_call(how.cancel)?;
        let taken = session.result(&file, how.read(), &mut |at| how.tell(at, &enough))?;
        let result = PrismResult::of(taken.digest, &taken.receipt, taken.compared);
        Ok(PrismResult { size: taken.size, ..result })
    })
}

/// Takes your result into memory, at most `most` bytes, exactly once, and confirms it once it is there. Until then it lies
/// in the new file `place`, and what resuming needs beside that; all of it is removed. Whoever is ended in between finds
/// the result in `place`, or goes on with the same call.
///
/// Ownership: `*out` is yours, until `prism_result_free`; `options` may be NULL and is read during the call only. Threads:
/// any; the progress is told on this thread. Errors: as of `prism_session_result_file`, and `usage` when the result has
/// more than `most` bytes: nothing is confirmed then, and nothing lost.
/// Example: `if (prism_session_result_memory(session, "result.part", 1 << 30, NULL, &result, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_result_memory(
    session: Option<&PrismSession>,
    place: *const c_char,
    most: u64,
    options: *const PrismResultOptions,
    out: Option<&mut MaybeUninit<*mut PrismResult>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let (session, place, how) = (given(session, "a session")?, path(place)?, self::options(options)?);
        let (session, _, enough) = session.for_call(how.cancel)?;
        let held = session.result_in_memory(&place, most, how.read(), &mut |at| how.tell(at, &enough))?;
        let result = PrismResult::of(held.digest, &held.receipt, held.compared);
        Ok(PrismResult { size: held.bytes.len() as u64, data: Some(held.bytes), ..result })
    })
}

/// The digest of the archive, "sha256:" and 64 hex digits.
///
/// Ownership: borrowed until `prism_result_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_result_digest(result));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_result_digest(result: Option<&PrismResult>) -> *const c_char {
    borrowed(result, |result| Some(result.digest.as_c_str()))
}

/// The size of the archive in bytes.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL.
/// Example: `printf("%llu bytes\n", (unsigned long long)prism_result_size(result));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_result_size(result: Option<&PrismResult>) -> u64 {
    fact(result, 0, |result| result.size)
}

/// The archive itself, `prism_result_size` bytes, when it was taken into memory; otherwise NULL.
///
/// Ownership: borrowed until `prism_result_free`. Threads: any. Errors: NULL for NULL and for a result in a file.
/// Example: `unzip(prism_result_data(result), (size_t)prism_result_size(result));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_result_data(result: Option<&PrismResult>) -> *const u8 {
    fact(result, std::ptr::null(), |result| result.data.as_ref().map_or(std::ptr::null(), Vec::as_ptr))
}

/// The agent's word that the result arrived and that nobody can have it again.
///
/// Ownership: borrowed until `prism_result_free`; do not free it. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_receipt_entry(prism_result_receipt(result)));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_result_receipt(result: Option<&PrismResult>) -> *const PrismReceipt {
    part(result, |result| Some(&result.receipt))
}

/// Whether the receipt's head was compared with the log's newest one; false when the agent, having confirmed, was gone
/// before that. The receipt holds nevertheless: compare it with the other participants' heads.
///
/// Ownership: nothing. Threads: any. Errors: false for NULL.
/// Example: `if (!prism_result_compared(result)) puts("compare the receipt with the others'");`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_result_compared(result: Option<&PrismResult>) -> bool {
    fact(result, false, |result| result.compared)
}

/// Ends what is known of a result, with its bytes in memory; NULL is taken. A file stays.
///
/// Ownership: it is gone, and with it what was borrowed from it. Threads: any. Errors: none.
/// Example: `prism_result_free(result);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_result_free(result: Option<Box<PrismResult>>) {
    free(result);
}
