//! Giving an asset: from a file or folder, from a buffer, or from a function of the host.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use prism_agent::client::{Progress, Receipt, UploadOptions};
use prism_agent::files::{ReadAt, Source};
use prism_core::digest::Salt;

use crate::cancel::PrismCancel;
use crate::error::{Fault, PrismError};
use crate::guard::{bytes, given, lend, make, options, path, text};
use crate::receipt::PrismReceipt;
use crate::session::PrismSession;
use crate::waiting::{Enough, Patience, Tell, aside};

/// How far an upload is, in bytes. No number ever falls, but `sent` after a broken connection.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PrismUploadState {
    /// Measured here, before any byte leaves.
    pub measured: u64,
    /// Sent.
    pub sent: u64,
    /// Held durably by the agent: these are not sent again.
    pub durable: u64,
    /// In all.
    pub total: u64,
}

/// Hears how far an upload is. Anything but 0 ends it with the error `cancelled`; the same call goes on where it ended.
///
/// It is called on the thread of the call, with `user` as it was given; `state` is borrowed until it returns. It must
/// return: no exception, no longjmp.
pub type PrismUploadProgress = Option<extern "C" fn(user: *mut c_void, state: &PrismUploadState) -> c_int>;

/// Gives up to `size` bytes from `offset` on into `buffer` and says how many: at least 1 before the end. Anything below 0
/// ends the upload with the error `file.io`.
///
/// It is called on the thread of the call, with `user` as it was given. The same bytes have to come each time: they are
/// measured before they are sent, and sent again after a broken connection. It must return: no exception, no longjmp.
pub type PrismReadAt = Option<extern "C" fn(user: *mut c_void, offset: u64, buffer: *mut u8, size: usize) -> i64>;

/// How an asset is sent. Begin with `PRISM_UPLOAD_OPTIONS_INIT`; zeros mean the usual.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PrismUploadOptions {
    /// The size of this struct in bytes.
    pub size: usize,
    /// Hears how far it is; may be NULL.
    pub progress: PrismUploadProgress,
    /// The first argument of `progress`.
    pub user: *mut c_void,
    /// 32 bytes, exactly when the manifest's digest is salted; otherwise NULL. They go to the attested agent only.
    pub salt: *const u8,
    /// What ends this call while it waits, beside what ends every call of the session; may be NULL.
    pub cancel: *const PrismCancel,
    /// Connections that bring parts of the asset at a time, each attested by itself; 0: one. A folder takes one.
    pub connections: u32,
    /// Anything but 0: the bytes are sent without being measured first. The agent compares them in any case and discards
    /// what was not agreed, but then a wrong file has left.
    pub one_pass: u32,
}

impl PrismUploadOptions {
    fn read(&self) -> Result<UploadOptions, Fault> {
        let most = usize::try_from(self.connections).unwrap_or(usize::MAX);
        let connections = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        let plain = UploadOptions::default().connections(connections).one_pass(self.one_pass != 0);
        if self.salt.is_null() {
            return Ok(plain);
        }
        bytes((self.salt, Salt::LEN), "a salt", |salt| {
            let salt = Salt::from_slice(salt).ok_or_else(|| Fault::usage("expected a salt of 32 bytes"))?;
            Ok(plain.salt(salt))
        })
    }

    fn tell(&self, at: Progress, enough: &Enough) {
        let Some(progress) = self.progress else { return };
        let Progress { measured, sent, durable, total, .. } = at;
        enough.heed(progress(self.user, &PrismUploadState { measured, sent, durable, total }));
    }
}

/// What every upload is told.
struct Call<'a> {
    session: Option<&'a PrismSession>,
    asset: *const c_char,
    options: *const PrismUploadOptions,
}

impl Call<'_> {
    fn send(&self, source: Source) -> Result<PrismReceipt, Fault> {
        let (session, asset) = (given(self.session, "a session")?, text(self.asset, "the name of an asset")?);
        let given = options(self.options)?;
        let (session, _, enough) = session.for_call(given.cancel)?;
        let receipt = session.upload(&asset, source, given.read()?, &mut |at| given.tell(at, &enough))?;
        Ok(PrismReceipt::of(&receipt))
    }

    /// As [`send`](Self::send), with bytes that the calling thread has to ask for.
    fn pull(&self, size: u64, read: PrismReadAt, user: *mut c_void) -> Result<PrismReceipt, Fault> {
        let (session, asset) = (given(self.session, "a session")?, text(self.asset, "the name of an asset")?);
        let read = given(read, "a function that reads")?;
        let given = options(self.options)?;
        let (session, patience, enough) = session.for_call(given.cancel)?;
        let session = session.interrupted_by(patience.elsewhere());
        let how = given.read()?;
        let work = move |tell: Tell<News, Result<Receipt, Fault>>| {
            let source = Source::from_host(Arc::new(Pulled { size, tell: tell.clone() }));
            Ok(session.upload(&asset, source, how, &mut |at| {
                tell.tell(News::Progress(at));
            })?)
        };
        let hear = |news| match news {
            News::Progress(at) => given.tell(at, &enough),
            // Whoever asked may be gone.
            News::Read(wanted) => drop(wanted.reply.send(asked(&wanted, read, user, &patience))),
        };
        Ok(PrismReceipt::of(&aside(work, hear, || patience.tell())?))
    }
}

