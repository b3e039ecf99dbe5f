//! Are the guest's registers wanted? Every condition of the policy becomes a finding.

use std::fmt::{self, Display};

use prism_core::manifest::platform::{Accept, AkAnchor, HexBytes, PcrIndex, VtpmPolicy};

use super::VtpmClaims;
use crate::finding::{Check, Notes};
use crate::replay::{self, Bank};

/// Registers that the guest itself can reset whenever it likes: what they hold says nothing (PC Client Platform TPM
/// Profile, section 4.6.2).
pub(super) const RESETTABLE: [u8; 2] = [16, 23];

/// Compares the virtual TPM's words, and the event log behind its registers, with every condition of the policy.
pub(crate) fn appraise(claims: &VtpmClaims, event_log: Option<&[u8]>, policy: &VtpmPolicy, notes: &mut Notes) {
    for (index, accepted) in &policy.pcrs {
        register(claims, *index, accepted, notes);
    }
    not_appraised(claims, policy, notes);
    let by_paravisor = policy.ak_anchor == AkAnchor::Hcl;
    notes.check(Check::AkAnchor, by_paravisor, policy.ak_anchor, "hcl: the paravisor's runtime claims");
    let (vm, clock) = (claims.vm(), claims.clock());
    compare(notes, Check::VmId, &policy.vm_ids, &vm.id);
    compare(notes, Check::ResetCount, &policy.reset_counts, &clock.reset_count);
    compare(notes, Check::RestartCount, &policy.restart_counts, &clock.restart_count);
    for (check, required, present) in [
        (Check::SafeClock, policy.require.safe_clock, clock.safe),
        (Check::SecureBoot, policy.require.secure_boot, vm.secure_boot),
    ] {
        let expected = if required { "yes" } else { "yes or no" };
        notes.check(check, !required || present, expected, if present { "yes" } else { "no" });
    }
    let registers = event_log.map_or_else(Vec::new, |_| told(claims, policy));
    replay::appraise(event_log, policy.event_log, replay::Registers::Pcrs(Bank::Sha256, &registers), notes);
}

/// The registers that an event log has to explain: those that the policy pins, or all that it names if it pins none.
/// What a guest extends by itself is in no log of its firmware.
fn told<'a>(claims: &'a VtpmClaims, policy: &VtpmPolicy) -> Vec<(u8, &'a [u8])> {
    let pins = policy.pcrs.values().any(|accepted| !matches!(accepted, Accept::Any));
    let named = policy.pcrs.iter().filter(|(_, accepted)| !pins || !matches!(accepted, Accept::Any));
    let values = named.map(|(index, _)| (index.get(), claims.registers().get(&index.get())));
    values.filter_map(|(number, value)| Some((number, value?.as_bytes().as_slice()))).collect()
}

/// One register. What is not quoted satisfies nothing, not even "any".
fn register(claims: &VtpmClaims, index: PcrIndex, accepted: &Accept<HexBytes<32>>, notes: &mut Notes) {
    let number = index.get();
    let expected = fmt::from_fn(|f| write!(f, "register {number}: {accepted}"));
    let quoted = claims.registers().get(&number);
    match quoted {
        _ if RESETTABLE.contains(&number) => {
            notes.check(Check::Pcr, false, expected, format_args!("register {number}, which the guest can reset"))
        }
        Some(value) => {
            let found = format_args!("register {number}: {value}");
            notes.check(Check::Pcr, accepted.accepts(value), expected, found)
        }
        None => notes.check(Check::Pcr, false, expected, format_args!("register {number} not quoted")),
    };
}

fn not_appraised(claims: &VtpmClaims, policy: &VtpmPolicy, notes: &mut Notes) {
    let named = |number: &u8| policy.pcrs.keys().any(|index| index.get() == *number);
    let others: Vec<_> = claims.registers().keys().filter(|number| !named(number)).map(ToString::to_string).collect();
    let found = if others.is_empty() { "every quoted register is".to_owned() } else { others.join(" ") };
    notes.check(Check::PcrsNotAppraised, true, "registers that the policy does not name", found);
}

fn compare<T: PartialEq + Display>(notes: &mut Notes, check: Check, accepted: &Accept<T>, found: &T) {
    notes.check(check, accepted.accepts(found), accepted, found);
}
