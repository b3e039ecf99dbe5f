//! The agent: one manifest, one boot, one audit log, any number of connections.
//!
//! [`Agent::start`] takes the signed manifest and listens; the state machine of `prism_core::lifecycle` decides what may
//! happen, the ledger writes it down first, and the conductor carries out what follows. Nothing that a peer does ends
//! the agent, and nothing is given to anybody who has not authenticated on an attested connection.

mod announce;
mod attest;
mod conductor;
mod config;
mod door;
mod engine;
mod gate;
mod ledger;
mod means;
mod pace;
#[cfg(feature = "pull")]
mod pulls;
#[cfg(not(feature = "pull"))]
#[path = "server/pulls/absent.rs"]
mod pulls;
mod quota;
mod registry;
mod room;
mod run;
mod service;
mod session;
mod shares;
mod start;
mod statements;
mod store;
mod upload;
mod vault;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use prism_attest::evidence::Platform;
use prism_core::audit::entry::{Actor, Event, LostBoot, Outcome, StopBody};
use prism_core::code::Code;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use config::{AgentConfig, ChoiceError, Limits, PlatformChoice, RunnerConfig};
pub use means::TermError;
pub use start::StartError;
pub use store::StoreError;
#[cfg(feature = "simulator")]
pub(crate) use store::create_private;

use engine::Engine;
use registry::Registry;

/// How long a run and its files may take to disappear when the agent is shut down.
const WIND_DOWN: Duration = Duration::from_secs(20);

/// How long connections may take to end by themselves after that: watchers read the last entries.
const GOODBYE: Duration = Duration::from_secs(3);

/// An agent that is awake.
///
/// Dropping it without [`shutdown`](Self::shutdown) leaves its tasks to the runtime.
pub struct Agent {
    local_addr: SocketAddr,
    boot_id: [u8; 16],
    lost: Vec<LostBoot>,
    engine: Engine,
    registry: Arc<Registry>,
    closing: CancellationToken,
    serving: JoinHandle<()>,
    working: [JoinHandle<()>; 2],
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

impl Agent {
    /// The address that the agent listens on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// This boot's identity.
    #[must_use]
    pub const fn boot_id(&self) -> &[u8; 16] {
        &self.boot_id
    }

    /// Earlier boots on the same directory that never closed their log: their assets, runs and results are gone. Say so.
    #[must_use]
    pub fn lost(&self) -> &[LostBoot] {
        &self.lost
    }

    /// The kind of machine that signs the evidence.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.engine.platform()
    }

    /// Where the run stands, in the words of `prism_core::lifecycle::Phase`.
    #[must_use]
    pub fn phase(&self) -> prism_core::lifecycle::Phase {
        self.engine.watch().borrow().phase
    }

    /// Waits until the log is closed and says how the computation ended. The agent goes on answering questions about
    /// its log until [`shutdown`](Self::shutdown). `None` when the agent was shut down from elsewhere before.
    pub async fn wait_closed(&self) -> Option<Outcome> {
        self.closed().await
    }

    /// As [`wait_closed`](Self::wait_closed), for somebody who has not got the agent.
    pub fn closed(&self) -> impl Future<Output = Option<Outcome>> + Send + use<> {
        let (mut mark, closing) = (self.engine.watch(), self.closing.clone());
        async move {
            let closed = async {
                let closed = mark.wait_for(|mark| mark.outcome.is_some()).await;
                closed.ok().and_then(|mark| mark.outcome)
            };
            tokio::select! {
                outcome = closed => outcome,
                () = closing.cancelled() => None,
            }
        }
    }

    /// Ends everything in order: stops the computation if it is not over, closes the log, destroys what has to be
    /// destroyed, says goodbye.
    pub async fn shutdown(self) {
        let stop = |engine: &Engine| {
            let code = Code::Cancelled.to_string();
            engine.ledger().act(Actor::Agent, Event::Stop(StopBody { code })).map(|_| ())
        };
        // An error means that the computation is over already.
        let _ = self.engine.blocking(stop).await;
        if timeout(WIND_DOWN, self.wait_closed()).await.is_err() {
            tracing::error!("the log could not be closed in time");
        }
        self.closing.cancel();
        if timeout(GOODBYE, self.serving).await.is_err() {
            self.registry.dismiss_all();
        }
        for task in self.working {
            // An error means that the task ended in a panic; nothing is left to wait for.
            let _ = task.await;
        }
        let leave = |engine: &Engine| {
            if let Err(error) = engine.store().destroy_output() {
                tracing::error!(%error, "what the algorithm printed could not be removed; the next start removes it");
            }
            engine.store().release();
        };
        let _ = self.engine.blocking(leave).await;
    }
}

/// Serves one computation until its log is closed or `until` comes true, then shuts the agent down. A closed log can be
/// read until `until` comes true, at most for [`Limits::linger`]: those who were there want to see how it ended.
///
/// # Errors
/// [`StartError`] when the agent could not begin.
pub async fn serve(
    config: AgentConfig,
    manifest: prism_core::manifest::SignedManifest,
    until: impl Future<Output = ()>,
) -> Result<Option<Outcome>, StartError> {
    let linger = config.limits.linger;
    let agent = Agent::start(config, manifest).await?;
    let mut until = pin!(until);
    let outcome = tokio::select! {
        outcome = agent.wait_closed() => outcome,
        () = &mut until => None,
    };
    if outcome.is_some() {
        // Either way it is time to go.
        let _ = timeout(linger, until).await;
    }
    agent.shutdown().await;
    Ok(outcome)
}
