//! What evidence and verdicts become for others: message wrappers, certificates, attestation results and cards.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests stop where they fail, and say what they skip")]

mod card;
mod cmw;
mod dice;
mod ear;
mod foreign;
mod world;
