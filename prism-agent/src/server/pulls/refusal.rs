//! A pull that failed, until the log says so: its key counts as released until then, and nobody could release it again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use prism_core::code::Code;

use super::Running;
use crate::server::engine::Engine;
use crate::server::ledger::LedgerError;
use crate::server::upload::{self, Begin, Slot, UploadError};

/// The pause before the log is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the log has to say of an asset.
pub(super) struct Refusal {
    pub(super) slot: Arc<Slot>,
    pub(super) begin: Arc<Begin>,
    pub(super) code: Code,
}

impl Running {
    /// Discards what came of the asset and has the log say why, as often as it takes.
    pub(super) async fn refuse(self: &Arc<Self>, engine: &Engine, refusal: Refusal) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        loop {
            let own = Arc::clone(self);
            match engine.blocking(move |engine| own.settle(engine)).await {
                Ok(Err(error)) => tracing::warn!(%error, "that a pull failed could not be logged yet"),
                Ok(Ok(())) | Err(_) => return,
            }
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Has the log say it, if it does not yet. Blocking threads only.
    pub(super) fn settle(&self, engine: &Engine) -> Result<(), UploadError> {
        // Held meanwhile, so that it is said once and before the key is released again.
        let mut due = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Refusal { slot, begin, code }) = &*due else { return Ok(()) };
        match upload::refuse(engine, slot, begin, *code) {
            Err(error @ (UploadError::Disk(_) | UploadError::Ledger(LedgerError::Disk(_)))) => return Err(error),
            // The computation ended meanwhile, or the log takes nothing any more.
            Err(error) => tracing::warn!(%error, "that a pull failed is not logged"),
            Ok(()) => {}
        }
        *due = None;
        Ok(())
    }
}
