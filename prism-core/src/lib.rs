//! What was agreed, and what happened: the pure values of Prism.
//!
//! Several organisations train one model on data that none of them may see. This crate holds the words they use:
//!
//! - [`digest`], [`key`], [`envelope`]: what names things and who signed what;
//! - [`manifest`]: the frozen terms that every participant approves, [`asset`]: what is brought in;
//! - [`archive`]: folders as one canonical archive, and archives unpacked without trust;
//! - [`requirements`]: which packages exactly, and which wheels of them fit an interpreter;
//! - [`image`]: container images, checked layer by layer and unpacked without trust;
//! - [`lifecycle`]: the run's states, one total pure function;
//! - [`audit`]: the append-only log of what happened, [`transcript`]: all of it in one file;
//! - [`metric`]: figures that an algorithm prints for those who may read them;
//! - [`release`]: how a result is released exactly once, [`seal`]: files at rest, [`jwe`]: secrets of key brokers;
//! - [`statement`]: what participants sign while they talk to an agent;
//! - [`workspace`]: where organisations meet: signed requests, and a history that anybody recomputes;
//! - [`code`]: the stable error codes of every language.
//!
//! **It is not for** talking to anybody: there are no sockets, files, clocks or environment variables here; time and
//! randomness are arguments ([`UnixSeconds`], [`entropy::Entropy`]). Whether a machine is genuine is `prism-attest`'s
//! question; the network is `prism-agent`'s room.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod archive;
pub mod asset;
pub mod audit;
pub mod card;
pub mod code;
pub mod digest;
pub mod entropy;
pub mod envelope;
pub mod hexadecimal;
pub mod image;
pub mod jwe;
pub mod key;
pub mod lifecycle;
pub mod manifest;
pub mod metric;
pub mod name;
mod optional;
pub mod printable;
pub mod release;
pub mod requirements;
pub mod seal;
pub mod statement;
pub mod strict;
pub mod transcript;
pub mod workspace;

/// Seconds since 1970-01-01T00:00:00Z. The edge reads the clock and passes the time in.
pub type UnixSeconds = u64;
