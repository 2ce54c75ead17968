//! The index of a complete segment: its [`Summary`] in a file beside it, so that recovery need not read the segment.
//!
//! One promise: an index is a pure function of the bytes of its segment. It is a cache, made again whenever it is
//! missing: one that does not fit its segment, or is damaged, is as good as none.
//!
//! `NAME.index` has two lines, sealed and chained as records are, with the auditor's key where there is one:
//! whoever has a key believes no index that was sealed without it. The first says of which segment it is and what is open
//! in it; the second, which is read only where it can matter, what ended in it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chain;
use super::key::Key;
use super::log::Head;
use super::record::Record;
use super::segment::{self, Segment};
use super::summary::{Ends, IdHash, Last, Moment, Open, Summary};

/// The version of this format, the field `v`.
const VERSION: u8 = 1;
/// Records are shorter than this, nearly always.
const LAST_RECORD: u64 = 8 << 10;

/// The first line.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Opening {
    v: u8,
    segment: String,
    /// The bytes of the segment.
    length: u64,
    /// Its last record.
    seq: u64,
    end: String,
    last: Moment,
    open: Vec<Left>,
}

/// One invocation that is not over.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Left {
    correlation_id: Arc<str>,
    #[serde(flatten)]
    open: Open,
}

/// The second line: of each invocation the hash of its id and the moment, both as 64 bits with the lowest byte first, sorted
/// and in base64.
#[derive(Debug, Serialize, Deserialize)]
struct Ending {
    #[serde(flatten)]
    ends: Ends<String>,
    /// The hash of the first line.
    prev: String,
}

/// Sorted by id.
pub(super) type Said = Vec<(IdHash, Moment)>;

/// What the first line says.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) last: Moment,
    pub(super) open: Vec<(Arc<str>, Open)>,
}

/// Where the index of a segment is.
pub(super) fn path(directory: &Path, segment: &str) -> PathBuf {
    directory.join(format!("{segment}.index"))
}

/// The bytes of the index of a complete segment: `length` is that of its file, `head` its last record, and `summary` has
/// taken all its records.
pub(super) fn bytes(
    segment: &str,
    length: u64,
    head: &Head,
    summary: &Summary,
    key: Option<&Key>,
) -> io::Result<Vec<u8>> {
    let mut open: Vec<_> = summary
        .open
        .iter()
        .map(|(id, open)| Left { correlation_id: id.clone(), open: open.clone() })
        .collect();
    open.sort_unstable_by(|a, b| a.correlation_id.cmp(&b.correlation_id));
    let opening = Opening {
        v: VERSION,
        segment: segment.to_owned(),
        length,
        seq: head.seq,
        end: head.hash.clone(),
        last: summary.last,
        open,
    };
    let mut hash = String::new();
    let mut lines = serde_json::to_vec(&opening)?;
    chain::seal(&mut lines, key, &mut hash);
    let mut line = serde_json::to_vec(&Ending {
        ends: summary.ends.map(|last| pack(&sorted(last))),
        prev: hash.clone(),
    })?;
    chain::seal(&mut line, key, &mut hash);
    lines.append(&mut line);
    Ok(lines)
}

/// Writes the index of a complete segment beside it (0600). It appears when it is complete. A failure is no more than
/// work for whoever recovers.
pub(super) fn write(
    directory: &Path,
    segment: &str,
    length: u64,
    head: &Head,
    summary: &Summary,
    key: Option<&Key>,
) -> io::Result<()> {
    let target = path(directory, segment);
    let temporary = directory.join(format!(".{segment}.index.{}", Uuid::new_v4().simple()));
    let written = segment::create(&temporary, false)
        .and_then(|mut file| file.write_all(&bytes(segment, length, head, summary, key)?))
        .and_then(|()| fs::rename(&temporary, &target));
    written.inspect_err(|_| {
        // A name that cannot be removed is a hidden file that nobody reads.
        let _ = fs::remove_file(&temporary);
    })
}

