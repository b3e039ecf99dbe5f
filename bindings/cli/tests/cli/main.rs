//! The `prism` command as people and programs meet it.

mod agent;
mod attested;
mod help;
mod keys;
mod manifest;
mod support;
mod transcripts;
mod usage;
mod workflow;
