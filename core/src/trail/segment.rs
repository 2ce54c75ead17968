//! Segments: the files of a trail's directory. Each is written by one process, which holds a lock on it as long as it
//! lives; anybody may read. A directory entry that is a symbolic link is never followed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::failure::Failure;

/// The longest line that is read as a record. Records are written far shorter.
pub(super) const MAX_LINE: usize = 1 << 20;
/// How much of a segment's end is read to find its last record.
const TAIL: u64 = 512 << 10;

/// A file of the directory whose name is that of a segment.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// When it was created, written as records write their time.
    pub(super) start: String,
    /// The run that its name gives.
    pub(super) run: String,
    /// Read no further than this: where another record may be arriving just now.
    pub(super) limit: Option<u64>,
}

/// `20261122T151222.123456Z-4711-9f86d081884c.jsonl`: sorts by time, and no two are the same.
pub(super) fn name(at: Timestamp, pid: u32, run: &str) -> String {
    format!("{}-{pid}-{run}.jsonl", at.strftime("%Y%m%dT%H%M%S.%6fZ"))
}

/// Whether a file of this name would be read as a segment.
pub(super) fn is_name(name: &str) -> bool {
    parse(name).is_some()
}

/// When a segment of this name was begun.
pub(super) fn start_of(name: &str) -> Option<Timestamp> {
    parse(name)?.0.parse().ok()
}

/// The time, as records write it, and the run that a segment's name gives.
fn parse(name: &str) -> Option<(String, &str)> {
    let mut parts = name.strip_suffix(".jsonl")?.split('-');
    let (time, pid, run) = (parts.next()?, parts.next()?, parts.next()?);
    let shape = b"00000000T000000.000000Z";
    let fits = |(got, want): (u8, &u8)| if *want == b'0' { got.is_ascii_digit() } else { got == *want };
    let well_formed = parts.next().is_none()
        && time.len() == shape.len()
        && time.bytes().zip(shape).all(fits)
        && (1..=10).contains(&pid.len())
        && pid.bytes().all(|c| c.is_ascii_digit())
        && run.len() == 12
        && run.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    let part = |from: usize, to: usize| time.get(from..to).unwrap_or_default();
    let start = || {
        let (date, clock) = ([part(0, 4), part(4, 6), part(6, 8)], [part(9, 11), part(11, 13), part(13, 23)]);
        format!("{}T{}", date.join("-"), clock.join(":"))
    };
    well_formed.then(|| (start(), run))
}

/// Makes the directory (0700) where there is none, and gives its absolute path, so that a later `chdir` changes nothing.
pub(super) fn directory(path: &Path) -> io::Result<PathBuf> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    fs::canonicalize(path)
}

/// A new file that nobody else may read, that did not exist before, and that is no link.
pub(super) fn create(path: &Path, append: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).append(append).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new segment, held until the file is closed: by a lock, and on Windows, where a lock would keep readers out and takes
/// a file that may be read, by being open to be written.
pub(super) fn create_locked(directory: &Path, name: &str) -> io::Result<File> {
    let file = create(&directory.join(name), true)?;
    // Nobody tests the lock of an empty segment (see `is_held`), so this cannot meet a reader's passing lock.
    #[cfg(not(windows))]
    file.try_lock()?;
    Ok(file)
}

/// Whether somebody has the file open to write it; `file` is the same one, open to be read.
#[cfg(not(windows))]
fn has_writer(_path: &Path, file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(fs::TryLockError::WouldBlock) => Ok(true),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Asks for the file with nobody beside who writes it, which the system refuses while somebody does.
#[cfg(windows)]
fn has_writer(path: &Path, _file: &File) -> io::Result<bool> {
    use std::os::windows::fs::OpenOptionsExt;
    const READERS_AND_REMOVERS: u32 = 0x1 | 0x4; // FILE_SHARE_READ, FILE_SHARE_DELETE
    const SHARING_VIOLATION: i32 = 32;
    match OpenOptions::new().read(true).share_mode(READERS_AND_REMOVERS).open(path) {
        Ok(_) => Ok(false),
        Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => Ok(true),
        Err(error) => Err(error),
    }
}

/// All segments of the directory, oldest first. Other files are none of our business.
pub(super) fn list(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if let Some((start, run)) = parse(&name) {
            let (path, run) = (directory.join(&name), run.to_owned());
            segments.push(Segment { name, path, start, run, limit: None });
        }
    }
    segments.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(segments)
}

/// Opens a file for reading, unless it is a link or no regular file.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // NONBLOCK, so that a pipe put there cannot make a reader wait for ever; it means nothing to a file.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::Error::other("it is a symbolic link, which is never followed"));
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// A segment that is written. A sync that failed must never be tried again on the same file, because the next one reports
/// success for pages that are lost: so whoever asks later, or at the same time, is told the same.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) file: File,
    failed: Mutex<Option<Failure>>,
}

impl Written {
    pub(super) fn new(file: File) -> Written {
        Written { file, failed: Mutex::default() }
    }

    /// Returns when the disk has what was written before.
    ///
    /// # Errors
    /// What the disk said, now or before.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = &*failed {
            return Err(reason.clone());
        }
        self.file.sync_data().map_err(|error| failed.insert(error.into()).clone())
    }
}

impl Segment {
    /// Opens it for reading, unless it is a link or no regular file.
    pub(super) fn open(&self) -> io::Result<File> {
        open_file(&self.path)
    }

