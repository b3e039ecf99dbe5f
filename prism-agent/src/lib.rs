//! The room where it happens, and the way in: everything of Prism with sockets, files and processes.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod attester;
pub(crate) mod channel;
pub mod client;
pub mod drafting;
pub mod endorser;
pub mod files;
pub mod index;
pub mod precautions;
pub mod pull;
pub(crate) mod ranges;
pub mod runner;
pub mod seal;
pub mod server;
pub mod state;
pub mod wire;
