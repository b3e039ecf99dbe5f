//! The `prism` command as people and programs meet it.

mod help;
mod keys;
mod manifest;
mod support;
mod transcripts;
mod usage;
