//! What an agent tells as it happens: its log, what the program prints, the figures among that.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;

use prism_agent::client::blocking::Session;
use prism_agent::client::{LogChunk, SessionError};
use prism_core::code::Code;

use crate::cancel::PrismCancel;
use crate::error::{Fault, PrismError};
use crate::guard::{c_text, call, given};
use crate::session::PrismSession;

/// Hears an entry of the log once it is proven: its index, the run's state after it such as "Running", and the entry as
/// JSON, the exact text. 0: go on. Above 0: enough, the call succeeds. Below 0: the call ends with the error `cancelled`.
///
/// It is called on the thread of the call, with `user` as it was given; the texts are borrowed until it returns. It must
/// return: no exception, no longjmp.
pub type PrismEntryHeard =
    Option<extern "C" fn(user: *mut c_void, index: u64, state: *const c_char, entry: *const c_char) -> c_int>;

/// Hears what the program prints: `stream` is 1 for its standard output and 2 for its standard error. The number that it
/// returns means what it means for entries.
///
/// It is called on the thread of the call, with `user` as it was given; the bytes are borrowed until it returns. It must
/// return: no exception, no longjmp.
pub type PrismOutputHeard =
    Option<extern "C" fn(user: *mut c_void, stream: c_int, data: *const u8, size: usize) -> c_int>;

/// Hears a figure that the program printed, such as step 3, "loss", 0.25; one without a step has `PRISM_NO_STEP`. The number that it returns means what it means
/// for entries.
///
/// It is called on the thread of the call, with `user` as it was given; the text is borrowed until it returns. It must
/// return: no exception, no longjmp.
pub type PrismFigureHeard =
    Option<extern "C" fn(user: *mut c_void, step: u64, name: *const c_char, value: f64) -> c_int>;

/// The step of a figure that was printed without one.
pub const PRISM_NO_STEP: u64 = u64::MAX;

/// Whether somebody goes on listening.
enum Heard {
    More,
    Enough,
}

fn heard(returned: c_int) -> Result<Heard, Fault> {
    match returned {
        0 => Ok(Heard::More),
        1.. => Ok(Heard::Enough),
        _ => Err(Fault::new(Code::Cancelled, "expected to go on, found that the caller's function cancelled")),
    }
}

/// Reads a stream until its end, or until `hear` has had enough.
fn read<T>(
    stream: impl Iterator<Item = Result<T, SessionError>>,
    mut hear: impl FnMut(T) -> Result<Heard, Fault>,
) -> Result<(), Fault> {
    for item in stream {
        if matches!(hear(item?)?, Heard::Enough) {
            break;
        }
    }
    Ok(())
}

fn for_call(session: Option<&PrismSession>, cancel: Option<&PrismCancel>) -> Result<Session, Fault> {
    let cancel = cancel.map_or(std::ptr::null(), std::ptr::from_ref);
    Ok(given(session, "a session")?.for_call(cancel)?.0)
}

/// Tells the entries of the log from index `first` on, each once it is proven, until the log is closed or `heard` has had
/// enough. The whole log is read and recomputed, whatever `first` is.
///
/// Ownership: nothing changes. Threads: any; `heard` is called on this thread. Errors: `log.invalid`, `log.forked`,
/// `cancelled` by `cancel` (which may be NULL) or `heard`, `agent.unreachable`.
/// Example: `if (prism_session_watch(session, 0, on_entry, NULL, cancel, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_watch(
    session: Option<&PrismSession>,
    first: u64,
    heard: PrismEntryHeard,
    user: *mut c_void,
    cancel: Option<&PrismCancel>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let (session, tell) = (for_call(session, cancel)?, given(heard, "a function that hears entries")?);
        read(session.watch(first), |observed| {
            let entry = c_text(String::from_utf8_lossy(&observed.bytes));
            let state = c_text(observed.phase.name());
            self::heard(tell(user, observed.entry.seq, state.as_ptr(), entry.as_ptr()))
        })
    })
}

/// Tells what the program prints, from its first byte on, as far as the manifest lets you read it, until the run has ended
/// or `heard` has had enough.
///
/// Ownership: nothing changes. Threads: any; `heard` is called on this thread. Errors: `role.refused` when the manifest
/// does not let you read it, `cancelled` by `cancel` (which may be NULL) or `heard`, `agent.unreachable`.
/// Example: `if (prism_session_output(session, on_output, NULL, cancel, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_output(
    session: Option<&PrismSession>,
    heard: PrismOutputHeard,
    user: *mut c_void,
    cancel: Option<&PrismCancel>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let (session, tell) = (for_call(session, cancel)?, given(heard, "a function that hears output")?);
        read(session.logs(), |chunk| {
            let (stream, bytes) = match chunk {
                LogChunk::Stdout(bytes) => (1, bytes),
                LogChunk::Stderr(bytes) => (2, bytes),
                _ => return Ok(Heard::More),
            };
            self::heard(tell(user, stream, bytes.as_ptr(), bytes.len()))
        })
    })
}

/// Tells the figures that the program prints, from the first on, as far as the manifest lets you read them, until the run
/// has ended or `heard` has had enough.
///
/// Ownership: nothing changes. Threads: any; `heard` is called on this thread. Errors: `role.refused` when the manifest
/// does not let you read them, `cancelled` by `cancel` (which may be NULL) or `heard`, `agent.unreachable`.
/// Example: `if (prism_session_figures(session, on_figure, NULL, cancel, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_figures(
    session: Option<&PrismSession>,
    heard: PrismFigureHeard,
    user: *mut c_void,
    cancel: Option<&PrismCancel>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let (session, tell) = (for_call(session, cancel)?, given(heard, "a function that hears figures")?);
        read(session.metrics(), |figures| {
            for (name, value) in figures.values {
                let name = c_text(name);
                if matches!(
                    self::heard(tell(user, figures.step.unwrap_or(PRISM_NO_STEP), name.as_ptr(), value))?,
                    Heard::Enough
                ) {
                    return Ok(Heard::Enough);
                }
            }
            Ok(Heard::More)
        })
    })
}
