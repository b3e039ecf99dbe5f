//! Other people's verifiers on the same evidence: dcap-qvl for TDX, sev for SEV-SNP.
//!
//! They differ from ours in what they look at. Each difference is in a list with its reason, and a difference that is no
//! longer there fails the test as much as a new one.

mod sev;
mod simulated_snp;
mod simulated_tdx;
mod support;
mod synthetic;
