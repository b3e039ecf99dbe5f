//! The pretend Intel's keys: all of them ECDSA on P-256 with SHA-256.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
};
use zeroize::Zeroizing;

use crate::platform::simulated::SimulatorError;

/// One private key, which signs in both of the forms that Intel uses.
pub(crate) struct P256Key {
    /// `r ‖ s`, in quotes and beside JSON.
    fixed: EcdsaKeyPair,
    /// DER, in certificates and lists.
    asn1: EcdsaKeyPair,
}

impl P256Key {
    pub(crate) fn generate() -> Result<Self, SimulatorError> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| SimulatorError::Crypto)?;
        let document = key.to_pkcs8v1().map_err(|_| SimulatorError::Crypto)?;
        Self::read(document.as_ref())
    }

    pub(crate) fn read(pkcs8: &[u8]) -> Result<Self, SimulatorError> {
        let read = |algorithm: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).map_err(|_| SimulatorError::Malformed)
        };
        Ok(Self { fixed: read(&ECDSA_P256_SHA256_FIXED_SIGNING)?, asn1: read(&ECDSA_P256_SHA256_ASN1_SIGNING)? })
    }

    pub(crate) fn write(&self) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
        let document = self.fixed.to_pkcs8v1().map_err(|_| SimulatorError::Crypto)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    pub(crate) fn spki(&self) -> Result<Vec<u8>, SimulatorError> {
        let der: PublicKeyX509Der = self.fixed.public_key().as_der().map_err(|_| SimulatorError::Crypto)?;
        Ok(der.as_ref().to_vec())
    }

    /// `x ‖ y`, as it stands in a quote.
    pub(crate) fn point(&self) -> Result<[u8; 64], SimulatorError> {
        let (_, point) = self.fixed.public_key().as_ref().split_first().ok_or(SimulatorError::Crypto)?;
        point.try_into().map_err(|_| SimulatorError::Crypto)
    }

    /// `r ‖ s` of 32 bytes each.
    pub(crate) fn sign_fixed(&self, message: &[u8]) -> Result<[u8; 64], SimulatorError> {
        let signature = self.fixed.sign(&SystemRandom::new(), message).map_err(|_| SimulatorError::Crypto)?;
        signature.as_ref().try_into().map_err(|_| SimulatorError::Crypto)
    }

    /// DER.
    pub(crate) fn sign_asn1(&self, message: &[u8]) -> Result<Vec<u8>, SimulatorError> {
        let signature = self.asn1.sign(&SystemRandom::new(), message).map_err(|_| SimulatorError::Crypto)?;
        Ok(signature.as_ref().to_vec())
    }
}