type Read = extern "C" fn(*mut c_void, u64, *mut u8, usize) -> i64;

enum News {
    Progress(Progress),
    Read(Wanted),
}

/// Bytes that a thread of the upload waits for.
struct Wanted {
    offset: u64,
    size: usize,
    reply: SyncSender<io::Result<Vec<u8>>>,
}

/// Asks the host, on its own thread.
fn asked(wanted: &Wanted, read: Read, user: *mut c_void, patience: &Patience) -> io::Result<Vec<u8>> {
    if patience.is_over() {
        return Err(io::Error::other("cancelled by the caller"));
    }
    let mut piece = vec![0; wanted.size];
    let came = read(user, wanted.offset, piece.as_mut_ptr(), wanted.size);
    match usize::try_from(came) {
        Err(_) => Err(io::Error::other(format!("the host's function says that reading failed: {came}"))),
        Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the host's function ended before its size")),
        Ok(count) if count > wanted.size => {
            Err(io::Error::other(format!("the host's function says {count} bytes of {} that it may give", wanted.size)))
        }
        Ok(count) => {
            piece.truncate(count);
            Ok(piece)
        }
    }
}

/// The host's bytes as the upload's threads see them.
struct Pulled {
    size: u64,
    tell: Tell<News, Result<Receipt, Fault>>,
}

impl Pulled {
    fn ask(&self, offset: u64, size: usize) -> io::Result<Vec<u8>> {
        let over = || io::Error::other("the call that reads is over");
        let (reply, answer) = sync_channel(1);
        if !self.tell.tell(News::Read(Wanted { offset, size, reply })) {
            return Err(over());
        }
        answer.recv().map_err(|_| over())?
    }
}

impl ReadAt for Pulled {
    fn length(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let mut filled = 0;
        while filled < wanted {
            let piece = self.ask(offset + filled as u64, wanted - filled)?;
            if let Some(place) = buffer.get_mut(filled..filled + piece.len()) {
                place.copy_from_slice(&piece);
            }
            filled += piece.len();
        }
        Ok(wanted)
    }
}

/// Sends a file, or a folder as its canonical archive, as the asset that the manifest calls `asset`. It is measured first:
/// what was not agreed does not leave. After an interruption the same call sends what the agent does not hold yet.
///
/// Ownership: `*out` is yours, until `prism_receipt_free`; `options` may be NULL and is read during the call only. Threads:
/// any; the progress is told on this thread. Errors: `asset.mismatch` for other bytes than the agreed ones,
/// `asset.unknown`, `asset.wrong-provider`, `usage` for a salt too many or too few, `file.missing`, `file.changed`,
/// `file.io`, `state.refused` when assets are not wanted any more, `cancelled`, `agent.unreachable`.
/// Example: `if (prism_session_upload_file(session, "h1", "h1.zip", &options, &receipt, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_upload_file(
    session: Option<&PrismSession>,
    asset: *const c_char,
    file: *const c_char,
    options: *const PrismUploadOptions,
    out: Option<&mut MaybeUninit<*mut PrismReceipt>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || Call { session, asset, options }.send(Source::open(&path(file)?)?))
}

/// As `prism_session_upload_file`, from memory. The bytes are not copied as a whole and must not change meanwhile; nobody
/// reads them once the call has returned.
///
/// Ownership: `*out` is yours, until `prism_receipt_free`; the buffer stays yours. Threads: any; the progress is told on
/// this thread. Errors: as there.
/// Example: `if (prism_session_upload_buffer(session, "h1", pixels, size, &options, &receipt, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_upload_buffer(
    session: Option<&PrismSession>,
    asset: *const c_char,
    data: *const u8,
    size: usize,
    options: *const PrismUploadOptions,
    out: Option<&mut MaybeUninit<*mut PrismReceipt>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        lend((data, size), "the bytes of an asset", |source| Call { session, asset, options }.send(source))
    })
}

/// As `prism_session_upload_file`, with `size` bytes that `read_at` gives when they are needed.
///
/// Ownership: `*out` is yours, until `prism_receipt_free`; `user` is used during the call only. Threads: any; `read_at` and
/// the progress are called on this thread. Errors: as there, and `file.io` when `read_at` fails or ends before `size`.
/// Example: `if (prism_session_upload_from(session, "h1", size, read_at, archive, &options, &receipt, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_upload_from(
    session: Option<&PrismSession>,
    asset: *const c_char,
    size: u64,
    read_at: PrismReadAt,
    user: *mut c_void,
    options: *const PrismUploadOptions,
    out: Option<&mut MaybeUninit<*mut PrismReceipt>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || Call { session, asset, options }.pull(size, read_at, user))
}
