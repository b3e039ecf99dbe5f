//! Bundles of endorsements through the public interface: form, order, choice, and what people hand over instead.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; a skipped one says so"
)]

mod form;
mod handed;
mod made;
mod order;
mod select;
mod signed;
