//! Workspaces: where organisations meet, by requests that they sign and a history that anybody recomputes.
//!
//! A coordinator keeps workspaces, but it is a courier with a memory: it never sees a dataset, a result or a key, and
//! nothing that it says is believed without a signature. Every action is a [`Request`] in an envelope that one member's
//! key signed; a [`Workspace`] is the fold of the accepted requests, in order; each of them makes one [`Entry`] of the
//! [`History`], chained by digest.
//!
//! - [`Action`], [`Act`] and [`Need`]: what can be asked for, and what it takes; [`Refusal`]: why not;
//! - [`WorkspaceAction`], [`ComputationAction`] and [`Roles`]: who may do what;
//! - [`Computation`] and [`Run`]: from draft to end; [`Mirror`] believes of a run what its agent signed, nothing else;
//! - [`Missing`]: what the dry run ([`Workspace::dry_run`]) finds and who owes it;
//! - [`Plan`], [`UsageRecord`] and [`statement`]: what is allowed and paid; [`exchange`]: files in and out.
//!
//! **What nobody signed is kept apart**: [`Observation`] and [`UsageRecord`] are the courier's own words, and no rule
//! reads them.

mod account;
mod action;
mod agent;
mod computation;
mod dry_run;
pub mod exchange;
mod history;
mod member;
mod mirror;
mod refusal;
mod request;
mod role;
mod rules;
mod state;
mod statistics;
mod text;
mod usage;

pub use account::{Account, Bound, Limits, PLANS, Plan};
pub use action::{Act, Action, Addressee, Allows, Introduction, MEMBER_ROLES_MAX, Need, REPORT_MAX, Scope};
pub use agent::{AGENTS_MAX, Agent, Lease, Observation};
pub use computation::{COMPUTATIONS_MAX, Computation, DRAFT_MAX, Ending, PROPOSAL_MAX, Proposal, RUNS_MAX, Run, Stage};
pub use dry_run::Missing;
pub use history::{AcceptError, ENTRIES_MAX, ENTRY_MAX, Entry, EntryFormat, Head, History, HistoryError, Outcome};
pub use member::{
    Invitation, InvitationState, KEYS_MAX, KeyRecord, ORGANISATIONS_MAX, Organisation, WORKSPACE_KEYS_MAX,
};
pub use mirror::{Mirror, ReportError, VerifiedPhase};
pub use refusal::{Refusal, Thing};
pub use request::{Request, RequestError, RequestFormat, SignedRequest};
pub use role::{ADMINISTRATOR, ComputationAction, OWNER, ROLES_MAX, RoleAction, Roles, WorkspaceAction};
pub use state::{Standing, View, WINDOW, Workspace};
pub use statistics::Statistics;
pub use text::{LINE_MAX, Line, LineError};
pub use usage::{Month, Statement, Tariff, UsageError, UsageRecord, statement};

#[cfg(test)]
mod tests;
