//! Where a batch stands: its results, its note and its trail, and whether they belong together.
//!
//! One promise: a run goes on only with the batch that it was told to, and begins none where another one was begun.

use std::path::{Path, PathBuf};

use cxone_actions::Client;
use cxone_actions::trail::{Event, Filter};
use jiff::Timestamp;

use super::Arguments;
use super::identity::{Note, VERSION, beside, between};
use super::reading::Reading;
use super::results::{Done, Results};
use super::survey::Survey;
use super::table::Typing;
use crate::failure::Failure;
use crate::output::note;
use crate::settings::Settings;

/// All that lies on the disk of one batch.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) out: PathBuf,
    pub(super) results: Results,
    pub(super) reading: Reading,
    pub(super) batch_id: Option<String>,
    pub(super) trail: PathBuf,
    /// It is this batch's alone.
    own_trail: bool,
    /// What earlier runs noted.
    before: Option<Note>,
}

impl Place {
    /// Takes hold of the results, and decides whether there is something to go on with.
    pub(super) fn of(arguments: &Arguments, settings: &mut Settings) -> Result<Place, Failure> {
        let out = arguments.out.clone().unwrap_or_else(|| between(&arguments.file, "results"));
        let shown = out.display();
        if out.as_os_str() == "-" {
            return Err(Failure::config(
                "`--out` must be a file: what is in it is what `--resume` goes on from; `tail -f` shows it",
            ));
        }
        let (was_there, noted) = (out.exists(), beside(&out, ".batch.json"));
        if was_there && same_file(&out, &arguments.file) {
            return Err(Failure::config(format!("`--out` must not be the file of rows, `{shown}`")));
        }
        for word in ["failed", "unknown"] {
            let ours = between(&out, word);
            if same_file(&ours, &arguments.file) {
                return Err(Failure::config(format!(
                    "the file of rows is `{}`, where the rows of `{shown}` that are {word} would be written: name another \
                     `--out`",
                    ours.display()
                )));
            }
        }
        if !was_there && noted.exists() {
            return Err(Failure::config(format!(
                "`{}` says that a batch was begun here, and `{shown}` is gone: nobody can tell which rows are done; \
                 restore it, or begin again with another `--out`, which sends every row again",
                noted.display()
            )));
        }
        let results = Results::open(&out)?;
        let before = match Note::read(&noted) {
            Ok(before) => Some(before),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Failure::config(format!("`{}` cannot be read: {error}", noted.display())));
            }
        };
        match (&before, arguments.resume) {
            (Some(_), false) => {
                return Err(Failure::config(format!(
                    "`{shown}` has results already: go on with `--resume`, or name another file with `--out`"
                )));
            }
            (None, _) if !results.is_empty() => {
                return Err(Failure::config(format!(
                    "`{shown}` is there already and is not a batch's: name another file with `--out`"
                )));
            }
            (None, true) => note(&format!("nothing was begun in `{shown}`: this is the beginning")),
            _ => {}
        }
        let reading = match &before {
            Some(before) if arguments.leaves_reading_open() => before.reading.clone(),
            Some(before) if before.reading != arguments.reading() => {
                return Err(Failure::config(format!(
                    "`{shown}` was begun with other `--format`, `--action`, `--map`, `--key` or `--empty`: leave them away \
                     to go on, or begin another batch with another `--out`"
                )));
            }
            _ => arguments.reading(),
        };
        let batch_id = match &before {
            Some(before)
                if arguments.batch_id.as_ref().is_some_and(|id| Some(id) != before.batch_id.as_ref()) =>
            {
                return Err(Failure::config(format!("`{shown}` was begun with another `--batch-id`")));
            }
            Some(before) => before.batch_id.clone(),
            None => arguments.batch_id.clone(),
        };
        let trail = trail(&out, before.as_ref(), settings)?;
        let own = beside(&out, ".trail");
        let own_trail = trail == own || same_file(&trail, &own);
        Ok(Place { out, results, reading, batch_id, trail, own_trail, before })
    }

    /// Whether an earlier run began it.
    pub(super) fn goes_on(&self) -> bool {
        self.before.is_some()
    }

    /// What the trail says before this is of other batches; none where it is this one's alone.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.before.as_ref().filter(|_| !self.own_trail)?.begun.parse().ok()
    }

    /// Reads the file for the first time, and sees whether it is the one.
    pub(super) fn survey(&self, arguments: &Arguments, typing: &Typing<'_>) -> Result<Survey, Failure> {
        let beginning = self.before.as_ref().map(|before| before.bytes);
        let survey = Survey::of(&arguments.file, &self.reading, typing, beginning)?;
        let Some(before) = &self.before else { return Ok(survey) };
        let (file, out) = (arguments.file.display(), self.out.display());
        let same_beginning = survey.beginning.as_ref().is_some_and(|(sha256, _)| *sha256 == before.sha256);
        match (&self.batch_id, &survey.beginning) {
            _ if survey.file.sha256 == before.sha256 => Ok(survey),
            (None, _) => {
                let how = if same_beginning {
                    "rows were added to it"
                } else {
                    "it was edited, or is another file"
                };
                Err(Failure::config(format!(
                    "`{file}` is not the file that `{out}` was begun with: {how}. As it is now it is another batch, with \
                     other correlation ids: restore it to go on, or run it with another `--out`"
                )))
            }
            (Some(_), Some((_, true))) if same_beginning => Ok(survey),
            (Some(_), _) => Err(Failure::config(format!(
                "`{file}` does not begin with the rows that `{out}` was begun with: with `--batch-id` rows may be added at \
                 the end, whole lines and nothing else"
            ))),
        }
    }

    /// Reads what earlier runs wrote down; the trail has to hold, since it says what was sent.
    pub(super) fn take_up(&mut self, client: &Client, survey: &Survey) -> Result<Done, Failure> {
        let out = self.out.display();
        if let Some(before) = &self.before {
            let (gateway, profile) = client.gateway();
            if (before.gateway.as_str(), before.profile.as_str()) != (gateway, profile) {
                return Err(Failure::config(format!(
                    "`{out}` was begun with {} and the profile `{}`, and this is {gateway} with `{profile}`: what was sent \
                     there cannot be looked after here",
                    before.gateway, before.profile
                )));
            }
            let found = client.audit().verify();
            if let Some(problem) = found.problems.first() {
                return Err(Failure {
                    exit_code: cxone_actions::ErrorKind::Audit.exit_code(),
                    message: format!(
                        "the trail `{}` does not hold (segment `{}`, line {}: {}): what was sent cannot be told, so nothing \
                         is sent; see `cxone-actions audit verify`",
                        self.trail.display(),
                        problem.segment,
                        problem.line,
                        problem.what
                    ),
                });
            }
        }
        let sent = Filter { event: Some(Event::Sending), ..Filter::default() };
        if self.before.is_none() && self.own_trail && client.audit().records(&sent)?.next().is_some() {
            return Err(Failure::config(format!(
                "`{}` says that rows of a batch were sent, and its results are gone: restore them, or begin again with \
                 another `--out`, which sends every row again",
                self.trail.display()
            )));
        }
        let done = self.results.done()?;
        if let Some(last) = done.rows.last().filter(|last| *last >= survey.rows) {
            return Err(Failure::config(format!(
                "`{out}` has a result of row {last}, and there are {} rows: it is another batch's",
                survey.rows
            )));
        }
        Ok(done)
    }

    /// From now on the batch is begun.
    pub(super) fn write_note(&mut self, client: &Client, survey: &Survey) -> Result<(), Failure> {
        let (gateway, profile) = client.gateway();
        let own = beside(Path::new(self.out.file_name().unwrap_or_default()), ".trail");
        let trail = || client.audit().directory().unwrap_or(&self.trail).to_owned();
        let begun = self.before.as_ref().map(|before| before.begun.clone());
        let now = Note {
            v: VERSION,
            batch_id: self.batch_id.clone(),
            sha256: survey.file.sha256.clone(),
            bytes: survey.file.bytes,
            reading: self.reading.clone(),
            trail: if self.own_trail { own } else { trail() },
            begun: begun.unwrap_or_else(|| Timestamp::now().to_string()),
            gateway: gateway.to_owned(),
            profile: profile.to_owned(),
        };
        if self.before.as_ref() == Some(&now) {
            return Ok(());
        }
        let path = beside(&self.out, ".batch.json");
        now.write(&path)
            .map_err(|error| Failure::config(format!("`{}` cannot be written: {error}", path.display())))?;
        self.results.keep();
        Ok(())
    }
}