/// The index of this segment, where there is one that fits. Only its first line is read.
pub(super) fn open(segment: &Segment, key: Option<&Key>) -> Option<Index> {
    let (_, _, opening) = first(segment, key)?;
    let head = Head { seq: opening.seq, hash: opening.end };
    let open = opening.open.into_iter().map(|left| (left.correlation_id, left.open)).collect();
    fits(segment, opening.length, &head).ok()?.then_some(Index { last: opening.last, open })
}

/// What the second line says, where it is undamaged. [`open`] has said that the index fits.
pub(super) fn ends(segment: &Segment, key: Option<&Key>) -> Option<Ends<Said>> {
    let (mut file, hash, _) = first(segment, key)?;
    let (line, _) = sealed(&mut file, key)?;
    let ending: Ending = serde_json::from_slice(&line).ok().filter(|end: &Ending| end.prev == hash)?;
    let mut whole = true;
    let ends = ending.ends.map(|text| {
        let said = unpack(text);
        whole &= said.is_some();
        said.unwrap_or_default()
    });
    whole.then_some(ends)
}

/// The file behind its first line, the hash of that line, and what it says.
fn first(segment: &Segment, key: Option<&Key>) -> Option<(BufReader<File>, String, Opening)> {
    let file = segment::open_file(&path(segment.path.parent()?, &segment.name)).ok()?;
    let mut file = BufReader::with_capacity(64 << 10, file);
    let (line, hash) = sealed(&mut file, key)?;
    let opening: Opening = serde_json::from_slice(&line).ok()?;
    (opening.v == VERSION && opening.segment == segment.name).then_some((file, hash, opening))
}

/// The next line, whose hash is that of its bytes, and its hash.
fn sealed(file: &mut BufReader<File>, key: Option<&Key>) -> Option<(Vec<u8>, String)> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line).ok()?;
    let (content, claimed) = chain::unseal(line.strip_suffix(b"\n")?)?;
    let claimed = claimed.to_owned();
    if !chain::is_hash(content, &claimed, key) {
        return None;
    }
    line.pop();
    Some((line, claimed))
}

/// Whether the segment is as long as that and ends with this record.
fn fits(segment: &Segment, length: u64, head: &Head) -> io::Result<bool> {
    let mut file = segment.open()?;
    if file.metadata()?.len() != length || segment.limit.is_some_and(|limit| limit != length) {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_RECORD)))?;
    let mut tail = Vec::new();
    file.take(LAST_RECORD).read_to_end(&mut tail)?;
    let mut lines = tail.rsplit(|&byte| byte == b'\n').skip(1);
    let last = match (lines.next(), lines.next()) {
        (Some(last), Some(_)) => Some(last.to_vec()),
        _ => segment.last_line()?,
    };
    let is_last = |record: Record<'_>| {
        record.seq == head.seq && record.hash.is_some_and(|hash| hash.as_str() == head.hash)
    };
    Ok(last.is_some_and(|line| Record::parse(&line).is_ok_and(is_last)))
}

/// As an index has it.
pub(super) fn sorted(last: &Last) -> Said {
    let mut said: Said = last.iter().map(|(id, moment)| (*id, *moment)).collect();
    said.sort_unstable();
    said
}

fn pack(said: &Said) -> String {
    let bytes = said.iter().flat_map(|(id, Moment(moment))| [id.to_le_bytes(), moment.to_le_bytes()]);
    STANDARD.encode(bytes.flatten().collect::<Vec<u8>>())
}

fn unpack(text: &str) -> Option<Said> {
    let bytes = STANDARD.decode(text).ok()?;
    let (words, rest) = bytes.as_chunks::<8>();
    let (pairs, odd) = words.as_chunks::<2>();
    let said =
        pairs.iter().map(|[id, moment]| (u64::from_le_bytes(*id), Moment(i64::from_le_bytes(*moment))));
    (rest.is_empty() && odd.is_empty()).then(|| said.collect())
}
