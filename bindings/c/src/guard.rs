//! The border: what comes from C is checked here, and nothing that goes wrong in Rust gets past it.
//!
//! Handles come as `Option<&T>` and go as `Option<Box<T>>`, places for results come as `Option<&mut MaybeUninit<_>>`:
//! types for which a pointer of C, NULL included, is a value of Rust. What is left is text and buffers, below.
#![expect(unsafe_code, reason = "pointers of C are read here and nowhere else")]

use std::any::Any;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::io;
use std::mem::{MaybeUninit, forget};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::slice;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use prism_agent::files::{ReadAt, Source};
use prism_core::code::Code;

use crate::error::{Fault, PRISM_OK, PrismError};

/// Where a function puts its error.
pub(crate) type ErrorPlace<'a> = Option<&'a mut MaybeUninit<*mut PrismError>>;

/// Where a function puts the handle that it makes.
pub(crate) type Place<'a, T> = Option<&'a mut MaybeUninit<*mut T>>;

/// Does what a function of the header is for: its status, and its error where the caller wants it.
pub(crate) fn call(err: ErrorPlace<'_>, work: impl FnOnce() -> Result<(), Fault>) -> c_int {
    let fault = match without_sigpipe(|| caught(work)) {
        Ok(Ok(())) => return PRISM_OK,
        Ok(Err(fault)) => fault,
        Err(panicked) => panicked,
    };
    let status = fault.status();
    if let Some(place) = err {
        place.write(Box::into_raw(Box::new(PrismError::of(fault))));
    }
    status
}

/// Does `work` while writing to somebody who has gone is an error and no signal. A host has SIGPIPE as it likes; threads
/// that begin meanwhile inherit that it is blocked, and what came of it here does not come later.
fn without_sigpipe<R>(work: impl FnOnce() -> R) -> R {
    let mut pipe = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` fills the set that the others then read and write; `before` is written by `pthread_sigmask`,
    // which cannot fail with a valid way and sets of our own; the pointers live for the calls alone.
    let (pipe, before, was_pending) = unsafe {
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        let pipe = pipe.assume_init();
        let was_pending = pending(libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, before.as_mut_ptr());
        (pipe, before.assume_init(), was_pending)
    };
    let done = work();
    // SAFETY: as above; a null pointer asks for no information, and a time of zero does not wait.
    unsafe {
        if !was_pending && pending(libc::SIGPIPE) {
            let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            libc::sigtimedwait(&raw const pipe, std::ptr::null_mut(), &raw const at_once);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
    done
}

/// Whether a signal waits for this thread or its process.
fn pending(signal: c_int) -> bool {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigpending` fills the set before it is read.
    unsafe { libc::sigpending(set.as_mut_ptr()) == 0 && libc::sigismember(set.as_ptr(), signal) == 1 }
}

/// Does `work` in a process that is Prism's own from here on, and where a Rust program would be: without SIGPIPE.
pub(crate) fn as_helper(work: impl FnOnce()) {
    // SAFETY: the process has one thread; no handler is installed, and what was there comes back.
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    work();
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGPIPE, before) };
}

/// As [`call`], for a function that makes a handle. Nothing is done without a place for it.
pub(crate) fn make<T>(out: Place<'_, T>, err: ErrorPlace<'_>, work: impl FnOnce() -> Result<T, Fault>) -> c_int {
    call(err, || {
        let out = out.ok_or_else(|| Fault::null("a place for the result"))?;
        out.write(Box::into_raw(Box::new(work()?)));
        Ok(())
    })
}

/// The handle, which must not be NULL.
pub(crate) fn given<T>(handle: Option<T>, what: &str) -> Result<T, Fault> {
    handle.ok_or_else(|| Fault::null(what))
}

/// Text that lives as long as its handle; NULL for no handle, no such text, or a fault.
pub(crate) fn borrowed<'a, T>(handle: Option<&'a T>, get: impl FnOnce(&'a T) -> Option<&'a CStr>) -> *const c_char {
    let text = handle.and_then(|handle| caught(|| get(handle)).ok().flatten());
    text.map_or(std::ptr::null(), CStr::as_ptr)
}

/// A plain value of a handle; `otherwise` for no handle or a fault.
pub(crate) fn fact<T, R>(handle: Option<&T>, otherwise: R, get: impl FnOnce(&T) -> R) -> R {
    handle.and_then(|handle| caught(|| get(handle)).ok()).unwrap_or(otherwise)
}

