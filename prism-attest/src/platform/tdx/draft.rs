//! The policy that accepts machines like this one, where it has no weakness.

use prism_core::manifest::platform::{Accept, HexBytes, Rtmrs, TdxPolicy, TdxStatus};

use super::claims::TdxClaims;
use super::quote::attributes;
use crate::draft::Sketch;

pub(crate) fn draft(claims: &TdxClaims, sketch: &mut Sketch<'_>) -> TdxPolicy {
    let rtmrs = Rtmrs::new(claims.rtmrs().map(Accept::only));
    let mut policy = TdxPolicy::strict(Accept::only(claims.mrtd()), rtmrs);
    standing(claims, &mut policy, sketch);
    measurements(sketch);
    identities(claims, &mut policy, sketch);
    platform(claims, &mut policy, sketch);
    weaknesses(claims, &mut policy, sketch);
    policy
}

fn standing(claims: &TdxClaims, policy: &mut TdxPolicy, sketch: &mut Sketch<'_>) {
    let tcb = claims.tcb();
    let number = tcb.evaluation_number.min(tcb.qe_evaluation_number);
    let latest = claims.tee_tcb_svn_2().unwrap_or(claims.tee_tcb_svn());
    let mut lowest = *claims.tee_tcb_svn().as_bytes();
    lowest.iter_mut().zip(latest.as_bytes()).for_each(|(low, now)| *low = (*low).min(*now));
    policy.min_tcb_evaluation_number = number;
    policy.min_tee_tcb_svn = HexBytes::new(lowest);
    policy.min_qe_svn = claims.qe_svn();
    policy.min_pce_svn = claims.pce_svn();
    let advisories = if tcb.advisories.is_empty() { "none".to_owned() } else { tcb.advisories.join(", ") };
    match tcb.status {
        TdxStatus::UpToDate => sketch.confirm("tcb_status", "this machine is up to date."),
        status => sketch.confirm(
            "tcb_status",
            format_args!("THE MACHINE IS {status}: this policy refuses it. Name the status only if you accept it."),
        ),
    }
    sketch.confirm("grace_days", "matters only where an OutOfDate status is accepted.");
    sketch.confirm("deny_advisories", format_args!("open on this machine: {advisories}. Name those that you refuse."));
    sketch.confirm("min_tcb_evaluation_number", "Intel's number at the time; raise it when Intel raises its own.");
    for field in ["min_tee_tcb_svn", "min_qe_svn", "min_pce_svn"] {
        sketch.confirm(field, "this machine's. Do your other machines reach it?");
    }
}

fn measurements(sketch: &mut Sketch<'_>) {
    sketch.confirm(
        "mrtd",
        "this is what ran on the machine that was asked, most often its firmware. Compare it with the one that you \
         chose; the machine cannot tell whether it is the right one.",
    );
    sketch.confirm(
        "rtmrs",
        "what was measured after launch: firmware's configuration, boot loader and kernel, command line, applications. \
         \"any\" in a register means that whatever it covers may run.",
    );
    sketch.confirm("event_log", "\"require\" if you want to see what stands behind the registers.");
}

fn identities(claims: &TdxClaims, policy: &mut TdxPolicy, sketch: &mut Sketch<'_>) {
    policy.mr_config_ids = Accept::only(claims.mr_config_id());
    policy.mr_owners = Accept::only(claims.mr_owner());
    policy.mr_owner_configs = Accept::only(claims.mr_owner_config());
    for (field, value) in [
        ("mr_config_ids", claims.mr_config_id()),
        ("mr_owners", claims.mr_owner()),
        ("mr_owner_configs", claims.mr_owner_config()),
    ] {
        let set = "set at launch on this machine. Is it yours, and the same on every machine?";
        let none = "not set on this machine; machines that set it are refused.";
        sketch.confirm(field, if *value.as_bytes() == [0; 48] { none } else { set });
    }
    policy.mr_seams = Accept::only(claims.mr_seam());
    sketch.confirm("mr_seams", "this version of Intel's module and no other; \"any\" leaves it to Intel's judgement.");
    policy.mr_service_tds = claims.mr_service_td().map_or(Accept::Any, Accept::only);
    sketch.confirm("mr_service_tds", "zeros, or \"any\" for a quote of TDX 1.0: no service guest.");
    policy.td_attributes = Accept::only(claims.td_attributes());
    policy.xfam = Accept::only(claims.xfam());
    sketch.confirm("td_attributes", "this guest's, bit for bit.");
    sketch.confirm("xfam", "this guest's, bit for bit; other processors may offer other features.");
}

fn platform(claims: &TdxClaims, policy: &mut TdxPolicy, sketch: &mut Sketch<'_>) {
    policy.fmspcs = Accept::only(claims.fmspc());
    policy.ppids = Accept::only(claims.ppid());
    policy.platform_instance_ids = claims.platform_instance_id().map_or(Accept::Any, Accept::only);
    sketch.confirm("fmspcs", "this kind of processor and no other.");
    sketch.confirm("ppids", "this one processor and no other. Add those that you know, or write \"any\".");
    let none = "this machine has none; every one is accepted.";
    let some = "this one machine and no other. Add those that you know, or write \"any\".";
    sketch.confirm("platform_instance_ids", if claims.platform_instance_id().is_some() { some } else { none });
    for (field, value) in
        [("dynamic_platform", claims.dynamic_platform()), ("cached_keys", claims.cached_keys()), ("smt", claims.smt())]
    {
        let said = match value {
            Some(true) => "so it is on this machine, as on most.",
            Some(false) => continue,
            None => "this machine's certificate does not say.",
        };
        sketch.confirm(&format!("allow.{field}"), said);
    }
    policy.allow.dynamic_platform = claims.dynamic_platform() != Some(false);
    policy.allow.cached_keys = claims.cached_keys() != Some(false);
    policy.allow.smt = claims.smt() != Some(false);
}

fn weaknesses(claims: &TdxClaims, policy: &mut TdxPolicy, sketch: &mut Sketch<'_>) {
    let has = |bit: u64| claims.attributes() & bit != 0;
    for (weakness, present) in [
        ("debug", has(attributes::UNTRUSTED)),
        ("migratable", has(attributes::MIGRATABLE)),
        ("service_td", claims.mr_service_td().is_some_and(|service| *service.as_bytes() != [0; 48])),
        ("perfmon", has(attributes::PERFMON)),
        ("key_locker", has(attributes::KL)),
        ("pks", has(attributes::PKS)),
    ] {
        sketch.refuses(weakness, present);
    }
    policy.require.sept_ve_disable = true;
    if !has(attributes::SEPT_VE_DISABLE) {
        sketch
            .confirm("require", "THE MACHINE LACKS THIS: this policy refuses it. Write false only if you accept that.");
    }
}
