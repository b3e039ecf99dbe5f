//! Launch measurements through the public interface: the public cases, and firmware built here.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; a skipped one says so"
)]

mod built;
mod image;
mod public;
mod vectors;
