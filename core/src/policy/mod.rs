//! Who may call what, with which inputs, when, and how much of it.
//!
//! The promise: deny by default. An action that is not listed is refused, an input that is not listed is refused, and only
//! `inputs = "*"` says otherwise. A policy that cannot be understood to its last key is not loaded at all.
//!
//! ```toml
//! [[action]]
//! id = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
//! name = "create-case"
//! rate = "10/60s"
//! concurrency = 4
//! when = [{ days = ["mon-fri"], from = "08:00", to = "18:00", zone = "Europe/Berlin" }]
//! [action.inputs]
//! customerId = { type = "string", required = true, max_length = 64 }
//! priority = { type = "integer", minimum = 1, maximum = 5 }
//! ```

mod hours;
mod in_force;
mod judge;
mod limits;
mod load;
mod number;
mod rule;
mod verdict;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::contract::pointer::nearest;
use crate::contract::{ActionIdRule, Violation};
use crate::document;
use crate::error::{Error, ErrorKind, Result};
use hours::{Door, Opening};
pub(crate) use in_force::{Change, InForce, Standing};
pub(crate) use limits::{ActionLimits, Slot};
use load::{Action, Inputs};
pub(crate) use rule::Rule;
pub use verdict::Verdict;

/// A policy, ready to look at requests.
pub struct Policy {
    /// None: every action is allowed.
    listed: Option<Listed>,
}

struct Listed {
    /// By canonical id.
    actions: HashMap<String, Action>,
    /// The ids by name.
    names: HashMap<String, String>,
    digest: String,
}

/// Where the policy is: a file, or the same structure as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicySource {
    /// A TOML or JSON file.
    File(PathBuf),
    /// The structure itself.
    Json(String),
}

/// What a policy says of one request.
#[derive(Debug, Default)]
pub(crate) struct Judgement<'p> {
    /// What it says of the action; none where it does not list it.
    action: Option<&'p Action>,
    /// Every reason against the request.
    pub(crate) violations: Vec<Violation>,
    /// When the action is open again, where it is closed.
    opens: Option<Opening>,
}

impl Judgement<'_> {
    /// The name that the policy gives the action.
    pub(crate) fn action_name(&self) -> Option<String> {
        self.action.and_then(|action| action.name.clone())
    }
}

impl Policy {
    /// No policy: every action is allowed.
    pub fn open() -> Self {
        Policy { listed: None }
    }

    /// Reads a file of TOML or JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake, each by file, line and key.
    pub fn from_path(path: &Path) -> Result<Policy> {
        Policy::read(path, ActionIdRule::Uuid)
    }

    /// Where it is, with ids as the profile writes them.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake, each by file, line and key.
    pub fn load(source: &PolicySource, ids: ActionIdRule) -> Result<Policy> {
        match source {
            PolicySource::File(path) => Policy::read(path, ids),
            PolicySource::Json(text) => Policy::parse(text, None, ids),
        }
    }

    fn read(path: &Path, ids: ActionIdRule) -> Result<Policy> {
        let origin = path.display().to_string();
        let text = regular(path).and_then(|()| std::fs::read(path)).map_err(|error| {
            unreadable(format!("the policy `{origin}` must be a file that can be read: {error}"))
        })?;
        let text = String::from_utf8(text)
            .map_err(|_| unreadable(format!("the policy `{origin}` must be text in UTF-8")))?;
        Policy::parse(&text, Some(&origin), ids)
    }

    /// Reads TOML. `origin` names it in messages: a file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake, each by line and key.
    pub fn from_toml(text: &str, origin: &str) -> Result<Policy> {
        Policy::parse(text, Some(origin), ActionIdRule::Uuid)
    }

    /// Reads the same structure as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake, each by key.
    pub fn from_json(text: &str) -> Result<Policy> {
        Policy::parse(text, None, ActionIdRule::Uuid)
    }

