//! The way to an agent: look at the machine first, then say who you are.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::sync::Arc;

use prism_agent::client::blocking::{AttestedChannel, Client, Session};
use prism_agent::client::{AttestError, CheckpointStore, Options, RetryPolicy};
use prism_agent::state::default_directory;

use crate::cancel::PrismCancel;
use crate::error::{Fault, PrismError};
use crate::guard::{Host, borrowed, c_text, call, fact, free, given, make, options, part, path, text};
use crate::keys::PrismKey;
use crate::manifest::PrismManifest;
use crate::receipt::PrismReceipt;
use crate::verdict::PrismVerdict;
use crate::waiting::{Enough, Notices, Patience};

/// Hears, for people, that a connection broke and what is done about it, while the call goes on by itself. The text is
/// borrowed until it returns.
///
/// It is called on the thread of whatever call waits, with `user` as it was given, and must return.
pub type PrismNotice = Option<extern "C" fn(user: *mut c_void, text: *const c_char)>;

/// How an agent is met. Begin with `PRISM_CONNECT_OPTIONS_INIT`; zeros mean the usual.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PrismConnectOptions {
    /// The size of this struct in bytes.
    pub size: usize,
    /// A folder in which the newest signed head of every log is remembered; NULL: `PRISM_STATE`, else `prism` in
    /// `XDG_STATE_HOME`, else in `~/.local/state`.
    pub state: *const c_char,
    /// Hears of broken connections; may be NULL.
    pub notice: PrismNotice,
    /// The first argument of `notice`.
    pub user: *mut c_void,
    /// What ends every call of the session while it waits; may be NULL.
    pub cancel: *const PrismCancel,
    /// How often in a row a broken connection is tried again; 0: 8 times; below 0: never.
    pub retries: i32,
}

/// A participant's session with an agent that earned trust.
pub struct PrismSession {
    session: Session,
    patience: Patience,
    verdict: PrismVerdict,
    participant: CString,
    boot: CString,
}

impl PrismSession {
    /// The session for one call, which `cancel` or its own callback may end, unless it is to end before it begins.
    pub(crate) fn for_call(&self, cancel: *const PrismCancel) -> Result<(Session, Patience, Enough), Fault> {
        let (patience, enough) = self.patience.and_until(cancel);
        patience.require()?;
        Ok((self.session.interrupted_by(patience.interrupt()), patience, enough))
    }
}

/// Where an agent is and what it has to serve.
struct Meeting<'a> {
    address: *const c_char,
    terms: Option<&'a PrismManifest>,
    options: *const PrismConnectOptions,
    now: u64,
}

impl Meeting<'_> {
    fn attest(&self) -> Result<(Result<AttestedChannel, AttestError>, Patience), Fault> {
        let (address, given) = (text(self.address, "an address")?, options(self.options)?);
        let signed = crate::guard::given(self.terms, "a manifest")?.signed()?;
        let notices = Notices::to(Host::new(given.notice, given.user));
        let patience = Patience::until(given.cancel).telling(Arc::clone(&notices));
        patience.require()?;
        let mut options = Options::new(CheckpointStore::in_directory(state(given.state)?.join("checkpoints")));
        options.listener = notices.listener();
        options.retry = retry(given.retries);
        let connecting = Client::connect(&address, &signed, options, patience.interrupt())?;
        Ok((connecting.attest(self.now), patience))
    }
}

/// Where things are remembered.
pub(crate) fn state(given: *const c_char) -> Result<PathBuf, Fault> {
    if given.is_null() { Ok(default_directory()?) } else { path(given) }
}

fn retry(times: i32) -> RetryPolicy {
    match times {
        0 => RetryPolicy::default(),
        times => RetryPolicy { attempts: u32::try_from(times).unwrap_or(0), ..RetryPolicy::default() },
    }
}

/// The refusal with its verdict.
fn refused(error: AttestError) -> Fault {
    let verdict = match &error {
        AttestError::Refused(refusal) => Some(PrismVerdict::of(refusal.verdict().clone())),
        _ => None,
    };
    let fault = Fault::from(error);
    match verdict {
        Some(verdict) => fault.with_verdict(verdict),
        None => fault,
    }
}

