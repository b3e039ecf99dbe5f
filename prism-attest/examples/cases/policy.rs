//! The policy and the binding that an `expect.json` asks for, in the words of the cases.

use std::collections::BTreeMap;
use std::fmt;

use prism_attest::{ExpectedBinding, Platform};
use prism_core::manifest::platform::{
    Accept, List, Minimum, PlatformPolicy, Product, Profile, Revocation, SigningKeyRule, SnpPolicy, Tcb, VlekRule, Vmpl,
};
use serde_json::{Map, Value};

/// What a case demands.
pub(crate) struct Wanted {
    /// Of the machine.
    pub(crate) policy: PlatformPolicy,
    /// Of the bytes that it signed.
    pub(crate) binding: ExpectedBinding,
}

/// A case demands something that is not known here, or says it in another form: as with any policy, that is a refusal.
#[derive(Debug)]
pub(crate) struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy.unknown-demand({})", self.0)
    }
}

impl Wanted {
    /// Reads the demands of `expect["policy"]`.
    pub(crate) fn read(platform: Platform, expect: &Value) -> Result<Self, Unknown> {
        let _ = platform;
        let nothing = Map::new();
        let mut demands = Demands {
            values: expect.get("policy").and_then(Value::as_object).unwrap_or(&nothing),
            snp: default_snp(),
            binding: ExpectedBinding::unbound(),
        };
        for key in demands.values.keys() {
            demands.take(key).ok_or_else(|| Unknown(key.clone()))?;
        }
        Ok(Self { policy: PlatformPolicy::only(Profile::Snp(demands.snp)), binding: demands.binding })
    }
}

/// What a case asks for that says nothing: any measurement on any product by either kind of key, but no weakness.
fn default_snp() -> SnpPolicy {
    let products = Product::ALL.map(|product| (product, Minimum::both(Tcb::default())));
    let mut policy = SnpPolicy::strict(BTreeMap::from(products), Accept::Any);
    if let Ok(keys) = List::new(vec![SigningKeyRule::Vcek, SigningKeyRule::Vlek(VlekRule { csp_ids: Accept::Any })]) {
        policy.signing_keys = keys;
    }
    policy.require.alias_check = true;
    policy.revocation = Revocation::IfPresent;
    policy
}

struct Demands<'a> {
    values: &'a Map<String, Value>,
    snp: SnpPolicy,
    binding: ExpectedBinding,
}

impl Demands<'_> {
    fn take(&mut self, key: &str) -> Option<()> {
        let value = self.values.get(key)?;
        match key {
            "report_data" => self.binding = ExpectedBinding::foreign(bytes(value)?),
            "min_tcb" => {
                let tcb = tcb(value)?;
                self.snp.products.values_mut().for_each(|minimum| minimum.min_tcb = tcb);
            }
            "min_launch_tcb" => {
                let tcb = tcb(value)?;
                self.snp.products.values_mut().for_each(|minimum| minimum.min_launch_tcb = tcb);
            }
            "min_launch_mitigations" => self.snp.min_mitigations.launch = value.as_u64()?,
            "min_current_mitigations" => self.snp.min_mitigations.current = value.as_u64()?,
            "vmpl" => self.snp.vmpls = List::only(Vmpl::try_from(u32::try_from(value.as_u64()?).ok()?).ok()?),
            "measurement" => self.snp.measurements = parsed(value)?,
            "host_data" => self.snp.host_data = parsed(value)?,
            "chip_id" | "chip_ids" => self.snp.chip_ids = parsed(value)?,
            "family_id" => self.snp.family_ids = parsed(value)?,
            "image_id" => self.snp.image_ids = parsed(value)?,
            "min_abi" => self.snp.min_abi = value.as_str()?.parse().ok()?,
            "min_guest_svn" => self.snp.min_guest_svn = u32::try_from(value.as_u64()?).ok()?,
            "allowed_products" => {
                let named: Vec<&str> = value.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
                self.snp.products.retain(|product, _| named.iter().any(|name| name.parse() == Ok(*product)));
            }
            _ => return self.take_switch(key, value.as_bool()?),
        }
        Some(())
    }

    fn take_switch(&mut self, key: &str, value: bool) -> Option<()> {
        let SnpPolicy { allow, require, revocation, .. } = &mut self.snp;
        let switch = match key {
            "allow_debug" => &mut allow.debug,
            "allow_migration" | "allow_migrate" => &mut allow.migration,
            "allow_smt" => &mut allow.smt,
            "allow_cxl" => &mut allow.cxl,
            "allow_provisional_firmware" => &mut allow.provisional_firmware,
            "allow_masked_chip_id" => &mut allow.masked_chip_id,
            "require_alias_check" | "alias_check" | "require_alias_check_complete" => &mut require.alias_check,
            "require_ciphertext_hiding" => &mut require.ciphertext_hiding,
            "require_single_socket" => &mut require.single_socket,
            "require_ecc" => &mut require.ecc,
            "require_tsme" => &mut require.tsme,
            "require_rapl_disabled" => &mut require.rapl_disabled,
            "require_crl" | "require_revocation" => {
                *revocation = if value { Revocation::Require } else { Revocation::IfPresent };
                return Some(());
            }
            _ => return None,
        };
        *switch = value;
        Some(())
    }
}

/// One value, or a list of them.
fn parsed<T: std::str::FromStr + PartialEq>(value: &Value) -> Option<Accept<T>> {
    let texts = value.as_array().map_or_else(|| vec![value], |values| values.iter().collect());
    let values = texts.into_iter().map(|text| text.as_str()?.parse().ok()).collect::<Option<Vec<T>>>()?;
    List::new(values).ok().map(Accept::OneOf)
}

fn bytes<const N: usize>(value: &Value) -> Option<[u8; N]> {
    hex::decode(value.as_str()?).ok()?.try_into().ok()
}

fn tcb(value: &Value) -> Option<Tcb> {
    let part = |name: &str| value.get(name).map_or(Some(0), |part| u8::try_from(part.as_u64()?).ok());
    Some(Tcb {
        fmc: part("fmc")?,
        bootloader: part("bl")?,
        tee: part("tee")?,
        snp: part("snp")?,
        microcode: part("uc")?,
    })
}