    fn parse(text: &str, origin: Option<&str>, ids: ActionIdRule) -> Result<Policy> {
        let (value, mut mistakes) = document::read("the policy", text, origin);
        let (actions, canonical) = load::load(&value, ids, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes.into_error());
        }
        let digest = Sha256::digest(canonical.to_string());
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = |(id, action): (&String, &Action)| Some((action.name.clone()?, id.clone()));
        let names = actions.iter().filter_map(name).collect();
        Ok(Policy { listed: Some(Listed { actions, names, digest }) })
    }

    /// The SHA-256 of the policy in canonical form, in hexadecimal: the same for the same policy, however it is laid
    /// out and whichever format it has. None where there is no policy.
    pub fn digest(&self) -> Option<String> {
        self.listed.as_ref().map(|listed| listed.digest.clone())
    }

    /// The actions that it lists, in the order of their ids, each with its name. None where there is no policy.
    pub fn actions(&self) -> Option<Vec<(&str, Option<&str>)>> {
        let listed = self.listed.as_ref()?;
        let mut actions: Vec<_> =
            listed.actions.iter().map(|(id, action)| (id.as_str(), action.name.as_deref())).collect();
        actions.sort_unstable();
        Some(actions)
    }

    /// The id of the action that has this name.
    pub fn id_of(&self, name: &str) -> Option<&str> {
        self.listed.as_ref()?.names.get(name).map(String::as_str)
    }

    /// The JSON types that an input of an action, by its id or name, may have: `["integer"]`. None where the policy leaves
    /// that open.
    pub fn types_of(&self, action: &str, input: &str) -> &[String] {
        let Some(listed) = &self.listed else { return &[] };
        let id = listed.names.get(action).cloned().unwrap_or_else(|| action.to_ascii_lowercase());
        match listed.actions.get(&id).or_else(|| listed.actions.get(action)).map(|action| &action.inputs) {
            Some(Inputs::Only(rules)) => rules.get(input).map_or(&[], |rule| &rule.types),
            Some(Inputs::Any) | None => &[],
        }
    }

    /// What is to be said of something that is neither an id nor a name; none where no action has a name.
    pub(crate) fn hint_of_names(&self, text: &str) -> Option<String> {
        let names = &self.listed.as_ref()?.names;
        if names.is_empty() {
            return None;
        }
        let near = nearest(text, names.keys().map(String::as_str));
        let hint = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        Some(format!(", or a name that the policy gives one{hint}"))
    }

    /// Judges one request at a time: the action in canonical form, and its inputs as the text of a JSON object. Where the
    /// inputs could not be written (they break the contract), an empty text stands for them, and the action alone is
    /// judged.
    pub fn check(&self, action_id: &str, inputs_json: &[u8], at: Timestamp) -> Verdict {
        let mut judgement = self.judge(action_id, inputs_json, at);
        let violations = std::mem::take(&mut judgement.violations);
        Verdict::of(self, &judgement, (Some(action_id.to_owned()), violations), ErrorKind::Denied, at)
    }

    /// [`Policy::check`] without a word of explanation.
    pub(crate) fn judge(&self, action_id: &str, inputs_json: &[u8], at: Timestamp) -> Judgement<'_> {
        let Some(listed) = &self.listed else { return Judgement::default() };
        let Some(action) = listed.actions.get(action_id) else {
            let near = nearest(action_id, listed.names.keys().map(String::as_str));
            let hint = near.map(|name| format!("; did you mean `{name}`?"));
            let message = format!(
                "`action_id` is not an action that the policy lists; list it there to allow it{}",
                hint.unwrap_or_default()
            );
            let violations = vec![Violation::new("/actionId", "action_not_allowed", message)];
            return Judgement { violations, ..Judgement::default() };
        };
        let mut judgement = Judgement { action: Some(action), ..Judgement::default() };
        if let Some(Door::Closed(opens)) = action.hours.as_ref().map(|hours| hours.at(at)) {
            let when = opens.as_ref().map_or_else(|| "at no time".to_owned(), |next| next.shown.clone());
            let message = format!(
                "`action_id` is an action that the policy does not allow at this time; it opens {when}"
            );
            judgement.violations.push(Violation::new("/actionId", "outside_hours", message));
            judgement.opens = opens;
        }
        if let Inputs::Only(rules) = &action.inputs
            && !inputs_json.is_empty()
        {
            judgement.violations.extend(judge::judge(action, rules, inputs_json));
        }
        judgement
    }
}

/// A pipe would keep whoever reads it, which may be a call with a deadline.
fn regular(path: &Path) -> std::io::Result<()> {
    if std::fs::metadata(path)?.is_file() {
        Ok(())
    } else {
        Err(std::io::Error::other("it is no regular file"))
    }
}

fn unreadable(message: String) -> Error {
    Error::new(ErrorKind::Config, message).with_hint("check the path in `policy`")
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.listed {
            None => f.write_str("Policy(open)"),
            Some(listed) => f
                .debug_struct("Policy")
                .field("actions", &listed.actions.len())
                .field("digest", &listed.digest)
                .finish(),
        }
    }
}
