//! Which token serves, and when another one may be asked for.
//!
//! It decides and never waits: the time is passed in. The promises: a valid token is never waited for; a late 401 cannot
//! evict a fresh token; and whatever happens, tokens are asked for once a second at most, refused credentials six times
//! in a minute, and a failure is remembered for a while and never for good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::token::{Now, Token};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::MAX_RETRY_AFTER;

/// Between the starts of two fetches, so that a token that serves for a second costs no more than one request in it.
const SPACING: Duration = Duration::from_secs(1);
/// So many tokens in a row may be refused, without one that worked, before the next one has to wait: a gateway that
/// answers 401 now and then needs several, and one that always does would cost a token for each call.
const REFUSALS: u32 = 5;
/// Refused credentials want a person, and asking all the time would lock the account.
const LONGEST_AUTH_HOLD: Duration = Duration::from_secs(60);
/// A service that was down is found again within five seconds.
const LONGEST_OUTAGE_HOLD: Duration = Duration::from_secs(4);

/// What a caller does who needs a token.
#[derive(Debug)]
pub(super) enum Plan {
    /// Takes this one.
    Serve(Arc<Token>),
    /// Takes this one, and lets another be fetched meanwhile.
    Renew(Arc<Token>),
    /// Waits for the fetch that is under way, or for one that starts after this time.
    Wait(Duration),
    /// Is told what went wrong a moment ago.
    Fail(Error),
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    current: Option<Arc<Token>>,
    generation: u64,
    last_start: Option<Instant>,
    /// A token was refused, and another one is needed at once.
    forced: bool,
    /// Tokens that were refused before any of them had worked.
    refusals: u32,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    error: Error,
    until: Instant,
    in_a_row: u32,
}

impl Cache {
    pub(super) fn plan(&self, now: Now, under_way: bool) -> Plan {
        let held = self.failure.as_ref().filter(|failure| now.clock < failure.until);
        if let Some(token) = self.valid(now) {
            let due = token.wants_refresh(now);
            let may = !under_way && held.is_none() && self.spacing(now).is_zero();
            return if due && may { Plan::Renew(token) } else { Plan::Serve(token) };
        }
        match held {
            _ if under_way => Plan::Wait(Duration::ZERO),
            Some(failure) => Plan::Fail(failure.error.clone()),
            None => Plan::Wait(self.spacing(now)),
        }
    }

    fn valid(&self, now: Now) -> Option<Arc<Token>> {
        self.current.as_ref().filter(|token| !token.expired(now)).cloned()
    }

    /// How long the next fetch has to wait for the last one's sake.
    fn spacing(&self, now: Now) -> Duration {
        let since = self.last_start.map(|start| now.clock.saturating_duration_since(start));
        match since {
            Some(since) if !self.forced && self.failure.is_none() => SPACING.saturating_sub(since),
            _ => Duration::ZERO,
        }
    }

    /// A fetch begins; the generation of the token that it brings.
    pub(super) fn started(&mut self, now: Now) -> u64 {
        self.generation += 1;
        self.last_start = Some(now.clock);
        self.forced = false;
        self.generation
    }

    /// The fetch that began at `start` ended.
    pub(super) fn ended(&mut self, start: Instant, now: Now, outcome: &Result<Arc<Token>>) {
        match outcome {
            Ok(token) => {
                self.current = Some(token.clone());
                self.failure = None;
            }
            Err(error) => self.remember(start, now, error, error.kind() == ErrorKind::Auth),
        }
    }

    /// A function of the caller's knows by itself how often it may ask somebody; it is asked again soon.
    pub(super) fn ended_soon(&mut self, start: Instant, now: Now, error: &Error) {
        self.remember(start, now, error, false);
    }

    fn remember(&mut self, start: Instant, now: Now, error: &Error, wants_a_person: bool) {
        let in_a_row = self.failure.as_ref().map_or(0, |failure| failure.in_a_row.saturating_add(1));
        let until = if wants_a_person {
            now.clock + doubled(Duration::from_secs(1), in_a_row, LONGEST_AUTH_HOLD)
        } else {
            // From the start: a fetch that hung has been a pause already.
            let quarter = Duration::from_millis(250);
            (start + doubled(quarter, in_a_row, LONGEST_OUTAGE_HOLD)).max(now.clock + quarter)
        };
        let asked = error.retry_after().unwrap_or(0.0).clamp(0.0, MAX_RETRY_AFTER.as_secs_f64());
        let until = until.max(now.clock + Duration::from_secs_f64(asked));
        self.failure = Some(Failure { error: error.clone(), until, in_a_row });
    }

