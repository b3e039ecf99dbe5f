//! How far a pull is, for those who ask.

use std::sync::{Mutex, MutexGuard, PoisonError};

use prism_core::code::Code;

/// What happens to an asset that is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Other pulls come first.
    Queued,
    /// A key broker is asked.
    Asking,
    /// Bytes come.
    Fetching,
    /// The store failed and is asked again after a pause.
    Retrying,
    /// It ended without the asset.
    Refused,
    /// The asset was accepted.
    Done,
}

impl Stage {
    /// The stage on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Asking => "asking",
            Self::Fetching => "fetching",
            Self::Retrying => "retrying",
            Self::Refused => "refused",
            Self::Done => "done",
        }
    }
}

/// One pull as it is seen from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) stage: Stage,
    /// Bytes of the sealed object that came.
    pub(super) received: u64,
    /// Its size.
    pub(super) of: u64,
    /// Attempts that failed.
    pub(super) failures: u32,
    /// Why the last of them did.
    pub(super) code: Option<Code>,
}

/// How far one pull is.
#[derive(Debug)]
pub(super) struct Progress(Mutex<Seen>);

impl Progress {
    pub(super) fn new(of: u64) -> Self {
        Self(Mutex::new(Seen { stage: Stage::Queued, received: 0, of, failures: 0, code: None }))
    }

    /// Everything at one moment.
    pub(super) fn seen(&self) -> Seen {
        *self.lock()
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.lock().stage = stage;
    }

    pub(super) fn received(&self, bytes: u64) {
        self.lock().received = bytes;
    }

    pub(super) fn failed(&self, stage: Stage, code: Code) {
        let mut seen = self.lock();
        seen.stage = stage;
        seen.failures = seen.failures.saturating_add(1);
        seen.code = Some(code);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
