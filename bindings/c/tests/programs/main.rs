//! The header, the library and the examples as programs in C and C++ have them.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]
#![expect(clippy::print_stdout, reason = "a test says what it skips")]

mod collaboration;
mod common;
mod examples;
mod header;
#[path = "../../../../prism-attest/tests/audit/history.rs"]
mod history;
mod live;
mod misuse;
mod packages;
mod plus;
mod room;
#[path = "../../../../prism-attest/tests/audit/terms.rs"]
mod terms;
mod warm;
#[path = "../../../../prism-attest/tests/audit/world.rs"]
#[expect(dead_code, reason = "shared with the suite of audits, which uses all of it")]
mod world;
