//! A computation with three participants, and a client of its own that shares no code with `prism_agent::client`.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "every test file uses another part")]

pub mod computation;
pub mod peer;

pub use computation::Computation;
pub use peer::Peer;

#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod wire {
    include!("../../src/wire/generated/prism.agent.v1.rs");

    impl std::fmt::Debug for UploadBegin {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("UploadBegin")
        }
    }

    impl std::fmt::Debug for ReleaseRequest {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("ReleaseRequest")
        }
    }
}