    /// How many bytes it has now.
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.open()?.metadata()?.len())
    }

    /// Its lines as far as they are written now: a writer that goes on does not keep the reader busy for ever.
    pub(super) fn lines(&self) -> io::Result<Lines<BufReader<Take<File>>>> {
        let file = self.open()?;
        let length = file.metadata()?.len();
        let end = self.limit.map_or(length, |limit| limit.min(length));
        Ok(Lines::new(BufReader::with_capacity(64 << 10, file.take(end))))
    }

    /// Whether its writer lives. Tests the lock and lets go of it at once; writer and readers are never disturbed:
    /// a held lock refuses the test, and a segment whose writer is gone is never written again.
    pub(super) fn is_held(&self) -> io::Result<bool> {
        let file = self.open()?;
        // A writer takes its lock before it writes, so an empty segment may be one that is about to be locked.
        if file.metadata()?.len() == 0 {
            return Ok(true);
        }
        has_writer(&self.path, &file)
    }

    /// Its last whole line, where it has one that is not too long.
    pub(super) fn last_line(&self) -> io::Result<Option<Vec<u8>>> {
        let mut file = self.open()?;
        let start = file.metadata()?.len().saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.take(TAIL).read_to_end(&mut tail)?;
        let mut lines = tail.split(|&byte| byte == b'\n').rev();
        lines.next(); // what follows the last newline: nothing, or a torn record
        let first_is_whole = start == 0;
        let last = lines.next().filter(|_| first_is_whole || lines.next().is_some());
        Ok(last.map(<[u8]>::to_vec))
    }
}

/// How many names a file has (0 once it was deleted), and how long it is. Every record asks, so nothing else is asked: a
/// kernel that was asked for a file's times must note the time of the next write to the nanosecond, which makes that write
/// half as dear again.
pub(super) fn names_and_length(file: &File) -> io::Result<(u64, u64)> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, StatxFlags, statx};
        let wanted = StatxFlags::NLINK | StatxFlags::SIZE;
        // A kernel or a filter of system calls may not know it.
        if let Ok(found) = statx(file, c"", AtFlags::EMPTY_PATH, wanted)
            && found.stx_mask & wanted.bits() == wanted.bits()
        {
            return Ok((found.stx_nlink.into(), found.stx_size));
        }
    }
    let metadata = file.metadata()?;
    #[cfg(unix)]
    let names = std::os::unix::fs::MetadataExt::nlink(&metadata);
    #[cfg(not(unix))]
    let names = u64::from(metadata.is_file());
    Ok((names, metadata.len()))
}

/// One line of a segment.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// It ended with a newline, which is taken off.
    Whole(&'a [u8]),
    /// Longer than any record.
    TooLong,
    /// The end came before the newline: cut off, or just being written.
    Torn,
    End,
}

/// Reads lines in bounded memory.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The number of the line that was read last, from 1.
    pub(super) number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Lines { reader, buffer: Vec::new(), number: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Line<'_>> {
        self.buffer.clear();
        let read = (&mut self.reader).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(Line::End);
        }
        self.number += 1;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            return Ok(Line::Whole(&self.buffer));
        }
        if read <= MAX_LINE {
            return Ok(Line::Torn);
        }
        loop {
            let (found, length) = match self.reader.fill_buf()? {
                [] => return Ok(Line::Torn),
                rest => match rest.iter().position(|&byte| byte == b'\n') {
                    Some(at) => (true, at + 1),
                    None => (false, rest.len()),
                },
            };
            self.reader.consume(length);
            if found {
                return Ok(Line::TooLong);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_give_back_their_start() {
        let early = name("2026-11-22T15:12:22.123456Z".parse().unwrap(), 4711, "9f86d081884c");
        let late = name("2026-11-22T15:12:22.2Z".parse().unwrap(), 7, "0f86d081884c");
        assert_eq!(early, "20261122T151222.123456Z-4711-9f86d081884c.jsonl");
        assert!(early < late);
        assert_eq!(parse(&early), Some(("2026-11-22T15:12:22.123456Z".to_owned(), "9f86d081884c")));
    }

    #[test]
    fn other_files_are_no_segments() {
        for name in [
            "",
            "export.jsonl",
            "20261122T151222.123456Z-4711-9f86d081884c.json",
            "20261122T151222.123456Z-4711-9F86D081884C.jsonl",
            "20261122T151222.123456Z-x-9f86d081884c.jsonl",
            "20261122T151222123456Z-4711-9f86d081884c.jsonl",
            "20261122T151222.123456Z-4711-9f86d081884c-1.jsonl",
            ".20261122T151222.123456Z-4711-9f86d081884c.jsonl",
            "2026112éT51222.123456Z-4711-9f86d081884c.jsonl",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_in_bounded_memory() {
        let text = [b"one\n".to_vec(), vec![b'x'; 3 * MAX_LINE], b"\nthree\nfo".to_vec()].concat();
        let mut lines = Lines::new(BufReader::new(text.as_slice()));
        assert_eq!(lines.next().unwrap(), Line::Whole(b"one"));
        assert_eq!(lines.next().unwrap(), Line::TooLong);
        assert_eq!(lines.next().unwrap(), Line::Whole(b"three"));
        assert_eq!(lines.next().unwrap(), Line::Torn);
        assert_eq!(lines.next().unwrap(), Line::End);
        assert_eq!(lines.number, 4);
        assert!(lines.buffer.capacity() <= 2 * MAX_LINE + 2);
    }
}
