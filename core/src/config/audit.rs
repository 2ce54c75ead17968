//! What the durable trail promises: how hard it writes, what happens when it cannot, and who can check it.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::{Mistakes, Options};
use crate::trail::SharedSink;

/// The size at which a segment is ended and the next one begun.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;
/// A smaller one would be more links than records.
const LEAST_SEGMENT_BYTES: u32 = 64 << 10;
/// Shorter keys can be guessed.
pub const LEAST_KEY_BYTES: usize = 16;

/// What a record survives once it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The death of the process.
    #[default]
    Process,
    /// The loss of power.
    Power,
}

/// What becomes of invocations while the trail cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditFailure {
    /// Nothing is sent.
    #[default]
    FailClosed,
    /// They go on; how many records are missing is written as soon as the trail can be written again.
    ContinueWithGap,
}

impl Durability {
    const WORDS: [(&'static str, Durability); 2] =
        [("process", Durability::Process), ("power", Durability::Power)];

    pub(super) fn from_word(word: &str) -> Option<Durability> {
        Durability::WORDS.iter().find(|(w, _)| *w == word).map(|(_, d)| *d)
    }

    /// The word that stands for it in all three languages.
    pub fn as_str(self) -> &'static str {
        Durability::WORDS.iter().find(|(_, d)| *d == self).map_or("", |(w, _)| *w)
    }
}

impl AuditFailure {
    const WORDS: [(&'static str, AuditFailure); 2] =
        [("fail_closed", AuditFailure::FailClosed), ("continue_with_gap", AuditFailure::ContinueWithGap)];

    pub(super) fn from_word(word: &str) -> Option<AuditFailure> {
        AuditFailure::WORDS.iter().find(|(w, _)| *w == word).map(|(_, f)| *f)
    }

    /// The word that stands for it in all three languages.
    pub fn as_str(self) -> &'static str {
        AuditFailure::WORDS.iter().find(|(_, f)| *f == self).map_or("", |(w, _)| *w)
    }
}

/// How the durable trail is kept.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// What a record survives.
    pub durability: Durability,
    /// What becomes of invocations while it cannot be written.
    pub failure: AuditFailure,
    /// Seals the records, so that only its holders can write a chain that holds.
    pub key: Option<SecretString>,
    /// A file elsewhere that is told the head of the chain.
    pub checkpoints: Option<PathBuf>,
    /// A function that is told it.
    pub checkpoint_sink: Option<SharedSink>,
    /// The size at which a segment is ended.
    pub segment_bytes: u64,
    /// Segments that ended so many days ago are removed.
    pub retention_days: Option<u32>,
}

impl Default for AuditSettings {
    fn default() -> Self {
        AuditSettings {
            durability: Durability::default(),
            failure: AuditFailure::default(),
            key: None,
            checkpoints: None,
            checkpoint_sink: None,
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            retention_days: None,
        }
    }
}

/// What was said of the trail, checked. An option of the durable trail without a directory does nothing, which nobody
/// who gave it expects; from the environment it may be meant for other clients.
pub(super) fn audit(
    options: &mut Options,
    explicit: &[&'static str],
    mistakes: &mut Mistakes,
) -> AuditSettings {
    if options.audit.is_none() && !mistakes.unread("audit") {
        let directory = mistakes.name("audit").to_owned();
        for option in explicit {
            mistakes.add(
                option,
                "unused",
                format!("is about the durable trail; give its directory, `{directory}`"),
            );
        }
    }
    let key = options.audit_key.take();
    if key.as_ref().is_some_and(|key| key.expose_secret().len() < LEAST_KEY_BYTES) {
        mistakes.add("audit_key", "invalid", format!("must have at least {LEAST_KEY_BYTES} bytes"));
    }
    if options.audit_segment_bytes.is_some_and(|bytes| bytes < LEAST_SEGMENT_BYTES) {
        mistakes.add("audit_segment_bytes", "invalid", format!("must be at least {LEAST_SEGMENT_BYTES}"));
    }
    AuditSettings {
        durability: options.durability.unwrap_or_default(),
        failure: options.audit_failure.unwrap_or_default(),
        key,
        checkpoints: options.audit_checkpoints.take(),
        checkpoint_sink: options.checkpoint_sink.take(),
        segment_bytes: options.audit_segment_bytes.map_or(DEFAULT_SEGMENT_BYTES, u64::from),
        retention_days: options.audit_retention_days,
    }
}

impl Options {
    /// Which options of the durable trail were given as arguments: to be asked before the environment is read.
    pub(super) fn of_the_durable_trail(&self) -> Vec<&'static str> {
        let given = [
            ("durability", self.durability.is_some()),
            ("audit_failure", self.audit_failure.is_some()),
            ("audit_key", self.audit_key.is_some()),
            ("audit_checkpoints", self.audit_checkpoints.is_some() || self.checkpoint_sink.is_some()),
            ("audit_segment_bytes", self.audit_segment_bytes.is_some()),
            ("audit_retention_days", self.audit_retention_days.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}
