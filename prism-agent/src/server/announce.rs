//! What an operator is told about an agent that is awake.

use prism_core::audit::checkpoint::VerifierKey;
use prism_core::lifecycle::Phase;

use super::Agent;

impl Agent {
    /// The key by which everybody verifies this boot's log.
    #[must_use]
    pub fn log_key(&self) -> VerifierKey {
        self.engine.ledger().key().clone()
    }

    /// Waits until the run stands elsewhere than at `last` and says where; for ever when nothing happens any more.
    pub async fn phase_after(&self, last: Phase) -> Phase {
        let mut mark = self.engine.watch();
        match mark.wait_for(|mark| mark.phase != last).await {
            Ok(mark) => mark.phase,
            Err(_) => std::future::pending().await,
        }
    }
}
