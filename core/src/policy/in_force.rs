//! The policy that holds now, and the next one.
//!
//! One promise: each call sees one whole policy, the old one or the new one. What cannot be understood never takes the
//! place of what can: then the old one stays.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::limits::Lobby;
use super::{ActionLimits, Policy, PolicySource};
use crate::contract::ActionIdRule;
use crate::error::{Error, ErrorKind, Result};

/// A file that was written so shortly before it was looked at may be written again within the same tick of its clock.
const SETTLED: Duration = Duration::from_secs(2);

/// One whole policy, with what is taken of its limits.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) policy: Arc<Policy>,
    /// By canonical id, of the actions that have limits.
    limits: HashMap<String, Arc<ActionLimits>>,
}

impl Standing {
    /// The limits of an action, where it has any.
    pub(crate) fn limits_of(&self, action_id: &str) -> Option<Arc<ActionLimits>> {
        self.limits.get(action_id).cloned()
    }
}

#[derive(Debug)]
pub(crate) struct InForce {
    now: ArcSwap<Standing>,
    ids: ActionIdRule,
    /// A file is looked at no more often than this; none: never by itself.
    refresh: Option<Duration>,
    lobby: Arc<Lobby>,
    origin: Mutex<Origin>,
}

/// Where it comes from. Whoever holds the lock may replace what holds.
#[derive(Debug)]
struct Origin {
    source: Option<PolicySource>,
    /// The file as it was when it was read.
    seen: Option<Stamp>,
    next_look: Instant,
    /// What was wrong with it at the last look, which is told once.
    wrong: Option<String>,
}

/// A change that is about to hold, or that does not.
#[derive(Debug)]
pub(crate) enum Change<'a> {
    To {
        policy: &'a Policy,
        before: Option<String>,
    },
    /// What was read is no policy.
    Refused {
        why: &'a Error,
        stays: Option<String>,
    },
}

impl InForce {
    /// `most_waiting` callers may wait for limits.
    pub(crate) fn new(
        policy: Arc<Policy>,
        source: Option<PolicySource>,
        ids: ActionIdRule,
        refresh: Option<Duration>,
        most_waiting: u32,
    ) -> InForce {
        let lobby = Lobby::new(most_waiting);
        let limits = limits(&policy, &HashMap::new(), &lobby);
        let next_look = Instant::now() + refresh.unwrap_or_default();
        InForce {
            now: ArcSwap::from_pointee(Standing { policy, limits }),
            ids,
            refresh,
            lobby,
            origin: Mutex::new(Origin { source, seen: None, next_look, wrong: None }),
        }
    }

    /// What holds now.
    pub(crate) fn now(&self) -> Arc<Standing> {
        self.now.load_full()
    }

    /// The limits of what a request calls its action, by id or by name, where it has any.
    pub(crate) fn limits_of(&self, action: &str) -> Option<Arc<ActionLimits>> {
        let standing = self.now.load();
        if standing.limits.is_empty() {
            return None;
        }
        match standing.policy.id_of(action) {
            Some(id) => standing.limits_of(id),
            None => standing.limits_of(&self.ids.canonical(action)?),
        }
    }

    /// Looks at the file where it is time to, and takes what changed. `tell` hears of it first.
    pub(crate) fn refresh(&self, tell: impl Fn(&Change<'_>)) {
        let Some(every) = self.refresh else { return };
        // Somebody else is looking: what holds until then is whole too.
        let Ok(mut origin) = self.origin.try_lock() else { return };
        let now = Instant::now();
        let Some(PolicySource::File(path)) = origin.source.clone().filter(|_| now >= origin.next_look) else {
            return;
        };
        origin.next_look = now + every;
        let stamp = Stamp::of(&path);
        if stamp.is_some() && stamp == origin.seen {
            return;
        }
        origin.seen = stamp.filter(Stamp::is_settled);
        let source = PolicySource::File(path);
        let wrong = match Policy::load(&source, self.ids) {
            Ok(policy) => {
                if policy.digest() != self.now.load().policy.digest() {
                    self.put(policy, tell);
                }
                None
            }
            Err(why) => {
                let wrong = Some(why.message().to_owned());
                if wrong != origin.wrong {
                    tell(&Change::Refused { why: &why, stays: self.now.load().policy.digest() });
                }
                wrong
            }
        };
        origin.wrong = wrong;
    }

    /// Reads the policy again, or another one from now on; its digest. `tell` hears of it first.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake; then nothing has changed.
    pub(crate) fn reload(&self, source: Option<PolicySource>, tell: impl Fn(&Change<'_>)) -> Result<String> {
        let mut origin = self.lock();
        let Some(source) = source.or_else(|| origin.source.clone()) else {
            let what = "there is no policy to read again";
            return Err(Error::new(ErrorKind::Config, what).with_hint("say which one"));
        };
        let stamp = match &source {
            PolicySource::File(path) => Stamp::of(path).filter(Stamp::is_settled),
            PolicySource::Json(_) => None,
        };
        let policy = Policy::load(&source, self.ids).map_err(|why| {
            tell(&Change::Refused { why: &why, stays: self.now.load().policy.digest() });
            why.with_hint("mend it; the policy that holds stays")
        })?;
        let digest = policy.digest().unwrap_or_default();
        self.put(policy, tell);
        origin.source = Some(source);
        origin.seen = stamp;
        origin.wrong = None;
        Ok(digest)
    }

    fn put(&self, policy: Policy, tell: impl Fn(&Change<'_>)) {
        let before = self.now.load_full();
        tell(&Change::To { policy: &policy, before: before.policy.digest() });
        let limits = limits(&policy, &before.limits, &self.lobby);
        self.now.store(Arc::new(Standing { policy: Arc::new(policy), limits }));
    }

    fn lock(&self) -> MutexGuard<'_, Origin> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limits of a policy. An action that had some keeps what is taken of them.
fn limits(
    policy: &Policy,
    before: &HashMap<String, Arc<ActionLimits>>,
    lobby: &Arc<Lobby>,
) -> HashMap<String, Arc<ActionLimits>> {
    let mut limits = HashMap::new();
    for (id, action) in policy.listed.iter().flat_map(|listed| &listed.actions) {
        // Without a limit now, it may have one again before those that are under way have ended.
        let known = before.get(id).filter(|known| !action.limit.is_none() || known.is_in_use());
        if action.limit.is_none() && known.is_none() {
            continue;
        }
        let of_this = known.cloned().unwrap_or_else(|| ActionLimits::new(lobby.clone()));
        let name = action.name.as_deref().unwrap_or(id);
        of_this.set(&format!("`{name}`"), action.limit);
        limits.insert(id.clone(), of_this);
    }
    for (_, gone) in before.iter().filter(|(id, _)| !limits.contains_key(*id)) {
        // Whoever waits was allowed to when it came.
        gone.set("the action", super::limits::Limit::default());
    }
    limits
}

/// By what a file that was written is told from what it was.
#[derive(Debug, Clone, PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let file = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&file);
        #[cfg(not(unix))]
        let number = 0;
        Some(Stamp { modified: file.modified().ok(), length: file.len(), number })
    }

    fn is_settled(&self) -> bool {
        self.modified.and_then(|at| at.elapsed().ok()).is_some_and(|since| since > SETTLED)
    }
}
