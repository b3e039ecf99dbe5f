//! What evidence and verdicts become for others: message wrappers, certificates, attestation results and cards.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod card;
mod cmw;
mod dice;
mod ear;
mod foreign;
mod world;