/// The trail of the batch: the one that it was begun with, the one that was asked for, or one beside the results.
fn trail(out: &Path, before: Option<&Note>, settings: &mut Settings) -> Result<PathBuf, Failure> {
    let asked = settings.text("audit").map(PathBuf::from);
    // Its own is noted by its name, so that all of it may be moved together.
    let noted = before.map(|before| out.with_file_name("").join(&before.trail));
    if let Some(noted) = &noted {
        if let Some(asked) = asked.filter(|asked| !same_file(asked, noted)) {
            return Err(Failure::config(format!(
                "`{}` was begun with the trail `{}`, which says what was sent, and not with `{}`",
                out.display(),
                noted.display(),
                asked.display()
            )));
        }
        if !noted.is_dir() {
            return Err(Failure::config(format!(
                "the trail `{}` is gone, which says what was sent: restore it, or begin again with another `--out`, which \
                 sends every row again",
                noted.display()
            )));
        }
    }
    let trail = match (noted, settings.text("audit")) {
        (Some(noted), _) => noted,
        (None, Some(asked)) => return Ok(asked.into()),
        (None, None) => {
            let own = beside(out, ".trail");
            note(&format!("the audit trail of this batch is `{}`", own.display()));
            own
        }
    };
    settings.set("audit", trail.to_string_lossy().as_ref(), "batch");
    Ok(trail)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
