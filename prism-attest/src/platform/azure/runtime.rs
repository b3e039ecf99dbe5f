//! The paravisor's runtime claims: the virtual TPM's keys, and how the machine is configured.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prism_core::strict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::finding::{Check, Notes, Stop};
use crate::tpm::RSA_2048_LEN;

/// Longest runtime claims in bytes; the virtual TPM has room for fewer.
const CLAIMS_MAX: usize = 16 * 1024;
/// The name of the attestation key.
const ATTESTATION_KEY: &str = "HCLAkPub";
/// 65537 in base64url.
const EXPONENT: &str = "AQAB";
/// Longest id of a machine; a GUID has 36 characters.
const ID_MAX: usize = 64;

/// How the paravisor says that the machine is configured. It has this from the host, and vouches only for having been
/// told so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AzureVm {
    /// The machine's id, a GUID.
    pub id: String,
    /// Whether its firmware boots signed programs only.
    pub secure_boot: bool,
    /// Whether it has a virtual TPM.
    pub tpm_enabled: bool,
    /// Whether the host can write to its console.
    pub console_enabled: bool,
}

/// Runtime claims whose form is right.
pub(super) struct RuntimeClaims {
    /// Modulus of the attestation key, RSA of 2,048 bits with exponent 65537.
    pub(super) modulus: Vec<u8>,
    pub(super) vm: AzureVm,
}

/// The claims as written. Names that Azure adds are shown, and mean nothing here; those that are read have to be there.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
    #[serde(rename = "vm-configuration")]
    configuration: Configuration,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

/// A JSON web key (RFC 7517).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Jwk {
    kid: String,
    kty: String,
    key_ops: Vec<String>,
    e: String,
    n: String,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(rename = "vmUniqueId")]
    id: String,
    #[serde(rename = "secure-boot")]
    secure_boot: bool,
    #[serde(rename = "tpm-enabled")]
    tpm_enabled: bool,
    #[serde(rename = "console-enabled")]
    console_enabled: bool,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

impl RuntimeClaims {
    /// Reads claims whose digest the hardware signed.
    pub(super) fn read(bytes: &[u8], notes: &mut Notes) -> Result<Self, Stop> {
        let document = strict::read::<Document>(bytes, CLAIMS_MAX);
        let found = document.as_ref().map_or_else(ToString::to_string, Document::describe);
        notes.need(Check::RuntimeClaimsForm, document.is_ok(), "keys and configuration of a machine", found)?;
        let document = document.map_err(|_| Stop)?;
        let modulus = document.attestation_key(notes)?;
        let vm = document.configuration.vm();
        let named = !vm.id.is_empty() && vm.id.len() <= ID_MAX && vm.id.bytes().all(|byte| byte.is_ascii_graphic());
        notes.need(Check::RuntimeClaimsForm, named, "the machine's id", &vm.id)?;
        Ok(Self { modulus, vm })
    }
}

impl Document {
    fn describe(&self) -> String {
        let names: Vec<_> = self.other.keys().chain(self.configuration.other.keys()).map(String::as_str).collect();
        format!("{} keys and a configuration; not looked at: {}", self.keys.len(), names.join(", "))
    }

    /// The one attestation key: two would let two readers see different ones.
    fn attestation_key(&self, notes: &mut Notes) -> Result<Vec<u8>, Stop> {
        let mut named = self.keys.iter().filter(|key| key.kid == ATTESTATION_KEY);
        let only = match (named.next(), named.next()) {
            (Some(key), None) => key.modulus(),
            _ => None,
        };
        let found = if only.is_some() { "it" } else { "none, several, or one of another kind" };
        let expected = "one key HCLAkPub that signs, RSA of 2048 bits with exponent 65537";
        notes.need(Check::TpmAttestationKey, only.is_some(), expected, found)?;
        only.ok_or(Stop)
    }
}

impl Jwk {
    fn modulus(&self) -> Option<Vec<u8>> {
        let modulus = URL_SAFE_NO_PAD.decode(&self.n).ok()?;
        let signs = self.key_ops == ["sign"];
        let full = modulus.len() == RSA_2048_LEN && modulus.first().is_some_and(|byte| byte & 0x80 != 0);
        (self.kty == "RSA" && self.e == EXPONENT && signs && full).then_some(modulus)
    }
}

impl Configuration {
    fn vm(&self) -> AzureVm {
        let Self { secure_boot, tpm_enabled, console_enabled, .. } = *self;
        AzureVm { id: self.id.clone(), secure_boot, tpm_enabled, console_enabled }
    }
}
