//! How much may be sent again, of all invocations of a client together: an outage is not made worse by those who wait
//! for its end.
//!
//! One promise: while nothing succeeds, at most 35 sends are repeated, however many invocations there are. The figures
//! are those of the AWS SDKs' standard mode: 500 tokens, 14 for a repetition after a failure, 5 after throttling. Unlike
//! there, every success pays for one repetition: with one token a success, a gateway that fails every third exchange
//! would empty the budget although every invocation could still be brought to its end.
//!
//! Only repeated POSTs are paid for. A look at the state is not the repetition of anything, and is paced by its schedule.
//! The token is fetched once for everybody, so that its repetitions do not grow with the load; a replay with a fresh
//! token after a 401 happens once to an invocation and is proof of a gateway that answers.

use std::sync::atomic::{AtomicU32, Ordering};

const CAPACITY: u32 = 500;
const AFTER_FAILURE: u32 = 14;
const AFTER_THROTTLING: u32 = 5;

#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

impl Budget {
    pub(crate) fn full() -> Budget {
        Budget(AtomicU32::new(CAPACITY))
    }

    /// Pays for one repetition; false where it cannot be paid for, and must not happen.
    #[must_use]
    pub(crate) fn spend(&self, throttled: bool) -> bool {
        let price = if throttled { AFTER_THROTTLING } else { AFTER_FAILURE };
        self.change(|left| left.checked_sub(price))
    }

    /// The gateway took a request.
    pub(crate) fn succeeded(&self) {
        // Full is what it nearly always is: then nothing is written, and no two threads meet here.
        self.change(|left| (left < CAPACITY).then_some((left + AFTER_FAILURE).min(CAPACITY)));
    }

    fn change(&self, to: impl FnMut(u32) -> Option<u32>) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, to).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repetitions(budget: &Budget, throttled: bool) -> usize {
        (0..10_000).filter(|_| budget.spend(throttled)).count()
    }

    #[test]
    fn while_nothing_succeeds_only_so_much_is_repeated() {
        assert_eq!(repetitions(&Budget::full(), false), 35);
        assert_eq!(repetitions(&Budget::full(), true), 100);
    }

    #[test]
    fn a_success_pays_for_a_repetition_and_the_budget_never_overflows() {
        let budget = Budget::full();
        for _ in 0..1_000 {
            budget.succeeded();
        }
        assert_eq!(repetitions(&budget, false), 35);
        budget.succeeded();
        assert_eq!(repetitions(&budget, false), 1);
    }

    #[test]
    fn a_gateway_that_fails_every_third_exchange_never_empties_it() {
        let budget = Budget::full();
        for exchange in 0..30_000 {
            match exchange % 3 {
                0 => assert!(budget.spend(false), "exchange {exchange}"),
                _ => budget.succeeded(),
            }
        }
    }
}
