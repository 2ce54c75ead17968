//! What a command is told, and by whom: flags over the environment over `.env` over `cxone-actions.toml`, each value with
//! its origin. Every command that talks to a gateway takes [`Flags`] and asks the [`Settings`] for its client.
//!
//! One promise: no way of printing settings shows a secret. [`Setting::shown`] says `***` instead.

mod env_file;
mod file;
mod flags;
mod gathered;
mod groups;
mod origin;

use std::fmt;
use std::path::{Path, PathBuf};

use cxone_actions::config::{Config, OPTIONS, OptionSpec};
use cxone_actions::profile::{GrantKind, Profile};
use cxone_actions::{Client, Dialect, Error, ErrorKind, Options};
use cxone_actions_sandbox::{PROFILES, Sandbox, SandboxOptions};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::output::note;
use env_file::Variable;
pub(crate) use flags::{Flags, is_secret};
use gathered::{Gathered, take_environment, take_variables, variable};
pub(crate) use origin::Origin;

/// Variables that are about the settings themselves.
const USE: &str = "CXONE_USE";
const CONFIG: &str = "CXONE_CONFIG";

/// One option: what it is set to, and who said so.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) spec: &'static OptionSpec,
    /// In the units of the table: seconds, texts, lists. It may be a secret.
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

impl Setting {
    fn new(spec: &'static OptionSpec, value: Value, origin: Origin) -> Setting {
        Setting { spec, value, origin }
    }

    /// Its value as it may be shown.
    pub(crate) fn shown(&self) -> Value {
        let plain = |text: &str| flags::is_plain_proxy(self.spec, text);
        if is_secret(self.spec) && !self.value.as_str().is_some_and(plain) {
            return Value::from("***");
        }
        // Somebody may have written credentials into a URL, which the library then refuses.
        self.value.as_str().and_then(without_credentials).unwrap_or_else(|| self.value.clone())
    }
}

fn without_credentials(text: &str) -> Option<Value> {
    if !text.contains("://") || !text.contains(['@', '?', '#']) {
        return None;
    }
    let Some(mut url) = url::Url::parse(text).ok().filter(url::Url::has_host) else {
        return Some(Value::from("***"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        let _ = url.set_username("***").and_then(|()| url.set_password(None));
    }
    let hidden = |part: Option<&str>| part.map(|_| "***".to_owned());
    let (query, fragment) = (hidden(url.query()), hidden(url.fragment()));
    url.set_query(query.as_deref());
    url.set_fragment(fragment.as_deref());
    Some(Value::from(url.as_str()))
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.spec.name, self.shown(), self.origin)
    }
}

/// What holds for this run.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What anybody said, in the order of the table.
    list: Vec<Setting>,
    /// The settings file that was read.
    config: Option<String>,
    /// The `.env` that was read.
    env_file: Option<String>,
    /// The settings of the file that were taken by name.
    using: Option<String>,
    /// The gateway of `--sandbox`; it is closed with the settings.
    sandbox: Option<Sandbox>,
}

impl Flags {
    /// Reads environment and files, and starts the sandbox where one is asked for. Warnings go to stderr.
    ///
    /// # Errors
    /// Every mistake at once, each with the file and line, the variable or the flag that it is in.
    pub(crate) fn resolve(&self) -> Result<Settings, Failure> {
        let (env_file, variables) = self.variables()?;
        let says = |name: &str| {
            let of_file = || variables.iter().find(|of| of.name == name).map(|of| of.value.clone());
            variable(name).or_else(of_file).filter(|value| !value.is_empty())
        };
        let using = self.use_settings.clone().or_else(|| says(USE));
        let named = self.config.clone().or_else(|| says(CONFIG).map(PathBuf::from));
        let config = named.or_else(|| std::env::current_dir().ok().and_then(|here| file::find(&here)));
        if let (Some(using), None) = (&using, &config) {
            return Err(Failure::config(format!(
                "there is no cxone-actions.toml with `[settings.{using}]`; name one with `--config`"
            )));
        }
        let shown = config.as_deref().map(shown_path);
        let mut gathered = Gathered::default();
        self.take_flags(&mut gathered);
        take_environment(&mut gathered);
        take_variables(&variables, &mut gathered);
        if let (Some(path), Some(shown)) = (&config, &shown) {
            match file::read(path, shown, using.as_deref()) {
                Ok(read) => gathered.take_file(path, shown, read),
                Err(mistake) => gathered.mistakes.push(mistake),
            }
        }
        let mut settings = Settings { list: gathered.list, config: shown, env_file, using, sandbox: None };
        settings.list.sort_by_key(|setting| setting.origin.rank());
        settings.list = groups::effective(std::mem::take(&mut settings.list));
        let wrong = settings.list.iter().filter_map(|setting| {
            let said = Map::from_iter([(setting.spec.name.to_owned(), setting.value.clone())]);
            let error = Options::from_json(&Value::Object(said).to_string(), Dialect::Rust).err()?;
            Some(format!("{} ({})", error.message(), setting.origin))
        });
        gathered.mistakes.extend(wrong);
        if !gathered.mistakes.is_empty() {
            return Err(Failure::of_mistakes(&gathered.mistakes));
        }
        for warning in &gathered.warnings {
            note(&format!("warning: {warning}"));
        }
        if let Some(profile) = &self.sandbox {
            settings.enter_sandbox(profile.as_deref())?;
        }
        Ok(settings)
    }

