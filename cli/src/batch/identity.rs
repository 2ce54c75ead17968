//! Which batch it is: what its rows are called, and the note beside OUT that a later run knows it by.
//!
//! One promise: the same row of the same batch has the same correlation id in every run, and a row of another file, read
//! in another way, has another one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use super::reading::Reading;
use super::row::{Name, Row};
use super::source::Fingerprint;

/// Under which the names of all batches stand.
const BATCHES: Uuid = uuid!("6b1c1e0e-7d4f-5c43-9a1b-3c7f5f0e2d11");

/// Under which the rows of one batch are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Namespace(Uuid);

impl Namespace {
    /// Of a file, or of what was said to be its name, read so.
    pub(super) fn of(file: &Fingerprint, said: Option<&str>, reading: &Reading) -> Namespace {
        let who = match said {
            Some(text) => format!("said {text}"),
            None => format!("sha256 {}", file.sha256),
        };
        let how = serde_json::to_string(reading).unwrap_or_default();
        Namespace(Uuid::new_v5(&BATCHES, format!("{who}\n{how}").as_bytes()))
    }

    /// The correlation id of a row; none where it gives itself one that is none.
    pub(super) fn id(self, row: &Row) -> Option<String> {
        let named = |name: &[u8]| Some(Uuid::new_v5(&self.0, name).to_string());
        match &row.name {
            Name::Own(own) => Some(own.clone()),
            Name::Key(key) => named(&[b"key ".as_slice(), key.as_slice()].concat()),
            Name::Place(digest) => {
                named(&[b"row ".as_slice(), row.index.to_string().as_bytes(), b" ", digest].concat())
            }
            Name::None => None,
        }
    }

    /// The correlation id of the row as another call, which is what a failed one is when it is tried again.
    pub(super) fn another_id(self, row: &Row) -> String {
        let name = self.id(row).unwrap_or_else(|| format!("row {}", row.index));
        Uuid::new_v5(&self.0, format!("again {name}").as_bytes()).to_string()
    }
}

/// What is noted of a batch beside its results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Note {
    pub(super) v: u8,
    /// What `--batch-id` said.
    pub(super) batch_id: Option<String>,
    /// The file as it was when it was run the last time.
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) reading: Reading,
    /// Where the trail is that says what was sent: the batch's own beside its results, another by its whole path.
    pub(super) trail: PathBuf,
    /// When it was begun: what a trail says before that is of others.
    pub(super) begun: String,
    /// The gateway that it was sent to.
    pub(super) gateway: String,
    pub(super) profile: String,
}

pub(super) const VERSION: u8 = 1;

impl Note {
    /// # Errors
    /// It cannot be read, or is of another version.
    pub(super) fn read(path: &Path) -> io::Result<Note> {
        let note: Note = serde_json::from_slice(&fs::read(path)?)?;
        if note.v == VERSION { Ok(note) } else { Err(io::Error::other("it was written by another version")) }
    }

    /// Written whole or not at all, and on the disk when this returns.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        replace(path, |file| file.write_all(&text))
    }
}

/// A name beside this one.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// `rows.jsonl` and `failed` give `rows.failed.jsonl`.
pub(super) fn between(path: &Path, word: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}.{word}.jsonl"))
}

/// A file that nobody else may read, whole or as it was, and on the disk when this returns.
pub(super) fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let new = beside(path, ".new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    private(&mut options);
    let mut file = options.open(&new)?;
    if let Err(error) = write(&mut file).and_then(|()| file.sync_all()) {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// What is written holds inputs and outputs.
pub(super) fn private(options: &mut fs::OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

/// The name of a new file is on the disk too.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        return File::open(folder)?.sync_all();
    }
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::reading::{Empty, Format};
    use super::*;

    fn reading(action: &str) -> Reading {
        Reading {
            format: Format::Jsonl,
            action: Some(action.into()),
            map: vec![],
            key: None,
            empty: Empty::Omit,
        }
    }

    fn file(sha256: &str) -> Fingerprint {
        Fingerprint { sha256: sha256.into(), bytes: 7 }
    }

    fn row(index: u64, name: Name) -> Row {
        Row { index, line: 1, text: vec![], name, mistakes: vec![] }
    }

    #[test]
    fn a_row_is_called_the_same_in_every_run_and_otherwise_in_every_other_batch() {
        let namespace = Namespace::of(&file("f"), None, &reading("a"));
        assert_eq!(namespace, Namespace::of(&Fingerprint { bytes: 8, ..file("f") }, None, &reading("a")));
        for other in [
            Namespace::of(&file("g"), None, &reading("a")),
            Namespace::of(&file("f"), None, &reading("b")),
            Namespace::of(&file("f"), Some("f"), &reading("a")),
        ] {
            assert_ne!(namespace, other);
        }
        assert_eq!(
            Namespace::of(&file("f"), Some("n"), &reading("a")),
            Namespace::of(&file("g"), Some("n"), &reading("a"))
        );
        let id = |row: Row| namespace.id(&row);
        let ids = [
            id(row(0, Name::Place([b'x'; 32]))),
            id(row(1, Name::Place([b'x'; 32]))),
            id(row(0, Name::Place([b'y'; 32]))),
            id(row(0, Name::Key(b"x".to_vec()))),
        ];
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(id.as_ref().unwrap().parse::<Uuid>().unwrap().get_version_num(), 5);
            assert!(!ids[..n].contains(id));
        }
        assert_eq!(id(row(3, Name::Key(b"x".to_vec()))), ids[3]);
        assert_eq!(id(row(0, Name::Own("mine".into()))).as_deref(), Some("mine"));
        assert_eq!(id(row(0, Name::None)), None);
    }

    #[test]
    fn names_stand_beside_the_results() {
        let out = Path::new("a/night.out.jsonl");
        assert_eq!(between(out, "failed"), Path::new("a/night.out.failed.jsonl"));
        assert_eq!(beside(out, ".trail"), Path::new("a/night.out.jsonl.trail"));
    }
}
