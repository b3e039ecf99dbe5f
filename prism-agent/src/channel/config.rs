//! TLS as Prism speaks it: version 1.3 only, no tickets, no early data, no resumption (RFC 8446).

use std::sync::Arc;

use prism_core::code::{Code, Coded};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::kx_group::{X25519, X25519MLKEM768};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::version::TLS13;
use rustls::{CertificateError as Reason, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};

use super::ALPN;

/// The name in the certificate; it says nothing and nobody checks it.
const CERTIFICATE_NAME: &str = "agent.prism.invalid";

/// The agent's certificate could not be made or used.
#[derive(Debug, thiserror::Error)]
#[error("expected a fresh TLS certificate, found a failure of the crypto provider; check the machine's random source")]
pub(crate) struct CertificateError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Coded for CertificateError {
    fn code(&self) -> Code {
        Code::Internal
    }
}

/// The agent's TLS key of one boot, P-256, in memory only, and the self-signed certificate that carries it.
pub(crate) struct AgentCertificate {
    key: KeyPair,
    certificate: CertificateDer<'static>,
}

impl AgentCertificate {
    /// Makes a fresh key and its certificate.
    pub(crate) fn generate() -> Result<Self, CertificateError> {
        let fail = |e: rcgen::Error| CertificateError(Box::new(e));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(fail)?;
        let params = CertificateParams::new(vec![CERTIFICATE_NAME.to_owned()]).map_err(fail)?;
        let certificate = params.self_signed(&key).map_err(fail)?.der().clone();
        Ok(Self { key, certificate })
    }

    /// The public key as SPKI DER: the part of the certificate that evidence vouches for.
    pub(crate) fn spki_der(&self) -> Vec<u8> {
        self.key.subject_public_key_info()
    }

    #[cfg(test)]
    pub(super) fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    #[cfg(test)]
    pub(super) fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }
}

/// The agent's end.
pub(crate) fn server_config(own: AgentCertificate) -> Result<Arc<ServerConfig>, CertificateError> {
    let fail = |e: Error| CertificateError(Box::new(e));
    let key = PrivatePkcs8KeyDer::from(own.key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(fail)?
        .with_no_client_auth()
        .with_single_cert(vec![own.certificate], key.into())
        .map_err(fail)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// The participant's end.
pub(super) fn client_config() -> Result<Arc<ClientConfig>, Error> {
    let provider = provider();
    let verifier = HoldsItsKey { algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// The key of a certificate, as SPKI DER.
pub(super) fn spki_der(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, Error> {
    Ok(ParsedCertificate::try_from(certificate)?.subject_public_key_info().as_ref().to_vec())
}

fn provider() -> CryptoProvider {
    CryptoProvider { kx_groups: vec![X25519MLKEM768, X25519], ..aws_lc_rs::default_provider() }
}

/// Accepts any single certificate whose key the other end holds. That the key is the agent's is for evidence to say.
#[derive(Debug)]
struct HoldsItsKey {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for HoldsItsKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !intermediates.is_empty() {
            return Err(Reason::BadEncoding.into());
        }
        spki_der(end_entity).map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Reason::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
