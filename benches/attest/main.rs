//! Verification of evidence against the bare signatures that the rules need, and against other verifiers.
//!
//! Not criterion: its groups run one after the other, and on a shared machine the ratio of two of them moves more than
//! what is measured. Here every operation has its turn in every round, and processor time is counted.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot be set up has nothing to measure; its lines are what it is for"
)]

mod snp;
mod tdx;
mod threads;

fn main() {
    // `cargo test --benches` only wants to know that it builds and starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    snp::run();
    tdx::run();
    threads::run();
}
