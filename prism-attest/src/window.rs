//! Spans of time in which something may be believed.

use std::fmt;

use prism_core::UnixSeconds;
use serde::Serialize;

use crate::x509::time_text;

/// From one moment to another in Unix seconds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Window {
    /// First second.
    pub not_before: UnixSeconds,
    /// Last second.
    pub not_after: UnixSeconds,
}

impl Window {
    /// All of time: what intersections begin with.
    pub const ALWAYS: Self = Self { not_before: 0, not_after: UnixSeconds::MAX };

    /// From `not_before` to `not_after`.
    #[must_use]
    pub const fn new(not_before: UnixSeconds, not_after: UnixSeconds) -> Self {
        Self { not_before, not_after }
    }

    /// Whether `now` is inside.
    #[must_use]
    pub const fn contains(&self, now: UnixSeconds) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// The seconds that are in both; contains nothing when there are none.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self { not_before: self.not_before.max(other.not_before), not_after: self.not_after.min(other.not_after) }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", time_text(self.not_before), time_text(self.not_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_inside_and_their_neighbours_are_not() {
        let window = Window::new(10, 20);
        assert_eq!([9, 10, 20, 21].map(|now| window.contains(now)), [false, true, true, false]);
    }

    #[test]
    fn windows_that_do_not_meet_have_nothing_in_common() {
        assert_eq!(Window::ALWAYS.intersect(Window::new(10, 20)), Window::new(10, 20));
        assert_eq!(Window::new(10, 20).intersect(Window::new(15, 30)), Window::new(15, 20));
        let nothing = Window::new(10, 20).intersect(Window::new(30, 40));
        assert!(![10, 20, 25, 30, 40].iter().any(|now| nothing.contains(*now)));
    }
}
