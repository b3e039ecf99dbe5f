//! Billing account and plans: what a workspace may use, and who pays.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// What a plan allows; `None` is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these bounds")]
pub struct Limits {
    /// Members at a time.
    pub members: Option<u32>,
    /// Computations on agents at a time.
    pub computations: Option<u32>,
    /// Runs begun in a calendar month (UTC).
    pub runs_a_month: Option<u32>,
    /// Agents registered at a time.
    pub agents: Option<u32>,
    /// Longest run on an agent, in seconds, as the manifest bounds it.
    pub run_seconds: Option<u64>,
}

impl Limits {
    /// No bounds at all.
    pub const NONE: Self =
        Self { members: None, computations: None, runs_a_month: None, agents: None, run_seconds: None };
}

/// What a workspace may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the format is closed: version 1 has these plans")]
pub enum Plan {
    /// The peer's Trial.
    Trial,
    /// The peer's Developer.
    Developer,
    /// The peer's Team.
    Team,
    /// The peer's Business.
    Business,
    /// The peer's Enterprise: nothing is bounded.
    Enterprise,
    /// Other bounds, as they were agreed.
    Custom(Limits),
}

/// The peer's plans: name, limits, and the price of a month in cents of a US dollar (`None`: as agreed).
pub const PLANS: &[(Plan, &str, Limits, Option<u64>)] = &[
    (Plan::Trial, "Trial", limits(1, 2, Some(10), 1, Some(30 * 60)), Some(0)),
    (Plan::Developer, "Developer", limits(2, 3, None, 1, None), Some(9_900)),
    (Plan::Team, "Team", limits(5, 8, None, 2, None), Some(49_900)),
    (Plan::Business, "Business", limits(15, 25, None, 5, None), Some(149_900)),
    (Plan::Enterprise, "Enterprise", Limits::NONE, None),
];

const fn limits(members: u32, computations: u32, runs: Option<u32>, agents: u32, seconds: Option<u64>) -> Limits {
    Limits {
        members: Some(members),
        computations: Some(computations),
        runs_a_month: runs,
        agents: Some(agents),
        run_seconds: seconds,
    }
}

impl Plan {
    fn row(self) -> Option<&'static (Self, &'static str, Limits, Option<u64>)> {
        PLANS.iter().find(|(plan, ..)| *plan == self)
    }

    /// What it allows.
    #[must_use]
    pub fn limits(self) -> Limits {
        match self {
            Self::Custom(limits) => limits,
            _ => self.row().map_or(Limits::NONE, |(_, _, limits, _)| *limits),
        }
    }

    /// The price of a month in cents; `None` where it is agreed otherwise.
    #[must_use]
    pub fn month_cents(self) -> Option<u64> {
        self.row().and_then(|(.., price)| *price)
    }

    /// The name as people read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("Custom", |(_, name, ..)| name)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which plan a workspace has and who pays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// What the workspace may use.
    pub plan: Plan,
    /// The organisation that pays.
    pub payer: Name,
}

/// A bound of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Bound {
    /// [`Limits::members`].
    Members,
    /// [`Limits::computations`].
    Computations,
    /// [`Limits::runs_a_month`].
    RunsAMonth,
    /// [`Limits::agents`].
    Agents,
    /// [`Limits::run_seconds`].
    RunSeconds,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Members => "members",
            Self::Computations => "computations at a time",
            Self::RunsAMonth => "runs in a month",
            Self::Agents => "agents",
            Self::RunSeconds => "seconds of one run",
        })
    }
}
