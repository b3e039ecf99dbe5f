//! An agent inside the host's process, for rehearsals, tests and small sites.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use prism_agent::runner::{HelperProgram, helper_main};
use prism_agent::server::{self, AgentConfig, PlatformChoice};
use prism_core::code::Code;
use prism_core::manifest;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::fault::{fault, poisoned, raised, usage};
use crate::terms::SignedManifest;
use crate::waiting::{Home, Own, listen as heed};

/// How long threads of an agent that has ended may take to notice.
const GOODBYE: Duration = Duration::from_secs(1);

/// Becomes the sandbox helper and never returns.
#[pyfunction]
pub(crate) fn sandbox_helper() {
    helper_main()
}

/// An agent that is awake.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct Agent {
    awake: Mutex<Own<(Runtime, server::Agent)>>,
    address: String,
    platform: String,
    home: Home,
}

#[pymethods]
impl Agent {
    /// Starts an agent for one signed manifest.
    #[staticmethod]
    #[pyo3(signature = (signed, listen, state_dir, platform, simulators, helper, python=None, endorsements=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
    fn start(
        py: Python<'_>,
        signed: &SignedManifest,
        listen: &str,
        state_dir: PathBuf,
        platform: &str,
        simulators: PathBuf,
        helper: (PathBuf, Vec<OsString>),
        python: Option<PathBuf>,
        endorsements: Option<PathBuf>,
    ) -> PyResult<Self> {
        let listen: SocketAddr =
            listen.parse().map_err(|_| usage("expected an address such as 127.0.0.1:0, found another text"))?;
        let mut config = AgentConfig::new(
            listen,
            state_dir,
            PlatformChoice::named(platform, &simulators, endorsements).map_err(fault)?,
        );
        config.runner.helper = HelperProgram { program: helper.0, arguments: helper.1 };
        config.runner.python = python;
        let (runtime, agent) = wake(py, config, signed.0.clone())?;
        let (address, platform) = (agent.local_addr().to_string(), agent.platform().to_string());
        let home = Home::here(&address);
        Ok(Self { awake: Mutex::new(Own::new((runtime, agent))), address, platform, home })
    }

    /// Where it listens.
    fn address(&self) -> &str {
        &self.address
    }

    /// The kind of machine that signs its evidence.
    fn platform(&self) -> &str {
        &self.platform
    }

    /// Where the run stands.
    fn state(&self) -> PyResult<Option<&'static str>> {
        self.home.require()?;
        Ok(self.awake.lock().map_err(|_| poisoned())?.get().map(|(_, agent)| agent.phase().name()))
    }

    /// Ends the agent in order; once more does nothing. An interrupt ends it at once.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.home.require()?;
        let awake = self.awake.lock().map_err(|_| poisoned())?.take();
        let Some((runtime, agent)) = awake else { return Ok(()) };
        let (send, heard) = channel();
        runtime.spawn(async move {
            agent.shutdown().await;
            // Whoever does not wait any more is not told.
            let _ = send.send(());
        });
        let ended = heed(py, &Mutex::new(heard));
        py.detach(|| runtime.shutdown_timeout(GOODBYE));
        ended.map(drop)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.home.require().is_err() {
            return;
        }
        // Nobody waits for an agent that was not closed: its threads end by themselves.
        if let Ok(Some((runtime, agent))) = self.awake.get_mut().map(Own::take) {
            drop(agent);
            runtime.shutdown_background();
        }
    }
}

/// Starts an agent on threads of its own; an interrupt, or whatever else ends the call, ends them with it.
fn wake(py: Python<'_>, config: AgentConfig, signed: manifest::SignedManifest) -> PyResult<(Runtime, server::Agent)> {
    let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("prism-agent").enable_all().build();
    let runtime =
        runtime.map_err(|error| raised(Code::Internal, &format!("expected threads, found: {error}"), None))?;
    let (send, heard) = channel();
    runtime.spawn(async move {
        // Whoever does not wait any more gets no agent.
        let _ = send.send(server::Agent::start(config, signed).await);
    });
    let cancelled = || raised(Code::Cancelled, "cancelled by the caller", None);
    let started = match heed(py, &Mutex::new(heard)) {
        Ok(Some(started)) => started.map_err(fault),
        Ok(None) => Err(cancelled()),
        Err(raised) => Err(raised),
    };
    match started {
        Ok(agent) => Ok((runtime, agent)),
        Err(error) => {
            py.detach(|| runtime.shutdown_timeout(GOODBYE));
            Err(error)
        }
    }
}
