//! What is written when a batch has ended: the rows that failed and those that are unknown, ready to be given to `batch`
//! again, and the results in the order of the rows.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::drive::cannot_be_sent;
use super::identity::{Namespace, between, replace};
use super::results::Done;
use super::row::{Row, one_line};
use super::source::{Fingerprint, Source};
use super::twins::Twins;
use crate::failure::Failure;

/// Where they were written, and where nothing had to be.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    pub(super) failed: Option<PathBuf>,
    pub(super) unknown: Option<PathBuf>,
}

/// Fails once nobody wants to wait any longer. What was begun is as it was then.
pub(super) type Wanted<'a> = &'a dyn Fn() -> io::Result<()>;

/// Reads the rows once more, where there is anything to write.
pub(super) fn write<'a>(
    out: &Path,
    done: &Done,
    open: impl Fn() -> Result<Source<'a>, Failure>,
    (file, namespace, action): (&Fingerprint, Namespace, Option<&str>),
    twins: &Twins,
    wanted: Wanted<'_>,
) -> Result<Leftovers, Failure> {
    let mut leftovers = Leftovers::default();
    let parts =
        [(&done.failed, "failed", &mut leftovers.failed), (&done.unknown, "unknown", &mut leftovers.unknown)];
    for (rows, word, written) in parts {
        let path = between(out, word);
        if rows.count() == 0 {
            // One of an earlier run speaks of rows that have ended since.
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => continue,
            }
        }
        let (mut source, mut twins) = (open()?, twins.clone());
        let mut failure = None;
        let replaced = replace(&path, |new| {
            let mut new = BufWriter::new(new);
            loop {
                wanted()?;
                let row = match source.next() {
                    Ok(Some(row)) => row,
                    Ok(None) => break,
                    Err(error) => {
                        failure = Some(error);
                        return Err(io::Error::other("the rows cannot be read"));
                    }
                };
                let twin = twins.first(&row);
                if rows.has(row.index) {
                    // What is unknown keeps its id; what failed is another call, however often it fails: without an id of its
                    // own it would have the same one each time, since the file of the rows would be the same.
                    let id = match word {
                        "unknown" => namespace.id(&row),
                        _ => Some(namespace.another_id(&row)),
                    };
                    writeln!(new, "{}", again(&row, twin, action, id.as_deref()))?;
                }
            }
            if source.fingerprint() != *file {
                return Err(io::Error::other("the rows were changed meanwhile"));
            }
            new.flush()
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        replaced
            .map_err(|error| Failure::config(format!("`{}` cannot be written: {error}", path.display())))?;
        *written = Some(path);
    }
    Ok(leftovers)
}

/// The row as a line for another batch. What is no request is none there either: it is named again, not sent.
fn again(row: &Row, twin: Option<u64>, action: Option<&str>, correlation_id: Option<&str>) -> String {
    let wrong = cannot_be_sent(row, twin);
    if !wrong.is_empty() {
        let wrong: Vec<_> = wrong.into_iter().map(|violation| violation.message).collect();
        return json!({ "row": row.index, "line": row.line, "mistakes": wrong }).to_string();
    }
    let as_it_is = || one_line(&String::from_utf8_lossy(&row.text));
    row.rewritten(action, correlation_id).unwrap_or_else(as_it_is)
}

/// Puts the lines of the results into the order of the rows.
pub(super) fn order(out: &Path, rows: u64, wanted: Wanted<'_>) -> io::Result<()> {
    let mut places = vec![u64::MAX; usize::try_from(rows).map_err(io::Error::other)?];
    let mut reader = BufReader::with_capacity(1 << 20, File::open(out)?);
    let (mut at, mut line) = (0, Vec::new());
    loop {
        wanted()?;
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let place =
            super::line::read(line.trim_ascii_end()).and_then(|(index, _)| usize::try_from(index).ok());
        let Some(place) = place.and_then(|index| places.get_mut(index)) else {
            return Err(io::Error::other("there is a line that is no result"));
        };
        *place = at;
        at += u64::try_from(read).unwrap_or(0);
    }
    replace(out, |new| {
        let mut new = BufWriter::with_capacity(1 << 20, new);
        let mut next = at;
        for place in places.into_iter().filter(|place| *place != u64::MAX) {
            wanted()?;
            let (to, from) =
                (i64::try_from(place).unwrap_or(i64::MAX), i64::try_from(next).unwrap_or(i64::MAX));
            if next == at {
                reader.seek(SeekFrom::Start(place))?;
            } else {
                reader.seek_relative(to - from)?;
            }
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            next = place + u64::try_from(read).unwrap_or(0);
            new.write_all(&line)?;
        }
        new.flush()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_put_in_order_and_rows_without_one_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.jsonl");
        let line = |index: u64| {
            format!(
                "{{\"index\":{index},\"status\":null,\"executed\":\"no\",\"x\":\"{}\"}}\n",
                "y".repeat(500)
            )
        };
        let mixed: Vec<u64> = (0..5_000).map(|n| (n * 7_919) % 6_000).collect();
        std::fs::write(&out, mixed.iter().map(|index| line(*index)).collect::<String>()).unwrap();
        // Whoever stops it in the middle finds all as it was.
        let asked = std::cell::Cell::new(0);
        let until = |most: usize| {
            asked.set(asked.get() + 1);
            if asked.get() > most { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
        };
        let before = std::fs::read_to_string(&out).unwrap();
        for most in [0, 3_000, 7_000] {
            asked.set(0);
            assert!(order(&out, 6_000, &|| until(most)).is_err());
            assert_eq!(std::fs::read_to_string(&out).unwrap(), before);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        order(&out, 6_000, &|| Ok(())).unwrap();
        let mut sorted = mixed;
        sorted.sort_unstable();
        assert_eq!(std::fs::read_to_string(&out).unwrap(), sorted.into_iter().map(line).collect::<String>());
    }
}
