//! An agent inside the host's process, for sites that serve and for rehearsals.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prism_agent::runner::{HelperProgram, helper_main_if_asked};
use prism_agent::server::{self, AgentConfig, PlatformChoice};
use prism_agent::state::make_directory;
use prism_core::code::Code;
use prism_core::manifest::SignedManifest;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::cancel::PrismCancel;
use crate::error::{Fault, PrismError};
use crate::guard::{as_helper, borrowed, c_text, call, fact, free, given, make, options, path, text};
use crate::manifest::PrismManifest;
use crate::session::state;
use crate::waiting::Patience;

/// How long threads of an agent that has ended may take to notice.
const GOODBYE: Duration = Duration::from_secs(1);

/// How often a call that waits asks whether to go on.
const ASK: Duration = Duration::from_millis(50);

/// How an agent is set up. Begin with `PRISM_AGENT_OPTIONS_INIT`; zeros mean the usual.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PrismAgentOptions {
    /// The size of this struct in bytes.
    pub size: usize,
    /// Where to listen, as "address:port"; NULL: "127.0.0.1:0", a free port of this machine alone.
    pub listen: *const c_char,
    /// The agent's own folder: one agent at a time. Must not be NULL.
    pub state: *const c_char,
    /// Where evidence comes from: "auto", "snp", "tdx", "azure-snp", "azure-tdx", "simulated", "simulated-tdx"; NULL:
    /// "auto", which never is a simulated one.
    pub platform: *const c_char,
    /// A file with the vendor's endorsements; all but "snp" and simulated ones need it; otherwise NULL.
    pub endorsements: *const c_char,
    /// A folder in which pretend vendors keep their keys; NULL: where the `prism` command has them.
    pub simulators: *const c_char,
    /// The Python interpreter; NULL: the machine's.
    pub python: *const c_char,
    /// A program that calls `prism_sandbox_helper_if_asked` first thing in `main`, such as the `prism` command; NULL: this
    /// program does.
    pub helper: *const c_char,
    /// What ends the start, and the waiting in `prism_agent_wait`; may be NULL.
    pub cancel: *const PrismCancel,
}

/// An agent that is awake.
pub struct PrismAgent {
    awake: Mutex<Option<Awake>>,
    patience: Patience,
    address: CString,
    platform: CString,
}

struct Awake {
    runtime: Runtime,
    agent: server::Agent,
}

impl PrismAgent {
    fn awake(&self) -> MutexGuard<'_, Option<Awake>> {
        self.awake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, linger: u32) -> Result<(), Fault> {
        let (told, waiting) = self.tell_when_closed()?;
        let waited = self.listen(&told, linger);
        waiting.abort();
        waited
    }

    /// Something comes when the log is closed; who listens is cut off when the agent is stopped.
    fn tell_when_closed(&self) -> Result<(Receiver<()>, AbortHandle), Fault> {
        let (tell, told) = channel();
        let awake = self.awake();
        let awake = awake.as_ref().ok_or_else(stopped)?;
        let closed = awake.agent.closed();
        let task = awake.runtime.spawn(async move {
            if closed.await.is_some() && tell.send(()).is_ok() {
                std::future::pending::<()>().await;
            }
        });
        Ok((told, task.abort_handle()))
    }

    fn listen(&self, told: &Receiver<()>, linger: u32) -> Result<(), Fault> {
        loop {
            match told.recv_timeout(ASK) {
                Ok(()) => break,
                Err(RecvTimeoutError::Timeout) if self.patience.is_over() => return Err(cancelled()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(stopped()),
            }
        }
        let until = Instant::now() + Duration::from_secs(linger.into());
        while !self.patience.is_over() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || told.recv_timeout(left.min(ASK)) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        Ok(())
    }
}

impl Drop for PrismAgent {
    fn drop(&mut self) {
        let Some(Awake { runtime, agent }) = self.awake().take() else { return };
        drop(agent);
        runtime.shutdown_timeout(GOODBYE);
    }
}

fn stopped() -> Fault {
    Fault::usage("expected an agent that is awake, found one that was stopped; start another")
}

fn cancelled() -> Fault {
    Fault::new(Code::Cancelled, "cancelled by the caller")
}

/// A text or path that may be left out.
fn optional<T>(given: *const c_char, read: impl FnOnce(*const c_char) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
    if given.is_null() { Ok(None) } else { read(given).map(Some) }
}

fn config(given: &PrismAgentOptions) -> Result<AgentConfig, Fault> {
    let listen = optional(given.listen, |listen| text(listen, "an address"))?;
    let listen: SocketAddr = listen
        .as_deref()
        .unwrap_or("127.0.0.1:0")
        .parse()
        .map_err(|_| Fault::usage("expected an address to listen on such as 127.0.0.1:6110, found another text"))?;
    let own = optional(given.state, path)?
        .ok_or_else(|| Fault::usage("expected a folder of its own for the agent in `state`, found NULL"))?;
    let platform = optional(given.platform, |name| text(name, "a platform"))?;
    let platform = platform.as_deref().unwrap_or("auto");
    let simulators = if platform.starts_with("simulated") { state(given.simulators)? } else { PathBuf::new() };
    let choice = PlatformChoice::named(platform, &simulators, optional(given.endorsements, path)?)?;
    if platform.starts_with("simulated") {
        make_directory(&simulators)?;
    }
    let mut config = AgentConfig::new(listen, own, choice);
    config.runner.python = optional(given.python, path)?;
    config.runner.helper = optional(given.helper, path)?.map_or_else(HelperProgram::default, HelperProgram::from);
    Ok(config)
}

