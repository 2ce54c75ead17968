//! Opening a trail: in memory, in a directory, or to read one that others write.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use secrecy::ExposeSecret;
use uuid::Uuid;

use super::checkpoint::{self, Places};
use super::inner::Inner;
use super::key::{Digests, Key};
use super::log::{Log, Memory, Sink};
use super::record::Origin;
use super::run::Run;
use super::syncer::{self, Group};
use super::{Power, Trail, read, segment, witness};
use crate::cause::Cause;
use crate::config::{AuditFailure, AuditSettings, Durability};
use crate::error::{Error, ErrorKind, Result};

impl Trail {
    /// A trail that keeps the last 10,000 records (at most 32 MiB of them) as long as the process lives.
    ///
    /// `actor` is who acts, as every record will say.
    pub fn in_memory(actor: String) -> Trail {
        Trail::new(Origin::here(actor, None), None, Log::new(Sink::Memory(Memory::new()), None))
    }

    /// [`Trail::open_with`] the usual settings.
    ///
    /// # Errors
    /// Those of [`Trail::open_with`].
    pub fn open(directory: &Path, actor: String) -> Result<Trail> {
        Trail::open_with(directory, actor, &AuditSettings::default())
    }

    /// A new segment in this directory, which is created (0700) where there is none. The segment (0600) is locked as long
    /// as the trail is open, which is how others know that its writer lives.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] where the directory cannot be created, written or locked, or the file for checkpoints cannot
    /// be opened; the hint says what to do.
    pub fn open_with(directory: &Path, actor: String, settings: &AuditSettings) -> Result<Trail> {
        let fail = |error: io::Error| unusable(directory, &error);
        let key = settings.key.as_ref().map(|key| Key::new(key.expose_secret().as_bytes()));
        let origin = Origin::here(actor, key);
        let path = segment::directory(directory).map_err(fail)?;
        let file = settings.checkpoints.as_deref();
        let file = file.map(|file| checkpoint::file(file, &path)).transpose()?;
        let link = read::last_head(&path).map_err(fail)?.map(|(name, head)| witness::link(&name, &head));
        let run = Run::begin(path.clone(), settings.segment_bytes, &origin).map_err(fail)?;
        let mut trail = Trail::new(origin, Some(path), Log::new(Sink::Run(Box::new(run)), link));
        trail.failure = settings.failure;
        if let Some(inner) = Arc::get_mut(&mut trail.inner) {
            inner.places = Places { file, sink: settings.checkpoint_sink.clone() };
            inner.retention_days = settings.retention_days;
        }
        if settings.durability == Durability::Power {
            let group = Arc::new(Group::new());
            let thread = syncer::start(Arc::clone(&trail.inner), Arc::clone(&group)).map_err(fail)?;
            trail.power = Some(Power { group, thread: Mutex::new(Some(thread)) });
        }
        if trail.inner.places.any() || settings.retention_days.is_some() {
            trail.keeper.start(&trail.inner);
        }
        if settings.retention_days.is_some() {
            trail.keeper.retain();
        }
        Ok(trail)
    }

    /// The trail of a directory that is only read: nothing is created in it, and [`Trail::append`] fails.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] where the directory is not there or cannot be read.
    pub fn read_only(directory: &Path) -> Result<Trail> {
        Trail::read_only_with(directory, &AuditSettings::default())
    }

    /// The same with what [`Trail::verify`] needs besides: the `key` and the file of `checkpoints` of the settings.
    ///
    /// # Errors
    /// Those of [`Trail::read_only`], and [`ErrorKind::Config`] where the file of checkpoints cannot be read.
    pub fn read_only_with(directory: &Path, settings: &AuditSettings) -> Result<Trail> {
        let list = |path: PathBuf| segment::list(&path).map(|_| path);
        let path = std::fs::canonicalize(directory).and_then(list).map_err(|error| {
            let directory = directory.display();
            Error::new(ErrorKind::Audit, format!("the trail `{directory}` cannot be read: {error}"))
                .with_hint("name the directory that the client's `audit` option names")
                .caused_by(Cause::of_file(&error))
        })?;
        if let Some(file) = &settings.checkpoints {
            segment::open_file(file).map_err(|error| {
                let message = format!("the checkpoints `{}` cannot be read: {error}", file.display());
                Error::new(ErrorKind::Config, message)
                    .with_hint("name the file that the clients' option `audit_checkpoints` names")
            })?;
        }
        let key = settings.key.as_ref().map(|key| Key::new(key.expose_secret().as_bytes()));
        let mut trail =
            Trail::new(Origin::here(String::new(), key), Some(path), Log::new(Sink::Nowhere, None));
        if let Some(inner) = Arc::get_mut(&mut trail.inner) {
            inner.places.file.clone_from(&settings.checkpoints);
        }
        Ok(trail)
    }

    pub(super) fn new(origin: Origin, directory: Option<PathBuf>, log: Log) -> Trail {
        let digests = Digests::of(origin.key.as_ref());
        let inner = Inner {
            origin,
            log: Mutex::new(log),
            places: Places::default(),
            directory,
            retention_days: None,
        };
        let (failure, keeper) = (AuditFailure::default(), Arc::default());
        Trail { inner: Arc::new(inner), digests, failure, keeper, power: None }
    }
}

impl Origin {
    pub(super) fn here(actor: String, key: Option<Key>) -> Origin {
        let host = hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut run = Uuid::new_v4().simple().to_string();
        run.truncate(12);
        Origin { host, pid: std::process::id(), run, actor, key }
    }
}

fn unusable(directory: &Path, error: &io::Error) -> Error {
    let directory = directory.display();
    let hint = match error.kind() {
        io::ErrorKind::Unsupported => {
            format!("file locks do not work in `{directory}`: name a directory on a local disk")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            format!("`{directory}` is no directory: name one, or a path that does not exist yet")
        }
        io::ErrorKind::PermissionDenied => format!("let this user write to `{directory}`, or name another"),
        _ => format!("see that `{directory}` can be created and written, or name another"),
    };
    Error::new(ErrorKind::Audit, format!("the trail `{directory}` cannot be opened: {error}"))
        .with_hint(hint)
        .caused_by(Cause::of_file(error))
}
