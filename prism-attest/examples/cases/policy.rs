//! The policy and the binding that an `expect.json` asks for, in the words of the cases.

use std::collections::BTreeMap;
use std::fmt;

use prism_attest::{ExpectedBinding, Platform};
use prism_core::manifest::platform::{
    Accept, List, Minimum, PlatformPolicy, Product, Profile, Revocation, Rtmrs, SigningKeyRule, SnpPolicy, Tcb,
    TdxPolicy, VlekRule, Vmpl,
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
        let nothing = Map::new();
        let values = expect.get("policy").and_then(Value::as_object).unwrap_or(&nothing);
        let (mut snp, mut tdx, mut binding) = (default_snp(), default_tdx(), ExpectedBinding::unbound());
        for (key, value) in values {
            let taken = match (key.as_str(), platform) {
                ("report_data", _) => bytes(value).map(|expected| binding = ExpectedBinding::foreign(expected)),
                (_, Platform::Tdx) => take_tdx(&mut tdx, key, value),
                _ => take_snp(&mut snp, key, value),
            };
            taken.ok_or_else(|| Unknown(key.clone()))?;
        }
        let profile = if platform == Platform::Tdx { Profile::Tdx(tdx) } else { Profile::Snp(snp) };
        Ok(Self { policy: PlatformPolicy::only(profile), binding })
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

/// Any measurement, but no weakness.
fn default_tdx() -> TdxPolicy {
    TdxPolicy::strict(Accept::Any, Rtmrs::new([Accept::Any, Accept::Any, Accept::Any, Accept::Any]))
}

fn take_snp(policy: &mut SnpPolicy, key: &str, value: &Value) -> Option<()> {
    match key {
        "min_tcb" => {
            let tcb = tcb(value)?;
            policy.products.values_mut().for_each(|minimum| minimum.min_tcb = tcb);
        }
        "min_launch_tcb" => {
            let tcb = tcb(value)?;
            policy.products.values_mut().for_each(|minimum| minimum.min_launch_tcb = tcb);
        }
        "min_launch_mitigations" => policy.min_mitigations.launch = value.as_u64()?,
        "min_current_mitigations" => policy.min_mitigations.current = value.as_u64()?,
        "vmpl" => policy.vmpls = List::only(Vmpl::try_from(u32::try_from(value.as_u64()?).ok()?).ok()?),
        "measurement" => policy.measurements = parsed(value)?,
        "host_data" => policy.host_data = parsed(value)?,
        "chip_id" | "chip_ids" => policy.chip_ids = parsed(value)?,
        "family_id" => policy.family_ids = parsed(value)?,
        "image_id" => policy.image_ids = parsed(value)?,
        "min_abi" => policy.min_abi = value.as_str()?.parse().ok()?,
        "min_guest_svn" => policy.min_guest_svn = number(value)?,
        "allowed_products" => {
            let named: Vec<&str> = value.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
            policy.products.retain(|product, _| named.iter().any(|name| name.parse() == Ok(*product)));
        }
        "require_crl" | "require_revocation" => {
            policy.revocation = if value.as_bool()? { Revocation::Require } else { Revocation::IfPresent };
        }
        _ => *snp_switch(policy, key)? = value.as_bool()?,
    }
    Some(())
}

fn snp_switch<'p>(SnpPolicy { allow, require, .. }: &'p mut SnpPolicy, key: &str) -> Option<&'p mut bool> {
    Some(match key {
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
        _ => return None,
    })
}

fn take_tdx(policy: &mut TdxPolicy, key: &str, value: &Value) -> Option<()> {
    match key {
        "min_tcb_eval_data_number" => policy.min_tcb_evaluation_number = number(value)?,
        "min_tee_tcb_svn" => policy.min_tee_tcb_svn = value.as_str()?.parse().ok()?,
        "grace_days" => policy.grace_days = number(value)?,
        "tcb_status" => {
            let names = value.as_array()?.iter().map(|name| name.as_str()?.parse().ok()).collect::<Option<_>>()?;
            policy.tcb_status = List::new(names).ok()?;
        }
        "mrtd" => policy.mrtd = parsed(value)?,
        "rtmr0" => policy.rtmrs.rtmr0 = parsed(value)?,
        "rtmr1" => policy.rtmrs.rtmr1 = parsed(value)?,
        "rtmr2" => policy.rtmrs.rtmr2 = parsed(value)?,
        "rtmr3" => policy.rtmrs.rtmr3 = parsed(value)?,
        "mr_config_id" => policy.mr_config_ids = parsed(value)?,
        "mr_owner" => policy.mr_owners = parsed(value)?,
        "mr_owner_config" => policy.mr_owner_configs = parsed(value)?,
        "mr_seam" => policy.mr_seams = parsed(value)?,
        "td_attributes" => policy.td_attributes = parsed(value)?,
        "xfam" => policy.xfam = parsed(value)?,
        "fmspc" => policy.fmspcs = parsed(value)?,
        _ => *tdx_switch(policy, key)? = value.as_bool()?,
    }
    Some(())
}

fn tdx_switch<'p>(TdxPolicy { allow, require, .. }: &'p mut TdxPolicy, key: &str) -> Option<&'p mut bool> {
    Some(match key {
        "allow_debug" => &mut allow.debug,
        "allow_migratable" | "allow_migration" => &mut allow.migratable,
        "allow_service_td" => &mut allow.service_td,
        "allow_perfmon" => &mut allow.perfmon,
        "allow_key_locker" => &mut allow.key_locker,
        "allow_pks" => &mut allow.pks,
        "allow_dynamic_platform" => &mut allow.dynamic_platform,
        "allow_cached_keys" => &mut allow.cached_keys,
        "allow_smt" => &mut allow.smt,
        "require_sept_ve_disable" => &mut require.sept_ve_disable,
        _ => return None,
    })
}

fn number(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
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
