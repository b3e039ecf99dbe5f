//! Intel TDX: every verdict through the public entry points.

mod real;
mod support;
mod synthetic;
