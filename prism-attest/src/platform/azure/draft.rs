//! The policy that accepts virtual TPMs like this one.

use prism_core::manifest::platform::{Accept, PcrIndex, VtpmPolicy};

use super::VtpmClaims;
use super::appraise::RESETTABLE;
use crate::draft::Sketch;

pub(crate) fn draft(claims: &VtpmClaims, sketch: &mut Sketch<'_>) -> VtpmPolicy {
    let quoted = claims.registers().iter().filter(|(number, _)| !RESETTABLE.contains(number));
    let pinned = quoted.filter_map(|(number, value)| Some((PcrIndex::try_from(*number).ok()?, Accept::only(*value))));
    let mut policy = VtpmPolicy::new(pinned.collect());
    policy.vm_ids = Accept::only(claims.vm().id.clone());
    let guest = "every register that was quoted and that the guest cannot reset. Remove those that change from boot to \
                 boot; what a removed one covers may be anything.";
    sketch.confirm("pcrs", guest);
    sketch.confirm("vm_ids", "this one machine and no other. Add those that you know, or write \"any\".");
    sketch.confirm("reset_counts", "changes at each boot; naming one accepts that one boot only.");
    sketch.confirm("restart_counts", "changes when the machine resumes.");
    sketch.confirm("ak_anchor", "the paravisor named the key; its measurement is the processor's.");
    sketch.confirm("event_log", "\"require\" if you want to see what stands behind the registers.");
    let protected = [("secure boot", claims.vm().secure_boot), ("a safe clock", claims.clock().safe)];
    let lacks: Vec<_> = protected.into_iter().filter(|(_, has)| !has).map(|(name, _)| name).collect();
    if !lacks.is_empty() {
        let lacks = lacks.join(" and ");
        sketch.confirm("require", format_args!("THE MACHINE LACKS {lacks}: this policy refuses it."));
    }
    policy
}
