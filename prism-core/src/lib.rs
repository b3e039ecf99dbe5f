//! What was agreed, and what happened: the pure values of Prism.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod archive;
pub mod audit;
pub mod code;
pub mod digest;
pub mod entropy;
pub mod name;
pub mod strict;
