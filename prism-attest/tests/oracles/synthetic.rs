//! The synthetic cases and real machines.
