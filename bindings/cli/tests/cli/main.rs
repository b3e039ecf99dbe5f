//! The `prism` command as people and programs meet it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod agent;
mod attested;
mod attester;
mod foreign;
mod help;
mod keys;
mod kill;
mod manifest;
mod policy;
mod support;
mod transcripts;
mod usage;
mod workflow;