/// Asks the agent at `address` ("host:port") to prove at the time `now`, in seconds since 1970 UTC, that it is what the
/// manifest demands and that it is the other end of this connection. Nothing but a nonce is sent. It succeeds also when the
/// machine is refused: ask `prism_verdict_good`, or let `prism_verdict_require_good` fail.
///
/// Ownership: `*out` is yours, until `prism_verdict_free`; the manifest stays yours. Threads: any. Errors:
/// `manifest.approval-missing` for terms that not everybody approved, `manifest.expired`, `agent.unreachable` when nobody
/// answers, `agent.misbehaved`, `log.forked` when its log contradicts what was seen before, `cancelled`, `usage`.
/// Example: `if (prism_attest("agent.example:6110", terms, NULL, (uint64_t)time(NULL), &verdict, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_attest(
    address: *const c_char,
    terms: Option<&PrismManifest>,
    options: *const PrismConnectOptions,
    now: u64,
    out: Option<&mut MaybeUninit<*mut PrismVerdict>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let (attested, _) = Meeting { address, terms, options, now }.attest()?;
        match attested {
            Ok(channel) => Ok(PrismVerdict::of(channel.verdict().clone())),
            Err(AttestError::Refused(refusal)) => Ok(PrismVerdict::of(refusal.verdict().clone())),
            Err(error) => Err(error.into()),
        }
    })
}

/// As `prism_attest`, and refuses unless every finding is good; then says with `key` who you are. Nothing else of yours is
/// sent. A connection that breaks later is made, attested and authenticated anew by the call that needs it.
///
/// Ownership: `*out` is yours, until `prism_session_free`; manifest, key and what the options point to stay yours, and
/// `user` and `notice` are used until the session is freed. Threads: any. Errors: as of `prism_attest`, and
/// `evidence.refused`, whose `prism_error_verdict` has every finding; `key.unknown` when the manifest names nobody with
/// this key.
/// Example: `if (prism_session_connect("agent.example:6110", terms, key, NULL, (uint64_t)time(NULL), &session, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_connect(
    address: *const c_char,
    terms: Option<&PrismManifest>,
    key: Option<&PrismKey>,
    options: *const PrismConnectOptions,
    now: u64,
    out: Option<&mut MaybeUninit<*mut PrismSession>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let key = Arc::clone(&given(key, "a key")?.key);
        let (attested, patience) = Meeting { address, terms, options, now }.attest()?;
        let channel = attested.map_err(refused)?;
        let verdict = PrismVerdict::of(channel.verdict().clone());
        let session = channel.authenticate(key)?;
        let (participant, boot) = (c_text(session.participant().as_str()), c_text(session.boot()));
        Ok(PrismSession { session, patience, verdict, participant, boot })
    })
}

/// The verdict on the machine, with every finding.
///
/// Ownership: borrowed until `prism_session_free`; do not free it. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_verdict_text(prism_session_verdict(session)));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_verdict(session: Option<&PrismSession>) -> *const PrismVerdict {
    part(session, |session| Some(&session.verdict))
}

/// Who you are, as the manifest names your key.
///
/// Ownership: borrowed until `prism_session_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_session_participant(session));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_participant(session: Option<&PrismSession>) -> *const c_char {
    borrowed(session, |session| Some(session.participant.as_c_str()))
}

/// The agent's boot, 32 hex digits: each run of a computation has another one.
///
/// Ownership: borrowed until `prism_session_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_session_boot(session));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_boot(session: Option<&PrismSession>) -> *const c_char {
    borrowed(session, |session| Some(session.boot.as_c_str()))
}

/// Whether the machine is simulated and protects nothing.
///
/// Ownership: nothing. Threads: any. Errors: true for NULL.
/// Example: `if (prism_session_simulated(session)) puts("SIMULATED, NOT A TEE");`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_simulated(session: Option<&PrismSession>) -> bool {
    fact(session, true, |session| session.session.trust().is_simulated())
}

/// Stops the computation for good, for everybody. Whoever has a role in it may.
///
/// Ownership: `*out` is yours, until `prism_receipt_free`. Threads: any. Errors: `state.refused` when it is over already,
/// `cancelled`, `agent.unreachable`.
/// Example: `if (prism_session_stop(session, &receipt, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_stop(
    session: Option<&PrismSession>,
    out: Option<&mut MaybeUninit<*mut PrismReceipt>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let (session, ..) = given(session, "a session")?.for_call(std::ptr::null())?;
        Ok(PrismReceipt::of(&session.stop()?))
    })
}

/// Fetches the transcript of the computation into a new file, for `prism_audit_file`. Its log is compared with what was
/// seen before.
///
/// Ownership: nothing changes. Threads: any. Errors: `file.exists`, `file.io`, `agent.misbehaved`, `log.forked`,
/// `cancelled`, `agent.unreachable`.
/// Example: `if (prism_session_transcript(session, "run.transcript", &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_transcript(
    session: Option<&PrismSession>,
    file: *const c_char,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let (session, ..) = given(session, "a session")?.for_call(std::ptr::null())?;
        Ok(session.transcript(&path(file)?).map(drop)?)
    })
}

/// Ends a session and its connections; NULL is taken. What the agent holds stays there.
///
/// Ownership: the session is gone, and with it what was borrowed from it. Threads: any, once no call on it is under way.
/// Errors: none.
/// Example: `prism_session_free(session);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_session_free(session: Option<Box<PrismSession>>) {
    free(session);
}
