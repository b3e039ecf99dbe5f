//! Errors, statuses and the version.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CStr, CString, c_char, c_int};

use prism_core::code::{Code, Coded, message};

use crate::guard::{borrowed, c_text, free, part};
use crate::verdict::PrismVerdict;

/// The version of the header's contract. It changes when a program has to be compiled again.
pub const PRISM_ABI: u32 = 1;

/// Success.
pub const PRISM_OK: c_int = 0;
/// A fault of Prism or of the machine it runs on.
pub const PRISM_INTERNAL: c_int = 1;
/// The caller's input is wrong.
pub const PRISM_USAGE: c_int = 2;
/// The other side, or the manifest's terms, say no.
pub const PRISM_REFUSED: c_int = 3;
/// Evidence, a signature or a log did not hold.
pub const PRISM_NOT_TRUSTED: c_int = 4;
/// A file, asset, name or entry does not exist.
pub const PRISM_NOT_FOUND: c_int = 5;
/// A machine cannot be reached or is busy, or the caller cancelled: trying again may help.
pub const PRISM_UNAVAILABLE: c_int = 6;
/// The algorithm ran and failed, or was stopped.
pub const PRISM_RUN_FAILED: c_int = 7;

/// What went wrong: a stable code, a message and a hint.
pub struct PrismError {
    pub(crate) code: CString,
    pub(crate) message: CString,
    pub(crate) hint: CString,
    verdict: Option<Box<PrismVerdict>>,
}

impl PrismError {
    pub(crate) fn of(fault: Fault) -> Self {
        Self {
            code: c_text(fault.code.as_str()),
            message: c_text(fault.message.as_str()),
            hint: c_text(fault.code.hint()),
            verdict: fault.verdict,
        }
    }
}

/// What went wrong, on this side of the border.
#[derive(Debug)]
pub(crate) struct Fault {
    code: Code,
    message: String,
    /// Why a machine was refused.
    verdict: Option<Box<PrismVerdict>>,
}

impl Fault {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), verdict: None }
    }

    /// The same, with every finding about the machine.
    pub(crate) fn with_verdict(self, verdict: PrismVerdict) -> Self {
        Self { verdict: Some(Box::new(verdict)), ..self }
    }

    /// A wrong argument.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// NULL where something has to be.
    pub(crate) fn null(what: &str) -> Self {
        Self::usage(format!("expected {what}, found NULL"))
    }

    /// The status that a function returns for it.
    pub(crate) fn status(&self) -> c_int {
        c_int::from(self.code.class().exit_code())
    }
}

impl<E: Coded + 'static> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::new(error.code(), message(&error))
    }
}

/// The contract's version that the library was built with; has to equal `PRISM_ABI` of the header.
///
/// Ownership: nothing. Threads: any. Errors: none.
/// Example: `if (prism_abi() != PRISM_ABI) abort_start("another libprism than the header's");`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_abi() -> u32 {
    PRISM_ABI
}

/// The library's version, such as "0.1.0".
///
/// Ownership: borrowed, for as long as the program runs. Threads: any. Errors: none.
/// Example: `printf("prism %s\n", prism_version());`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    CStr::from_bytes_with_nul(VERSION.as_bytes()).map_or(std::ptr::null(), CStr::as_ptr)
}

/// The error's stable code, such as "key.exposed".
///
/// Ownership: borrowed until `prism_error_free`. Threads: any. Errors: NULL for NULL.
/// Example: `if (!strcmp(prism_error_code(err), "file.exists")) choose_another_name();`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_error_code(error: Option<&PrismError>) -> *const c_char {
    borrowed(error, |error| Some(error.code.as_c_str()))
}

/// What was expected, what was found, and often what to do next.
///
/// Ownership: borrowed until `prism_error_free`. Threads: any. Errors: NULL for NULL.
/// Example: `fprintf(stderr, "%s\n", prism_error_message(err));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_error_message(error: Option<&PrismError>) -> *const c_char {
    borrowed(error, |error| Some(error.message.as_c_str()))
}

/// What to do now, for people; without a full stop.
///
/// Ownership: borrowed until `prism_error_free`. Threads: any. Errors: NULL for NULL.
/// Example: `fprintf(stderr, "  hint: %s\n", prism_error_hint(err));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_error_hint(error: Option<&PrismError>) -> *const c_char {
    borrowed(error, |error| Some(error.hint.as_c_str()))
}

/// The verdict with every finding, when the error is that a machine was refused; otherwise NULL.
///
/// Ownership: borrowed until `prism_error_free`; do not free it. Threads: any. Errors: NULL for NULL and for other errors.
/// Example: `if (prism_error_verdict(err)) puts(prism_verdict_text(prism_error_verdict(err)));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_error_verdict(error: Option<&PrismError>) -> *const PrismVerdict {
    part(error, |error| error.verdict.as_deref())
}

/// Ends an error; NULL is taken.
///
/// Ownership: the error is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
/// Example: `prism_error_free(err); err = NULL;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_error_free(error: Option<Box<PrismError>>) {
    free(error);
}
