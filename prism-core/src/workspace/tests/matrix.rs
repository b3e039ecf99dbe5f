//! Every action × every role × every standing, against one table that a person reads.

use std::collections::BTreeSet;

use super::*;
use crate::audit::checkpoint::LogKey;
use crate::transcript::Base64Bytes;

/// What each action takes, by the words of the roles' actions; `anybody` is a member whatever its roles, `invited` needs an
/// invitation, `nobody` is refused where a workspace exists.
const TABLE: &[(Act, &str)] = &[
    (Act::WorkspaceCreate, "nobody"),
    (Act::WorkspaceRename, "update"),
    (Act::WorkspaceDisable, "disable"),
    (Act::WorkspaceEnable, "enable"),
    (Act::WorkspaceDelete, "delete"),
    (Act::WorkspacePlan, "update"),
    (Act::OrganisationRename, "anybody"),
    (Act::KeyAdd, "anybody"),
    (Act::KeyRevoke, "anybody"),
    (Act::KeyReplace, "anybody"),
    (Act::MemberRemove, "remove_role_users"),
    (Act::MemberLeave, "anybody"),
    (Act::InvitationSend, "add_role_users"),
    (Act::InvitationWithdraw, "add_role_users"),
    (Act::InvitationResend, "add_role_users"),
    (Act::InvitationAccept, "invited"),
    (Act::InvitationDecline, "invited"),
    (Act::RoleDefine, "manage_role"),
    (Act::RoleDrop, "manage_role"),
    (Act::RoleGive, "add_role_users"),
    (Act::RoleTake, "remove_role_users"),
    (Act::AgentRegister, "create_cvms"),
    (Act::AgentRemove, "remove_cvms"),
    (Act::ComputationCreate, "create_computation"),
    (Act::ComputationDraft, "edit"),
    (Act::ComputationPropose, "edit"),
    (Act::ComputationApprove, "view"),
    (Act::ComputationWithdraw, "edit"),
    (Act::ComputationGive, "administrator"),
    (Act::ComputationTake, "administrator"),
    (Act::ComputationSchedule, "run"),
    (Act::ComputationReport, "view"),
    (Act::ComputationStop, "run"),
    (Act::ComputationAbandon, "administrator"),
    (Act::ComputationDelete, "administrator"),
];

