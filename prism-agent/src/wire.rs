//! The agent's wire: the messages of `prism.agent.v1`, generated from `proto/` and committed.
//!
//! Generated types never leave the crate; `tests/wire.rs` keeps them equal to the `.proto` files.

use std::fmt;

use prism_core::code::{Class, Code};
use tonic::metadata::MetadataValue;
use tonic::{Code as Grpc, Status};

/// Longest frame of an upload, a download or a transcript, in bytes.
pub const FRAME_MAX: usize = 1024 * 1024;

/// Longest message in either direction, in bytes: a frame and its surroundings.
pub const MESSAGE_MAX: usize = FRAME_MAX + 64 * 1024;

/// The response metadata in which a refusal carries its stable code.
pub const CODE_METADATA: &str = "prism-code";

#[expect(
    unreachable_pub,
    unused_qualifications,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code is what its generator makes it"
)]
mod generated {
    include!("wire/generated/prism.agent.v1.rs");
}

pub(crate) use generated::*;

/// The `.proto` files in compiled form, for gRPC reflection.
pub(crate) const DESCRIPTOR: &[u8] = include_bytes!("wire/generated/descriptor.bin");

impl fmt::Debug for UploadBegin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadBegin").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl fmt::Debug for ReleaseRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReleaseRequest").finish_non_exhaustive()
    }
}

/// The wire form of a refusal: stable code in the metadata, words for people in the message.
pub(crate) fn refusal(code: Code, message: &str) -> Status {
    let mut status = Status::new(grpc_code(code), message);
    status.metadata_mut().insert(CODE_METADATA, MetadataValue::from_static(code.as_str()));
    status
}

/// The stable code that a refusal carries; without one, the best translation of what the transport says.
pub(crate) fn code_of(status: &Status) -> Code {
    let said = status.metadata().get(CODE_METADATA).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    said.unwrap_or(match status.code() {
        // Who cancels here drops a future and hears nothing: this is a connection that ended under an open call.
        Grpc::Cancelled | Grpc::Unavailable | Grpc::Unknown | Grpc::Internal | Grpc::Aborted => Code::ConnectionLost,
        Grpc::DeadlineExceeded | Grpc::ResourceExhausted => Code::LimitReached,
        _ => Code::AgentMisbehaved,
    })
}

fn grpc_code(code: Code) -> Grpc {
    match (code, code.class()) {
        (Code::AuthRequired, _) => Grpc::Unauthenticated,
        (Code::AssetDuplicate, _) => Grpc::AlreadyExists,
        (Code::StateRefused | Code::ResultNotReady, _) => Grpc::FailedPrecondition,
        (Code::LimitReached, _) => Grpc::ResourceExhausted,
        (Code::Cancelled, _) => Grpc::Cancelled,
        (_, Class::Usage) => Grpc::InvalidArgument,
        (_, Class::Refused | Class::NotTrusted) => Grpc::PermissionDenied,
        (_, Class::NotFound) => Grpc::NotFound,
        (_, Class::Unavailable) => Grpc::Unavailable,
        (_, Class::RunFailed) => Grpc::FailedPrecondition,
        _ => Grpc::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_crosses_the_wire() {
        for code in Code::ALL {
            assert_eq!(code_of(&refusal(*code, "words")), *code);
        }
    }

    #[test]
    fn the_salt_of_an_upload_does_not_show_itself() {
        let begin = UploadBegin { salt: vec![7; 32].into(), offset: 3, ..UploadBegin::default() };
        let request = UploadRequest { step: Some(upload_request::Step::Begin(begin)) };
        assert!(!format!("{request:?}").contains('7'));
    }

    #[test]
    fn the_salt_of_a_release_does_not_show_itself() {
        let request = ReleaseRequest { salt: vec![7; 32].into(), ..ReleaseRequest::default() };
        assert!(!format!("{request:?}").contains('7'));
    }

    #[test]
    fn a_call_that_the_transport_cancels_is_a_lost_connection() {
        assert_eq!(code_of(&Status::cancelled("operation was canceled")), Code::ConnectionLost);
        assert_eq!(code_of(&refusal(Code::Cancelled, "words")), Code::Cancelled);
    }
}
