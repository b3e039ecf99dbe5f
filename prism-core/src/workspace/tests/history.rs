//! A courier that drops, moves, repeats, alters, withholds or invents is found out by whoever recomputes.

use std::collections::BTreeSet;

use super::*;

/// Three organisations, a role, an invitation that waits.
fn story() -> (World, SigningKey, SigningKey) {
    let (lab, hospital) = (key(), key());
    let mut world = World::begun(&lab, Plan::Enterprise);
    world.join(&lab, &hospital, "hospital-1", &["member"]);
    world.done(&lab, Action::WorkspaceRename { title: line("Chest X-rays of three hospitals") });
    world.done(&hospital, Action::OrganisationRename { title: line("Screening Centre") });
    let allows = Allows::Workspace([WorkspaceAction::Read, WorkspaceAction::ViewRoleUsers].into());
    world.done(&lab, Action::RoleDefine { role: name("auditor"), allows });
    world.now += 60;
    world.done(&lab, Action::RoleGive { organisation: name("hospital-1"), role: name("auditor") });
    (world, lab, hospital)
}

#[test]
fn whoever_has_the_history_recomputes_the_workspace() {
    let (world, ..) = story();
    let replayed = History::replay(&world.entries).unwrap();
    assert_eq!(replayed, world.history);
    assert_eq!(replayed.head(), world.history.head());
    assert_eq!(replayed.workspace().organisations().len(), 2);
    let roles = replayed.workspace().organisations()[&name("hospital-1")].roles.clone();
    assert_eq!(roles, Some(BTreeSet::from([name("auditor"), name("member")])));
}

#[test]
fn an_entry_that_is_dropped_moved_or_repeated_is_found() {
    let (world, ..) = story();
    for at in 0..world.entries.len() {
        let mut dropped = world.entries.clone();
        dropped.remove(at);
        // The end alone can be missing unseen: that is what heads are kept for.
        let is_end = at + 1 == world.entries.len();
        assert_eq!(History::replay(&dropped).is_ok(), is_end, "entry {at} dropped");
        let mut repeated = world.entries.clone();
        repeated.insert(at, world.entries[at].clone());
        assert!(History::replay(&repeated).is_err(), "entry {at} repeated");
        if !is_end {
            let mut moved = world.entries.clone();
            moved.swap(at, at + 1);
            assert!(History::replay(&moved).is_err(), "entry {at} moved");
        }
    }
    assert!(matches!(History::replay(Vec::<Vec<u8>>::new()), Err(HistoryError::Empty)));
}

#[test]
fn an_entry_of_which_any_byte_is_altered_is_found() {
    let (world, ..) = story();
    for (at, entry) in world.entries.iter().enumerate() {
        for byte in (0..entry.len()).step_by(7) {
            let mut altered = world.entries.clone();
            altered[at][byte] ^= 1;
            let refused = History::replay(&altered);
            // The end's own bytes are vouched for by its signature and what is recomputed; its time is near what it signs.
            if let Ok(other) = &refused {
                assert_eq!(at + 1, world.entries.len(), "entry {at}, byte {byte}");
                assert!(other.require_continues(&world.history.head()).is_err(), "entry {at}, byte {byte}");
            }
        }
    }
}

#[test]
fn an_entry_that_is_rewritten_with_its_whole_chain_is_found() {
    let (world, ..) = story();
    // The courier changes what an entry brought about, and chains everything after it anew.
    let mut entries = Vec::new();
    let mut previous = None;
    for (at, bytes) in world.entries.iter().enumerate() {
        let mut entry = Entry::read(bytes, at as u64).unwrap();
        if at == 2 {
            entry.outcome.members += 1;
        }
        if let Some(previous) = previous {
            entry.previous = previous;
        }
        let bytes = entry.to_bytes().unwrap();
        previous = Some(Digest::sha256(&bytes));
        entries.push(bytes);
    }
    assert!(matches!(History::replay(&entries), Err(HistoryError::Outcome { seq: 2 })));
}

