//! What the agent fetches by itself: sealed objects from stores, keys from brokers.
//!
//! Whatever a manifest says, only hosts on the operator's list are asked, over TLS, at addresses that such a host may
//! have; no redirect is followed, nothing is unpacked on the way, and what does not fit is not read. The agent trusts
//! nobody here: an object is compared with the digests that every participant approved.

#[cfg(feature = "pull")]
mod address;
#[cfg(feature = "pull")]
pub(crate) mod broker;
mod config;
mod error;
#[cfg(feature = "pull")]
mod https;
#[cfg(feature = "pull")]
mod object;

pub use self::config::{AllowedHost, AllowedHostError, PullConfig, RootsError, S3Config, S3Credentials};
pub use self::error::{PullError, SourceError};
#[cfg(feature = "pull")]
pub(crate) use self::https::{Answer, Elsewhere, Https, HttpsError, Purpose, Roots};
#[cfg(feature = "pull")]
pub(crate) use self::object::{Object, Opened};

/// Bytes of a request or answer that is not an object.
#[cfg(feature = "pull")]
pub(crate) const MESSAGE_MAX: usize = 1 << 20;
