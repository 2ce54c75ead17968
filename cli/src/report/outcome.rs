//! How a call can end, in the order in which the page shows it, and how many ended so.

/// How a call that was started ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Completed,
    Failed,
    Cancelled,
    Rejected,
    Aborted,
    Unknown,
}

impl Outcome {
    pub(super) const ALL: [Outcome; 6] = [
        Outcome::Completed,
        Outcome::Failed,
        Outcome::Cancelled,
        Outcome::Rejected,
        Outcome::Aborted,
        Outcome::Unknown,
    ];

    /// The word of the metrics, which is also the class of its colour.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
            Outcome::Rejected => "rejected",
            Outcome::Aborted => "aborted",
            Outcome::Unknown => "unknown",
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Outcome::Completed => "the action ran and succeeded",
            Outcome::Failed => "the action ran and said that it failed",
            Outcome::Cancelled => "the action was cancelled at the gateway",
            Outcome::Rejected => "ended without having been executed",
            Outcome::Aborted => "given up by the caller before anything was sent",
            Outcome::Unknown => "sent, and no trustworthy answer came back",
        }
    }
}

/// Why a call was never started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Denied,
    Invalid,
}

impl Refusal {
    pub(super) const ALL: [Refusal; 2] = [Refusal::Denied, Refusal::Invalid];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Refusal::Denied => "denied",
            Refusal::Invalid => "invalid",
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Refusal::Denied => "the policy refused it",
            Refusal::Invalid => "it broke the contract",
        }
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Counts {
    pub(super) started: u64,
    outcomes: [u64; 6],
    refusals: [u64; 2],
}

impl Counts {
    pub(super) fn end(&mut self, outcome: Outcome) {
        if let Some(count) = self.outcomes.get_mut(outcome as usize) {
            *count += 1;
        }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        if let Some(count) = self.refusals.get_mut(refusal as usize) {
            *count += 1;
        }
    }

    pub(super) fn add(&mut self, other: &Counts) {
        self.started += other.started;
        let (outcomes, refusals) = (other.outcomes, other.refusals);
        self.outcomes.iter_mut().zip(outcomes).for_each(|(sum, more)| *sum += more);
        self.refusals.iter_mut().zip(refusals).for_each(|(sum, more)| *sum += more);
    }

    pub(super) fn ended(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome as usize).copied().unwrap_or(0)
    }

    pub(super) fn refused(&self, refusal: Refusal) -> u64 {
        self.refusals.get(refusal as usize).copied().unwrap_or(0)
    }

    pub(super) fn all_ended(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    pub(super) fn all_refused(&self) -> u64 {
        self.refusals.iter().sum()
    }

    /// Results: calls of which the gateway said how they ended.
    pub(super) fn terminal(&self) -> u64 {
        [Outcome::Completed, Outcome::Failed, Outcome::Cancelled]
            .map(|outcome| self.ended(outcome))
            .iter()
            .sum()
    }

    /// Completed among the results; none before the first. The same as in the metrics.
    pub(super) fn success_rate(&self) -> Option<f64> {
        let terminal = self.terminal();
        (terminal > 0).then(|| self.ended(Outcome::Completed) as f64 / terminal as f64)
    }
}
