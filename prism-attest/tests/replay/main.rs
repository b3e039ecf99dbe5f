//! Event logs through the public interface: a real one, and logs written here.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails; a skipped one says so")]

mod altered;
mod canonical;
mod form;
mod judged;
mod real;
mod registers;
mod written;
