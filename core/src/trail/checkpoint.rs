//! Checkpoints: what the end of the chain is, told to a place that whoever changes the trail cannot change.
//!
//! One promise: a checkpoint names only what is on the disk, and is appended: nothing that was said is taken back.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The version of the format, the field `v`.
pub(super) const VERSION: u8 = 1;

/// The end of a chain at some time: record `seq` of `segment` had this `hash`, and was on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The version of this format: 1.
    pub v: u8,
    /// When it was made, as records write their time.
    pub ts: String,
    /// The machine.
    pub host: String,
    /// The run that wrote the segment.
    pub run: String,
    /// The segment.
    pub segment: String,
    /// The number of the record.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// Is told each checkpoint, in the order in which they are made, on a thread of the trail's own: a place in which nobody
/// on this machine can change what was said before.
///
/// What it returns as an error, or does not do within its time, is logged and noted in the trail; no invocation waits for
/// it. A closure is one already:
///
/// ```no_run
/// use cxone_actions::trail::Checkpoint;
///
/// let print = |checkpoint: &Checkpoint| {
///     eprintln!("{} {} {}", checkpoint.segment, checkpoint.seq, checkpoint.hash);
///     Ok::<(), std::io::Error>(())
/// };
/// let client = cxone_actions::Client::builder()
///     .base_url("https://api.example.com")
///     .audit("/var/log/actions")
///     .checkpoint_sink(print)
///     .build()?;
/// # Ok::<(), cxone_actions::Error>(())
/// ```
pub trait CheckpointSink: Send + Sync + 'static {
    /// Takes note of it. The error is a word for a person, without secrets.
    ///
    /// # Errors
    /// What kept it from doing so.
    fn note(&self, checkpoint: &Checkpoint) -> Result<(), String>;
}

impl<F, E> CheckpointSink for F
where
    F: Fn(&Checkpoint) -> Result<(), E> + Send + Sync + 'static,
    E: fmt::Display,
{
    fn note(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        self(checkpoint).map_err(|error| error.to_string())
    }
}

/// A [`CheckpointSink`] that clones share.
#[derive(Clone)]
pub struct SharedSink(Arc<dyn CheckpointSink>);

impl SharedSink {
    /// Shares it.
    pub fn new(sink: impl CheckpointSink) -> SharedSink {
        SharedSink(Arc::new(sink))
    }
}

impl fmt::Debug for SharedSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

/// Where checkpoints go.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) file: Option<PathBuf>,
    pub(super) sink: Option<SharedSink>,
}

impl Places {
    pub(super) fn any(&self) -> bool {
        self.file.is_some() || self.sink.is_some()
    }

    /// Tells every place, the file first; the first that fails is named.
    pub(super) fn note(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        let filed = self.note_in_file(checkpoint);
        let told = match &self.sink {
            Some(SharedSink(sink)) => {
                sink.note(checkpoint).map_err(|what| format!("the function for checkpoints: {what}"))
            }
            None => Ok(()),
        };
        filed.and(told)
    }

    pub(super) fn note_in_file(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        let Some(path) = &self.file else { return Ok(()) };
        append(path, checkpoint).map_err(|error| format!("`{}`: {error}", path.display()))
    }
}

/// The file for the checkpoints of the trail in `directory`, absolute, so that a later `chdir` changes nothing. It must not
/// be in that directory: whoever can cut the trail could cut it, too.
///
/// # Errors
/// [`ErrorKind::Audit`] where it cannot be opened: whoever asked for checkpoints is told at once.
pub(super) fn file(path: &Path, directory: &Path) -> Result<PathBuf> {
    let refuse = |what: &str, hint: &str| {
        let message = format!("the file for checkpoints `{}` cannot be used: {what}", path.display());
        Error::new(ErrorKind::Audit, message).with_hint(hint)
    };
    let unusable = |error: io::Error| refuse(&error.to_string(), "name a file that this user may append to");
    let absolute = std::path::absolute(path).map_err(unusable)?;
    open(&absolute).map_err(unusable)?;
    let parent = absolute.parent().map(std::fs::canonicalize).transpose().map_err(unusable)?;
    if parent.is_some_and(|parent| parent.starts_with(directory)) {
        let hint =
            "name a file elsewhere, best on another machine: whoever cuts the trail cuts what lies beside it";
        return Err(refuse("it is in the directory of the trail", hint));
    }
    Ok(absolute)
}

/// Opens the file, or makes it (0600), and follows no link.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // NONBLOCK, so that a pipe put there makes nobody wait; it means nothing to a file.
        options.mode(0o600).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// One line with one `write`, on the disk when this returns. Opened anew each time, so that a file that was moved away
/// does not take what comes later with it.
fn append(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let mut file = open(path)?;
    let mut line = Vec::new();
    if !ends_in_a_line(&mut file)? {
        line.push(b'\n');
    }
    serde_json::to_writer(&mut line, checkpoint)?;
    line.push(b'\n');
    let written = file.write(&line)?;
    if written < line.len() {
        return Err(io::Error::new(
            io::ErrorKind::WriteZero,
            format!("only {written} of {} bytes", line.len()),
        ));
    }
    file.sync_data()
}

/// Whether the next line begins on its own: a writer that died may have left half of one.
fn ends_in_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(seq: u64) -> Checkpoint {
        Checkpoint {
            v: VERSION,
            ts: "2026-11-22T15:12:22.345678Z".into(),
            host: "app-7".into(),
            run: "9f86d081884c".into(),
            segment: "s.jsonl".into(),
            seq,
            hash: "0".repeat(64),
        }
    }

    fn read(path: &Path) -> Vec<Result<Checkpoint, serde_json::Error>> {
        std::fs::read_to_string(path).unwrap().lines().map(serde_json::from_str).collect()
    }

    #[test]
    fn checkpoints_are_appended_also_behind_half_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoints");
        append(&path, &checkpoint(1)).unwrap();
        append(&path, &checkpoint(2)).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"v\":1,\"ts\"").unwrap();
        append(&path, &checkpoint(3)).unwrap();
        let lines = read(&path);
        let whole: Vec<_> = lines.iter().flatten().map(|checkpoint| checkpoint.seq).collect();
        assert_eq!((lines.len(), whole), (4, vec![1, 2, 3]));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_nobody_elses_and_never_a_link_or_a_pipe() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoints");
        append(&path, &checkpoint(1)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(append(&link, &checkpoint(2)).is_err());
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(append(&pipe, &checkpoint(2)).is_err());
        assert_eq!(read(&path).len(), 1);
    }

    #[test]
    fn every_place_is_told_and_what_fails_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (missing, there) = (directory.path().join("missing/file"), directory.path().join("file"));
        let (tell, told) = std::sync::mpsc::channel();
        let works = SharedSink::new(move |checkpoint: &Checkpoint| tell.send(checkpoint.seq));
        let fails = SharedSink::new(|_: &Checkpoint| Err::<(), _>("VaultSealed"));
        let places =
            |file: &Path, sink: &SharedSink| Places { file: Some(file.into()), sink: Some(sink.clone()) };
        let error = places(&missing, &works).note(&checkpoint(1)).unwrap_err();
        assert!(error.contains("missing/file"), "{error}");
        let error = places(&there, &fails).note(&checkpoint(2)).unwrap_err();
        assert_eq!(error, "the function for checkpoints: VaultSealed");
        assert_eq!((told.recv().unwrap(), read(&there).len()), (1, 1));
    }
}
