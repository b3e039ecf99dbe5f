//! Random members ask for random things: whatever comes, the workspace stays one that its history explains.

use proptest::prelude::*;

use super::*;

const ORGANISATIONS: [&str; 4] = ["lab", "one", "two", "three"];

/// What one of four keys asks for, by small numbers.
fn asked(kind: u8, who: usize, what: usize, world: &World, keys: &[SigningKey]) -> Action {
    let other = name(ORGANISATIONS[what % 4]);
    let role = name(["admin", "member", "auditor", "nothing"][what % 4]);
    let invitation = name(&format!("i{}", what % 3));
    let computation = name(&format!("c{}", what % 2));
    let expires = world.now + 5 + what as u64;
    match kind % 16 {
        0 => Action::WorkspaceRename { title: line(&format!("Title {what}")) },
        1 => Action::WorkspaceDisable {},
        2 => Action::WorkspaceEnable {},
        3 => Action::MemberRemove { organisation: other },
        4 => Action::MemberLeave {},
        5 => Action::InvitationSend {
            invitation,
            to: Addressee::Key(fingerprint(&keys[what % 4])),
            roles: [role].into(),
            expires,
        },
        6 => Action::InvitationAccept { invitation, organisation: introduction(ORGANISATIONS[who]) },
        7 => Action::InvitationDecline { invitation },
        8 => Action::InvitationWithdraw { invitation },
        9 => Action::RoleDefine { role, allows: Allows::Workspace([WorkspaceAction::Read].into()) },
        10 => Action::RoleDrop { role, scope: Scope::Workspace },
        11 => Action::RoleGive { organisation: other, role },
        12 => Action::RoleTake { organisation: other, role },
        13 => Action::ComputationCreate { computation, title: line("A computation") },
        14 => Action::ComputationGive { computation, organisation: other, role: name("owner") },
        _ => Action::ComputationTake { computation, organisation: other, role: name("owner") },
    }
}

fn holds(world: &World) {
    let workspace = world.workspace();
    assert!(workspace.administrators().count() > 0, "somebody administers");
    for (computation, found) in workspace.computations() {
        let administers =
            |who: &&Name| workspace.computation_actions(found, who).contains(&ComputationAction::Administrator);
        assert!(workspace.organisations().keys().filter(administers).count() > 0, "{computation} has an administrator");
    }
    for organisation in workspace.organisations().keys().filter(|who| workspace.is_member(who)) {
        let keys = workspace.keys().values().filter(|record| &record.organisation == organisation && !record.revoked);
        assert!(keys.count() > 0, "{organisation} has a key");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_asked_for_the_rules_hold_and_the_history_explains_it(
        steps in proptest::collection::vec((any::<u8>(), 0..4_usize, 0..12_usize, 0..4_u64), 1..60)
    ) {
        let keys: Vec<SigningKey> = ORGANISATIONS.iter().map(|_| key()).collect();
        let mut world = World::begun(&keys[0], Plan::Enterprise);
        for (kind, who, what, later) in steps {
            world.now += later;
            let action = asked(kind, who, what, &world, &keys);
            // A refusal changes nothing: `ask` has looked.
            let _ = world.ask(&[&keys[who]], action);
            holds(&world);
        }
        let replayed = History::replay(&world.entries);
        prop_assert_eq!(replayed.unwrap(), world.history);
    }

    #[test]
    fn bytes_that_are_no_request_or_entry_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(SignedRequest::read(&bytes).is_err());
        prop_assert!(Request::read(&bytes).is_err());
        prop_assert!(Entry::read(&bytes, 0).is_err());
    }
}
