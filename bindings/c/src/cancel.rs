//! The word of another thread, or of a signal handler, that a call shall end.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::PrismError;
use crate::guard::{fact, free, make};

/// Ends calls that wait.
pub struct PrismCancel(pub(crate) Arc<AtomicBool>);

/// Makes something to end calls with: give it to connections and calls in their options.
///
/// Ownership: `*out` is yours, until `prism_cancel_free`; calls that have it may still be running then. Threads: any.
/// Errors: `usage` for NULL.
/// Example: `if (prism_cancel_new(&cancel, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_cancel_new(
    out: Option<&mut MaybeUninit<*mut PrismCancel>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || Ok(PrismCancel(Arc::default())))
}

/// Ends, within a twentieth of a second, every call that has it and waits, with the error `cancelled`; and every later one
/// until `prism_cancel_reset`. Nothing is lost: the same call goes on where it ended.
///
/// Ownership: nothing. Threads: any, also in a signal handler. Errors: none; NULL does nothing.
/// Example: `static void on_interrupt(int number) { (void)number; prism_cancel_request(cancel); }`
#[unsafe(no_mangle)]
pub extern "C" fn prism_cancel_request(cancel: Option<&PrismCancel>) {
    fact(cancel, (), |cancel| cancel.0.store(true, Ordering::Relaxed));
}

/// Lets calls wait again.
///
/// Ownership: nothing. Threads: any, also in a signal handler. Errors: none; NULL does nothing.
/// Example: `prism_cancel_reset(cancel);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_cancel_reset(cancel: Option<&PrismCancel>) {
    fact(cancel, (), |cancel| cancel.0.store(false, Ordering::Relaxed));
}

/// Whether calls that have it end.
///
/// Ownership: nothing. Threads: any, also in a signal handler. Errors: false for NULL.
/// Example: `while (!prism_cancel_requested(cancel)) serve_next();`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_cancel_requested(cancel: Option<&PrismCancel>) -> bool {
    fact(cancel, false, |cancel| cancel.0.load(Ordering::Relaxed))
}

/// Frees it; NULL is taken. Calls that have it go on and cannot be ended by it any more.
///
/// Ownership: it is gone. Threads: any, not in a signal handler. Errors: none.
/// Example: `prism_cancel_free(cancel);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_cancel_free(cancel: Option<Box<PrismCancel>>) {
    free(cancel);
}
