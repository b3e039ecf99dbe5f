//! Usage and the month's statement, computed from records; whole numbers only.
//!
//! Records are the courier's own measure: **nobody signed them**. Runs can be compared with the history; agent time and
//! bytes cannot. A statement is a pure function of its records, so whoever has them computes the same one.

use time::{Date, Month as CalendarMonth};

use super::account::Plan;
use crate::UnixSeconds;
use crate::code::{Code, Coded};
use crate::name::Name;

const HOUR: u128 = 3600;
const GIBIBYTE: u128 = 1 << 30;

/// What one run used, as the courier measured it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the courier")]
pub struct UsageRecord {
    /// The computation.
    pub computation: Name,
    /// When the run began to use its agent.
    pub began: UnixSeconds,
    /// When it ceased to; not before it began.
    pub ended: UnixSeconds,
    /// Bytes that went through the courier for it; counted in the month in which it ended.
    pub bytes: u64,
}

/// What is paid beside the plan, in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the courier")]
pub struct Tariff {
    /// A month of the plan.
    pub month: u64,
    /// An hour of an agent.
    pub agent_hour: u64,
    /// A GiB through the courier.
    pub gibibyte: u64,
}

impl Tariff {
    /// The plan's price alone, where it has one.
    #[must_use]
    pub fn of(plan: Plan) -> Option<Self> {
        plan.month_cents().map(|month| Self { month, agent_hour: 0, gibibyte: 0 })
    }
}

/// Why there is no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// There is no such month.
    #[error("expected a month from 1 to 12 of a year from 1970 to 9999, found {month} of {year}; name such a month")]
    Month {
        /// The year.
        year: i32,
        /// The month.
        month: u8,
    },
    /// A record ends before it begins.
    #[error("expected a record that ends at or after {began}, found one that ends at {ended}; correct the record")]
    Order {
        /// When it began.
        began: UnixSeconds,
        /// When it ended.
        ended: UnixSeconds,
    },
    /// A sum does not fit.
    #[error("expected sums below 2^64, found a larger one; the records cannot be right")]
    Overflow,
}

impl Coded for UsageError {
    fn code(&self) -> Code {
        Code::Usage
    }
}

/// A calendar month in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    from: UnixSeconds,
    until: UnixSeconds,
}

impl Month {
    /// The month `month` (1 to 12) of `year` (1970 to 9999).
    ///
    /// # Errors
    /// [`UsageError::Month`].
    pub fn new(year: i32, month: u8) -> Result<Self, UsageError> {
        let wrong = || UsageError::Month { year, month };
        let start = |year: i32, month: u8| -> Option<UnixSeconds> {
            let date = Date::from_calendar_date(year, CalendarMonth::try_from(month).ok()?, 1).ok()?;
            u64::try_from(date.midnight().assume_utc().unix_timestamp()).ok()
        };
        let from = start(year, month).ok_or_else(wrong)?;
        let last = || u64::try_from(Date::MAX.midnight().assume_utc().unix_timestamp()).ok().map(|day| day + 86_400);
        let next = if month == 12 { start(year.saturating_add(1), 1) } else { start(year, month.saturating_add(1)) };
        let until = next.or_else(last).ok_or_else(wrong)?;
        Ok(Self { from, until })
    }

    /// Its first second.
    #[must_use]
    pub const fn from(self) -> UnixSeconds {
        self.from
    }

    /// The first second after it.
    #[must_use]
    pub const fn until(self) -> UnixSeconds {
        self.until
    }

    fn contains(self, at: UnixSeconds) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// The seconds of a span that lie in the month.
    fn share(self, began: UnixSeconds, ended: UnixSeconds) -> u64 {
        ended.min(self.until).saturating_sub(began.max(self.from))
    }
}

/// What a month cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statement {
    /// Runs that began in the month.
    pub runs: u64,
    /// Seconds of agents in the month.
    pub agent_seconds: u64,
    /// Bytes of runs that ended in the month.
    pub bytes: u64,
    /// The plan, in cents.
    pub plan_cents: u64,
    /// Agents, in cents: all their time together, begun cents counted whole.
    pub agent_cents: u64,
    /// Bytes, in cents: all together, begun cents counted whole.
    pub byte_cents: u64,
    /// Everything, in cents.
    pub total_cents: u64,
}

/// The statement of a month.
///
/// # Errors
/// [`UsageError`] for a record that ends before it begins, or sums that do not fit.
pub fn statement(records: &[UsageRecord], month: Month, tariff: Tariff) -> Result<Statement, UsageError> {
    let (mut runs, mut seconds, mut bytes) = (0_u64, 0_u64, 0_u64);
    let add = |sum: u64, more: u64| sum.checked_add(more).ok_or(UsageError::Overflow);
    for &UsageRecord { began, ended, bytes: moved, .. } in records {
        if ended < began {
            return Err(UsageError::Order { began, ended });
        }
        runs = add(runs, u64::from(month.contains(began)))?;
        seconds = add(seconds, month.share(began, ended))?;
        bytes = add(bytes, if month.contains(ended) { moved } else { 0 })?;
    }
    let agent_cents = price(seconds, tariff.agent_hour, HOUR)?;
    let byte_cents = price(bytes, tariff.gibibyte, GIBIBYTE)?;
    let total_cents = add(add(tariff.month, agent_cents)?, byte_cents)?;
    let plan_cents = tariff.month;
    Ok(Statement { runs, agent_seconds: seconds, bytes, plan_cents, agent_cents, byte_cents, total_cents })
}

fn price(amount: u64, cents: u64, unit: u128) -> Result<u64, UsageError> {
    let product = u128::from(amount).saturating_mul(u128::from(cents)); // two u64 always fit
    u64::try_from(product.div_ceil(unit)).map_err(|_| UsageError::Overflow)
}
