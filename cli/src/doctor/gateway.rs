//! The gateway: whether it answers, takes the token, and is one. It is asked for an invocation that does not exist.

use cxone_actions::ErrorKind;
use cxone_actions::probe::{Body, Heard, Issued, Probe};

use super::PATIENCE;
use super::check::Check;

/// What came of looking.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) checks: Vec<Check>,
    /// How far the gateway's clock is ahead of ours.
    pub(super) ahead: Option<f64>,
}

pub(super) async fn checks(probe: &Probe, token: Option<&Issued>, way: bool) -> Looked {
    let Some((what, url)) = probe.looks_at() else {
        let check = Check::of("gateway", "look", "look for something to look at");
        let why = "the profile has nothing that can be looked at without executing an action";
        return Looked { checks: vec![check.skipped(why)], ahead: None };
    };
    let tried = format!("look at {what} that does not exist: GET `{url}`");
    let check = Check::of("gateway", "look", tried);
    let Some(token) = token.filter(|_| way) else {
        let why = if way { "there is no token to look with" } else { "there is no way to the gateway" };
        return Looked { checks: vec![check.skipped(why)], ahead: None };
    };
    match probe.look(token, PATIENCE).await {
        Err(error) => Looked { checks: vec![check.failed_by(&error)], ahead: None },
        Ok(heard) => {
            let ahead = heard.ahead;
            Looked { checks: vec![judged(check, what, &heard)], ahead }
        }
    }
}

fn judged(check: Check, what: &str, heard: &Heard) -> Check {
    const NO_GATEWAY: &str = "check the host and the path in `base_url`, and whether the profile is the right one; a portal \
                              or another server may answer in its place";
    let status = heard.status;
    let said = match (&heard.said, &heard.request_id) {
        (Some(said), Some(id)) => format!(": {said} (request {id})"),
        (Some(said), None) => format!(": {said}"),
        (None, Some(id)) => format!(" (request {id})"),
        (None, None) => String::new(),
    };
    let page = if heard.body == Body::Page { ", a web page" } else { "" };
    let answered = format!("{status}{page}{said}");
    match (status, heard.body) {
        (400 | 404 | 410 | 422, Body::Json | Body::Empty) => {
            check.passed(format!("{answered}; it takes the token and knows no such thing, as it should"))
        }
        (400 | 404 | 410 | 422 | 200..=299, _) => {
            let what =
                format!("{answered}: this is not what a gateway answers about {what} that does not exist");
            check.failed(ErrorKind::Protocol, what, NO_GATEWAY)
        }
        (401, _) => check.failed(
            ErrorKind::Auth,
            format!("{answered}: the gateway does not take the token"),
            "check that the credentials are those of this gateway, of its region and tenant",
        ),
        (403, _) => check.failed(
            ErrorKind::Forbidden,
            format!("{answered}: the gateway takes the token, and does not let it look"),
            "attach the scope or the role for reading (`integration:actions:read`, say) to the OAuth client",
        ),
        (407, _) => check.failed(
            ErrorKind::Unavailable,
            format!("{answered}: a proxy wants to know who asks"),
            "give user and password in the URL of `proxy` or `HTTPS_PROXY`",
        ),
        (425 | 429, _) => check.warned(
            format!("{answered}: it takes no more requests just now"),
            "try again later; set `rate_limit` to what it grants, so that calls wait instead",
        ),
        (300..=399, _) => check.failed(
            ErrorKind::Rejected,
            format!("{answered}: it leads somewhere else"),
            "redirects are never followed: give the address that it leads to as `base_url`",
        ),
        (408 | 500..=599, _) => check.failed(
            ErrorKind::Unavailable,
            format!("{answered}: the gateway, or what stands before it, does not work just now"),
            "try again later; if it stays so, ask its operator",
        ),
        _ => check.failed(ErrorKind::Rejected, format!("{answered}: it refuses to be looked at"), NO_GATEWAY),
    }
}
