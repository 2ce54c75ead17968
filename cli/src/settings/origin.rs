//! Where a value comes from, as `config show` and mistakes say it.

use std::fmt;

/// Where a value comes from; the later one gives way to the earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The embedded sandbox.
    Sandbox,
    /// A flag of the command line, or what a command decided itself.
    Flag(String),
    /// A variable of the environment.
    Env(String),
    /// A line of the `.env` file.
    EnvFile {
        /// The file, as it was named.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A line of the settings file.
    File {
        /// The file, as it is shown.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The settings that `--use` names; none for those that always hold.
        section: Option<String>,
    },
    /// The wire contract.
    Profile,
    /// Nobody said anything.
    Default,
}

impl Origin {
    /// The earlier one wins. Settings that `--use` names win over those that always hold.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Origin::Sandbox => 0,
            Origin::Flag(_) => 1,
            Origin::Env(_) => 2,
            Origin::EnvFile { .. } => 3,
            Origin::File { section: Some(_), .. } => 4,
            Origin::File { section: None, .. } => 5,
            Origin::Profile => 6,
            Origin::Default => 7,
        }
    }

    /// Whether it was said for this one run.
    pub(super) fn is_explicit(&self) -> bool {
        matches!(self, Origin::Flag(_) | Origin::Sandbox)
    }

    /// Whether it may be meant for others as well, so that what is of no use here is no mistake.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Origin::Env(_) | Origin::EnvFile { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Sandbox => f.write_str("sandbox"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
            Origin::Env(variable) => write!(f, "env {variable}"),
            Origin::EnvFile { file, line } => write!(f, "{file}:{line}"),
            Origin::File { file, line, section: None } => write!(f, "{file}:{line}"),
            Origin::File { file, line, section: Some(name) } => write!(f, "{file}:{line} [settings.{name}]"),
            Origin::Profile => f.write_str("profile"),
            Origin::Default => f.write_str("default"),
        }
    }
}
