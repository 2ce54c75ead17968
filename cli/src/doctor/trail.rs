//! The directory of the trail: whether it can be written, how long the disk takes, and whether what is in it holds.
//!
//! Nothing is left in it: a file is written, put on the disk, locked and removed again, and no segment is begun.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cxone_actions::ErrorKind;
use cxone_actions::probe::Probe;
use cxone_actions::trail::{Trail, Verification};
use uuid::Uuid;

use super::PATIENCE;
use super::check::Check;

/// A disk that takes longer for a record makes every call wait for it at `durability = "power"`.
const SLOW: Duration = Duration::from_millis(100);
/// Less than this is full soon.
const ROOM: u64 = 64 << 20;
/// As a few records.
const SAMPLE: [u8; 4096] = [b' '; 4096];

pub(super) async fn checks(probe: &Probe) -> Vec<Check> {
    let Some(directory) = probe.config().audit.clone() else {
        let check = Check::of("trail", "directory", "look for a directory of the trail");
        return vec![check.passed("none is named: the last 10,000 records are kept in memory")];
    };
    let settings = probe.config().audit_settings.clone();
    let mut checks = vec![
        in_time(move |check| writable(check, &directory), {
            let shown = probe.config().audit.clone().unwrap_or_default();
            Check::of("trail", "directory", format!("write to `{}`", shown.display()))
        })
        .await,
    ];
    let directory = probe.config().audit.clone().unwrap_or_default();
    if let Some(file) = settings.checkpoints.clone() {
        let check = Check::of("trail", "checkpoints", format!("open the checkpoints `{}`", file.display()));
        let beside = directory.clone();
        checks.push(in_time(move |check| checkpoints(check, &file, &beside), check).await);
    }
    if directory.is_dir() {
        let check = Check::of("trail", "chain", format!("verify the records in `{}`", directory.display()));
        checks.push(
            in_time(
                move |check| match Trail::read_only_with(&directory, &settings) {
                    Ok(trail) => verified(check, &trail.verify(), &directory),
                    Err(error) => check.failed_by(&error),
                },
                check,
            )
            .await,
        );
    }
    checks
}

/// In a thread of its own, which is left behind where it does not end in time.
async fn in_time(work: impl FnOnce(Check) -> Check + Send + 'static, check: Check) -> Check {
    let late = Check::of(check.family, check.name, check.tried.clone());
    let (tell, told) = mpsc::channel();
    let spawned = thread::Builder::new().spawn(move || drop(tell.send(work(check))));
    let began = Instant::now();
    while spawned.is_ok() && began.elapsed() < PATIENCE {
        if let Ok(check) = told.try_recv() {
            return check;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    late.warned(
        "it was not done in ten seconds",
        "see how busy the disk is; `cxone-actions audit verify` takes its time for a long trail",
    )
}

fn writable(check: Check, directory: &Path) -> Check {
    let there = directory.is_dir();
    let place = if there { directory.to_owned() } else { nearest(directory) };
    let room = room(&place);
    match write(&place) {
        Err(error) => {
            let (said, todo) = refused(&error, &place);
            check.failed(ErrorKind::Audit, said, todo)
        }
        Ok(_) if room.is_some_and(|room| room < ROOM) => check.warned(
            format!("it can be written, and has {} MiB left", room.unwrap_or_default() >> 20),
            "make room: nothing is sent without a record of it",
        ),
        Ok(_) if !there => {
            check.passed(format!("it is not there yet, and can be made in `{}`", place.display()))
        }
        Ok(took) => {
            let said =
                format!("it can be written and locked; the disk took {:.1} ms", took.as_secs_f64() * 1e3);
            if took <= SLOW {
                check.passed(said)
            } else {
                check.warned(said, "use a local disk: at `durability = \"power\"` each call waits that long")
            }
        }
    }
}

/// The nearest of its parents that is there; what is there and is no directory is found by writing to it.
fn nearest(directory: &Path) -> PathBuf {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let there = absolute.ancestors().find(|path| std::fs::symlink_metadata(path).is_ok());
    there.unwrap_or(Path::new("/")).to_owned()
}

/// Writes a file, waits for the disk, locks it, and removes it; how long the disk took.
fn write(directory: &Path) -> io::Result<Duration> {
    let path = directory.join(format!(".doctor-{}", Uuid::new_v4().simple()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path)?;
    let took = on_the_disk(file);
    let removed = std::fs::remove_file(&path);
    took.and_then(|took| removed.map(|()| took))
}

fn on_the_disk(mut file: File) -> io::Result<Duration> {
    file.write_all(&SAMPLE)?;
    let began = Instant::now();
    file.sync_data()?;
    let took = began.elapsed();
    match file.try_lock() {
        Ok(()) => Ok(took),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
        Err(std::fs::TryLockError::WouldBlock) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// What is left of the disk for this user.
#[cfg(unix)]
fn room(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn room(_directory: &Path) -> Option<u64> {
    None
}

fn refused(error: &io::Error, place: &Path) -> (String, String) {
    let place = place.display();
    let todo = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("let this user write to `{place}`, or name another directory")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("`{place}` is on a disk that is only read: name another directory")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("make room on the disk of `{place}`: nothing is sent without a record of it")
        }
        io::ErrorKind::NotADirectory => {
            format!("`{place}` is no directory: name one, or a path that does not exist yet")
        }
        io::ErrorKind::Unsupported => {
            format!("file locks do not work in `{place}`: name a directory on a local disk")
        }
        _ => format!("see that `{place}` can be written, or name another directory"),
    };
    (format!("it cannot be written: {error}"), todo)
}

/// Whether the file can be told the end of the chain: it is not made, and what is in it is not touched.
fn checkpoints(check: Check, file: &Path, trail: &Path) -> Check {
    let parent =
        std::path::absolute(file).ok().and_then(|file| file.parent().map(Path::to_owned)).unwrap_or_default();
    let inside = std::fs::canonicalize(&parent)
        .is_ok_and(|parent| std::fs::canonicalize(trail).is_ok_and(|trail| parent.starts_with(trail)));
    if inside {
        return check.failed(
            ErrorKind::Audit,
            "it is in the directory of the trail",
            "name a file elsewhere, best on another machine: whoever cuts the trail cuts what lies beside it",
        );
    }
    let opened = OpenOptions::new().append(true).open(file).map(drop);
    let opened = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => write(&parent).map(|_| false),
        opened => opened.map(|()| true),
    };
    match opened {
        Ok(true) => check.passed("it can be written"),
        Ok(false) => check.passed("it is not there yet, and can be made"),
        Err(error) => {
            let todo = "name a file with `audit_checkpoints` that this user may append to";
            check.failed(ErrorKind::Audit, format!("it cannot be written: {error}"), todo)
        }
    }
}

fn verified(check: Check, found: &Verification, directory: &Path) -> Check {
    let seen = format!("{} records in {} segments", found.records, found.segments);
    if let Some(first) = found.problems.first() {
        let places = found.problems.len();
        let place = if first.line == 0 { String::new() } else { format!(", line {}", first.line) };
        return check.failed(
            ErrorKind::Audit,
            format!(
                "it is not what was written, at {places} places; `{}`{place}: {}",
                first.segment, first.what
            ),
            format!(
                "keep a copy, and look at all of it: `cxone-actions audit verify {}`",
                directory.display()
            ),
        );
    }
    match found.unchecked {
        0 => check.passed(format!("{seen}: the chain holds")),
        sealed => check.warned(
            format!("{seen} follow each other; the seals of {sealed} were not checked"),
            "give their key with `audit_key`, so that they can be",
        ),
    }
}
