//! Why an endorsement was not fetched.

use std::error::Error;
use std::io;
use std::time::Duration;

use prism_attest::endorsements::bundle::{EndorsementKey, EntryError, MergeError, SelectError, UnsignedError};
use prism_core::code::{Code, Coded};

use crate::files::FileError;

type Cause = Box<dyn Error + Send + Sync>;

/// Why an endorsement was not fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A text is no address of a service.
    #[error("expected an address such as https://mirror.example, found {found:?}; give scheme and host, and no query")]
    Address {
        /// The text, without what may be secret in it.
        found: String,
    },
    /// An address elsewhere without TLS, which nobody allowed.
    #[error(
        "expected an https address, found {found:?}; plain http is taken for this very machine only, unless allowed in so many words"
    )]
    PlainHttp {
        /// The text, without what may be secret in it.
        found: String,
    },
    /// This machine trusts nobody for https.
    #[error(
        "expected certificates that this machine trusts for https, found none; install the system's CA certificates"
    )]
    NoRoots,
    /// TLS cannot be configured.
    #[error("expected TLS 1.2 and 1.3 of the crypto provider, found a failure")]
    Provider {
        /// What rustls says.
        #[source]
        source: Cause,
    },
    /// A host that is not on the list.
    #[error("expected one of the vendors' hosts or the mirror, found {host}; nobody else is asked")]
    Host {
        /// Host and port.
        host: String,
    },
    /// The vendor does not offer this to everybody.
    #[error("expected something that the vendor offers to everybody, found {key}; the machine's host hands it out")]
    NotOffered {
        /// What was wanted.
        key: Box<EndorsementKey>,
    },
    /// Nobody answers there.
    #[error("expected an answer from {address}, found no connection; check the network, or name a mirror")]
    Unreachable {
        /// What was asked.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The host does not prove its name.
    #[error(
        "expected the host of {address} to prove its name, found another; check the network and the mirror's certificate"
    )]
    Tls {
        /// What was asked.
        address: String,
        /// What rustls says.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("expected the whole answer of {address} within {deadline:?}, found none; try again")]
    Deadline {
        /// What was asked.
        address: String,
        /// The bound.
        deadline: Duration,
    },
    /// The host sends elsewhere.
    #[error(
        "expected an answer from {address}, found a redirect to {to:?}; none is followed, name the mirror's last address"
    )]
    Redirect {
        /// What was asked.
        address: String,
        /// Where to; the host's own words.
        to: String,
    },
    /// The vendor knows nothing of it.
    #[error("expected an endorsement at {address}, found none; check product, chip and versions")]
    Absent {
        /// What was asked.
        address: String,
    },
    /// The host wants a pause.
    #[error("expected an answer from {address}, found the service busy; try again{}", when(again.as_deref()))]
    Busy {
        /// What was asked.
        address: String,
        /// When to try again, in the host's words.
        again: Option<String>,
    },
    /// Another status than those above.
    #[error("expected status 200 from {address}, found {status}; try again later, or name a mirror")]
    Status {
        /// What was asked.
        address: String,
        /// The status.
        status: u16,
    },
    /// The answer is encoded, although none was asked for.
    #[error("expected plain bytes from {address}, found the encoding {encoding:?}; name another mirror")]
    Encoding {
        /// What was asked.
        address: String,
        /// The host's word for it.
        encoding: String,
    },
    /// The answer is too large.
    #[error("expected at most {limit} bytes from {address}, found more; this is no endorsement")]
    TooLarge {
        /// What was asked.
        address: String,
        /// The bound in bytes.
        limit: usize,
    },
    /// The answer breaks HTTP, or off.
    #[error("expected an answer over HTTP/1.1 from {address}, found something else or its end; try again")]
    Protocol {
        /// What was asked.
        address: String,
        /// What the HTTP library says.
        #[source]
        source: Cause,
    },
    /// The answer's head lacks the signer's certificates.
    #[error("expected one field {field} in the answer of {address}, found none or several; ask API version 4")]
    NoIssuers {
        /// What was asked.
        address: String,
        /// The field.
        field: &'static str,
    },
    /// The answer cannot be the endorsement that was asked for.
    #[error("expected an endorsement from {address}, found something else; nothing of it is kept")]
    Answer {
        /// What was asked.
        address: String,
        /// What is wrong with it.
        #[source]
        source: Box<EntryError>,
    },
    /// The vendor did not sign the answer.
    #[error("expected an endorsement of the vendor's from {address}, found another; nothing of it is kept")]
    Unsigned {
        /// What was asked.
        address: String,
        /// What is wrong with it.
        #[source]
        source: UnsignedError,
    },
    /// The answer is older than one that was kept, or does not fit into the bundle.
    #[error(transparent)]
    Order(Box<MergeError>),
    /// The evidence does not say what it needs.
    #[error(transparent)]
    Select(Box<SelectError>),
    /// Answers cannot be kept.
    #[error(transparent)]
    Cache(#[from] FileError),
}

/// `Retry-After` is seconds or a date (RFC 9110, section 10.2.3).
fn when(again: Option<&str>) -> String {
    match again {
        None => " later".to_owned(),
        Some(seconds) if seconds.bytes().all(|byte| byte.is_ascii_digit()) => format!(" in {seconds} s"),
        Some(date) => format!(" after {date}"),
    }
}

impl From<MergeError> for FetchError {
    fn from(error: MergeError) -> Self {
        Self::Order(Box::new(error))
    }
}

impl From<SelectError> for FetchError {
    fn from(error: SelectError) -> Self {
        Self::Select(Box::new(error))
    }
}

impl Coded for FetchError {
    fn code(&self) -> Code {
        match self {
            Self::Address { .. } | Self::PlainHttp { .. } | Self::Host { .. } => Code::Usage,
            Self::NoRoots => Code::FileMissing,
            Self::Provider { .. } => Code::Internal,
            Self::NotOffered { .. } | Self::Absent { .. } => Code::EndorsementsMissing,
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Deadline { .. }
            | Self::Busy { .. }
            | Self::Status { .. }
            | Self::Protocol { .. } => Code::VendorUnreachable,
            Self::Redirect { .. }
            | Self::Encoding { .. }
            | Self::TooLarge { .. }
            | Self::NoIssuers { .. }
            | Self::Answer { .. } => Code::VendorMisbehaved,
            Self::Unsigned { source, .. } => source.code(),
            Self::Order(error) => error.code(),
            Self::Select(error) => error.code(),
            Self::Cache(error) => error.code(),
        }
    }
}
