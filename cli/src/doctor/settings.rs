//! The options: whether a client could be opened with them.

use cxone_actions::ErrorKind;
use cxone_actions::config::Credentials;
use cxone_actions::probe::{Opened, Probe};

use super::check::Check;
use crate::failure::Failure;

pub(super) fn checks(opened: &Opened) -> Vec<Check> {
    let check = Check::of("settings", "options", "read the options");
    let found = match (&opened.mistakes, &opened.probe) {
        (Some(error), _) => {
            let mistakes: Vec<_> =
                error.violations().iter().map(|mistake| mistake.message.as_str()).collect();
            let said = if mistakes.is_empty() { error.message().to_owned() } else { mistakes.join("; ") };
            let todo =
                error.hint().unwrap_or("correct them; `cxone-actions config show` says where each is from");
            check.failed(ErrorKind::Config, said, todo)
        }
        (None, Some(probe)) => check.passed(said(probe)),
        (None, None) => check.skipped("there are none"),
    };
    vec![found]
}

/// Where files, flags or variables cannot even be read together.
pub(super) fn unread(failure: &Failure) -> Vec<Check> {
    let said = failure.message.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    let todo = "correct what is named; `cxone-actions config show` says where each value is from";
    let check = Check::of("settings", "options", "read the options").failed(ErrorKind::Config, said, todo);
    std::iter::once(check).chain(left()).collect()
}

/// What cannot be tried before the options are corrected.
pub(super) fn left() -> impl Iterator<Item = Check> {
    let all = [("network", "tcp"), ("token", "token"), ("gateway", "look"), ("trail", "directory")];
    all.into_iter()
        .map(|(family, name)| Check::of(family, name, "").skipped("the options have to be corrected first"))
}

/// What holds, without anything that is secret.
fn said(probe: &Probe) -> String {
    let config = probe.config();
    let hosts: Vec<_> = probe.places().iter().map(|place| format!("`{}`", place.authority())).collect();
    let credentials = match &config.credentials {
        Credentials::Client(client) => format!("a client that says who it is by `{}`", client.auth),
        Credentials::Password(client, _) => {
            format!("a client that says who it is by `{}`, and an access key", client.auth)
        }
        Credentials::AccessKey(_) => "an access key".to_owned(),
        Credentials::Token(_) => "a token that somebody else keeps fresh".to_owned(),
        Credentials::Source(_) => "a function for tokens".to_owned(),
    };
    format!("profile `{}`, {}, {credentials}", config.profile.name, hosts.join(" and "))
}
