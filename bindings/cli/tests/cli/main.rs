//! The `prism` command as people and programs meet it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod agent;
mod attestation;
mod attested;
mod attester;
mod cable;
mod checksum;
mod drafted;
mod endorsements;
mod foreign;
mod forms;
mod help;
mod interrupted;
mod keys;
mod kill;
mod manifest;
mod measure;
mod policy;
#[cfg(feature = "pull")]
mod pulled;
mod requirements;
mod seal;
mod secrets;
mod simulate;
mod support;
mod transcripts;
mod usage;
mod workflow;
