//! Real quotes of real machines, each at its time.
