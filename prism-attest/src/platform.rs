//! One module for each kind of machine.

pub(crate) mod azure;
#[cfg(feature = "simulator")]
pub mod simulated;
pub(crate) mod snp;
pub(crate) mod tdx;
