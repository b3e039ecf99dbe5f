//! SEV-SNP evidence through the public interface: real, synthetic and simulated.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; a skipped one says so"
)]

mod bits;
mod checks;
mod claims;
mod layout;
mod prepared;
mod real;
mod reasons;
mod simulated;
mod support;
mod synthetic;
