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
const KEY_FILE: &str = "CXONE_AUDIT_KEY_FILE";

#[derive(Debug, Args)]
#[command(next_help_heading = "What to compare with")]
pub(super) struct Witnesses {
    /// The file of checkpoints that clients wrote: their option `audit_checkpoints`
    #[arg(long, value_name = "FILE", env = "CXONE_AUDIT_CHECKPOINTS")]
    checkpoints: Option<PathBuf>,
    /// A file that holds the key of the chain: the clients' option `audit_key`. Without this, as for clients,
    /// `CXONE_AUDIT_KEY` is the key itself, or `CXONE_AUDIT_KEY_FILE` names the file
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Witnesses {
    /// The trail, which will be verified with all of them.
    pub(super) fn open(&self, place: &Place) -> Result<Trail, Error> {
        let key = self.key()?;
        if let Some((_, place)) = key.as_ref().filter(|(key, _)| key.expose_secret().len() < LEAST_KEY_BYTES)
        {
            return Err(refused(format!("the key in `{place}` must have at least {LEAST_KEY_BYTES} bytes")));
        }
        let settings = AuditSettings {
            key: key.map(|(key, _)| key),
            checkpoints: self.checkpoints.clone().filter(|path| !path.as_os_str().is_empty()),
            ..AuditSettings::default()
        };
        Trail::read_only_with(&place.directory, &settings)
    }

    /// The key and where it is from. What the environment says is asked for in the same order as clients ask.
    fn key(&self) -> Result<Option<(SecretString, String)>, Error> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let file = |path: PathBuf| Ok(Some((read(&path)?, path.display().to_string())));
        match (&self.key_file, variable(KEY)) {
            (Some(path), _) => file(path.clone()),
            (None, Some(key)) => Ok(Some((key.into(), KEY.to_owned()))),
            (None, None) => variable(KEY_FILE).map_or(Ok(None), |path| file(path.into())),
        }
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
