//! The audit log: an append-only Merkle tree in the C2SP formats, so that strangers verify it with public tools.
//!
//! * [`entry`]: the closed list of events, each one JSON object.
//! * [`tree`]: RFC 6962 hashing, inclusion and consistency proofs, made and verified.
//! * [`checkpoint`]: the signed head of a log (C2SP tlog-checkpoint, signed note, Ed25519).
//! * [`proof`]: the [`Receipt`](proof::Receipt) that one entry was logged (C2SP tlog-proof).
//! * [`tile`]: the tree and its entries as files (C2SP tlog-tiles).
//!
//! The size of a tree is only ever taken from a checkpoint whose signature held: the same path can be valid for many
//! sizes, so a size that comes from elsewhere proves nothing.

pub mod checkpoint;
pub mod entry;
pub mod proof;
pub mod tile;
pub mod tree;

/// A log's name, which is its key's name and the origin of its checkpoints:
/// `prism.log/<computation>/<boot id in hex>` (protocol, section 8).
#[must_use]
pub fn log_origin(computation: &crate::name::Name, boot_id: &[u8; 16]) -> String {
    format!("prism.log/{computation}/{}", hex::encode(boot_id))
}
