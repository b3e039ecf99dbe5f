//! The vendor as the caller keeps it: strict JSON with base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_core::manifest::platform::HexBytes;
use prism_core::strict;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::keys::{EcKey, RsaKey};
use super::{Authority, SimulatedVendor, SimulatorError};
use crate::x509::Certificate;

/// Largest kept state in bytes.
pub(super) const FILE_MAX: usize = 64 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    v: u32,
    warning: String,
    created: u64,
    chip: HexBytes<64>,
    ark: AuthorityFile,
    ask: AuthorityFile,
    asvk: AuthorityFile,
    vcek: Secret,
    vlek: Secret,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityFile {
    key: Secret,
    certificate: String,
}

/// A private key (PKCS #8) in base64.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Secret {
    pub(super) fn new(pkcs8: &[u8]) -> Self {
        Self(STANDARD.encode(pkcs8))
    }

    pub(super) fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
        STANDARD.decode(&self.0).map(Zeroizing::new).map_err(|_| SimulatorError::Malformed)
    }
}

pub(super) fn write(vendor: &SimulatedVendor) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
    let authority = |authority: &Authority| {
        let key = Secret::new(&authority.key.write()?);
        Ok::<_, SimulatorError>(AuthorityFile { key, certificate: STANDARD.encode(&authority.der) })
    };
    let file = File {
        v: 1,
        warning: "keys of a simulated vendor: they protect nothing".to_owned(),
        created: vendor.created,
        chip: HexBytes::new(vendor.chip),
        ark: authority(&vendor.ark)?,
        ask: authority(&vendor.ask)?,
        asvk: authority(&vendor.asvk)?,
        vcek: Secret::new(&vendor.vcek.write()?),
        vlek: Secret::new(&vendor.vlek.write()?),
    };
    serde_json::to_vec_pretty(&file).map(Zeroizing::new).map_err(|_| SimulatorError::Malformed)
}

pub(super) fn read(bytes: &[u8]) -> Result<SimulatedVendor, SimulatorError> {
    let file: File = strict::read(bytes, FILE_MAX)?;
    if file.v != 1 {
        return Err(SimulatorError::Malformed);
    }
    Ok(SimulatedVendor {
        ark: authority(&file.ark)?,
        ask: authority(&file.ask)?,
        asvk: authority(&file.asvk)?,
        vcek: EcKey::read(&file.vcek.bytes()?)?,
        vlek: EcKey::read(&file.vlek.bytes()?)?,
        chip: *file.chip.as_bytes(),
        created: file.created,
    })
}

fn authority(file: &AuthorityFile) -> Result<Authority, SimulatorError> {
    let key = RsaKey::read(&file.key.bytes()?)?;
    let der = STANDARD.decode(&file.certificate).map_err(|_| SimulatorError::Malformed)?;
    let certificate = Certificate::parse(&der).map_err(|_| SimulatorError::Malformed)?;
    let certified = certificate.spki_der() == key.spki()?;
    drop(certificate);
    if certified { Ok(Authority { key, der }) } else { Err(SimulatorError::Malformed) }
}