/// Starts an agent on threads of its own.
fn wake(config: AgentConfig, signed: SignedManifest, patience: &Patience) -> Result<Awake, Fault> {
    let built = Builder::new_multi_thread().worker_threads(2).thread_name("prism-agent").enable_all().build();
    let runtime = built.map_err(|error| Fault::new(Code::Internal, format!("expected threads, found: {error}")))?;
    let mut starting = runtime.spawn(server::Agent::start(config, signed));
    let started = loop {
        if let Ok(done) = runtime.block_on(async { timeout(ASK, &mut starting).await }) {
            break done;
        }
        if patience.is_over() {
            runtime.shutdown_timeout(GOODBYE);
            return Err(cancelled());
        }
    };
    let fault = match started {
        Ok(Ok(agent)) => return Ok(Awake { runtime, agent }),
        Ok(Err(error)) => error.into(),
        Err(error) => Fault::new(Code::Internal, format!("expected an agent, found: {error}")),
    };
    runtime.shutdown_timeout(GOODBYE);
    Err(fault)
}

/// Becomes the sandbox helper, and never returns, if this program was executed as one; otherwise does nothing. Call it
/// first thing in `main` of every program that starts an agent, before there is a second thread.
///
/// Ownership: nothing. Threads: the first and only one. Errors: none.
/// Example: `int main(int argc, char **argv) { prism_sandbox_helper_if_asked(); return serve(argc, argv); }`
#[unsafe(no_mangle)]
pub extern "C" fn prism_sandbox_helper_if_asked() {
    fact(Some(&()), (), |()| as_helper(helper_main_if_asked));
}

/// Starts an agent for one computation, in this process. The program that everybody agreed on runs in a sandbox of its own,
/// for which `prism_sandbox_helper_if_asked` has to be called in `main`.
///
/// Ownership: `*out` is yours, until `prism_agent_free`; manifest and options stay yours. Threads: any. Errors: `usage`,
/// `manifest.approval-missing`, `manifest.unsupported` for terms that this machine cannot keep, `platform.unsupported`,
/// `file.io`, `cancelled`, and what `prism agent` knows beside these.
/// Example: `if (prism_agent_start(terms, &options, &agent, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_agent_start(
    terms: Option<&PrismManifest>,
    options: *const PrismAgentOptions,
    out: Option<&mut MaybeUninit<*mut PrismAgent>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let (signed, given) = (given(terms, "a manifest")?.signed()?, self::options(options)?);
        let patience = Patience::until(given.cancel);
        patience.require()?;
        let awake = wake(config(&given)?, signed, &patience)?;
        let address = c_text(awake.agent.local_addr().to_string());
        let platform = c_text(awake.agent.platform().to_string());
        Ok(PrismAgent { awake: Mutex::new(Some(awake)), patience, address, platform })
    })
}

/// Where it listens, such as "127.0.0.1:43567".
///
/// Ownership: borrowed until `prism_agent_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_agent_address(agent));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_agent_address(agent: Option<&PrismAgent>) -> *const c_char {
    borrowed(agent, |agent| Some(agent.address.as_c_str()))
}

/// The kind of machine that signs its evidence, such as "snp".
///
/// Ownership: borrowed until `prism_agent_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_agent_platform(agent));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_agent_platform(agent: Option<&PrismAgent>) -> *const c_char {
    borrowed(agent, |agent| Some(agent.platform.as_c_str()))
}

/// Waits until the computation is over and its log closed, and then `linger` seconds more, in which those who were there
/// read how it ended. The agent goes on answering until `prism_agent_stop`.
///
/// Ownership: nothing changes. Threads: any; `prism_agent_stop` on another thread ends it. Errors: `cancelled` when the
/// options' `cancel` ends it before the log is closed (after that it is a success), `usage` for one that was stopped.
/// Example: `if (prism_agent_wait(agent, 60, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_agent_wait(
    agent: Option<&PrismAgent>,
    linger: u32,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || given(agent, "an agent")?.wait(linger))
}

/// Ends an agent in order: stops the computation if it is not over, closes the log, destroys what has to be destroyed,
/// says goodbye. It takes seconds at most, and once more does nothing.
///
/// Ownership: nothing changes. Threads: any. Errors: `usage` for NULL.
/// Example: `if (prism_agent_stop(agent, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_agent_stop(
    agent: Option<&PrismAgent>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || {
        let awake = given(agent, "an agent")?.awake().take();
        if let Some(Awake { runtime, agent }) = awake {
            runtime.block_on(agent.shutdown());
            runtime.shutdown_timeout(GOODBYE);
        }
        Ok(())
    })
}

/// Frees an agent; NULL is taken. One that was not stopped ends as if its process had been killed: its log stays open.
///
/// Ownership: the agent is gone, and with it the texts that were borrowed from it. Threads: any, once no call on it is
/// under way. Errors: none.
/// Example: `prism_agent_free(agent);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_agent_free(agent: Option<Box<PrismAgent>>) {
    free(agent);
}
