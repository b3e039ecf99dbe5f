//! What a value or an error says must not hold a secret. Needs nothing of Prism, so that other crates' tests use it.

use std::error::Error;
use std::fmt::Debug;

use crate::marked::Marked;

/// All that an error says, in words and for programmers, and so do its sources.
pub(crate) fn said(error: &dyn Error) -> String {
    let own = format!("{error}\n{error:?}\n{error:#?}\n");
    error.source().map_or_else(String::new, said) + &own
}

#[track_caller]
pub(crate) fn hidden(secrets: &[&Marked], shown: &str) {
    let found: Vec<String> = secrets.iter().flat_map(|secret| secret.found_in(shown.as_bytes())).collect();
    assert!(!shown.is_empty() && found.is_empty(), "{found:?} in {shown}");
}

#[track_caller]
pub(crate) fn debugged(secrets: &[&Marked], value: &dyn Debug) {
    hidden(secrets, &format!("{value:?}\n{value:#?}"));
}
