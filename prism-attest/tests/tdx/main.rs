//! Intel TDX: every verdict through the public entry points.

mod bits;
mod policy;
mod quote;
mod real;
mod simulated;
mod support;
mod synthetic;
