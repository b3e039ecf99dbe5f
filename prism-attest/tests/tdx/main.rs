//! Intel TDX: every verdict through the public entry points.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; a skipped one says so"
)]

mod bits;
mod checks;
mod claims;
mod policy;
mod prepared;
mod quote;
mod real;
mod reasons;
mod simulated;
mod support;
mod synthetic;
