//! The vendor's keys: RSA-4096 for authorities, P-384 for machines.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA384,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RsaEncoding,
};
use zeroize::Zeroizing;

use super::SimulatorError;
use crate::platform::snp::report::SIGNED_LEN;

/// Length of one number of a report's signature.
pub(crate) const NUMBER_LEN: usize = 72;
pub(crate) const P384_LEN: usize = 48;

/// How an authority signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// RSASSA-PSS with SHA-384 and a salt of 48 bytes, as AMD does.
    Pss,
    /// The same with SHA-256 and a salt of 32 bytes.
    PssSha256,
    /// As AMD does, but the certificate says that the salt has 32 bytes.
    PssShortSalt,
    Pkcs1,
}

pub(crate) struct RsaKey(RsaKeyPair);

impl RsaKey {
    pub(crate) fn generate() -> Result<Self, SimulatorError> {
        Self::of_size(KeySize::Rsa4096)
    }

    /// A key that is too short.
    pub(crate) fn weak() -> Result<Self, SimulatorError> {
        Self::of_size(KeySize::Rsa2048)
    }

    fn of_size(size: KeySize) -> Result<Self, SimulatorError> {
        RsaKeyPair::generate(size).map(Self).map_err(|_| SimulatorError::Crypto)
    }

    pub(crate) fn read(pkcs8: &[u8]) -> Result<Self, SimulatorError> {
        RsaKeyPair::from_pkcs8(pkcs8).map(Self).map_err(|_| SimulatorError::Malformed)
    }

    pub(crate) fn write(&self) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
        let der: Pkcs8V1Der = self.0.as_der().map_err(|_| SimulatorError::Crypto)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    pub(crate) fn spki(&self) -> Result<Vec<u8>, SimulatorError> {
        let der: PublicKeyX509Der = self.0.public_key().as_der().map_err(|_| SimulatorError::Crypto)?;
        Ok(der.as_ref().to_vec())
    }

    pub(crate) fn sign(&self, message: &[u8], padding: Padding) -> Result<Vec<u8>, SimulatorError> {
        let encoding: &'static dyn RsaEncoding = match padding {
            Padding::Pss | Padding::PssShortSalt => &RSA_PSS_SHA384,
            Padding::PssSha256 => &RSA_PSS_SHA256,
            Padding::Pkcs1 => &RSA_PKCS1_SHA384,
        };
        let mut signature = vec![0; self.0.public_modulus_len()];
        let signed = self.0.sign(encoding, &SystemRandom::new(), message, &mut signature);
        signed.map(|()| signature).map_err(|_| SimulatorError::Crypto)
    }
}

pub(crate) struct EcKey(EcdsaKeyPair);

impl EcKey {
    pub(crate) fn generate() -> Result<Self, SimulatorError> {
        EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Self).map_err(|_| SimulatorError::Crypto)
    }

    pub(crate) fn read(pkcs8: &[u8]) -> Result<Self, SimulatorError> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8);
        key.map(Self).map_err(|_| SimulatorError::Malformed)
    }

    pub(crate) fn write(&self) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
        let document = self.0.to_pkcs8v1().map_err(|_| SimulatorError::Crypto)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    pub(crate) fn spki(&self) -> Result<Vec<u8>, SimulatorError> {
        let der: PublicKeyX509Der = self.0.public_key().as_der().map_err(|_| SimulatorError::Crypto)?;
        Ok(der.as_ref().to_vec())
    }

    /// A public key on another curve.
    pub(crate) fn p256_spki() -> Result<Vec<u8>, SimulatorError> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| SimulatorError::Crypto)?;
        Self(key).spki()
    }

    /// Signs the first bytes of a report into its signature: `r` and `s` little-endian in 72 bytes each.
    pub(crate) fn sign_report(&self, report: &mut [u8]) -> Result<(), SimulatorError> {
        let (signed, rest) = report.split_at_mut_checked(SIGNED_LEN).ok_or(SimulatorError::Crypto)?;
        let signature = self.0.sign(&SystemRandom::new(), signed).map_err(|_| SimulatorError::Crypto)?;
        let numbers = signature.as_ref().chunks_exact(P384_LEN);
        for (field, number) in rest.chunks_exact_mut(NUMBER_LEN).zip(numbers) {
            for (byte, value) in field.iter_mut().zip(number.iter().rev()) {
                *byte = *value;
            }
        }
        Ok(())
    }
}