#[test]
fn a_history_that_hides_its_end_or_is_told_differently_is_found_by_its_head() {
    let (world, lab, _) = story();
    let seen = world.history.head();
    let shorter = History::replay(&world.entries[..world.entries.len() - 1]).unwrap();
    assert!(matches!(shorter.require_continues(&seen), Err(HistoryError::Truncated { .. })));
    // Two tales of the same beginning.
    let (mut one, mut other) = (world.clone(), world.clone());
    one.done(&lab, Action::WorkspaceRename { title: line("One") });
    other.done(&lab, Action::WorkspaceRename { title: line("Other") });
    one.history.require_continues(&seen).unwrap();
    other.history.require_continues(&seen).unwrap();
    assert!(matches!(one.history.require_continues(&other.history.head()), Err(HistoryError::Forked { .. })));
    let mut elsewhere = seen;
    elsewhere.workspace = name("elsewhere");
    assert!(one.history.require_continues(&elsewhere).is_err());
}

#[test]
fn a_request_counts_once() {
    let (mut world, lab, _) = story();
    let request = world.request(&lab, Action::WorkspaceRename { title: line("Once") });
    let signed = SignedRequest::sign(&request, &[&lab]).unwrap();
    world.history.accept(&signed, world.now).unwrap();
    let again = world.history.accept(&signed, world.now);
    assert!(matches!(again, Err(AcceptError::Refused(Refusal::Replayed { .. }))), "{again:?}");
    // An older number, signed anew, does not count either.
    let mut older = request;
    (older.number, older.action) = (1, Action::WorkspaceRename { title: line("Older") });
    let signed = SignedRequest::sign(&older, &[&lab]).unwrap();
    assert!(matches!(world.history.accept(&signed, world.now), Err(AcceptError::Refused(Refusal::Replayed { .. }))));
}

#[test]
fn a_request_of_another_time_is_refused_and_time_does_not_go_back() {
    let (mut world, lab, _) = story();
    for (at, fits) in [(world.now - WINDOW, true), (world.now - WINDOW - 1, false), (world.now + WINDOW + 1, false)] {
        let mut request = world.request(&lab, Action::WorkspaceRename { title: line(&format!("At {at}")) });
        request.at = at;
        let signed = SignedRequest::sign(&request, &[&lab]).unwrap();
        let outcome = world.clone().history.accept(&signed, world.now);
        assert_eq!(outcome.is_ok(), fits, "{outcome:?}");
    }
    world.now -= 30;
    let refused = world.refused(&lab, Action::WorkspaceRename { title: line("Yesterday") });
    assert!(matches!(refused, Refusal::Backwards { .. }), "{refused}");
}

#[test]
fn a_request_is_read_in_its_one_form_and_with_exactly_its_signatures() {
    let (world, lab, hospital) = story();
    let request = world.request(&lab, Action::WorkspaceDisable {});
    let signed = SignedRequest::sign(&request, &[&lab]).unwrap();
    assert_eq!(SignedRequest::read(signed.as_str().as_bytes()).unwrap(), signed);
    assert!(SignedRequest::read(format!("{} ", signed.as_str()).as_bytes()).is_err());
    assert!(SignedRequest::sign(&request, &[&hospital]).is_err(), "somebody else's signature");
    assert!(SignedRequest::sign(&request, &[&lab, &hospital]).is_err(), "one too many");
    assert!(SignedRequest::sign(&request, &[]).is_err());
    let fresh = key();
    let add = world.request(&lab, Action::KeyAdd { key: fresh.public().clone() });
    assert!(SignedRequest::sign(&add, &[&lab]).is_err(), "the new key has to sign too");
    assert!(SignedRequest::sign(&add, &[&lab, &fresh]).is_ok());
    let text = String::from_utf8(request.to_bytes().unwrap()).unwrap();
    assert!(Request::read(text.replacen('{', "{\"more\":1,", 1).as_bytes()).is_err(), "an unknown field");
    assert!(Request::read(text.replace("workspace.disable", "workspace.destroy").as_bytes()).is_err());
    assert!(Request::read(&vec![b' '; crate::envelope::PAYLOAD_MAX + 1]).is_err());
}

