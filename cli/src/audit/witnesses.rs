//! What is known besides the directory itself: checkpoints that are kept elsewhere, and the key of the chain.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use cxone_actions::Error;
use cxone_actions::config::{AuditSettings, LEAST_KEY_BYTES};
use cxone_actions::trail::Trail;
use secrecy::{ExposeSecret, SecretString};

use super::{Place, refused};

/// Like clients, the command takes the key from `CXONE_AUDIT_KEY` too. No option takes it: every user of a machine may read
/// the arguments of its processes.
const KEY: &str = "CXONE_AUDIT_KEY";

#[derive(Debug, Args)]
#[command(next_help_heading = "What to compare with")]
pub(super) struct Witnesses {
    /// The file of checkpoints that clients wrote: their option `audit_checkpoints`
    #[arg(long, value_name = "FILE", env = "CXONE_AUDIT_CHECKPOINTS")]
    checkpoints: Option<PathBuf>,
    /// A file that holds the key of the chain: the clients' option `audit_key`. `CXONE_AUDIT_KEY` may hold the key itself
    #[arg(long, value_name = "FILE", env = "CXONE_AUDIT_KEY_FILE")]
    key_file: Option<PathBuf>,
}

impl Witnesses {
    /// The trail, which will be verified with all of them.
    pub(super) fn open(&self, place: &Place) -> Result<Trail, Error> {
        let given = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
        let in_environment = || std::env::var(KEY).ok().filter(|key| !key.is_empty()).map(SecretString::from);
        let key = match given(&self.key_file) {
            Some(path) => Some(read(&path)?),
            None => in_environment(),
        };
        if key.as_ref().is_some_and(|key| key.expose_secret().len() < LEAST_KEY_BYTES) {
            let place =
                given(&self.key_file).map_or_else(|| KEY.to_owned(), |path| path.display().to_string());
            return Err(refused(format!("the key in `{place}` must have at least {LEAST_KEY_BYTES} bytes")));
        }
        let checkpoints = given(&self.checkpoints);
        let settings = AuditSettings { key, checkpoints, ..AuditSettings::default() };
        Trail::read_only_with(&place.directory, &settings)
    }
}

/// As the library reads such files: without the newline at the end.
fn read(path: &Path) -> Result<SecretString, Error> {
    let text = fs::read_to_string(path)
        .map_err(|error| refused(format!("the key file `{}` cannot be read: {error}", path.display())))?;
    let key = text.trim_end_matches(['\r', '\n']);
    if key.is_empty() {
        return Err(refused(format!("the key file `{}` is empty", path.display())));
    }
    Ok(key.into())
}
