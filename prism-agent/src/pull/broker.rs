//! A key broker of the Confidential Containers project (Trustee): Request, Challenge, Attestation, Response
//! (KBS attestation protocol 0.4). One exchange, one key, one secret; nothing is kept.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderMap, SET_COOKIE};
use hyper::{Method, Request};
use prism_attest::binding::{BindingError, BrokerBinding};
use prism_attest::{Endorsements, Evidence, Platform};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::{EntropyError, SystemEntropy};
use prism_core::jwe::{JweError, JweKey};
use prism_core::manifest::{Codec, GrantError, HttpsUrl, ObjectKey, ResourcePath, granted};
use prism_core::strict::{self, JsonError};
use serde::Deserialize;
use serde_json::{Value, json};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;
use zeroize::Zeroizing;

use super::https::{Https, HttpsError};
use super::{AllowedHost, MESSAGE_MAX};

/// The protocol's version that is spoken.
const VERSION: &str = "0.4.0";
/// The hash of the runtime data; brokers of other machines choose others.
const HASH: &str = "sha384";
const SESSION: &str = "kbs-session-id=";

/// Why a broker did not give the key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    /// It cannot be reached, refuses, or must not be asked.
    #[error(transparent)]
    Line(#[from] HttpsError),
    /// Its answer breaks off or is too long.
    #[error("expected an answer of at most {MESSAGE_MAX} bytes, found a longer or a broken one")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its challenge is not the protocol's.
    #[error("expected a challenge of the protocol {VERSION}, found something else")]
    Challenge(#[from] JsonError),
    /// It wants another hash.
    #[error("expected a broker that takes {HASH}, found one that wants {0:?}")]
    Hash(String),
    /// It does not begin a session.
    #[error("expected a cookie {SESSION}…, found none or a malformed one")]
    Session,
    /// Its nonce cannot be signed for.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// No broker knows this kind of machine.
    #[error("expected a machine that key brokers know (snp, tdx), found {0}")]
    Platform(Platform),
    /// The machine gave no evidence.
    #[error("expected evidence of this machine, found none")]
    Evidence(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its secret does not open.
    #[error(transparent)]
    Secret(#[from] JweError),
    /// Its secret is not a key for this manifest.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The system gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl BrokerError {
    /// Whether another attempt could end otherwise without anybody's help.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Line(error) => error.is_passing(),
            Self::Answer(_) => true,
            _ => false,
        }
    }
}

impl Coded for BrokerError {
    fn code(&self) -> Code {
        match self {
            Self::Line(error) if error.is_passing() => Code::BrokerUnreachable,
            Self::Answer(_) => Code::BrokerUnreachable,
            Self::Line(_) => Code::BrokerRefused,
            Self::Platform(_) => Code::PlatformUnsupported,
            Self::Evidence(_) | Self::Entropy(_) => Code::Internal,
            _ => Code::BrokerMisbehaved,
        }
    }
}

/// What a broker released.
pub(crate) struct Granted {
    /// What opens the object.
    pub(crate) key: ObjectKey,
    /// The thumbprint of the key that it was wrapped to.
    pub(crate) recipient: Digest,
}

/// Which key is asked for.
pub(crate) struct Wanted<'a> {
    /// Its name at the broker.
    pub(crate) resource: &'a ResourcePath,
    /// The manifest that it has to name.
    pub(crate) manifest: Digest,
    /// How the object is sealed.
    pub(crate) codec: Codec,
}

/// What signs for an exchange.
pub(crate) trait Signer {
    /// The kind of machine.
    fn platform(&self) -> Platform;

    /// Evidence that answers a broker.
    fn sign(
        &self,
        binding: BrokerBinding,
    ) -> impl Future<Output = Result<(Evidence, Arc<Endorsements>), BrokerError>> + Send;
}

/// Asks a broker for the key of an object, under this manifest.
pub(crate) async fn ask(
    line: &Https,
    url: &HttpsUrl,
    wanted: &Wanted<'_>,
    signer: &impl Signer,
) -> Result<Granted, BrokerError> {
    let tee = tee(signer.platform())?;
    let broker = Broker { line, base: base(url) };
    let request = json!({ "version": VERSION, "tee": tee, "extra-params": { "supported-hash-algorithms": [HASH] } });
    let (head, challenge) = broker.post("auth", None, &request).await?;
    let session = session(&head)?;
    let challenge: Challenge = strict::read(&challenge, MESSAGE_MAX)?;
    let hash = challenge.extra_params.get("selected-hash-algorithm").and_then(Value::as_str).unwrap_or(HASH);
    if !hash.eq_ignore_ascii_case(HASH) {
        return Err(BrokerError::Hash(hash.to_owned()));
    }
    let key = JweKey::generate(&mut SystemEntropy::default())?;
    let binding = BrokerBinding::new(challenge.nonce, key.public().clone())?;
    let runtime_data = json!({ "nonce": binding.nonce(), "tee-pubkey": binding.key() });
    let (evidence, endorsements) = signer.sign(binding).await?;
    let primary = tee_evidence(&evidence, &endorsements);
    let attestation = json!({
        "init-data": null,
        "runtime-data": runtime_data,
        "tee-evidence": { "primary_evidence": primary, "additional_evidence": "" },
    });
    // Its token is a bearer's and of no use to us: the session is.
    broker.post("attest", Some(&session), &attestation).await?;
    let secret = key.open(&broker.get(&format!("resource/{}", wanted.resource), &session).await?)?;
    let text = std::str::from_utf8(&secret).unwrap_or_default();
    Ok(Granted { key: granted(text, wanted.manifest, wanted.codec)?, recipient: key.public().thumbprint() })
}

