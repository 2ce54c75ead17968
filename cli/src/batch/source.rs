//! The file of rows, read from its beginning to its end in bounded memory, and told by its bytes from every other file.
//!
//! One promise: the rows that are run are those of the bytes that were looked at first. A file that changes meanwhile is
//! noticed, at the latest where it ends.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::json_lines::JsonLines;
use super::reading::{Format, Reading};
use super::row::Row;
use super::table::{Table, Typing};
use crate::failure::Failure;

/// The bytes of a file, or of as much of it as was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) sha256: String,
    pub(super) bytes: u64,
}

/// Reads no further than a length, and digests what it reads.
struct Hashed {
    file: File,
    left: u64,
    state: Rc<RefCell<State>>,
}

struct State {
    digest: Sha256,
    bytes: u64,
    /// Up to here is the beginning of which a fingerprint is wanted.
    beginning: Option<u64>,
    of_the_beginning: Option<String>,
    last: u8,
    /// The bytes on both sides of where the beginning ends.
    seam: (u8, u8),
}

impl State {
    fn take(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if let Some(last) = bytes.last() {
            self.last = *last;
        }
    }
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let count = self.file.read(into.get_mut(..most).unwrap_or_default())?;
        self.left -= u64::try_from(count).unwrap_or(self.left);
        let mut read = into.get(..count).unwrap_or_default();
        let mut state = self.state.borrow_mut();
        if let Some(beginning) = state.beginning
            && let Some(missing) = beginning.checked_sub(state.bytes)
            && state.of_the_beginning.is_none()
        {
            let missing = usize::try_from(missing).unwrap_or(usize::MAX);
            if let Some((before, after)) = read.split_at_checked(missing) {
                state.take(before);
                state.of_the_beginning = Some(hex(state.digest.clone()));
                state.seam = (state.last, after.first().copied().unwrap_or(b'\n'));
                read = after;
            }
        }
        state.take(read);
        Ok(count)
    }
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The rows of a file.
pub(super) struct Source<'a> {
    rows: Rows<'a>,
    state: Rc<RefCell<State>>,
    shown: String,
}

enum Rows<'a> {
    Lines(JsonLines<BufReader<Hashed>>),
    Table(Box<Table<'a, Hashed>>),
}

/// How much is read from the disk at once.
const CHUNK: usize = 256 << 10;

impl<'a> Source<'a> {
    /// Reads the first `length` bytes of the file, or those that it has now. Of a `beginning` it is told whether it is still
    /// the same.
    ///
    /// # Errors
    /// What cannot be read or understood as a whole: the file, its encoding, the header of a table.
    pub(super) fn open(
        path: &Path,
        reading: &Reading,
        typing: &'a Typing<'a>,
        length: Option<u64>,
        beginning: Option<u64>,
    ) -> Result<Source<'a>, Failure> {
        let shown = path.display().to_string();
        let unreadable = |error: io::Error| Failure::config(format!("`{shown}` cannot be read: {error}"));
        let mut file = File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(Failure::config(format!(
                "`{shown}` must be a file: it is read more than once, first to know it again"
            )));
        }
        let mut start = [0; 2];
        let is_utf16 =
            file.read(&mut start).map_err(unreadable)? == 2 && matches!(start, [0xff, 0xfe] | [0xfe, 0xff]);
        if is_utf16 {
            return Err(Failure::config(format!("`{shown}` is in UTF-16; save it as UTF-8")));
        }
        io::Seek::rewind(&mut file).map_err(unreadable)?;
        let state = Rc::new(RefCell::new(State {
            digest: Sha256::new(),
            bytes: 0,
            beginning,
            of_the_beginning: None,
            last: b'\n',
            seam: (b'\n', b'\n'),
        }));
        let hashed = Hashed { file, left: length.unwrap_or(about.len()), state: state.clone() };
        let rows = match reading.format {
            Format::Jsonl => {
                Rows::Lines(JsonLines::new(BufReader::with_capacity(CHUNK, hashed), reading.key.clone()))
            }
            Format::Csv | Format::Tsv => {
                Rows::Table(Box::new(Table::new(hashed, reading, typing).map_err(|wrong| {
                    let wrong: Vec<_> = wrong.into_iter().map(|what| format!("`{shown}`: {what}")).collect();
                    Failure::of_mistakes(&wrong)
                })?))
            }
        };
        Ok(Source { rows, state, shown })
    }

    /// The next row.
    ///
    /// # Errors
    /// The file cannot be read on.
    pub(super) fn next(&mut self) -> Result<Option<Row>, Failure> {
        let next = match &mut self.rows {
            Rows::Lines(lines) => lines.next(),
            Rows::Table(table) => table.next(),
        };
        next.map_err(|error| Failure::config(format!("`{}` cannot be read: {error}", self.shown)))
    }

    /// Of what was read so far: of all of it behind the last row.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let state = self.state.borrow();
        Fingerprint { sha256: hex(state.digest.clone()), bytes: state.bytes }
    }

    /// Of the beginning that was asked for, where there was so much; and whether it ends where a line does.
    pub(super) fn beginning(&self) -> Option<(String, bool)> {
        let state = self.state.borrow();
        let (before, after) = state.seam;
        let whole = before == b'\n' || matches!(after, b'\n' | b'\r');
        // A file that ends there goes on nowhere.
        let same = state.beginning == Some(state.bytes);
        state.of_the_beginning.clone().map(|sha256| (sha256, whole || same))
    }
}

#[cfg(test)]
mod tests {
    use super::super::reading::Empty;
    use super::*;

    fn reading(format: Format) -> Reading {
        Reading { format, action: Some("a".into()), map: vec![], key: None, empty: Empty::Omit }
    }

    fn all(
        path: &Path,
        length: Option<u64>,
        beginning: Option<u64>,
    ) -> (usize, Fingerprint, Option<(String, bool)>) {
        let mut source =
            Source::open(path, &reading(Format::Jsonl), &|_, _| None, length, beginning).unwrap();
        let mut rows = 0;
        while source.next().unwrap().is_some() {
            rows += 1;
        }
        (rows, source.fingerprint(), source.beginning())
    }

    #[test]
    fn a_file_is_known_by_its_bytes_and_so_is_what_it_began_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, "{\"a\":1}\n{\"a\":2}\n").unwrap();
        let (rows, first, none) = all(&path, None, None);
        assert_eq!((rows, first.bytes, none), (2, 16, None));
        assert_eq!(first.sha256.len(), 64);
        std::fs::write(&path, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}").unwrap();
        // What came behind it is not read where the length says so.
        assert_eq!(all(&path, Some(16), None), (2, first.clone(), None));
        let (rows, grown, beginning) = all(&path, None, Some(16));
        assert_eq!((rows, beginning), (3, Some((first.sha256.clone(), true))));
        assert_ne!(grown.sha256, first.sha256);
        assert!(all(&path, None, Some(15)).2.unwrap().1);
        assert!(!all(&path, None, Some(20)).2.unwrap().1);
        assert_eq!(all(&path, None, Some(23)).2, Some((grown.sha256, true)));
        assert_eq!(all(&path, None, Some(24)).2, None);
    }

    #[test]
    fn what_is_no_file_of_rows_is_said_before_anything_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let said = |path: &Path| {
            Source::open(path, &reading(Format::Csv), &|_, _| None, None, None).err().unwrap().message
        };
        assert!(said(&path).contains("cannot be read"));
        assert!(said(folder.path()).contains("must be a file"));
        std::fs::write(&path, b"\xff\xfea\0").unwrap();
        assert!(said(&path).contains("UTF-16"));
    }
}
