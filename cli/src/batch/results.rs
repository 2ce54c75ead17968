//! The file of results, which is also what a later run goes on from.
//!
//! One promise: a row that has a whole line in it is done, and a line that was acknowledged is on the disk. One process
//! writes it; what a process that died wrote of a line is cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use tokio::sync::{oneshot, watch};

use super::bits::Bits;
use super::identity::{private, sync_folder};
use super::line::{self, Became};
use crate::failure::Failure;

/// The rows that have a line.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) rows: Bits,
    pub(super) failed: Bits,
    pub(super) unknown: Bits,
}

impl Done {
    /// Whether the row had no line before.
    pub(super) fn add(&mut self, index: u64, became: Became) -> bool {
        match became {
            Became::Completed => {}
            Became::Failed => {
                self.failed.add(index);
            }
            Became::Unknown => {
                self.unknown.add(index);
            }
        }
        self.rows.add(index)
    }
}

/// The file, held by this process.
#[derive(Debug)]
pub(super) struct Results {
    file: File,
    path: PathBuf,
    /// It is there because of this process, and no batch is begun in it.
    needless: bool,
}

/// What could not be begun leaves nothing behind.
impl Drop for Results {
    fn drop(&mut self) {
        if self.needless && self.is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Results {
    /// Opens or makes it, and keeps every other process out.
    pub(super) fn open(path: &Path) -> Result<Results, Failure> {
        let shown = path.display();
        let unwritable = |error: io::Error| Failure::config(format!("`{shown}` cannot be written: {error}"));
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        private(&mut options);
        let needless = !path.exists();
        let file = options.open(path).map_err(unwritable)?;
        if !file.metadata().map_err(unwritable)?.is_file() {
            return Err(Failure::config(format!(
                "`{shown}` must be a file: what is in it is what `--resume` goes on from"
            )));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Failure::config(format!(
                    "`{shown}` is being written by another process: this one ends"
                )));
            }
            Err(fs::TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        if !is_at(&file, path) {
            return Err(Failure::config(format!("`{shown}` was replaced by another process; try again")));
        }
        sync_folder(path).map_err(unwritable)?;
        Ok(Results { file, path: path.to_owned(), needless })
    }

    /// A batch is begun in it.
    pub(super) fn keep(&mut self) {
        self.needless = false;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.file.metadata().is_ok_and(|about| about.len() == 0)
    }

    /// Reads what earlier runs wrote, cuts a torn end, and says which rows are done.
    pub(super) fn done(&mut self) -> Result<Done, Failure> {
        let shown = self.path.display();
        let unreadable = |error: io::Error| Failure::config(format!("`{shown}` cannot be read: {error}"));
        let mut reader = BufReader::with_capacity(256 << 10, &self.file);
        reader.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let (mut done, mut whole, mut number, mut text) = (Done::default(), 0, 0_u64, Vec::new());
        loop {
            text.clear();
            let read = reader.read_until(b'\n', &mut text).map_err(unreadable)?;
            let Some(line) = text.strip_suffix(b"\n") else { break };
            number += 1;
            let other = |what: &str| {
                Failure::config(format!(
                    "line {number} of `{shown}` {what}: the file is not as `batch` left it; restore it, or begin \
                     again with another `--out`, which sends every row again"
                ))
            };
            let (index, became) = line::read(line).ok_or_else(|| other("is no result"))?;
            if !done.add(index, became) {
                return Err(other(&format!("is a second result of row {index}")));
            }
            whole += u64::try_from(read).unwrap_or(0);
        }
        if !text.is_empty() {
            self.file.set_len(whole).and_then(|()| self.file.sync_all()).map_err(unreadable)?;
        }
        Ok(done)
    }

    /// Begins to write. What goes wrong stands in `broken`, and from then on nothing is acknowledged.
    pub(super) fn writer(&self, broken: watch::Sender<Option<String>>) -> io::Result<Writer> {
        let (sender, lines) = channel();
        let (file, shown) = (self.file.try_clone()?, self.path.display().to_string());
        let thread = thread::Builder::new().name("results".to_owned()).spawn(move || {
            if let Err(error) = write(file, &lines) {
                broken.send_replace(Some(format!("`{shown}` cannot be written: {error}")));
                // Nobody is told that his line is on the disk, and nobody that it is not: whoever waits goes on waiting.
                for waiting in lines {
                    drop(waiting);
                }
            }
        })?;
        Ok(Writer { sender: Some(sender), thread: Some(thread) })
    }
}

/// Whether the file that is held is still the one of that name.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if same(&a, &b))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

/// A line, and who waits until it is on the disk.
type Waiting = (String, oneshot::Sender<()>);

/// So much is written at once.
const GROUP: usize = 1 << 20;

/// One write and one sync for all who wait.
fn write(mut file: File, lines: &Receiver<Waiting>) -> io::Result<()> {
    let (mut text, mut told) = (Vec::new(), Vec::new());
    while let Ok((line, tell)) = lines.recv() {
        text.clear();
        text.extend_from_slice(line.as_bytes());
        told.push(tell);
        while text.len() < GROUP
            && let Ok((line, tell)) = lines.try_recv()
        {
            text.extend_from_slice(line.as_bytes());
            told.push(tell);
        }
        file.write_all(&text)?;
        file.sync_data()?;
        for tell in told.drain(..) {
            // Whoever went away meanwhile finds his line there.
            let _ = tell.send(());
        }
    }
    Ok(())
}

/// Writes lines in a thread of its own.
#[derive(Debug)]
pub(super) struct Writer {
    sender: Option<Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

/// Hands lines to the writer.
#[derive(Debug, Clone)]
pub(super) struct Lines(Sender<Waiting>);

impl Writer {
    pub(super) fn lines(&self) -> Option<Lines> {
        self.sender.clone().map(Lines)
    }

    /// When everything that was handed over is on the disk. Whoever holds [`Lines`] keeps it waiting.
    pub(super) fn close(mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Lines {
    /// Returns when the line is on the disk, and never where it cannot be written: then the whole batch ends, and a later
    /// run finds this row unfinished.
    pub(super) async fn put(&self, line: String) {
        let (tell, told) = oneshot::channel();
        let handed = self.0.send((line, tell)).is_ok();
        if !handed || told.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
