//! SEV-SNP evidence through the public interface: real, synthetic and simulated.

mod bits;
mod real;
mod simulated;
mod support;
mod synthetic;
