//! The pretend Intel as the caller keeps it: strict JSON with base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_core::strict;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SimulatedTdxVendor;
use super::keys::P256Key;
use crate::platform::simulated::SimulatorError;
use crate::platform::simulated::vendor_file::{FILE_MAX, Secret};
use crate::x509::Certificate;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    v: u32,
    warning: String,
    platform: String,
    created: u64,
    root: Secret,
    root_certificate: String,
    platform_ca: Secret,
    processor_ca: Secret,
    tcb_signing: Secret,
    pck: Secret,
    attestation: Secret,
}

const PLATFORM: &str = "simulated-tdx";

pub(crate) fn write(vendor: &SimulatedTdxVendor) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
    let secret = |key: &P256Key| Ok::<_, SimulatorError>(Secret::new(&key.write()?));
    let file = File {
        v: 1,
        warning: "keys of a simulated vendor: they protect nothing".to_owned(),
        platform: PLATFORM.to_owned(),
        created: vendor.created,
        root: secret(&vendor.root)?,
        root_certificate: STANDARD.encode(&vendor.root_der),
        platform_ca: secret(&vendor.platform_ca)?,
        processor_ca: secret(&vendor.processor_ca)?,
        tcb_signing: secret(&vendor.tcb_signing)?,
        pck: secret(&vendor.pck)?,
        attestation: secret(&vendor.attestation)?,
    };
    serde_json::to_vec_pretty(&file).map(Zeroizing::new).map_err(|_| SimulatorError::Malformed)
}

pub(crate) fn read(bytes: &[u8]) -> Result<SimulatedTdxVendor, SimulatorError> {
    let file: File = strict::read(bytes, FILE_MAX)?;
    if file.v != 1 || file.platform != PLATFORM {
        return Err(SimulatorError::Malformed);
    }
    let key = |secret: &Secret| P256Key::read(&secret.bytes()?);
    let root = key(&file.root)?;
    let root_der = STANDARD.decode(&file.root_certificate).map_err(|_| SimulatorError::Malformed)?;
    let certificate = Certificate::parse(&root_der).map_err(|_| SimulatorError::Malformed)?;
    let certified = certificate.spki_der() == root.spki()?;
    drop(certificate);
    if !certified {
        return Err(SimulatorError::Malformed);
    }
    Ok(SimulatedTdxVendor {
        root,
        root_der,
        platform_ca: key(&file.platform_ca)?,
        processor_ca: key(&file.processor_ca)?,
        tcb_signing: key(&file.tcb_signing)?,
        pck: key(&file.pck)?,
        attestation: key(&file.attestation)?,
        created: file.created,
    })
}