    /// Whether a sandbox was asked for.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// The flags as they may be given again, for a command that goes on.
    pub(crate) fn words(&self) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            value => value.to_string(),
        };
        let places = [("--config", &self.config), ("--env-file", &self.env_file)];
        let places =
            places.into_iter().filter_map(|(flag, path)| Some((flag, path.as_ref()?.display().to_string())));
        let files = self.files.iter().map(|(_, path, flag)| (flag.as_str(), path.display().to_string()));
        let given = self.given.iter().map(|(_, value, flag)| (flag.as_str(), text(value)));
        let using = self.use_settings.iter().map(|name| ("--use", name.clone()));
        let words = using.chain(places).chain(given).chain(files);
        let words = words.map(|(flag, value)| format!("{flag}={value}"));
        words.chain(self.no_env_file.then(|| "--no-env-file".to_owned())).collect()
    }

    fn variables(&self) -> Result<(Option<String>, Vec<Variable>), Failure> {
        let usual = || Some(PathBuf::from(".env")).filter(|path| !self.no_env_file && path.is_file());
        let Some(path) = self.env_file.clone().or_else(usual) else { return Ok((None, Vec::new())) };
        let variables = env_file::read(&path).map_err(Failure::config)?;
        Ok((Some(path.display().to_string()), variables))
    }

    fn take_flags(&self, gathered: &mut Gathered) {
        for (spec, value, flag) in &self.given {
            gathered.add(spec, value.clone(), Origin::Flag(flag.clone()));
        }
        for (spec, file, flag) in &self.files {
            gathered.add_file(spec, file, Origin::Flag(flag.clone()));
        }
    }
}

