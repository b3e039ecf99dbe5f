//! Other people's verifiers on the same evidence: dcap-qvl for TDX, sev for SEV-SNP.
//!
//! They differ from ours in what they look at. Each difference is in a list with its reason, and a difference that is no
//! longer there fails the test as much as a new one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; a skipped one says so"
)]

mod sev;
mod simulated_snp;
mod simulated_tdx;
#[path = "../snp/support.rs"]
mod snp;
mod support;
#[path = "../tdx/support.rs"]
#[expect(dead_code, reason = "the other tests of TDX use the rest")]
mod tdx;
mod vectors;
