//! Evidence of confidential machines on Azure through the public interface: real, and forged under a root of our own.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails; a skipped one says so")]

mod amd;
mod bound;
mod drafted;
mod events;
mod forged;
mod machine;
mod policy;
mod real;
mod td;
mod tdx;
mod vectors;
#[path = "../replay/written.rs"]
#[expect(dead_code, reason = "shared with the suite of event logs, which uses all of it")]
mod written;
