//! The agent's end of the socket to its sandbox helper.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;

use super::sandbox::wire::{DESCRIPTORS, GO, Message, Order};

/// Largest message in bytes.
const MESSAGE_MAX: usize = 1 << 20;

/// The socket to the helper. Closing it, or its writing half, ends the run.
#[derive(Debug)]
pub(super) struct Link {
    stream: UnixStream,
    buffer: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Link {
    /// A link and the descriptor for the helper's standard input.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        let theirs = theirs.into_std()?;
        theirs.set_nonblocking(false)?;
        Ok((Self { stream: ours, buffer: Vec::new(), descriptors: Vec::new() }, theirs.into()))
    }

    pub(super) async fn order(&mut self, order: &Order) -> io::Result<()> {
        let mut text = serde_json::to_vec(order)?;
        text.push(b'\n');
        self.stream.write_all(&text).await
    }

    pub(super) async fn go(&mut self) -> io::Result<()> {
        self.stream.write_all(GO).await
    }

    /// Hangs up: the helper ends the run, and still reports.
    pub(super) async fn hang_up(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// The next message and the descriptors that came with it; `None` when the helper is gone. May be dropped and
    /// called again without losing anything.
    pub(super) async fn receive(&mut self) -> io::Result<Option<(Message, Vec<OwnedFd>)>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(Some((serde_json::from_slice(&line)?, std::mem::take(&mut self.descriptors))));
            }
            if self.buffer.len() > MESSAGE_MAX {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            let (bytes, descriptors) = self.stream.async_io(Interest::READABLE, || read(&self.stream)).await?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.buffer.extend_from_slice(&bytes);
            if !descriptors.is_empty() {
                self.descriptors = descriptors;
            }
        }
    }
}

fn read(stream: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags)?;
    bytes.truncate(received.bytes);
    let descriptors = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(list) => Some(list),
        _ => None,
    });
    Ok((bytes, descriptors.flatten().collect()))
}
