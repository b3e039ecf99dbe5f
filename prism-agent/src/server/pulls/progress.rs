//! How far a pull is, for those who ask.

use std::sync::{Mutex, MutexGuard, PoisonError};

use prism_core::code::Code;

/// What happens to an asset that is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Other pulls come first.
    Queued,
    /// A key broker is asked.
    #[cfg(feature = "pull")]
    Asking,
    /// Bytes come.
    #[cfg(feature = "pull")]
    Fetching,
    /// The store failed and is asked again after a pause.
    #[cfg(feature = "pull")]
    Retrying,
    /// It ended without the asset.
    #[cfg(feature = "pull")]
    Refused,
    /// The asset was accepted.
    #[cfg(feature = "pull")]
    Done,
}

impl Stage {
    /// The stage on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            #[cfg(feature = "pull")]
            Self::Asking => "asking",
            #[cfg(feature = "pull")]
            Self::Fetching => "fetching",
            #[cfg(feature = "pull")]
            Self::Retrying => "retrying",
            #[cfg(feature = "pull")]
            Self::Refused => "refused",
            #[cfg(feature = "pull")]
            Self::Done => "done",
        }
    }
}

/// One pull as it is seen from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) stage: Stage,
    /// Bytes of the sealed object that came.
    pub(crate) received: u64,
    /// Its size.
    pub(crate) of: u64,
    /// Attempts that failed.
    pub(crate) failures: u32,
    /// Why the last of them did.
    pub(crate) code: Option<Code>,
}

/// How far one pull is.
#[derive(Debug)]
pub(crate) struct Progress(Mutex<Seen>);

impl Progress {
    #[cfg(feature = "pull")]
    pub(super) fn new(of: u64) -> Self {
        Self(Mutex::new(Seen { stage: Stage::Queued, received: 0, of, failures: 0, code: None }))
    }

    /// Everything at one moment.
    pub(crate) fn seen(&self) -> Seen {
        *self.lock()
    }

    #[cfg(feature = "pull")]
    pub(super) fn enter(&self, stage: Stage) {
        self.lock().stage = stage;
    }

    #[cfg(feature = "pull")]
    pub(super) fn received(&self, bytes: u64) {
        self.lock().received = bytes;
    }

    #[cfg(feature = "pull")]
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
