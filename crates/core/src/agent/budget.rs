//! What a run may cost. Each cost is debited before it arises, and corrected once it is known.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of everything that is counted: a price, a sum or a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Amount {
    pub model_calls: u64,
    pub tool_calls: u64,
    pub plans: u64,
    pub questions: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Millionths of a US dollar; 0 if the prices of the model are unknown.
    pub microdollars: u64,
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    ModelCalls,
    ToolCalls,
    Plans,
    Questions,
    InputTokens,
    OutputTokens,
    Microdollars,
    /// The cost of all runs of the repository within a day.
    DailyMicrodollars,
    /// The time of the model and its tools, without waiting for people and for plans.
    LoopTime,
    Time,
}

/// The limits of one run. A repository may lower them, never raise them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub amount: Amount,
    pub loop_seconds: u64,
    /// Without waiting for people and for a model server that does not answer.
    pub seconds: u64,
    /// For all runs of the repository within a day.
    pub daily_microdollars: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            amount: Amount {
                model_calls: 24,
                tool_calls: 60,
                plans: 4,
                questions: 3,
                input_tokens: 600_000,
                output_tokens: 24_000,
                microdollars: 2_000_000,
            },
            loop_seconds: 10 * 60,
            seconds: 25 * 60,
            daily_microdollars: 20_000_000,
        }
    }
}

impl Limits {
    /// Returns these limits with each amount lowered to that in `by` where that is less.
    #[must_use]
    pub fn lowered(&self, by: &Amount) -> Self {
        let mut lowered = *self;
        for (limit, wanted) in lowered.amount.fields_mut().into_iter().zip(by.fields()) {
            *limit = (*limit).min(wanted.1);
        }
        lowered
    }

    /// Fails if the repository, which has spent `spent` microdollars today, cannot afford `amount`.
    pub fn affords_today(&self, spent: u64, amount: &Amount) -> Result<(), Limit> {
        let after = spent.saturating_add(amount.microdollars);
        if amount.microdollars > 0 && after > self.daily_microdollars {
            return Err(Limit::DailyMicrodollars);
        }
        Ok(())
    }
}

impl Amount {
    /// An amount above every limit.
    pub const UNLIMITED: Self = Self {
        model_calls: u64::MAX,
        tool_calls: u64::MAX,
        plans: u64::MAX,
        questions: u64::MAX,
        input_tokens: u64::MAX,
        output_tokens: u64::MAX,
        microdollars: u64::MAX,
    };

    fn fields(&self) -> [(Limit, u64); 7] {
        [
            (Limit::ModelCalls, self.model_calls),
            (Limit::ToolCalls, self.tool_calls),
            (Limit::Plans, self.plans),
            (Limit::Questions, self.questions),
            (Limit::InputTokens, self.input_tokens),
            (Limit::OutputTokens, self.output_tokens),
            (Limit::Microdollars, self.microdollars),
        ]
    }

    fn fields_mut(&mut self) -> [&mut u64; 7] {
        [
            &mut self.model_calls,
            &mut self.tool_calls,
            &mut self.plans,
            &mut self.questions,
            &mut self.input_tokens,
            &mut self.output_tokens,
            &mut self.microdollars,
        ]
    }

    fn with(mut self, other: &Self, of: fn(u64, u64) -> u64) -> Self {
        for (one, (_, other)) in self.fields_mut().into_iter().zip(other.fields()) {
            *one = of(*one, other);
        }
        self
    }
}

/// Limits, and what has been spent of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub limits: Limits,
    pub spent: Amount,
}

impl Budget {
    pub fn new(limits: Limits) -> Self {
        Self { limits, spent: Amount::default() }
    }

    /// Fails with the limit that debiting `amount` would exceed.
    pub fn affords(&self, amount: &Amount) -> Result<(), Limit> {
        let after = self.spent.with(amount, u64::saturating_add);
        let limits = self.limits.amount.fields();
        // Only what is asked for is checked: settling may have exceeded another limit already.
        let asked = amount.fields().into_iter().zip(after.fields()).zip(limits);
        let mut over =
            asked.filter(|(((_, asked), (_, after)), (_, limit))| *asked > 0 && after > limit);
        over.next().map_or(Ok(()), |(_, (limit, _))| Err(limit))
    }

    /// Debits `amount` before it is known how much of it will be used.
    pub fn debit(&mut self, amount: &Amount) {
        self.spent = self.spent.with(amount, u64::saturating_add);
    }

    /// Replaces what was debited by what was used.
    pub fn settle(&mut self, debited: &Amount, used: &Amount) {
        self.spent = self.spent.with(debited, u64::saturating_sub).with(used, u64::saturating_add);
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ModelCalls => "questions to the model",
            Self::ToolCalls => "calls of tools",
            Self::Plans => "plans",
            Self::Questions => "questions to people",
            Self::InputTokens => "tokens that the model reads",
            Self::OutputTokens => "tokens that the model writes",
            Self::Microdollars => "cost",
            Self::DailyMicrodollars => "cost of this repository in a day",
            Self::LoopTime | Self::Time => "time",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(model_calls: u64) -> Amount {
        Amount { model_calls, ..Amount::default() }
    }

    #[test]
    fn what_is_debited_is_gone_until_less_is_known_to_be_used() {
        let mut budget = Budget::new(Limits::default().lowered(&Amount {
            model_calls: 2,
            input_tokens: 100,
            ..Amount::UNLIMITED
        }));
        let estimate = Amount { model_calls: 1, input_tokens: 60, ..Amount::default() };
        assert_eq!(budget.affords(&estimate), Ok(()));
        budget.debit(&estimate);
        assert_eq!(budget.affords(&estimate), Err(Limit::InputTokens));
        budget.settle(&estimate, &Amount { model_calls: 1, input_tokens: 10, ..Amount::default() });
        assert_eq!(budget.affords(&estimate), Ok(()));
        budget.debit(&estimate);
        assert_eq!(budget.affords(&calls(1)), Err(Limit::ModelCalls));
    }

    #[test]
    fn a_repository_lowers_limits_and_raises_none() {
        let limits = Limits::default();
        let lowered = limits.lowered(&Amount { plans: 1, model_calls: 1_000, ..Amount::UNLIMITED });
        assert_eq!((lowered.amount.plans, lowered.amount.model_calls), (1, 24));
        assert_eq!(lowered.amount.questions, limits.amount.questions);
    }

    #[test]
    fn what_a_repository_spends_in_a_day_has_a_limit_of_its_own() {
        let limits = Limits { daily_microdollars: 100, ..Limits::default() };
        let amount = |microdollars| Amount { microdollars, ..calls(1) };
        assert_eq!(limits.affords_today(60, &amount(40)), Ok(()));
        assert_eq!(limits.affords_today(60, &amount(41)), Err(Limit::DailyMicrodollars));
        assert_eq!(limits.affords_today(u64::MAX, &amount(1)), Err(Limit::DailyMicrodollars));
        assert_eq!(limits.affords_today(1_000, &amount(0)), Ok(()), "without prices it is unknown");
    }

    #[test]
    fn a_server_that_reports_absurd_numbers_only_ends_the_run() {
        let mut budget = Budget::new(Limits::default());
        budget.settle(&calls(1), &Amount { input_tokens: u64::MAX, ..Amount::default() });
        budget.debit(&Amount { input_tokens: 1, ..Amount::default() });
        let more = Amount { input_tokens: 1, ..Amount::default() };
        assert_eq!(budget.affords(&more), Err(Limit::InputTokens));
        assert_eq!(budget.affords(&calls(1)), Ok(()));
    }
}
