//! The helper's end of the socket to the agent.

use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::wire::{DESCRIPTORS, GO, Message, Order};

/// Largest order in bytes.
const ORDER_MAX: u64 = 8 << 20;

/// The socket to the agent; closed when a program is executed.
pub(super) struct Line(UnixStream);

impl Line {
    /// Takes the socket that the agent put in the place of standard input, and puts `/dev/null` there.
    pub(super) fn take() -> io::Result<Self> {
        let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let null = std::fs::File::open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        Ok(Self(UnixStream::from(socket)))
    }

    /// Reads the order: one line. Nothing follows it before `go`.
    pub(super) fn order(&mut self) -> io::Result<Order> {
        let mut text = Vec::new();
        let mut chunk = [0; 4096];
        while text.last() != Some(&b'\n') {
            let count = self.0.read(&mut chunk)?;
            if count == 0 || text.len() as u64 > ORDER_MAX {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            text.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
        serde_json::from_slice(&text).map_err(io::Error::from)
    }

    /// Sends one message, with at most [`DESCRIPTORS`]. A vanished agent is noticed by its hang-up, not here.
    pub(super) fn send(&self, message: &Message, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut text = serde_json::to_vec(message)?;
        text.push(b'\n');
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let sent = sendmsg(&self.0, &[IoSlice::new(rest)], &mut ancillary, SendFlags::NOSIGNAL)?;
            ancillary.clear();
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Waits for the agent's `go`; false when it hung up instead.
    pub(super) fn may_go(&mut self) -> bool {
        let mut word = [0; GO.len()];
        self.0.read_exact(&mut word).is_ok() && word == *GO
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
