//! What was agreed, and what happened: the pure values of Prism.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod code;
pub mod digest;
pub mod entropy;
pub mod envelope;
pub mod key;
pub mod name;
pub mod seal;
pub mod strict;
