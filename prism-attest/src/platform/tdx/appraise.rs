//! Is the machine wanted? Every condition of the policy becomes a finding.

use std::fmt::{self, Display};

use prism_core::UnixSeconds;
use prism_core::manifest::platform::{Accept, HexBytes, TdxPolicy};

use super::claims::TdxClaims;
use super::quote::attributes;
use crate::finding::{Check, Notes};
use crate::replay::{self, Registers};
use crate::window::Window;
use crate::x509::time_text;

const DAY: u64 = 86_400;

/// Compares the machine, and the event log behind its runtime registers, with every condition of the policy, at `now`.
pub(crate) fn appraise(
    claims: &TdxClaims,
    event_log: Option<&[u8]>,
    policy: &TdxPolicy,
    now: UnixSeconds,
    notes: &mut Notes,
) {
    let mut appraisal = Appraisal { claims, policy, notes };
    appraisal.status(now);
    appraisal.advisories();
    appraisal.minimum_versions();
    appraisal.identities();
    appraisal.platform();
    appraisal.weaknesses();
    appraisal.protections();
    let registers = event_log.map_or_else(Vec::new, |_| told(claims, policy));
    replay::appraise(event_log, policy.event_log, Registers::Rtmrs(&registers), notes);
}

/// The registers that an event log has to explain: those that the policy pins, or all if it pins none. What a guest
/// extends by itself is in no log of its firmware.
fn told(claims: &TdxClaims, policy: &TdxPolicy) -> Vec<(u8, HexBytes<48>)> {
    let all = || (0..).zip(policy.rtmrs.each()).zip(claims.rtmrs().iter().copied());
    let pinned = all().filter(|((_, accepted), _)| !matches!(accepted, Accept::Any));
    let pinned: Vec<_> = pinned.map(|((number, _), value)| (number, value)).collect();
    if pinned.is_empty() { all().map(|((number, _), value)| (number, value)).collect() } else { pinned }
}

/// When a machine is accepted as far as its status is concerned: if that is out of date, so many days and no longer.
pub(crate) fn grace(claims: &TdxClaims, policy: &TdxPolicy) -> Window {
    if !claims.tcb().status.is_out_of_date() {
        return Window::ALWAYS;
    }
    // Without a level that is out of date there is nothing from which days could be counted.
    let since = claims.tcb().out_of_date_since();
    let until = since.map_or(0, |since| since.saturating_add(u64::from(policy.grace_days).saturating_mul(DAY)));
    Window::new(0, until)
}

struct Appraisal<'a> {
    claims: &'a TdxClaims,
    policy: &'a TdxPolicy,
    notes: &'a mut Notes,
}