    /// The gateway answered 401 to this token. Only the current one is forgotten.
    pub(super) fn refused(&mut self, token: &Token, now: Now) {
        if self.current.as_ref().is_none_or(|current| current.generation != token.generation) {
            return;
        }
        self.current = None;
        self.forced = true;
        self.refusals = if token.has_worked() { 1 } else { self.refusals.saturating_add(1) };
        if let Some(beyond) = self.refusals.checked_sub(REFUSALS + 1) {
            let error = Error::new(ErrorKind::Auth, "the gateway refuses every token that is fetched for it")
                .with_http_status(401)
                .with_hint("nothing was sent; check the client's scopes, its tenant, and `base_url`");
            let until = now.clock + doubled(Duration::from_secs(1), beyond, LONGEST_AUTH_HOLD);
            self.failure = Some(Failure { error, until, in_a_row: 0 });
        }
    }
}

fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::answer::Fetched;
    use crate::wire::Answer;
    use bytes::Bytes;
    use http::HeaderMap;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A cache, the time, and a token service that takes 20 ms; it counts what it is asked.
    struct World {
        cache: Cache,
        began: Now,
        now: Now,
        under_way: Option<(u64, Instant, Instant)>,
        posts: Vec<Duration>,
        failures: Vec<Duration>,
    }

    /// How the token service answers at a time since the beginning.
    type Says<'a> = &'a dyn Fn(Duration) -> Result<Duration>;

    impl World {
        fn new() -> World {
            let now = Now::read();
            World {
                cache: Cache::default(),
                began: now,
                now,
                under_way: None,
                posts: Vec::new(),
                failures: Vec::new(),
            }
        }

        fn elapsed(&self) -> Duration {
            self.now.clock - self.began.clock
        }

        fn pass(&mut self, time: Duration, says: Says<'_>) {
            self.now = Now { clock: self.now.clock + time, wall: self.now.wall + time };
            let Some((generation, start, lands)) =
                self.under_way.filter(|(.., lands)| *lands <= self.now.clock)
            else {
                return;
            };
            let outcome = says(start - self.began.clock).and_then(|lifetime| {
                let fetched = Fetched { value: "t".into(), lifetime };
                let landed = Now { clock: lands, wall: self.began.wall + (lands - self.began.clock) };
                Token::issued(&fetched, generation, landed).map(Arc::new)
            });
            self.cache.ended(start, self.now, &outcome);
            self.under_way = None;
        }

        /// A caller: the token, if there is one at once.
        fn call(&mut self) -> Option<Arc<Token>> {
            match self.cache.plan(self.now, self.under_way.is_some()) {
                Plan::Serve(token) => Some(token),
                Plan::Renew(token) => {
                    self.start(Duration::ZERO);
                    Some(token)
                }
                Plan::Wait(delay) => {
                    if self.under_way.is_none() {
                        self.start(delay);
                    }
                    None
                }
                Plan::Fail(_) => {
                    self.failures.push(self.elapsed());
                    None
                }
            }
        }

        fn start(&mut self, delay: Duration) {
            let at = Now { clock: self.now.clock + delay, wall: self.now.wall + delay };
            let generation = self.cache.started(at);
            self.posts.push(at.clock - self.began.clock);
            self.under_way = Some((generation, at.clock, at.clock + Duration::from_millis(20)));
        }

        /// A hundred callers a second.
        fn load(&mut self, time: Duration, says: Says<'_>) {
            let until = self.now.clock + time;
            while self.now.clock < until {
                self.call();
                self.pass(Duration::from_millis(10), says);
            }
        }

        fn most_posts_within(&self, time: Duration) -> usize {
            let from = |at: Duration| self.posts.iter().filter(|p| **p >= at && **p < at + time).count();
            self.posts.iter().map(|at| from(*at)).max().unwrap_or(0)
        }
    }

    fn no(kind: ErrorKind) -> Result<Duration> {
        Err(Error::new(kind, "no"))
    }

    #[test]
    fn nobody_waits_for_a_token_while_one_is_valid() {
        let mut world = World::new();
        let says = |_| Ok(HOUR);
        world.call();
        world.pass(Duration::from_secs(1), &says);
        while world.elapsed() < HOUR * 24 {
            assert!(world.call().is_some(), "after {:?}", world.elapsed());
            world.pass(Duration::from_secs(2), &says);
        }
        assert!(world.posts.len() <= 27, "{} tokens a day", world.posts.len());
    }

    #[test]
    fn a_hundred_callers_a_second_cost_refused_credentials_six_requests_in_any_minute() {
        for minutes in [1, 30] {
            let mut world = World::new();
            world.load(Duration::from_secs(60 * minutes), &|_| no(ErrorKind::Auth));
            let most = world.most_posts_within(Duration::from_secs(60));
            assert!(most <= 6, "fault 5: {most} in a minute, at {:?}", world.posts);
            assert!(world.posts.len() as u64 >= minutes, "it is never given up: {:?}", world.posts);
        }
    }

    #[test]
    fn a_service_that_was_down_is_found_again_within_five_seconds() {
        for down in [1, 3, 10, 60, 3_600] {
            let back = Duration::from_secs(down);
            let says = |at| if at < back { no(ErrorKind::Unavailable) } else { Ok(HOUR) };
            let mut world = World::new();
            world.load(back, &says);
            let failed = world.failures.len();
            assert!(failed > 50, "callers are told meanwhile: {failed}");
            while world.call().is_none() {
                world.pass(Duration::from_millis(10), &says);
            }
            assert!(
                world.elapsed() < back + Duration::from_secs(5),
                "fault 4: {:?}",
                world.elapsed().saturating_sub(back)
            );
        }
    }

    #[test]
    fn tokens_that_serve_for_a_second_cost_a_request_a_second_and_fail_nobody() {
        for lifetime in [0.001, 0.2, 1.0, 1.3] {
            let mut world = World::new();
            world.load(Duration::from_secs(60), &|_| Ok(Duration::from_secs_f64(lifetime)));
            assert!(world.failures.is_empty());
            let gaps = world.posts.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
            assert!(gaps.min() >= Some(Duration::from_secs(1)), "fault 10, {lifetime}: {:?}", world.posts);
            assert!(world.posts.len() >= 30, "{lifetime}: {:?}", world.posts.len());
        }
    }

    #[test]
    fn a_late_401_does_not_evict_a_fresh_token() {
        let (mut world, says) = (World::new(), |_| Ok(HOUR));
        world.call();
        world.pass(Duration::from_secs(1), &says);
        let old = world.call().unwrap();
        world.cache.refused(&old, world.now);
        assert!(world.call().is_none(), "it is gone");
        world.pass(Duration::from_secs(1), &says);
        for _ in 0..50 {
            world.cache.refused(&old, world.now);
        }
        assert!(world.call().is_some(), "fault 8");
        assert_eq!(world.posts.len(), 2);
    }

    #[test]
    fn a_gateway_that_refuses_every_token_does_not_make_a_loop_of_it() {
        let (mut world, says) = (World::new(), |_| Ok(HOUR));
        while world.elapsed() < Duration::from_secs(600) {
            if let Some(token) = world.call() {
                world.cache.refused(&token, world.now);
            }
            world.pass(Duration::from_millis(10), &says);
        }
        let most = world.most_posts_within(Duration::from_secs(60));
        assert!(most <= 12, "fault 9: {most} in a minute, at {:?}", world.posts);
        assert!(world.posts.len() >= 15, "it is never given up: {:?}", world.posts);
    }

    #[test]
    fn tokens_that_work_are_renewed_at_once_however_often_one_is_refused() {
        let (mut world, says) = (World::new(), |_| Ok(HOUR));
        for _ in 0..1_000 {
            let token = loop {
                match world.call() {
                    Some(token) => break token,
                    None => world.pass(Duration::from_millis(20), &says),
                }
            };
            token.answered(&Ok(Answer { status: 200, headers: HeaderMap::new(), body: Bytes::new() }));
            world.cache.refused(&token, world.now);
        }
        assert!(world.failures.is_empty());
        assert!(world.elapsed() < Duration::from_secs(25), "{:?}", world.elapsed());
    }

    #[test]
    fn what_a_service_asks_to_wait_is_waited() {
        let mut world = World::new();
        let busy = Error::new(ErrorKind::RateLimited, "busy").with_retry_after(Duration::from_secs(9));
        world.load(Duration::from_secs(30), &|_| Err(busy.clone()));
        let gaps: Vec<_> = world.posts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        assert!(gaps.iter().all(|gap| *gap >= Duration::from_secs(9)), "{gaps:?}");
    }
}
