//! One module for each kind of machine.

pub(crate) mod snp;
#[cfg(feature = "simulator")]
pub mod simulated;