impl Appraisal<'_> {
    fn status(&mut self, now: UnixSeconds) {
        let Self { claims, policy, notes } = self;
        let status = claims.tcb().status;
        notes.check(Check::TcbStatus, policy.tcb_status.contains(&status), either(&policy.tcb_status), status);
        if !status.is_out_of_date() {
            return;
        }
        let until = grace(claims, policy).not_after;
        let expected = format_args!("a level not older than {} days", policy.grace_days);
        let found = format_args!("a level whose grace ended at {}", time_text(until));
        if now <= until {
            notes.check(Check::TcbGrace, true, expected, "a level within its grace");
        } else {
            notes.check(Check::TcbGrace, false, expected, found);
        }
    }

    fn advisories(&mut self) {
        let Self { claims, policy, notes } = self;
        let open = &claims.tcb().advisories;
        let denied = |id: &String| policy.deny_advisories.iter().any(|denied| denied.as_str() == id);
        let ok = !open.iter().any(denied);
        let none = if policy.deny_advisories.is_empty() { "any advisory" } else { "none of the denied advisories" };
        notes.check(Check::Advisories, ok, none, listed(open));
    }

    fn minimum_versions(&mut self) {
        let Self { claims, policy, notes } = self;
        let tcb = claims.tcb();
        let least = policy.min_tcb_evaluation_number;
        let number = tcb.evaluation_number.min(tcb.qe_evaluation_number);
        notes.check(Check::EvaluationNumber, number >= least, at_least(least), number);
        let least = policy.min_tee_tcb_svn;
        let reaches = |svn: HexBytes<16>| svn.as_bytes().iter().zip(least.as_bytes()).all(|(svn, least)| svn >= least);
        let ok = reaches(claims.tee_tcb_svn()) && claims.tee_tcb_svn_2().is_none_or(reaches);
        let now = claims.tee_tcb_svn_2();
        let found = format_args!("{}, now {}", claims.tee_tcb_svn(), or_none(now.as_ref()));
        notes.check(Check::MinTeeTcbSvn, ok, at_least(least), found);
        for (check, least, found) in [
            (Check::MinQeSvn, policy.min_qe_svn, claims.qe_svn()),
            (Check::MinPceSvn, policy.min_pce_svn, claims.pce_svn()),
        ] {
            notes.check(check, found >= least, at_least(least), found);
        }
    }

    fn identities(&mut self) {
        let Self { claims, policy, notes } = self;
        compare(notes, Check::MrTd, &policy.mrtd, &claims.mrtd());
        let registers = [Check::Rtmr0, Check::Rtmr1, Check::Rtmr2, Check::Rtmr3];
        for ((check, accepted), found) in registers.into_iter().zip(policy.rtmrs.each()).zip(claims.rtmrs()) {
            compare(notes, check, accepted, found);
        }
        compare(notes, Check::MrConfigId, &policy.mr_config_ids, &claims.mr_config_id());
        compare(notes, Check::MrOwner, &policy.mr_owners, &claims.mr_owner());
        compare(notes, Check::MrOwnerConfig, &policy.mr_owner_configs, &claims.mr_owner_config());
        compare(notes, Check::MrSeam, &policy.mr_seams, &claims.mr_seam());
        compare_if_any(notes, Check::MrServiceTd, &policy.mr_service_tds, claims.mr_service_td().as_ref());
        compare(notes, Check::TdAttributes, &policy.td_attributes, &claims.td_attributes());
        compare(notes, Check::Xfam, &policy.xfam, &claims.xfam());
    }

    fn platform(&mut self) {
        let Self { claims, policy, notes } = self;
        compare(notes, Check::Fmspc, &policy.fmspcs, &claims.fmspc());
        compare(notes, Check::Ppid, &policy.ppids, &claims.ppid());
        let instance = claims.platform_instance_id();
        compare_if_any(notes, Check::PlatformInstance, &policy.platform_instance_ids, instance.as_ref());
        for (check, allowed, found) in [
            (Check::DynamicPlatform, policy.allow.dynamic_platform, claims.dynamic_platform()),
            (Check::CachedKeys, policy.allow.cached_keys, claims.cached_keys()),
            (Check::PlatformSmt, policy.allow.smt, claims.smt()),
        ] {
            // What the certificate does not say may be so.
            let ok = allowed || found == Some(false);
            let word = found.map_or("unknown", switch);
            notes.check(check, ok, if allowed { "off, on or unknown" } else { "off" }, word);
        }
    }

    fn weaknesses(&mut self) {
        let Self { claims, policy, notes } = self;
        let (bits, allow) = (claims.attributes(), &policy.allow);
        let has = |bit| bits & bit != 0;
        let service = claims.mr_service_td();
        let bound = service.is_some_and(|service| *service.as_bytes() != [0; 48]);
        let service = if service.is_some() { switch(bound) } else { "not said (TDX 1.0)" };
        let has = |bit| (has(bit), switch(has(bit)));
        for (check, allowed, (present, found)) in [
            (Check::TdDebug, allow.debug, has(attributes::UNTRUSTED)),
            (Check::Migratable, allow.migratable, has(attributes::MIGRATABLE)),
            (Check::ServiceTd, allow.service_td, (bound, service)),
            (Check::Perfmon, allow.perfmon, has(attributes::PERFMON)),
            (Check::KeyLocker, allow.key_locker, has(attributes::KL)),
            (Check::Pks, allow.pks, has(attributes::PKS)),
        ] {
            notes.check(check, allowed || !present, if allowed { "off or on" } else { "off" }, found);
        }
    }

    fn protections(&mut self) {
        let Self { claims, policy, notes } = self;
        let present = claims.attributes() & attributes::SEPT_VE_DISABLE != 0;
        let required = policy.require.sept_ve_disable;
        let expected = if required { "on" } else { "on or off" };
        notes.check(Check::SeptVeDisable, !required || present, expected, switch(present));
    }
}

fn compare<T: PartialEq + Display>(notes: &mut Notes, check: Check, accepted: &Accept<T>, found: &T) {
    notes.check(check, accepted.accepts(found), accepted, found);
}

/// Only "any" accepts what is absent.
fn compare_if_any<T: PartialEq + Display>(notes: &mut Notes, check: Check, accepted: &Accept<T>, found: Option<&T>) {
    let ok = found.map_or(matches!(accepted, Accept::Any), |found| accepted.accepts(found));
    notes.check(check, ok, accepted, or_none(found));
}

fn or_none<T: Display>(value: Option<&T>) -> impl Display {
    fmt::from_fn(move |f| match value {
        Some(value) => value.fmt(f),
        None => f.write_str("none"),
    })
}

fn either<T: Display>(values: &[T]) -> impl Display {
    joined(values, " or ", "nothing")
}

fn listed<T: Display>(values: &[T]) -> impl Display {
    joined(values, ", ", "none")
}

fn joined<T: Display>(values: &[T], separator: &'static str, nothing: &'static str) -> impl Display {
    fmt::from_fn(move |f| {
        if values.is_empty() {
            return f.write_str(nothing);
        }
        values.iter().enumerate().try_for_each(|(at, value)| {
            f.write_str(if at == 0 { "" } else { separator })?;
            value.fmt(f)
        })
    })
}

fn at_least(least: impl Display) -> impl Display {
    fmt::from_fn(move |f| write!(f, "at least {least}"))
}

const fn switch(present: bool) -> &'static str {
    if present { "on" } else { "off" }
}
