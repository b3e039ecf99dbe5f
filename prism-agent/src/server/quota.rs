//! What may be logged in one boot, so that nobody makes the log or the transcript grow without bound.

use std::collections::BTreeMap;

use prism_core::code::{Code, Coded};
use prism_core::name::Name;

/// As much was logged as the configuration permits; this was only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected at most {most} {what} while the agent lives, found more; start a new agent")]
pub(crate) struct Spent {
    pub(crate) what: &'static str,
    pub(crate) most: u64,
}

impl Coded for Spent {
    fn code(&self) -> Code {
        Code::LimitReached
    }
}

/// How often each participant did one kind of thing.
#[derive(Debug, Default)]
pub(crate) struct Quota(BTreeMap<Name, u64>);

impl Quota {
    /// Takes one of `most` for a participant.
    ///
    /// # Errors
    /// [`Spent`] when none is left.
    pub(crate) fn spend(&mut self, who: &Name, most: u64, what: &'static str) -> Result<(), Spent> {
        let spent = self.0.entry(who.clone()).or_default();
        if *spent >= most {
            return Err(Spent { what, most });
        }
        *spent += 1;
        Ok(())
    }
}
