//! Intel's `libtdx_attest.so.1` (Intel TDX DCAP, `tdx_attest.h`), loaded at run time: for guests whose kernel has no
//! configfs-tsm but whose image has Intel's library.
//!
//! The only foreign code that the attester runs, and the only file of it with `unsafe`. The library is part of the
//! guest's measured image; what it returns is still bounded before a byte of it is read.
#![expect(unsafe_code, reason = "a C library is called; every call says why it is sound")]

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::ptr;
use std::slice;

use libloading::Library;
use prism_attest::binding::ReportData;
use prism_attest::evidence::EVIDENCE_MAX;

use super::AttesterError;
use super::busy::Patience;

/// The library's name, as the loader looks for it.
pub(super) const LIBRARY: &str = "libtdx_attest.so.1";

/// `tdx_att_get_quote`: report data, accepted key ids and their number, the key id used, quote, its length, flags.
type GetQuote = unsafe extern "C" fn(*const u8, *const c_void, u32, *mut [u8; 16], *mut *mut u8, *mut u32, u32) -> u32;

/// `tdx_att_free_quote`.
type FreeQuote = unsafe extern "C" fn(*mut u8) -> u32;

/// Why Intel's library gave no quote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TdxAttestError {
    /// It is not here, or its own dependencies are not.
    #[error("expected to load {path}, found that the loader refuses ({found}); install Intel's libtdx-attest")]
    Load {
        /// What was loaded.
        path: PathBuf,
        /// What the loader says.
        found: String,
    },
    /// `0x1` and codes that this version of Prism does not know.
    #[error("expected a quote from Intel's library, found its error {code:#x}; see its log")]
    Unexpected {
        /// The library's code.
        code: u32,
    },
    /// `0x2`: a parameter is wrong.
    #[error("expected Intel's library to take 64 bytes of report data, found that it refuses them; update it")]
    Parameter,
    /// `0x3`: out of memory.
    #[error("expected memory for a quote, found none; free some")]
    Memory,
    /// `0x4`: no way to the host's quoting service over vsock.
    #[error("expected the host's quoting service, found no way to it; check port= in /etc/tdx-attest.conf")]
    Vsock,
    /// `0x5`: the processor gave no TDREPORT.
    #[error("expected a report from the TDX module, found a refusal; see the kernel's log")]
    Report,
    /// `0x6`: a runtime measurement could not be extended.
    #[error("expected a quote, found that a runtime measurement could not be extended; see the kernel's log")]
    Extend,
    /// `0x7`: this machine cannot do it.
    #[error("expected a TDX guest, found that Intel's library does not support this machine; run it in a TDX VM")]
    Unsupported,
    /// `0x8`: the quoting enclave gave no quote.
    #[error("expected a quote from the host's quoting service, found a refusal; ask the operator of the host")]
    Quote,
    /// `0x9`: busy; asked again a few times.
    #[error("expected a quote from the machine, found it busy; try again")]
    Busy,
    /// `0xa`: the guest's device does not work.
    #[error("expected /dev/tdx_guest, found that it fails; load the kernel's tdx_guest module and run as root")]
    Device,
    /// `0xb`: no such runtime measurement register.
    #[error("expected a quote, found that Intel's library misses a runtime register; update it")]
    Register,
    /// `0xc`: no key of the asked-for kind.
    #[error("expected a quote, found that the host has no key of the usual kind; ask the operator of the host")]
    KeyId,
    /// No quote in spite of success, or one of no bytes or more than evidence may have.
    #[error("expected a quote of 1 to {EVIDENCE_MAX} bytes from Intel's library, found {found}; update it")]
    Size {
        /// The length that the library said.
        found: u32,
    },
}

