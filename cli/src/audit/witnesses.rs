//! What is known besides the directory itself: checkpoints that are kept elsewhere, and the key of the chain.

use std::path::PathBuf;

use clap::Args;
use cxone_actions::Error;
use cxone_actions::trail::{Trail, Verification};

#[derive(Debug, Args)]
#[command(next_help_heading = "What to compare with")]
pub(super) struct Witnesses {
    /// The file of checkpoints that clients wrote (their option `audit_checkpoints`)
    #[arg(long, value_name = "FILE", env = "CXONE_AUDIT_CHECKPOINTS")]
    checkpoints: Option<PathBuf>,
}

impl Witnesses {
    pub(super) fn verify(&self, trail: &Trail) -> Result<Verification, Error> {
        Ok(trail.verify())
    }
}