#[expect(clippy::too_many_lines, reason = "a sample for each action there is")]
/// An action of each kind that goes beyond nobody's own roles. One that is added does not compile without one here.
fn action(act: Act) -> Action {
    let computation = || name("covid19");
    match act {
        Act::WorkspaceCreate => {
            Action::WorkspaceCreate { title: line("x"), organisation: introduction("x"), plan: Plan::Trial }
        }
        Act::WorkspaceRename => Action::WorkspaceRename { title: line("Another title") },
        Act::WorkspaceDisable => Action::WorkspaceDisable {},
        Act::WorkspaceEnable => Action::WorkspaceEnable {},
        Act::WorkspaceDelete => Action::WorkspaceDelete {},
        Act::WorkspacePlan => Action::WorkspacePlan { plan: Plan::Team, payer: name("lab") },
        Act::OrganisationRename => Action::OrganisationRename { title: line("Another title") },
        Act::KeyAdd => Action::KeyAdd { key: key().public().clone() },
        Act::KeyRevoke => Action::KeyRevoke { key: Digest::sha256(b"none") },
        Act::KeyReplace => Action::KeyReplace { old: Digest::sha256(b"none"), new: key().public().clone() },
        Act::MemberRemove => Action::MemberRemove { organisation: name("bystander") },
        Act::MemberLeave => Action::MemberLeave {},
        Act::InvitationSend => Action::InvitationSend {
            invitation: name("to-somebody"),
            to: Addressee::Key(Digest::sha256(b"somebody")),
            roles: BTreeSet::new(),
            expires: NOW + 100,
        },
        Act::InvitationWithdraw => Action::InvitationWithdraw { invitation: name("open") },
        Act::InvitationResend => Action::InvitationResend { invitation: name("open"), expires: NOW + 200 },
        Act::InvitationAccept => {
            Action::InvitationAccept { invitation: name("open"), organisation: introduction("invitee") }
        }
        Act::InvitationDecline => Action::InvitationDecline { invitation: name("open") },
        Act::RoleDefine => Action::RoleDefine { role: name("new-role"), allows: Allows::Workspace(BTreeSet::new()) },
        Act::RoleDrop => Action::RoleDrop { role: name("nothing"), scope: Scope::Workspace },
        Act::RoleGive => Action::RoleGive { organisation: name("bystander"), role: name("nothing") },
        Act::RoleTake => Action::RoleTake { organisation: name("bystander"), role: name("member") },
        Act::AgentRegister => agent("new-agent"),
        Act::AgentRemove => Action::AgentRemove { agent: name("agent") },
        Act::ComputationCreate => Action::ComputationCreate { computation: name("another"), title: line("Another") },
        Act::ComputationDraft => Action::ComputationDraft { computation: computation(), draft: String::new() },
        Act::ComputationPropose => {
            Action::ComputationPropose { computation: computation(), manifest: Base64Bytes(vec![]) }
        }
        Act::ComputationApprove => Action::ComputationApprove {
            computation: computation(),
            key: Digest::sha256(b"none"),
            signature: Base64Bytes(vec![]),
        },
        Act::ComputationWithdraw => Action::ComputationWithdraw { computation: computation() },
        Act::ComputationGive => Action::ComputationGive {
            computation: computation(),
            organisation: name("bystander"),
            role: name("viewer"),
        },
        Act::ComputationTake => Action::ComputationTake {
            computation: computation(),
            organisation: name("bystander"),
            role: name("viewer"),
        },
        Act::ComputationSchedule => Action::ComputationSchedule { computation: computation(), agent: name("agent") },
        Act::ComputationReport => {
            Action::ComputationReport { computation: computation(), entries: vec![], checkpoint: String::new() }
        }
        Act::ComputationStop => Action::ComputationStop { computation: computation() },
        Act::ComputationAbandon => Action::ComputationAbandon { computation: computation() },
        Act::ComputationDelete => Action::ComputationDelete { computation: computation() },
    }
}

fn agent(of: &str) -> Action {
    Action::AgentRegister {
        agent: name(of),
        endpoint: line("127.0.0.1:6110"),
        platform: name("simulated"),
        software: line("prism 0.1.0"),
        evidence: Digest::sha256(b"evidence"),
        log: LogKey::generate("prism.log/test", &mut SystemEntropy).unwrap().verifier().clone(),
    }
}

/// What a role allows, by its words, from the table of the page and not from the code.
fn built_in() -> Vec<(Scope, &'static str, Vec<&'static str>)> {
    let all = vec![
        "add_role_users",
        "create_computation",
        "create_cvms",
        "delete",
        "disable",
        "enable",
        "manage_role",
        "read",
        "remove_cvms",
        "remove_role_users",
        "update",
        "view_role_users",
    ];
    vec![
        (Scope::Workspace, "admin", all),
        (Scope::Workspace, "member", vec!["read"]),
        (Scope::Computation, "owner", vec!["view", "edit", "run", "administrator"]),
        (Scope::Computation, "algo_provider", vec!["view", "algo_provider"]),
        (Scope::Computation, "dataset_provider", vec!["view", "dataset_provider"]),
        (Scope::Computation, "result_consumer", vec!["view", "result_consumer"]),
        (Scope::Computation, "viewer", vec!["view"]),
        (Scope::Computation, "editor", vec!["view", "edit"]),
        (Scope::Computation, "runner", vec!["view", "run"]),
    ]
}

