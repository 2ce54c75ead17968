//! The first reading of a file: what it is, how many rows it has, and which of them may be one.

use std::path::Path;

use super::reading::Reading;
use super::source::{Fingerprint, Source};
use super::table::Typing;
use super::twins::{Suspicion, Twins};
use crate::failure::Failure;

/// What a file is before any of its rows is run.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) file: Fingerprint,
    pub(super) rows: u64,
    pub(super) twins: Twins,
    /// Of as much as was there when it was run before, and whether that ended where a line does.
    pub(super) beginning: Option<(String, bool)>,
}

impl Survey {
    pub(super) fn of(
        path: &Path,
        reading: &Reading,
        typing: &Typing<'_>,
        beginning: Option<u64>,
    ) -> Result<Survey, Failure> {
        let mut source = Source::open(path, reading, typing, None, beginning)?;
        let bytes = std::fs::metadata(path).map_or(0, |about| about.len());
        let (mut suspicion, mut rows) = (Suspicion::of_a_file(bytes), 0);
        while let Some(row) = source.next()? {
            if rows == 0 && row.text.first() == Some(&b'[') {
                return Err(Failure::config(format!(
                    "`{}` must have one request on each line, and is a list; `jq -c '.[]'` takes it apart",
                    path.display()
                )));
            }
            suspicion.look(&row);
            rows += 1;
        }
        if rows == 0 {
            return Err(Failure::config(format!("`{}` has no rows", path.display())));
        }
        let (file, beginning) = (source.fingerprint(), source.beginning());
        Ok(Survey { file, rows, twins: suspicion.twins(), beginning })
    }
}
