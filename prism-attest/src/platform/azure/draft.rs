//! The policy that accepts such a virtual TPM, for a person to confirm.

use std::collections::BTreeMap;

use prism_core::manifest::platform::{Accept, HexBytes, PcrIndex, VtpmPolicy};

use super::VtpmClaims;
use super::appraise::RESETTABLE;
use crate::draft::Sketch;

/// Pins every quoted register that a running guest cannot reset.
pub(crate) fn draft(claims: &VtpmClaims, sketch: &mut Sketch) -> VtpmPolicy {
    let pinned = |(index, value): (&u8, &HexBytes<32>)| {
        let index = PcrIndex::try_from(*index).ok().filter(|_| !RESETTABLE.contains(index))?;
        Some((index, Accept::only(*value)))
    };
    let registers: BTreeMap<_, _> = claims.registers().iter().filter_map(pinned).collect();
    for index in registers.keys() {
        let text = "is this what your image measures here? Replay the event log, or remove the line: a register that \
                    is not named is not compared.";
        sketch.confirm(&format!("pcrs.{index}"), text);
    }
    if !claims.vm().secure_boot {
        let text = "THE MACHINE DOES NOT BOOT SECURELY: this policy refuses it. Write false only if you accept that.";
        sketch.confirm("require.secure_boot", text);
    }
    VtpmPolicy::new(registers)
}