#[test]
fn somebody_always_administers_and_every_member_keeps_a_key() {
    let (mut world, lab, _) = story();
    let last = |refusal: &Refusal| matches!(refusal, Refusal::LastAdministrator { .. });
    assert!(last(&world.refused(&lab, Action::MemberLeave {})));
    assert!(last(&world.refused(&lab, Action::MemberRemove { organisation: name("lab") })));
    let take = || Action::RoleTake { organisation: name("lab"), role: name("admin") };
    assert!(last(&world.refused(&lab, take())));
    assert!(matches!(world.refused(&lab, Action::KeyRevoke { key: fingerprint(&lab) }), Refusal::LastKey));
    world.done(&lab, Action::RoleGive { organisation: name("hospital-1"), role: name("admin") });
    world.done(&lab, take());
    let refused = world.refused(&lab, Action::WorkspaceRename { title: line("No more") });
    assert!(matches!(refused, Refusal::NotAllowed { .. }), "{refused}");
}

#[test]
fn a_replaced_key_signs_nothing_any_more() {
    let (mut world, lab, _) = story();
    let fresh = key();
    let replace = Action::KeyReplace { old: fingerprint(&lab), new: fresh.public().clone() };
    world.ask(&[&lab, &fresh], replace).unwrap();
    let refused = world.refused(&lab, Action::WorkspaceDisable {});
    assert!(matches!(refused, Refusal::KeyRevoked { .. }), "{refused}");
    world.done(&fresh, Action::WorkspaceDisable {});
    let refused = world.refused(&fresh, Action::WorkspaceRename { title: line("Asleep") });
    assert!(matches!(refused, Refusal::Disabled), "{refused}");
    world.done(&fresh, Action::WorkspaceEnable {});
    world.done(&fresh, Action::WorkspaceDelete {});
    let refused = world.refused(&fresh, Action::WorkspaceEnable {});
    assert!(matches!(refused, Refusal::Deleted), "{refused}");
}

#[test]
fn invitations_expire_are_taken_back_and_answered_once() {
    let (mut world, lab, _) = story();
    let invitee = key();
    let send = |invitation: &str, now| Action::InvitationSend {
        invitation: name(invitation),
        to: Addressee::Key(fingerprint(&invitee)),
        roles: [name("member")].into(),
        expires: now + 10,
    };
    let accept = |invitation: &str| Action::InvitationAccept {
        invitation: name(invitation),
        organisation: introduction("hospital-2"),
    };
    world.done(&lab, send("late", world.now));
    world.now += 11;
    let refused = world.refused(&invitee, accept("late"));
    assert!(matches!(refused, Refusal::Invitation { found: "expired", .. }), "{refused}");
    world.done(&lab, Action::InvitationResend { invitation: name("late"), expires: world.now + 10 });
    world.done(&lab, Action::InvitationWithdraw { invitation: name("late") });
    assert!(matches!(world.refused(&invitee, accept("late")), Refusal::Invitation { found: "withdrawn", .. }));
    world.done(&lab, send("second", world.now));
    assert!(matches!(world.refused(&key(), accept("second")), Refusal::Unknown { .. }), "for somebody else");
    world.done(&invitee, Action::InvitationDecline { invitation: name("second") });
    assert!(matches!(world.refused(&invitee, accept("second")), Refusal::Invitation { found: "declined", .. }));
    world.done(&lab, send("third", world.now));
    world.done(&invitee, accept("third"));
    assert!(world.workspace().is_member(&name("hospital-2")));
}

#[test]
fn who_may_see_what_follows_the_roles() {
    let (world, lab, hospital) = story();
    let workspace = world.workspace();
    assert!(workspace.may_see(&fingerprint(&lab), View::Roles));
    assert!(workspace.may_see(&fingerprint(&hospital), View::Workspace));
    assert!(workspace.may_see(&fingerprint(&hospital), View::Roles), "by the role that was given later");
    assert!(!workspace.may_see(&fingerprint(&key()), View::Workspace));
    assert!(!workspace.may_see(&fingerprint(&lab), View::Computation(&name("none"))));
}
