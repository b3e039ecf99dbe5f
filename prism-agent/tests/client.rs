//! The client against the real agent on the simulated platform, and against one that earned trust and then lies.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

#[path = "client/attest.rs"]
mod attest;
#[path = "client/blocking.rs"]
mod blocking;
#[path = "client/cable.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod cable;
#[path = "client/folder.rs"]
mod folder;
#[path = "client/liar.rs"]
mod liar;
#[path = "client/lies.rs"]
mod lies;
#[path = "client/notices.rs"]
mod notices;
#[path = "client/parts.rs"]
mod parts;
#[path = "client/people.rs"]
mod people;
#[path = "client/released.rs"]
mod released;
#[path = "client/result.rs"]
mod result;
#[path = "client/upload.rs"]
mod upload;
#[path = "client/watch.rs"]
mod watch;
