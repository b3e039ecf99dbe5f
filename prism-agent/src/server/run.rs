//! One run: unpack, execute, check, seal.

use prism_core::audit::entry::{Actor, Event, RunStartBody};
use tokio_util::sync::CancellationToken;

use super::engine::Engine;

/// Runs the algorithm once and seals what it made.
pub(super) async fn execute(engine: Engine, _cancel: CancellationToken) {
    let start = |engine: &Engine| engine.ledger().act(Actor::Agent, Event::RunStart(RunStartBody { run: 1 }));
    let _ = engine.blocking(start).await;
}