/// Ends a handle.
pub(crate) fn free<T>(handle: Option<Box<T>>) {
    // A fault while memory is given back has nobody to be told to.
    let _ = caught(|| drop(handle));
}

/// A panic of Rust becomes a fault.
pub(crate) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, Fault> {
    // What a panic left half done is not looked at again: a handle that failed is only read or freed after it.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let fault = Fault::new(Code::Internal, format!("expected no fault of prism, found one: {}", said(&*panic)));
        // Its own end could panic once more.
        forget(panic);
        fault
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

/// The bytes of C's text.
fn chars(text: *const c_char, what: &str) -> Result<Vec<u8>, Fault> {
    if text.is_null() {
        return Err(Fault::null(what));
    }
    // SAFETY: not NULL; the contract says that text ends with a zero byte and is not written to during the call. It is
    // copied before this function returns.
    let text = unsafe { CStr::from_ptr(text) };
    Ok(text.to_bytes().to_vec())
}

/// Text in UTF-8.
pub(crate) fn text(text: *const c_char, what: &str) -> Result<String, Fault> {
    String::from_utf8(chars(text, what)?)
        .map_err(|_| Fault::usage(format!("expected {what} in UTF-8, found other bytes")))
}

/// A path as the system has it.
pub(crate) fn path(path: *const c_char) -> Result<PathBuf, Fault> {
    let bytes = chars(path, "a path")?;
    if bytes.is_empty() {
        return Err(Fault::usage("expected a path, found an empty text"));
    }
    Ok(PathBuf::from(OsStr::from_bytes(&bytes)))
}

/// Shows `count` values of C's memory to `work`, for no longer than that. Without values the pointer may be NULL.
fn shown<T, R>(
    (first, count): (*const T, usize),
    what: &str,
    work: impl FnOnce(&[T]) -> Result<R, Fault>,
) -> Result<R, Fault> {
    if count == 0 {
        return work(&[]);
    }
    if first.is_null() {
        return Err(Fault::null(what));
    }
    if !first.is_aligned() || count.checked_mul(size_of::<T>()).is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(Fault::usage(format!("expected {what}, found a length or place that no memory has")));
    }
    // SAFETY: not NULL, aligned and of a length that memory can have; the contract says that so many values are there and
    // not written to during the call, and the slice does not outlive `work`.
    work(unsafe { slice::from_raw_parts(first, count) })
}

/// Shows a buffer of C to `work`.
pub(crate) fn bytes<R>(
    buffer: (*const u8, usize),
    what: &str,
    work: impl FnOnce(&[u8]) -> Result<R, Fault>,
) -> Result<R, Fault> {
    shown(buffer, what, work)
}

/// The handles of an array of C, none of which may be NULL, shown to `work`.
pub(crate) fn handles<T, R>(
    array: (*const Option<&T>, usize),
    what: &str,
    work: impl FnOnce(&[&T]) -> Result<R, Fault>,
) -> Result<R, Fault> {
    shown(array, what, |handles| {
        let handles = handles.iter().map(|handle| given(*handle, what)).collect::<Result<Vec<_>, _>>()?;
        work(&handles)
    })
}

/// A struct of options of C, which begins with its size in bytes. For every one of them each pattern of bytes is a value,
/// and zeros mean the usual.
///
/// # Safety
/// It is `repr(C)`, begins with a `usize`, is aligned as that is, and has no field of which some bytes would be no value.
/// A field that comes later begins at a multiple of that alignment: where an older header has its end, padding included.
pub(crate) unsafe trait Options: Copy {}

// SAFETY: sizes, numbers, raw pointers and functions that may be absent; the first field is the size.
unsafe impl Options for crate::agent::PrismAgentOptions {}
// SAFETY: as above.
unsafe impl Options for crate::session::PrismConnectOptions {}
// SAFETY: as above.
unsafe impl Options for crate::upload::PrismUploadOptions {}
// SAFETY: as above.
unsafe impl Options for crate::result::PrismResultOptions {}

