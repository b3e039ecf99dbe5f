//! The border: what comes from C is checked here, and nothing that goes wrong in Rust gets past it.
//!
//! Handles come as `Option<&T>` and go as `Option<Box<T>>`, places for results come as `Option<&mut MaybeUninit<_>>`:
//! types for which a pointer of C, NULL included, is a value of Rust. What is left is text and buffers, below.
#![expect(unsafe_code, reason = "pointers of C are read here and nowhere else")]

use std::any::Any;
use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::mem::{MaybeUninit, forget};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::slice;
use std::sync::OnceLock;

use prism_core::code::Code;

use crate::error::{Fault, PRISM_OK, PrismError};

/// Where a function puts its error.
pub(crate) type ErrorPlace<'a> = Option<&'a mut MaybeUninit<*mut PrismError>>;

/// Where a function puts the handle that it makes.
pub(crate) type Place<'a, T> = Option<&'a mut MaybeUninit<*mut T>>;

/// Does what a function of the header is for: its status, and its error where the caller wants it.
pub(crate) fn call(err: ErrorPlace<'_>, work: impl FnOnce() -> Result<(), Fault>) -> c_int {
    let fault = match caught(work) {
        Ok(Ok(())) => return PRISM_OK,
        Ok(Err(fault)) => fault,
        Err(panicked) => panicked,
    };
    let status = fault.status();
    if let Some(place) = err {
        place.write(Box::into_raw(Box::new(PrismError::of(&fault))));
    }
    status
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
fn caught<R>(work: impl FnOnce() -> R) -> Result<R, Fault> {
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
