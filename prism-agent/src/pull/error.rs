//! Why something is not fetched.

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::name::Name;

use super::config::AllowedHost;

/// Terms that an agent may not or cannot fulfil, by its configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The manifest names a host that is not on the operator's list.
    #[error(
        "expected a list of hosts (--pull-allow) that names {host}, which the manifest names for {asset}, found none such; ask why it is there before you add it"
    )]
    HostNotAllowed {
        /// The asset that lies there, or whose key does.
        asset: Name,
        /// The host.
        host: AllowedHost,
    },
    /// A key broker, and nobody who may vouch for it.
    #[error(
        "expected the certificate (--kbs-ca) under which the key broker of {asset} proves itself, found none; get it from whoever runs the broker"
    )]
    BrokerWithoutRoot {
        /// The asset whose key lies there.
        asset: Name,
    },
    /// The program cannot fetch anything.
    #[error("expected an agent that can fetch {asset}, found one that was built without `pull`; use another build")]
    NotBuiltIn {
        /// The asset.
        asset: Name,
    },
}

impl Coded for SourceError {
    fn code(&self) -> Code {
        match self {
            Self::HostNotAllowed { .. } => Code::SourceRefused,
            Self::BrokerWithoutRoot { .. } => Code::BrokerRefused,
            Self::NotBuiltIn { .. } => Code::Usage,
        }
    }
}

/// Why an object was not fetched. Its words are for the agent's operator; participants see the code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The store does not give the object, or must not be asked.
    #[error("expected the store to give the object, found a refusal; check the address and the agent's access to it")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store or the way to it fails.
    #[error("expected the store to give the object, found no answer or a broken one; it is tried again")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store does not give parts of an object.
    #[error("expected the rest of the object, found all of it; it is read again from its beginning")]
    NoRanges,
    /// The store gives whole objects only, and never a whole one.
    #[error(
        "expected a store that gives parts of an object, or {size} bytes in one go, found {again} bytes read again and again; use one that gives parts"
    )]
    Wasteful {
        /// The object's size.
        size: u64,
        /// Bytes that came although they were known.
        again: u64,
    },
    /// The store is slower than the least rate.
    #[error("expected the object at its least rate, found it slower; it is tried again")]
    TooSlow,
    /// The object has another size than agreed.
    #[error("expected an object of {expected} bytes, found {found}; put the agreed one into the store")]
    Size {
        /// As agreed.
        expected: u64,
        /// In the store.
        found: u64,
    },
    /// The object was replaced while it was read.
    #[error("expected the object that the reading began with, found another; put the agreed one into the store")]
    Changed,
    /// The bytes are not the agreed ones.
    #[error("expected an object with digest {expected}, found {found}; put the agreed one into the store")]
    Digest {
        /// As agreed.
        expected: Digest,
        /// Of what came.
        found: Digest,
    },
    /// The object does not open with the key that was released.
    #[error("expected an object that opens with the released key, found another; release the key of this object")]
    Sealed(#[source] prism_core::seal::OpenError),
    /// The computation ended, or the agent shuts down.
    #[error("expected to fetch the whole object, found that the computation ended before")]
    Cancelled,
}

impl PullError {
    /// Whether another attempt could end otherwise.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::NoRanges | Self::TooSlow)
    }
}

impl Coded for PullError {
    fn code(&self) -> Code {
        match self {
            Self::Refused(_) => Code::SourceRefused,
            Self::Unreachable(_) | Self::NoRanges | Self::TooSlow | Self::Wasteful { .. } => Code::SourceUnreachable,
            Self::Size { .. } | Self::Changed | Self::Digest { .. } => Code::AssetMismatch,
            Self::Sealed(error) => error.code(),
            Self::Cancelled => Code::Cancelled,
        }
    }
}
