//! Transcripts through the public interface: the true one holds, and every rule refuses what breaks it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod attested;
mod bytes;
mod executed;
mod head;
mod history;
mod intel;
mod lies;
mod pulled;
mod report;
mod terms;
mod world;
#[path = "../replay/written.rs"]
#[expect(dead_code, reason = "shared with the suite of event logs, which uses all of it")]
mod written;