/// The scene of all cases: a lab that administers, a bystander, an agent, a computation, an open invitation.
fn scene() -> (World, SigningKey) {
    let (lab, bystander) = (key(), key());
    let mut world = World::begun(&lab, Plan::Enterprise);
    world.done(&lab, Action::RoleDefine { role: name("nothing"), allows: Allows::Workspace(BTreeSet::new()) });
    world.join(&lab, &bystander, "bystander", &["member"]);
    world.done(&lab, agent("agent"));
    world.done(&lab, Action::ComputationCreate { computation: name("covid19"), title: line("COVID-19") });
    let to = Addressee::Key(Digest::sha256(b"invitee"));
    let (roles, expires) = (BTreeSet::new(), NOW + 100);
    world.done(&lab, Action::InvitationSend { invitation: name("open"), to, roles, expires });
    (world, lab)
}

/// Roles that allow one action each, defined by the lab.
fn single(world: &mut World, lab: &SigningKey) -> Vec<(Scope, String, Vec<&'static str>)> {
    let mut roles = Vec::new();
    for action in WorkspaceAction::ALL {
        let role = format!("only-{}", action.as_str().replace('_', "-"));
        let allows = Allows::Workspace([*action].into());
        world.done(lab, Action::RoleDefine { role: name(&role), allows });
        roles.push((Scope::Workspace, role, vec![action.as_str()]));
    }
    for action in ComputationAction::ALL {
        let role = format!("only-{}", action.as_str().replace('_', "-"));
        let allows = Allows::Computation([*action].into());
        world.done(lab, Action::RoleDefine { role: name(&role), allows });
        roles.push((Scope::Computation, role, vec![action.as_str()]));
    }
    roles
}

/// The subject as a member with exactly this role.
fn with_role(world: &World, lab: &SigningKey, subject: &SigningKey, (scope, role): (Scope, &str)) -> World {
    let mut world = world.clone();
    match scope {
        Scope::Workspace => world.join(lab, subject, "subject", &[role]),
        Scope::Computation => {
            world.join(lab, subject, "subject", &[]);
            let (computation, organisation) = (name("covid19"), name("subject"));
            world.done(lab, Action::ComputationGive { computation, organisation, role: name(role) });
        }
    }
    world
}

/// Asks as the subject, with the key that an action adds if it adds one.
fn ask(world: &World, subject: &SigningKey, act: Act) -> Result<(), AcceptError> {
    let mut world = world.clone();
    let fresh = key();
    let action = match action(act) {
        Action::KeyAdd { .. } => Action::KeyAdd { key: fresh.public().clone() },
        Action::KeyReplace { old, .. } => Action::KeyReplace { old, new: fresh.public().clone() },
        other => other,
    };
    let keys: &[&SigningKey] = if action.new_key().is_some() { &[subject, &fresh] } else { &[subject] };
    world.ask(keys, action)
}

fn is_permitted(outcome: &Result<(), AcceptError>) -> bool {
    !matches!(outcome, Err(AcceptError::Refused(Refusal::NotAllowed { .. })))
}

#[test]
fn the_table_names_every_action_once() {
    let named: Vec<Act> = TABLE.iter().map(|(act, _)| *act).collect();
    assert_eq!(named, Act::ALL);
}

#[test]
fn a_member_may_do_what_its_role_allows_and_nothing_else() {
    let (mut world, lab) = scene();
    let mut roles: Vec<_> =
        built_in().into_iter().map(|(scope, role, allows)| (scope, role.to_owned(), allows)).collect();
    roles.extend(single(&mut world, &lab));
    let mut cases = 0;
    for (scope, role, allows) in &roles {
        let subject = key();
        let world = with_role(&world, &lab, &subject, (*scope, role));
        for (act, takes) in TABLE {
            let expected = match *takes {
                "nobody" => false,
                "anybody" | "invited" => true,
                action => allows.contains(&action),
            };
            let outcome = ask(&world, &subject, *act);
            assert_eq!(is_permitted(&outcome), expected, "{act} with {role}: {outcome:?}");
            cases += 1;
        }
    }
    assert_eq!(cases, 35 * (9 + 12 + 7));
}

