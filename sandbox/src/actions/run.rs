//! What becomes of one invocation of an action: drawn when it is accepted.

use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::known::Case;
use super::template::Filling;
use super::{Action, Outcome};

/// The end of one invocation, known from its beginning.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    /// As JSON text.
    pub(crate) outputs: Option<Box<str>>,
    pub(crate) error_message: Option<Box<str>>,
    /// How long it takes, where the action says so.
    pub(crate) takes: Option<Duration>,
}

impl Action {
    /// Draws, always as often and in the same order, so that no part of an action's description moves another one's
    /// luck.
    pub(crate) fn run(
        &self,
        invocation_id: Uuid,
        inputs: &RawValue,
        accepted: Timestamp,
        random: &mut Rng,
    ) -> Run {
        let (luck, which) = (random.f64(), random.f64());
        let outcome = match self.outcome {
            Outcome::Completed if luck < self.failure_rate => Outcome::Failed,
            Outcome::Completed if luck < self.failure_rate + self.cancel_rate => Outcome::Cancelled,
            outcome => outcome,
        };
        let takes = self.time.map(|time| time.draw(random)).or(self.complete_after);
        // What it puts out, and of what it complains, belong to different ends where an action has several.
        let completes = outcome == self.outcome;
        let has_several = self.failure_rate > 0.0 || self.cancel_rate > 0.0;
        Run {
            outcome,
            outputs: if completes { self.put_out(invocation_id, inputs, accepted, random) } else { None },
            error_message: match outcome {
                Outcome::Completed if has_several => None,
                Outcome::Failed if !self.errors.is_empty() => self.error(which),
                _ => self.error_message.as_deref().map(Into::into),
            },
            takes,
        }
    }

    /// One of the errors by its weight, for a `luck` from 0 to 1.
    fn error(&self, luck: f64) -> Option<Box<str>> {
        let mut left = luck * self.errors.iter().map(|(_, weight)| weight).sum::<f64>();
        let drawn = self.errors.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        drawn.or(self.errors.last()).map(|(message, _)| message.as_str().into())
    }

    fn put_out(
        &self,
        invocation_id: Uuid,
        inputs: &RawValue,
        accepted: Timestamp,
        random: &mut Rng,
    ) -> Option<Box<str>> {
        if self.echo {
            return Some(inputs.get().into());
        }
        if self.creates_case {
            let case = Case::of(invocation_id, inputs)?;
            return serde_json::to_string(&case).ok().map(Into::into);
        }
        match &self.template {
            Some(template) => Some(template.fill(&Filling::new(inputs, accepted), random).into()),
            None => self.outputs.as_ref().map(|outputs| outputs.get().into()),
        }
    }
}
