//! What a verified report tells is what the machine said.

use prism_attest::platform::simulated::{Mutation, Mutations, ReportVersion, SimulatedKey, SimulatedMachine};
use prism_attest::{ChipId, Roots, SnpClaims, verify};
use prism_core::manifest::platform::{Product, Tcb};

use crate::simulated::{NOW, report_data, vendor};

fn claims(machine: &SimulatedMachine, mutations: &[Mutation]) -> SnpClaims {
    let mutations = Mutations::new(mutations.to_vec());
    let (evidence, endorsements) = vendor().attest_as(machine, &report_data(), &mutations).unwrap();
    let roots = Roots::built_in().with_simulated(vendor().root_digest());
    verify(&evidence, &endorsements, &roots, NOW).unwrap().as_snp().unwrap().clone()
}

#[test]
fn claims_tell_what_the_machine_is() {
    let machine = SimulatedMachine::default();
    let told = claims(&machine, &[]);
    assert_eq!((told.version(), told.product(), told.csp_id()), (3, Product::Genoa, None));
    assert_eq!((told.measurement(), told.host_data()), (machine.measurement, machine.host_data));
    assert_eq!((told.vmpl(), told.reported_tcb(), told.launch_tcb()), (0, machine.tcb, machine.tcb));
    assert!(!told.is_debuggable() && matches!(told.chip_id(), ChipId::Shown(_)));
    let without = claims(&machine, &[Mutation::NoCrl]);
    assert_eq!((told.has_revocation_list(), without.has_revocation_list()), (true, false));

    let mut other = SimulatedMachine::default();
    (other.product, other.version, other.key) = (Product::Turin, ReportVersion::V5, SimulatedKey::Vlek);
    other.tcb = Tcb { fmc: 1, ..other.tcb };
    let told = claims(&other, &[Mutation::Debug]);
    assert_eq!((told.version(), told.product()), (5, Product::Turin));
    assert_eq!(told.csp_id(), Some("CN=simulated.invalid"));
    assert_eq!((told.reported_tcb(), told.launch_tcb()), (other.tcb, other.tcb));
    assert!(told.is_debuggable() && matches!(told.chip_id(), ChipId::Masked));
}
