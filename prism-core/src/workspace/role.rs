//! What members may do: actions, roles that are built in, and roles that a workspace defines itself.
//!
//! The words are the peer's, so that whoever comes from there finds the same ones. A member may hold several roles at
//! a time and may then do what any of them allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Most roles that a workspace defines itself, for each scope.
pub const ROLES_MAX: usize = 64;
/// The role that may do everything in a workspace; somebody always holds it.
pub const ADMINISTRATOR: &str = "admin";
/// The role that may do everything to a computation but bring assets; its creator gets it.
pub const OWNER: &str = "owner";

/// A closed list of actions that roles are made of.
pub trait RoleAction: Copy + Ord + fmt::Debug + 'static {
    /// Every action there is.
    const ALL: &'static [Self];
    /// Roles that every workspace has, and what they allow.
    const BUILT_IN: &'static [(&'static str, &'static [Self])];

    /// The action's word.
    fn as_str(self) -> &'static str;
}

macro_rules! actions {
    ($(#[$doc:meta])* $name:ident, built in $built:expr; { $($(#[$item_doc:meta])* $item:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(clippy::exhaustive_enums, reason = "an action that is added has to be decided about everywhere")]
        pub enum $name { $($(#[$item_doc])* #[serde(rename = $word)] $item,)* }

        impl RoleAction for $name {
            const ALL: &'static [Self] = &[$(Self::$item,)*];
            const BUILT_IN: &'static [(&'static str, &'static [Self])] = $built;

            fn as_str(self) -> &'static str {
                match self { $(Self::$item => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

actions! {
    /// What a role in a workspace allows.
    WorkspaceAction, built in &[
        (ADMINISTRATOR, WorkspaceAction::ALL),
        ("member", &[WorkspaceAction::Read]), // ours: the peer knows the administrator only
    ];
    {
        /// Invite, and give roles.
        AddRoleUsers = "add_role_users",
        /// Create computations.
        CreateComputation = "create_computation",
        /// Register agents.
        CreateCvms = "create_cvms",
        /// Delete the workspace.
        Delete = "delete",
        /// Disable the workspace.
        Disable = "disable",
        /// Enable the workspace again.
        Enable = "enable",
        /// Define and drop roles.
        ManageRole = "manage_role",
        /// See the workspace.
        Read = "read",
        /// Remove agents.
        RemoveCvms = "remove_cvms",
        /// Remove members, and take roles away.
        RemoveRoleUsers = "remove_role_users",
        /// Rename the workspace, choose its plan.
        Update = "update",
        /// See who holds which role.
        ViewRoleUsers = "view_role_users",
    }
}

actions! {
    /// What a role in a computation allows. The last three say what somebody is in it.
    ComputationAction, built in &[
        (OWNER, &[ComputationAction::View, ComputationAction::Edit, ComputationAction::Run, ComputationAction::Administrator]),
        ("algo_provider", &[ComputationAction::View, ComputationAction::AlgoProvider]),
        ("dataset_provider", &[ComputationAction::View, ComputationAction::DatasetProvider]),
        ("result_consumer", &[ComputationAction::View, ComputationAction::ResultConsumer]),
        ("viewer", &[ComputationAction::View]),
        ("editor", &[ComputationAction::View, ComputationAction::Edit]),
        ("runner", &[ComputationAction::View, ComputationAction::Run]),
    ];
    {
        /// See it, approve it, report what its agent logged.
        View = "view",
        /// Draft, propose and withdraw it.
        Edit = "edit",
        /// Schedule and stop it.
        Run = "run",
        /// Give and take its roles, give up a run, delete it.
        Administrator = "administrator",
        /// Brings the algorithm.
        AlgoProvider = "algo_provider",
        /// Brings a dataset.
        DatasetProvider = "dataset_provider",
        /// Receives a result.
        ResultConsumer = "result_consumer",
    }
}

/// The roles of one scope: those built in, and those that the workspace defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles<A: RoleAction> {
    custom: BTreeMap<Name, BTreeSet<A>>,
}

impl<A: RoleAction> Default for Roles<A> {
    fn default() -> Self {
        Self { custom: BTreeMap::new() }
    }
}

impl<A: RoleAction> Roles<A> {
    /// What a role allows; `None` if there is no such role.
    #[must_use]
    pub fn actions(&self, role: &Name) -> Option<BTreeSet<A>> {
        let built_in = A::BUILT_IN.iter().find(|(name, _)| *name == role.as_str());
        built_in.map(|(_, actions)| actions.iter().copied().collect()).or_else(|| self.custom.get(role).cloned())
    }

    /// What several roles allow together.
    #[must_use]
    pub fn together<'a>(&self, roles: impl IntoIterator<Item = &'a Name>) -> BTreeSet<A> {
        roles.into_iter().filter_map(|role| self.actions(role)).flatten().collect()
    }

    /// The roles that the workspace defined.
    #[must_use]
    pub const fn custom(&self) -> &BTreeMap<Name, BTreeSet<A>> {
        &self.custom
    }

    /// Whether a role is one that every workspace has.
    #[must_use]
    pub fn is_built_in(role: &Name) -> bool {
        A::BUILT_IN.iter().any(|(name, _)| *name == role.as_str())
    }

    pub(super) fn define(&mut self, role: Name, actions: BTreeSet<A>) {
        self.custom.insert(role, actions);
    }

    pub(super) fn drop_role(&mut self, role: &Name) -> bool {
        self.custom.remove(role).is_some()
    }
}
