//! Azure's instance metadata service turns a TDREPORT into a quote. It is the host's: untrusted, like the network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use prism_attest::evidence::EVIDENCE_MAX;
use prism_core::code::{Code, Coded};
use serde::{Deserialize, Serialize};

use super::http::{self, HttpError};
use crate::attester::busy::Tried;

/// Where the service is on every Azure machine.
pub(in crate::attester) const SERVICE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80);

/// The URL's path.
const QUOTE_PATH: &str = "/acc/tdquote";

/// base64url with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why the metadata service gave no quote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImdsError {
    /// It could not be reached, or not understood.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It refused.
    #[error("expected a quote from Azure's metadata service, found HTTP status {status}; is this a TDX machine?")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// It has no time.
    #[error("expected a quote from Azure's metadata service, found it busy (HTTP status {status}); try again")]
    Retry {
        /// The HTTP status.
        status: u16,
    },
    /// It had no time again and again.
    #[error("expected a quote from Azure's metadata service, found it busy {attempts} times; try again")]
    Busy {
        /// How often it was asked.
        attempts: u32,
    },
    /// Its answer has no quote.
    #[error("expected a quote in the answer of Azure's metadata service, found none; a newer Prism may read it")]
    Answer,
}

impl Tried for ImdsError {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Retry { .. })
    }

    fn gave_up(attempts: u32) -> Self {
        Self::Busy { attempts }
    }
}

impl Coded for ImdsError {
    fn code(&self) -> Code {
        match self {
            Self::Http(error) => error.code(),
            Self::Retry { .. } | Self::Busy { .. } => Code::AgentBusy,
            Self::Refused { .. } | Self::Answer => Code::PlatformUnsupported,
        }
    }
}

#[derive(Serialize)]
struct Question {
    report: String,
}

#[derive(Deserialize)]
struct Answer {
    quote: String,
}

/// Has the host's quoting enclave sign a TDREPORT.
pub(super) fn td_quote(service: SocketAddr, td_report: &[u8; 1024]) -> Result<Vec<u8>, ImdsError> {
    let question = Question { report: URL_SAFE_NO_PAD.encode(td_report) };
    let body = serde_json::to_vec(&question).map_err(|_| ImdsError::Answer)?;
    let answer = http::post_json(service, QUOTE_PATH, &body)?;
    match answer.status {
        200 => quote(&answer.body).ok_or(ImdsError::Answer),
        status @ (429 | 500 | 502..=504) => Err(ImdsError::Retry { status }),
        status => Err(ImdsError::Refused { status }),
    }
}

fn quote(body: &[u8]) -> Option<Vec<u8>> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let quote = LENIENT.decode(answer.quote).ok()?;
    (1..=EVIDENCE_MAX).contains(&quote.len()).then_some(quote)
}