impl TdxAttestError {
    const fn of(code: u32) -> Self {
        match code {
            0x2 => Self::Parameter,
            0x3 => Self::Memory,
            0x4 => Self::Vsock,
            0x5 => Self::Report,
            0x6 => Self::Extend,
            0x7 => Self::Unsupported,
            0x8 => Self::Quote,
            0x9 => Self::Busy,
            0xa => Self::Device,
            0xb => Self::Register,
            0xc => Self::KeyId,
            _ => Self::Unexpected { code },
        }
    }
}

/// Intel's library. It stays loaded as long as this lives, and with it the two functions.
pub(crate) struct TdxAttest {
    get_quote: GetQuote,
    free_quote: FreeQuote,
    _library: Library,
}

impl TdxAttest {
    /// Loads the library: by path, or by [`LIBRARY`]'s name where the loader finds it.
    pub(super) fn open(path: &Path) -> Result<Self, TdxAttestError> {
        let refused =
            |error: libloading::Error| TdxAttestError::Load { path: path.to_owned(), found: error.to_string() };
        // SAFETY: loading runs the library's initialisers. The path is a constant or the operator's, and the library is
        // part of the image that the measurement covers: it is trusted as this program is.
        let library = unsafe { Library::new(path) }.map_err(refused)?;
        // SAFETY: the type is that of `tdx_att_get_quote` in Intel's tdx_attest.h, whose ABI the soname's 1 fixes.
        let get_quote = *unsafe { library.get::<GetQuote>(b"tdx_att_get_quote\0") }.map_err(refused)?;
        // SAFETY: as above, for `tdx_att_free_quote`.
        let free_quote = *unsafe { library.get::<FreeQuote>(b"tdx_att_free_quote\0") }.map_err(refused)?;
        Ok(Self { get_quote, free_quote, _library: library })
    }

    /// The quote over `data`, asked for until the machine has time.
    pub(super) fn quote_with(&self, patience: Patience, data: &ReportData) -> Result<Vec<u8>, AttesterError> {
        patience.ask(|| Ok(Some(self.quote(data)?)))
    }

    /// The quote over `data`, as the library gave it.
    pub(super) fn quote(&self, data: &ReportData) -> Result<Vec<u8>, TdxAttestError> {
        let (mut key_id, mut quote, mut length) = ([0_u8; 16], ptr::null_mut(), 0_u32);
        // SAFETY: the report data are 64 bytes as the header asks; no list of key ids goes with the number 0; the three
        // outputs are places of the right type that outlive the call; flags have to be 0. The library is loaded while
        // `self` lives. Concurrent calls are the library's own affair, and `&self` is not shared between threads here.
        let code = unsafe {
            let data = data.as_bytes().as_ptr();
            (self.get_quote)(data, ptr::null(), 0, &raw mut key_id, &raw mut quote, &raw mut length, 0)
        };
        if code != 0 {
            // The header promises a buffer after success only: one that is there now is not ours to give back.
            return Err(TdxAttestError::of(code));
        }
        Quote { bytes: quote, free: self.free_quote }.copy(length)
    }
}

/// The library's buffer; given back to it whatever happens.
struct Quote {
    bytes: *mut u8,
    free: FreeQuote,
}

impl Quote {
    fn copy(&self, length: u32) -> Result<Vec<u8>, TdxAttestError> {
        let fits = usize::try_from(length).ok().filter(|length| (1..=EVIDENCE_MAX).contains(length));
        let (false, Some(length)) = (self.bytes.is_null(), fits) else {
            return Err(TdxAttestError::Size { found: length });
        };
        // SAFETY: after success the library's buffer has `length` initialised bytes; it is not null, nobody else has it,
        // and it is given back only when `self` is dropped.
        Ok(unsafe { slice::from_raw_parts(self.bytes, length) }.to_vec())
    }
}

impl Drop for Quote {
    fn drop(&mut self) {
        if !self.bytes.is_null() {
            // SAFETY: the buffer came from `tdx_att_get_quote` and is given back once.
            let _ = unsafe { (self.free)(self.bytes) };
        }
    }
}
