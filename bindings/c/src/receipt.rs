//! Receipts: an agent's signed word that an act is in its log.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;

use prism_agent::client::Receipt;
use prism_agent::files::write_new;

use crate::error::{Fault, PrismError};
use crate::guard::{borrowed, c_text, call, fact, free, given, path};

/// An agent's signed word that an act is in its log, verified under the key that the machine vouches for.
pub struct PrismReceipt {
    index: u64,
    entry: CString,
    proof: CString,
}

impl PrismReceipt {
    pub(crate) fn of(receipt: &Receipt) -> Self {
        let entry = c_text(String::from_utf8_lossy(receipt.entry_bytes()));
        Self { index: receipt.proof().index(), entry, proof: c_text(receipt.proof().to_text()) }
    }
}

/// Which entry of the log it is, counted from 0.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL.
/// Example: `printf("log entry %llu\n", (unsigned long long)prism_receipt_index(receipt));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_receipt_index(receipt: Option<&PrismReceipt>) -> u64 {
    fact(receipt, 0, |receipt| receipt.index)
}

/// What was logged: JSON, the exact text.
///
/// Ownership: borrowed until the receipt is freed. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_receipt_entry(receipt));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_receipt_entry(receipt: Option<&PrismReceipt>) -> *const c_char {
    borrowed(receipt, |receipt| Some(receipt.entry.as_c_str()))
}

/// The proof: index, path and signed head of the log, a C2SP tlog-proof.
///
/// Ownership: borrowed until the receipt is freed. Threads: any. Errors: NULL for NULL.
/// Example: `fputs(prism_receipt_proof(receipt), journal);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_receipt_proof(receipt: Option<&PrismReceipt>) -> *const c_char {
    borrowed(receipt, |receipt| Some(receipt.proof.as_c_str()))
}

/// Writes a new file with the proof. A file that is there already is never overwritten.
///
/// Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `file.missing` when there is no such folder.
/// Example: `if (prism_receipt_save(receipt, "h1.receipt", &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_receipt_save(
    receipt: Option<&PrismReceipt>,
    file: *const c_char,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || -> Result<(), Fault> { Ok(write_new(&path(file)?, given(receipt, "a receipt")?.proof.as_bytes())?) })
}

/// Ends a receipt; NULL is taken. Not for one that a result lends.
///
/// Ownership: the receipt is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
/// Example: `prism_receipt_free(receipt);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_receipt_free(receipt: Option<Box<PrismReceipt>>) {
    free(receipt);
}