/// A path as it is shown: relative where it is below the current directory.
fn shown_path(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

impl Drop for Settings {
    fn drop(&mut self) {
        if let Some(sandbox) = &self.sandbox {
            sandbox.close();
        }
    }
}

impl Settings {
    /// What was said of an option.
    pub(crate) fn get(&self, name: &str) -> Option<&Setting> {
        self.list.iter().find(|setting| setting.spec.name == name)
    }

    /// The text that was said of an option.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.value.as_str()
    }

    /// Sets an option that a command decides itself, over whatever was said; `why` is shown as its origin.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>, why: &str) {
        if let Some(spec) = OPTIONS.iter().find(|spec| spec.name == name) {
            self.list.retain(|setting| setting.spec.name != name);
            self.list.push(Setting::new(spec, value.into(), Origin::Flag(why.to_owned())));
        }
    }

    /// The wire contract that holds.
    pub(crate) fn profile(&self) -> Result<Profile, Failure> {
        let loaded = Profile::load(self.text("profile").unwrap_or("gateway"));
        loaded.map_err(|error| self.explained(error).into())
    }

    /// The hosts that a callback may name.
    pub(crate) fn callback_hosts(&self) -> Vec<String> {
        let list = self.get("callback_hosts").and_then(|setting| setting.value.as_array());
        list.into_iter().flatten().filter_map(|host| host.as_str().map(str::to_owned)).collect()
    }

    /// The options of a client. The environment is in them already.
    pub(crate) fn options(&self) -> Options {
        let said = |setting: &Setting| (setting.spec.name.to_owned(), setting.value.clone());
        let object: Map<String, Value> = self.list.iter().map(said).collect();
        Options::read(&Value::Object(object).to_string(), Dialect::Rust).without_environment()
    }

    /// A client with these settings; to be called inside a runtime.
    ///
    /// # Errors
    /// Everything that cannot work, each with the origin of what was said.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::open(self.options()).map_err(|error| self.explained(error).into())
    }

    /// What holds once profile and defaults are filled in. Nothing is opened.
    ///
    /// # Errors
    /// Everything that cannot work, each with the origin of what was said.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Config::resolve(self.options()).map_err(|error| self.explained(error).into())
    }

    /// What the wire contract says of an option that nobody set.
    pub(crate) fn of_profile(&self, name: &str) -> Option<Value> {
        let profile = self.profile().ok()?;
        match name {
            "client_auth" if profile.token.grant != GrantKind::AccessKey => {
                Some(Value::from(profile.token.client_auth))
            }
            "scope" => profile.token.scope.map(Value::from),
            "rate_limit" => profile.limits.rate.map(|rate| Value::from(rate.to_string())),
            "request_timeout" => profile.limits.request_timeout.map(|time| Value::from(time.as_secs_f64())),
            "http1_only" => Some(Value::from(profile.limits.http1_only)),
            _ => None,
        }
    }

    /// What was read: the settings file, `.env`, and the settings that were taken by name.
    pub(crate) fn files(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        (self.config.as_deref(), self.env_file.as_deref(), self.using.as_deref())
    }

    /// The error, which says of each option who set it so.
    fn explained(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Config || error.violations().is_empty() {
            return error;
        }
        let mut violations = error.violations().to_vec();
        for violation in &mut violations {
            if let Some(setting) = self.get(&violation.path) {
                violation.message.push_str(&format!(" ({})", setting.origin));
            }
        }
        let all: Vec<&str> = violations.iter().map(|of| of.message.as_str()).collect();
        let said = Error::new(ErrorKind::Config, all.join("; "));
        let said = error.hint().map_or(said.clone(), |hint| said.with_hint(hint));
        said.with_violations(violations)
    }

    /// Everything about the gateway becomes the sandbox's; what is about the caller stays. What the environment or a file
    /// says of the trail, of who acts and of spans is about real calls, and a rehearsal is not recorded among them.
    fn enter_sandbox(&mut self, profile: Option<&str>) -> Result<(), Failure> {
        let said = profile.or_else(|| self.text("profile")).unwrap_or("gateway").to_owned();
        if !PROFILES.contains(&said.as_str()) {
            let all: Vec<String> = PROFILES.iter().map(|name| format!("`{name}`")).collect();
            return Err(Failure::config(format!(
                "the sandbox has no profile `{said}`; give `--sandbox=PROFILE` with one of {}",
                all.join(", ")
            )));
        }
        const OF_A_GATEWAY: &[&str] = &[
            "base_url",
            "profile",
            "region",
            "client_id",
            "client_secret",
            "access_key_id",
            "access_key_secret",
            "token",
            "client_auth",
            "scope",
            "proxy",
            "ca_file",
            "client_cert",
            "http1_only",
        ];
        let of_gateway = |setting: &&Setting| OF_A_GATEWAY.contains(&setting.spec.name);
        let flag = self.list.iter().filter(of_gateway).find_map(|setting| match &setting.origin {
            Origin::Flag(flag) if flag != "--profile" => Some(flag),
            _ => None,
        });
        if let Some(flag) = flag {
            return Err(Failure::config(format!(
                "`--sandbox` stands for every gateway; leave `{flag}` away"
            )));
        }
        let of_real_calls =
            |name: &str| name.starts_with("audit") || matches!(name, "durability" | "actor" | "traces");
        self.list.retain(|setting| {
            let name = setting.spec.name;
            !OF_A_GATEWAY.contains(&name) && (setting.origin.is_explicit() || !of_real_calls(name))
        });
        let options = SandboxOptions { profile: said, ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options).map_err(|error| Failure::config(error.to_string()))?;
        for (name, value) in sandbox.options() {
            if let Some(spec) = OPTIONS.iter().find(|spec| spec.name == name) {
                self.list.push(Setting::new(spec, Value::from(value), Origin::Sandbox));
            }
        }
        self.sandbox = Some(sandbox);
        Ok(())
    }
}
