//! What a TPM answers when it does not do what was asked (TPM 2.0 Library, part 2, "`TPM_RC`").

use std::io;

use crate::attester::busy::{Tried, is_busy};

/// Why the TPM gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// Its device could not be used.
    #[error("expected to send {command} to the TPM, found an error of the system; run as root or in the group tss")]
    Io {
        /// The command.
        command: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It answered with something that is no response to the command.
    #[error("expected a response to {command} from the TPM, found other bytes; this is no TPM 2.0 that Prism knows")]
    Malformed {
        /// The command.
        command: &'static str,
    },
    /// It refused.
    #[error("expected the TPM to execute {command}, found its refusal {code:#x} ({words})")]
    Refused {
        /// The command.
        command: &'static str,
        /// The response code.
        code: u32,
        /// What that means.
        words: &'static str,
    },
    /// It asked to be asked again.
    #[error("expected the TPM to execute {command}, found it busy; try again")]
    Retry {
        /// The command.
        command: &'static str,
    },
    /// It was busy, or its registers changed, again and again.
    #[error("expected the TPM to settle, found it busy or its registers changing {attempts} times; try again")]
    Busy {
        /// How often it was tried.
        attempts: u32,
    },
    /// It has no registers with SHA-256.
    #[error("expected the TPM's SHA-256 registers, found none; allocate the bank sha256")]
    NoBank,
    /// Longer than a TPM takes.
    #[error("expected at most 65535 bytes for the TPM, found {found}; this is a fault of Prism")]
    TooLong {
        /// The number of bytes.
        found: usize,
    },
}

impl Tried for TpmError {
    fn is_busy(&self) -> bool {
        match self {
            Self::Retry { .. } => true,
            Self::Io { source, .. } => is_busy(source),
            _ => false,
        }
    }

    fn gave_up(attempts: u32) -> Self {
        Self::Busy { attempts }
    }
}

/// `TPM_RC_YIELDED`, `TESTING`, `NV_RATE`, `RETRY` and `NV_UNAVAILABLE`: not now.
const NOT_NOW: [u32; 5] = [0x908, 0x90a, 0x920, 0x922, 0x923];

/// Bits of a format-one code that say which handle, parameter or session is meant.
const FORMAT_ONE: u32 = 0x080;
const FORMAT_ONE_ERROR: u32 = 0x0bf;

/// The error of a response code other than success.
pub(super) fn refusal(command: &'static str, code: u32) -> TpmError {
    if NOT_NOW.contains(&code) {
        return TpmError::Retry { command };
    }
    TpmError::Refused { command, code, words: words(code) }
}

fn words(code: u32) -> &'static str {
    if code & FORMAT_ONE != 0 {
        return match code & FORMAT_ONE_ERROR {
            0x82 => "TPM_RC_ATTRIBUTES: the object is not meant for this",
            0x83 => "TPM_RC_HASH: it does not know the hash",
            0x84 => "TPM_RC_VALUE: a value is out of range",
            0x8b => "TPM_RC_HANDLE: it has no such key or index",
            0x8e => "TPM_RC_AUTH_FAIL: a password is set",
            0x92 => "TPM_RC_SCHEME: the key does not sign with RSASSA and SHA-256",
            0x95 => "TPM_RC_SIZE: data are longer than it takes",
            0xa2 => "TPM_RC_BAD_AUTH: a password is set",
            _ => "see TPM_RC in the standard",
        };
    }
    match code {
        0x100 => "TPM_RC_INITIALIZE: it was not started",
        0x143 => "TPM_RC_COMMAND_CODE: it does not know the command",
        0x146 => "TPM_RC_NV_RANGE: the index is smaller",
        0x148 => "TPM_RC_NV_LOCKED: the index is locked",
        0x149 => "TPM_RC_NV_AUTHORIZATION: the owner may not use this index",
        0x14a => "TPM_RC_NV_UNINITIALIZED: the index was never written",
        0x921 => "TPM_RC_LOCKOUT: it is locked after wrong passwords",
        _ => "see TPM_RC in the standard",
    }
}