struct Broker<'a> {
    line: &'a Https,
    base: String,
}

impl Broker<'_> {
    async fn post(
        &self,
        path: &str,
        session: Option<&str>,
        message: &Value,
    ) -> Result<(HeaderMap, Zeroizing<Vec<u8>>), BrokerError> {
        let body = Full::new(Bytes::from(message.to_string()));
        self.exchange(Method::POST, path, session, body).await
    }

    async fn get(&self, path: &str, session: &str) -> Result<Zeroizing<Vec<u8>>, BrokerError> {
        let (_, body) = self.exchange(Method::GET, path, Some(session), Full::new(Bytes::new())).await?;
        Ok(body)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        session: Option<&str>,
        body: Full<Bytes>,
    ) -> Result<(HeaderMap, Zeroizing<Vec<u8>>), BrokerError> {
        let mut request = Request::builder().method(method).uri(format!("{}/kbs/v0/{path}", self.base));
        request = request.header(CONTENT_TYPE, "application/json");
        if let Some(session) = session {
            request = request.header(COOKIE, format!("{SESSION}{session}"));
        }
        let request = request.body(body).map_err(|error| BrokerError::Answer(error.into()))?;
        let (head, body) = self.line.ask(request).await?.into_parts();
        let collecting = Limited::new(body, MESSAGE_MAX).collect();
        let collected = tokio::time::timeout(self.line.answer_within(), collecting).await;
        let body = collected.map_err(|error| BrokerError::Answer(error.into()))?.map_err(BrokerError::Answer)?;
        Ok((head.headers, Zeroizing::new(body.to_bytes().to_vec())))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Challenge {
    nonce: String,
    #[serde(rename = "extra-params")]
    extra_params: Value,
}

fn base(url: &HttpsUrl) -> String {
    format!("{}{}", AllowedHost::of(url).origin(), url.path().trim_end_matches('/'))
}

/// The broker's name of our conversation.
fn session(head: &HeaderMap) -> Result<String, BrokerError> {
    let cookies = head.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    let mut sessions = cookies.filter_map(|cookie| cookie.trim_start().strip_prefix(SESSION));
    let session = sessions.next().and_then(|rest| rest.split(';').next()).unwrap_or_default();
    let plain = session.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=%".contains(&byte));
    if session.is_empty() || session.len() > 256 || !plain {
        return Err(BrokerError::Session);
    }
    Ok(session.to_owned())
}

/// Brokers' names of machines. Simulated ones have names that no real broker knows.
fn tee(platform: Platform) -> Result<&'static str, BrokerError> {
    match platform {
        Platform::Snp => Ok("snp"),
        Platform::Tdx => Ok("tdx"),
        Platform::Simulated => Ok("simulated"),
        Platform::SimulatedTdx => Ok("simulated-tdx"),
        other => Err(BrokerError::Platform(other)),
    }
}

/// Evidence as the broker's verifier of that machine reads it.
fn tee_evidence(evidence: &Evidence, endorsements: &Endorsements) -> Value {
    let bytes = STANDARD.encode(evidence.bytes());
    match evidence.platform() {
        // Trustee fetches the chip's certificate itself when it is given none.
        Platform::Snp => json!({ "attestation_report": snp_report(evidence.bytes()), "cert_chain": null }),
        Platform::Tdx => {
            json!({ "cc_eventlog": evidence.event_log().map(|log| STANDARD.encode(log)), "quote": bytes })
        }
        _ => json!({ "evidence": bytes, "endorsements": STANDARD.encode(endorsements.to_json()) }),
    }
}

/// A report in the JSON form of the `sev` crate, which Trustee reads reports with.
fn snp_report(bytes: &[u8]) -> Value {
    let report = AttestationReport::from_bytes(bytes);
    report.ok().and_then(|report| serde_json::to_value(report).ok()).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(text: &str) -> Result<String, BrokerError> {
        session(&HeaderMap::from_iter([(SET_COOKIE, text.parse().unwrap())]))
    }

    #[test]
    fn a_session_is_taken_from_the_brokers_cookie_and_from_no_other() {
        assert_eq!(cookie("kbs-session-id=abc123; Path=/; HttpOnly").unwrap(), "abc123");
        assert_eq!(cookie("kbs-session-id=a-b").unwrap(), "a-b");
        let long = format!("kbs-session-id={}", "a".repeat(257));
        for text in ["", "session=abc", "kbs-session-id=", "kbs-session-id=a b", "kbs-session-id=\"x\"", &long] {
            assert!(cookie(text).is_err(), "{text}");
        }
        assert!(matches!(session(&HeaderMap::new()), Err(BrokerError::Session)));
    }

    #[test]
    fn a_broker_below_a_path_is_asked_below_it() {
        for (url, expected) in [
            ("https://kbs.example", "https://kbs.example"),
            ("https://kbs.example:8443/trustee", "https://kbs.example:8443/trustee"),
        ] {
            assert_eq!(base(&url.parse().unwrap()), expected);
        }
    }

    #[test]
    fn machines_that_no_broker_knows_are_not_asked_for() {
        assert!(matches!(tee(Platform::AzureSnp), Err(BrokerError::Platform(_))));
        assert_eq!((tee(Platform::Snp).unwrap(), tee(Platform::Tdx).unwrap()), ("snp", "tdx"));
    }
}
