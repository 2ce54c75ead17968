//! The trail, as text.

use std::fmt;
use std::path::Path;

use cxone_actions::trail::{self, ExportFormat, Filter};

use crate::handle::Handle;
use crate::text::error_json;

/// The records that a filter chose, oldest first, read a batch at a time.
pub struct Records {
    records: trail::Records,
    /// What stood behind the lines of the last batch.
    damaged: Option<String>,
}

impl Records {
    /// At most `count` exact JSON lines; none at the end.
    ///
    /// # Errors
    /// The JSON text of an `audit` error: a damaged line, after the whole ones before it. The next batch goes on behind it.
    pub fn next_batch(&mut self, count: usize) -> Result<Vec<String>, String> {
        if let Some(damaged) = self.damaged.take() {
            return Err(damaged);
        }
        let mut lines = Vec::new();
        for line in self.records.by_ref().take(count) {
            match line {
                Ok(line) => lines.push(line),
                Err(error) if lines.is_empty() => return Err(error_json(&error)),
                Err(error) => {
                    self.damaged = Some(error_json(&error));
                    break;
                }
            }
        }
        Ok(lines)
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

/// Reads and writes files, and blocks while it does. Errors are the JSON text of an `audit` or a `config` error.
impl Handle {
    /// The records that the filter (a JSON object) chooses.
    ///
    /// # Errors
    /// As for all of these.
    pub fn records(&self, filter_json: &str) -> Result<Records, String> {
        self.read(|client| {
            let records = client.audit().records(&Filter::from_json(filter_json)?)?;
            Ok(Records { records, damaged: None })
        })
    }

    /// Writes the records that the filter chooses to a file; how many they are. The format is `jsonl`, `json` or `csv`.
    ///
    /// # Errors
    /// As for all of these.
    pub fn export(&self, path: &Path, format: &str, filter_json: &str) -> Result<u64, String> {
        self.read(|client| {
            let format: ExportFormat = format.parse()?;
            client.audit().export(path, format, &Filter::from_json(filter_json)?)
        })
    }

    /// What checking the chain found, as a JSON object; with the checkpoints of this file instead of the client's own.
    ///
    /// # Errors
    /// As for all of these.
    pub fn verify(&self, checkpoints: Option<&Path>) -> Result<String, String> {
        self.read(|client| {
            let audit = client.audit();
            let found = checkpoints.map_or_else(|| audit.verify(), |file| audit.verify_against(Some(file)));
            Ok(serde_json::to_string(&found).unwrap_or_default())
        })
    }

    /// Returns when everything recorded so far would survive a power failure.
    ///
    /// # Errors
    /// As for all of these.
    pub fn flush(&self) -> Result<(), String> {
        self.read(|client| client.audit().flush())
    }
}
