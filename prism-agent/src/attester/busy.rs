//! Patience with a machine that is busy: the only place in Prism that waits by sleeping.
//!
//! The firmware serves one guest at a time and none of these interfaces can be waited on.

use std::io;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

/// An error that can say that another attempt may help.
pub(super) trait Tried {
    /// Whether the interface was busy.
    fn is_busy(&self) -> bool;
    /// It was busy that many times.
    fn gave_up(attempts: u32) -> Self;
}

/// How often, and with which pause, a busy interface is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    attempts: u32,
    pause: Duration,
}

impl Patience {
    /// Ten times within a second.
    pub(super) const STANDARD: Self = Self { attempts: 10, pause: Duration::from_millis(100) };

    /// As often, without the pause.
    #[cfg(test)]
    pub(super) const HURRIED: Self = Self { attempts: 10, pause: Duration::ZERO };

    /// Three times as long: for what is made once in two seconds.
    pub(super) const fn longer(self) -> Self {
        Self { attempts: self.attempts * 3, pause: self.pause }
    }

    /// Asks until there is an answer; `Ok(None)` and errors of a busy interface are no answers.
    pub(super) fn ask<T, E: Tried>(self, mut attempt: impl FnMut() -> Result<Option<T>, E>) -> Result<T, E> {
        for _ in 0..self.attempts {
            match attempt() {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {}
                Err(error) if error.is_busy() => {}
                Err(error) => return Err(error),
            }
            thread::sleep(self.pause);
        }
        Err(E::gave_up(self.attempts))
    }
}

/// Whether the system asks for another attempt.
pub(super) fn is_busy(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::BUSY | Errno::WOULDBLOCK | Errno::INTR))
}
