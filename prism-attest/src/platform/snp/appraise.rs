//! Is the machine wanted? Every condition of the policy becomes a finding.

use std::fmt::{self, Display};

use prism_core::manifest::platform::{Accept, Revocation, SigningKeyRule, SnpPolicy, Tcb};

use super::chain::Key;
use super::claims::{Bits, ChipId, SnpClaims};
use super::report::{platform, policy as guest};
use crate::finding::{Check, Notes, alternatives};

/// Compares the machine with every condition of the policy.
pub(crate) fn appraise(claims: &SnpClaims, policy: &SnpPolicy, notes: &mut Notes) {
    let mut appraisal = Appraisal { claims, policy, notes };
    appraisal.signer();
    appraisal.identities();
    appraisal.chip();
    appraisal.minimum_versions();
    appraisal.order_of_versions();
    appraisal.mitigations();
    appraisal.guest_policy();
    appraisal.weaknesses();
    appraisal.protections();
    appraisal.revocation();
}

struct Appraisal<'a> {
    claims: &'a SnpClaims,
    policy: &'a SnpPolicy,
    notes: &'a mut Notes,
}

impl Appraisal<'_> {
    fn signer(&mut self) {
        let Self { claims, policy, notes } = self;
        let accepted = policy.products.contains_key(&claims.product);
        notes.check(Check::Product, accepted, alternatives(policy.products.keys()), claims.product);
        let fits = |rule: &SigningKeyRule| match (rule, &claims.key) {
            (SigningKeyRule::Vcek, Key::Vcek) => true,
            (SigningKeyRule::Vlek(rule), Key::Vlek(provider)) => rule.csp_ids.accepts(provider),
            _ => false,
        };
        let rules = alternatives(policy.signing_keys.iter().map(describe));
        notes.check(Check::SigningKey, policy.signing_keys.iter().any(fits), rules, &claims.key);
    }

    fn identities(&mut self) {
        let Self { claims, policy, notes } = self;
        compare(notes, Check::Measurement, &policy.measurements, &claims.measurement);
        compare(notes, Check::HostData, &policy.host_data, &claims.host_data);
        compare(notes, Check::FamilyId, &policy.family_ids, &claims.family_id);
        compare(notes, Check::ImageId, &policy.image_ids, &claims.image_id);
        compare(notes, Check::ReportId, &policy.report_ids, &claims.report_id);
        compare(notes, Check::IdKey, &policy.id_keys, &claims.id_key);
        if let Some(key) = &claims.author_key {
            compare(notes, Check::AuthorKey, &policy.author_keys, key);
        } else {
            notes.check(Check::AuthorKey, policy.author_keys == Accept::Any, &policy.author_keys, "no author key");
        }
        let level = policy.vmpls.iter().any(|vmpl| u32::from(*vmpl) == claims.vmpl);
        notes.check(Check::VmplLevel, level, alternatives(policy.vmpls.iter()), claims.vmpl);
    }

    fn chip(&mut self) {
        let Self { claims, policy, notes } = self;
        let hidden_by_vlek = claims.key != Key::Vcek;
        let ok = match claims.chip_id {
            ChipId::Shown(id) => policy.chip_ids.accepts(&id),
            ChipId::Masked => policy.chip_ids == Accept::Any && (hidden_by_vlek || policy.allow.masked_chip_id),
        };
        let expected = if policy.allow.masked_chip_id || hidden_by_vlek { "" } else { " and shown" };
        notes.check(Check::ChipId, ok, format_args!("{}{expected}", policy.chip_ids), claims.chip_id);
    }

    fn minimum_versions(&mut self) {
        let Self { claims, policy, notes } = self;
        let svn = claims.guest_svn >= policy.min_guest_svn;
        notes.check(Check::GuestSvn, svn, at_least(policy.min_guest_svn), claims.guest_svn);
        let abi = claims.abi() >= policy.min_abi;
        notes.check(Check::Abi, abi, at_least(policy.min_abi), claims.abi());
        let Some(minimum) = policy.products.get(&claims.product) else { return };
        let now = claims.reported_tcb.reaches(&minimum.min_tcb);
        notes.check(Check::MinTcb, now, at_least(minimum.min_tcb), claims.reported_tcb);
        let launch = claims.launch_tcb.reaches(&minimum.min_launch_tcb);
        notes.check(Check::MinLaunchTcb, launch, at_least(minimum.min_launch_tcb), claims.launch_tcb);
    }

    fn order_of_versions(&mut self) {
        let Self { claims, policy, notes } = self;
        let SnpClaims { reported_tcb, committed_tcb, current_tcb, .. } = claims;
        let ordered = |lower: &Tcb| current_tcb.reaches(lower);
        let firmware = claims.committed_firmware <= claims.current_firmware;
        let ok = ordered(reported_tcb) && ordered(committed_tcb) && firmware;
        let found = format_args!("reported {reported_tcb}; committed {committed_tcb}; current {current_tcb}");
        notes.check(Check::TcbOrder, ok, "reported and committed versions not above the current ones", found);
        let committed = committed_tcb == current_tcb && claims.committed_firmware == claims.current_firmware;
        let expected = if policy.allow.provisional_firmware { "any firmware" } else { "committed firmware" };
        let found = format_args!(
            "{} (committed {}), {current_tcb} (committed {committed_tcb})",
            claims.current_firmware, claims.committed_firmware
        );
        notes.check(Check::CommittedFirmware, committed || policy.allow.provisional_firmware, expected, found);
    }

    fn mitigations(&mut self) {
        let Self { claims, policy, notes } = self;
        for (check, wanted, found) in [
            (Check::LaunchMitigations, policy.min_mitigations.launch, claims.launch_mitigations),
            (Check::CurrentMitigations, policy.min_mitigations.current, claims.current_mitigations),
        ] {
            notes.check(check, found.has(wanted), format_args!("bits {}", Bits(wanted)), found);
        }
    }

    /// What the guest demands of its host has to be so.
    fn guest_policy(&mut self) {
        let Self { claims, notes, .. } = self;
        let (demanded, given) = (claims.guest_policy, claims.platform_info);
        let smt = demanded.has(guest::SMT) || !given.has(platform::SMT);
        let rapl = !demanded.has(guest::RAPL_DIS) || given.has(platform::RAPL_DIS);
        let hiding = !demanded.has(guest::CIPHERTEXT_HIDING) || given.has(platform::CIPHERTEXT_HIDING);
        let expected = format_args!("a platform that keeps the guest's policy {demanded}");
        notes.check(Check::GuestPolicyKept, smt && rapl && hiding, expected, format_args!("platform {given}"));
    }

    fn weaknesses(&mut self) {
        let Self { claims, policy, notes } = self;
        let (demanded, given) = (claims.guest_policy, claims.platform_info);
        let smt = demanded.has(guest::SMT) || given.has(platform::SMT);
        for (check, allowed, present) in [
            (Check::Debug, policy.allow.debug, demanded.has(guest::DEBUG)),
            (Check::Migration, policy.allow.migration, demanded.has(guest::MIGRATE_MA)),
            (Check::Smt, policy.allow.smt, smt),
            (Check::Cxl, policy.allow.cxl, demanded.has(guest::CXL_ALLOW)),
            (Check::TrustedIo, policy.allow.trusted_io, given.has(platform::TIO)),
        ] {
            let expected = if allowed { "off or on" } else { "off" };
            notes.check(check, allowed || !present, expected, switch(present));
        }
    }

    fn protections(&mut self) {
        let Self { claims, policy, notes } = self;
        let (demanded, given, require) = (claims.guest_policy, claims.platform_info, &policy.require);
        for (check, required, present) in [
            (Check::AliasCheck, require.alias_check, given.has(platform::ALIAS_CHECK)),
            (Check::CiphertextHiding, require.ciphertext_hiding, given.has(platform::CIPHERTEXT_HIDING)),
            (Check::SingleSocket, require.single_socket, demanded.has(guest::SINGLE_SOCKET)),
            (Check::RaplDisabled, require.rapl_disabled, given.has(platform::RAPL_DIS)),
            (Check::Ecc, require.ecc, given.has(platform::ECC)),
            (Check::Tsme, require.tsme, given.has(platform::TSME)),
            (Check::Aes256Xts, require.aes_256_xts, demanded.has(guest::MEM_AES_256_XTS)),
            (Check::PageSwapDisabled, require.page_swap_disabled, demanded.has(guest::PAGE_SWAP_DISABLE)),
        ] {
            let expected = if required { "on" } else { "on or off" };
            notes.check(check, !required || present, expected, switch(present));
        }
    }

    fn revocation(&mut self) {
        let Self { claims, policy, notes } = self;
        let required = policy.revocation != Revocation::IfPresent;
        let expected = if required { "a revocation list" } else { "a revocation list or none" };
        let found = if claims.revocation_list { "a current list" } else { "none" };
        notes.check(Check::CrlPresent, claims.revocation_list || !required, expected, found);
    }
}

fn compare<T: PartialEq + Display>(notes: &mut Notes, check: Check, accepted: &Accept<T>, found: &T) {
    notes.check(check, accepted.accepts(found), accepted, found);
}

fn describe(rule: &SigningKeyRule) -> impl Display {
    fmt::from_fn(move |f| match rule {
        SigningKeyRule::Vcek => f.write_str("vcek"),
        SigningKeyRule::Vlek(rule) => write!(f, "vlek of {}", rule.csp_ids),
        _ => f.write_str("a newer kind of key"),
    })
}

fn at_least(minimum: impl Display) -> impl Display {
    fmt::from_fn(move |f| write!(f, "at least {minimum}"))
}

const fn switch(present: bool) -> &'static str {
    if present { "on" } else { "off" }
}
