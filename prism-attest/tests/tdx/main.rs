//! Intel TDX: every verdict through the public entry points.

mod bits;
mod real;
mod simulated;
mod support;
mod synthetic;