#[test]
fn two_roles_allow_what_either_does() {
    let (mut world, lab) = scene();
    single(&mut world, &lab);
    let subject = key();
    world.join(&lab, &subject, "subject", &["only-update", "only-create-cvms"]);
    let allowed: Vec<Act> = Act::ALL.iter().copied().filter(|act| is_permitted(&ask(&world, &subject, *act))).collect();
    let expected = ["update", "create_cvms", "anybody", "invited"];
    let expected: Vec<Act> = TABLE.iter().filter(|(_, takes)| expected.contains(takes)).map(|(act, _)| *act).collect();
    assert_eq!(allowed, expected);
}

#[test]
fn strangers_former_members_members_of_elsewhere_and_revoked_keys_may_do_nothing() {
    let (world, lab) = scene();
    let (former, revoked, spare, elsewhere) = (key(), key(), key(), key());
    let mut world = with_role(&world, &lab, &former, (Scope::Workspace, "admin"));
    world.done(&lab, Action::MemberRemove { organisation: name("subject") });
    world.join(&lab, &revoked, "careless", &["admin"]);
    world.ask(&[&revoked, &spare], Action::KeyAdd { key: spare.public().clone() }).unwrap();
    world.done(&spare, Action::KeyRevoke { key: fingerprint(&revoked) });
    let _foreign = World::begun(&elsewhere, Plan::Enterprise);
    for act in Act::ALL {
        for (who, subject) in
            [("stranger", &key()), ("former", &former), ("revoked", &revoked), ("foreign", &elsewhere)]
        {
            let outcome = ask(&world, subject, *act);
            let Err(AcceptError::Refused(refusal)) = outcome else { panic!("{act} by a {who}: {outcome:?}") };
            let expected = match who {
                "revoked" => matches!(refusal, Refusal::KeyRevoked { .. }),
                _ if act.need() == Need::Invitee => {
                    matches!(refusal, Refusal::Unknown { thing: Thing::Invitation, .. })
                }
                "former" => matches!(refusal, Refusal::FormerMember { .. }),
                _ => matches!(refusal, Refusal::Stranger { .. }),
            };
            assert!(expected, "{act} by a {who}: {refusal}");
        }
    }
}

#[test]
fn a_request_for_another_workspace_is_refused_here() {
    let (mut world, lab) = scene();
    for act in Act::ALL.iter().filter(|act| !matches!(act, Act::KeyAdd | Act::KeyReplace)) {
        let mut request = world.request(&lab, action(*act));
        request.workspace = name("elsewhere");
        let signed = SignedRequest::sign(&request, &[&lab]).unwrap();
        let refused = world.history.accept(&signed, NOW);
        assert!(matches!(refused, Err(AcceptError::Refused(Refusal::OtherWorkspace { .. }))), "{act}: {refused:?}");
    }
}

#[test]
fn nobody_gives_more_than_they_hold() {
    let (mut world, lab) = scene();
    single(&mut world, &lab);
    let subject = key();
    world.join(&lab, &subject, "subject", &["only-add-role-users", "only-manage-role"]);
    let beyond = |refusal: &Refusal| matches!(refusal, Refusal::BeyondOwn { .. });
    let give = Action::RoleGive { organisation: name("bystander"), role: name("admin") };
    assert!(beyond(&world.refused(&subject, give)));
    let allows = Allows::Workspace([WorkspaceAction::Delete].into());
    assert!(beyond(&world.refused(&subject, Action::RoleDefine { role: name("mine"), allows })));
    let allows = Allows::Workspace([WorkspaceAction::ManageRole].into());
    assert!(beyond(&world.refused(&subject, Action::RoleDefine { role: name("only-delete"), allows })));
    let send = Action::InvitationSend {
        invitation: name("escalation"),
        to: Addressee::Key(fingerprint(&key())),
        roles: [name("admin")].into(),
        expires: NOW + 10,
    };
    assert!(beyond(&world.refused(&subject, send)));
    // Having a friend who administers, one gives oneself nothing either.
    let give = Action::RoleGive { organisation: name("subject"), role: name("admin") };
    assert!(beyond(&world.refused(&subject, give)));
}