/// Copies options. A shorter struct is one of an older header, whose missing fields mean the usual.
pub(crate) fn options<T: Options>(given: *const T) -> Result<T, Fault> {
    let mut own = MaybeUninit::<T>::zeroed();
    if !given.is_null() {
        // SAFETY: not NULL; the contract says that options begin with their size.
        let size = unsafe { given.cast::<usize>().read_unaligned() };
        // No size cuts a field in two.
        if !(size_of::<usize>()..=size_of::<T>()).contains(&size) || !size.is_multiple_of(align_of::<usize>()) {
            let most = size_of::<T>();
            let text = format!("expected options that begin with their size, at most {most} bytes, found {size}");
            return Err(Fault::usage(format!("{text}; begin with the _INIT of this library's own header")));
        }
        // SAFETY: the contract says that so many bytes are there; they fit, as was just compared.
        unsafe { std::ptr::copy_nonoverlapping(given.cast::<u8>(), own.as_mut_ptr().cast(), size) };
    }
    // SAFETY: zeros or bytes of C, which are values of such a struct by the trait's own contract.
    Ok(unsafe { own.assume_init() })
}

/// A handle in a struct of options.
pub(crate) fn handle<'a, T>(handle: *const T) -> Option<&'a T> {
    // SAFETY: NULL, or by the contract a handle that lives for the whole call, in which alone the reference is used.
    unsafe { handle.as_ref() }
}

/// A function of the host with its first argument, for any thread that is in a call.
#[derive(Clone, Copy)]
pub(crate) struct Host<F> {
    call: F,
    user: *mut c_void,
}

// SAFETY: the pointer is not followed here, and the contract says on which threads the host is called with it.
unsafe impl<F: Send> Send for Host<F> {}
// SAFETY: as above.
unsafe impl<F: Sync> Sync for Host<F> {}

impl<F: Copy> Host<F> {
    pub(crate) fn new(call: F, user: *mut c_void) -> Self {
        Self { call, user }
    }

    pub(crate) fn get(&self) -> (F, *mut c_void) {
        (self.call, self.user)
    }
}

/// A buffer of the host, for as long as the call that it was given to lasts.
struct Lent {
    bytes: RwLock<Option<&'static [u8]>>,
    length: u64,
}

impl ReadAt for Lent {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        let Some(bytes) = *bytes else { return Err(io::Error::other("the call that lent this buffer is over")) };
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let Some((to, from)) = buffer.get_mut(..count).zip(rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }
}

/// Ends the loan, also when what used it panics. Threads that are copying are waited for.
struct Return<'a>(&'a Lent);

impl Drop for Return<'_> {
    fn drop(&mut self) {
        *self.0.bytes.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Lends a buffer of C to `work` and whatever threads it has; nobody reads it once this returns.
pub(crate) fn lend<R>(
    buffer: (*const u8, usize),
    what: &str,
    work: impl FnOnce(Source) -> Result<R, Fault>,
) -> Result<R, Fault> {
    bytes(buffer, what, |bytes| {
        // SAFETY: a longer lifetime of the same slice; `Return` takes the reference away before `bytes` is over, and a
        // reader has it only while it holds the lock that `Return` waits for.
        let forever = unsafe { slice::from_raw_parts(bytes.as_ptr(), bytes.len()) };
        let lent = Arc::new(Lent { bytes: RwLock::new(Some(forever)), length: bytes.len() as u64 });
        let _return = Return(&lent);
        work(Source::from_host(Arc::clone(&lent) as Arc<dyn ReadAt>))
    })
}

/// A handle that lives in another one; NULL for no handle, no such part, or a fault.
pub(crate) fn part<T, U>(handle: Option<&T>, get: impl FnOnce(&T) -> Option<&U>) -> *const U {
    let part = handle.and_then(|handle| caught(|| get(handle)).ok().flatten());
    part.map_or(std::ptr::null(), std::ptr::from_ref)
}

/// The texts of an array of C, none of which may be NULL.
pub(crate) fn texts(array: (*const *const c_char, usize), what: &str) -> Result<Vec<String>, Fault> {
    shown(array, what, |texts| texts.iter().map(|given| text(*given, what)).collect())
}

/// Text for C. A zero byte would end it early and is shown as what cannot be shown.
pub(crate) fn c_text(text: impl Into<String>) -> CString {
    let text = text.into();
    let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    CString::new(text).unwrap_or_default()
}

/// Text that is made when somebody asks for it.
#[derive(Default)]
pub(crate) struct Lazy(OnceLock<CString>);

impl Lazy {
    pub(crate) fn get(&self, make: impl FnOnce() -> String) -> &CStr {
        self.0.get_or_init(|| c_text(make()))
    }
}

#[cfg(test)]
mod tests;
