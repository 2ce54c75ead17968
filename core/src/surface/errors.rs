//! What each kind of error means for whoever meets it: when it comes, and what to do.

use crate::error::ErrorKind;

/// What is said of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meaning {
    /// When it comes, on one line of a table.
    pub(super) when: &'static str,
    /// What to do about it.
    pub(super) remedy: &'static str,
    /// What else it is in Python.
    pub(super) python_base: &'static str,
}

/// What is said of this kind.
pub(super) fn meaning(kind: ErrorKind) -> Meaning {
    let said = |when, remedy, python_base| Meaning { when, remedy, python_base };
    match kind {
        ErrorKind::Config => said(
            "options that cannot work; before any network",
            "Correct the options. `violations` names each of them by its own name, and the message says what it has to be. \
             Nothing was sent, and trying again changes nothing.",
            "ValueError",
        ),
        ErrorKind::Validation => said(
            "the request breaks the contract; every violation at once",
            "Correct the request. Each of `violations` has the JSON pointer of the place (`/inputs/priority`), a stable word \
             and a sentence; none repeats the value. `check` says the same without a call.",
            "ValueError",
        ),
        ErrorKind::Denied => said(
            "the policy refuses it",
            "Ask whoever owns the policy, or call what it allows. `violations` has every reason; `check` says besides what \
             speaks for the request, and when the policy opens again. It was audited, and no connection was opened.",
            "PermissionError",
        ),
        ErrorKind::Auth => said(
            "the token service refuses the credentials, or 401 after one refresh",
            "Check the credentials, the client's scopes and its tenant. Credentials that are refused are not tried again at \
             once, so that no account is locked. With a `token` of your own, look at what gives it.",
            "",
        ),
        ErrorKind::Forbidden => said(
            "403",
            "The credentials are good and may not do this. Let the gateway's administrator grant the client the permission \
             that `message` or `gateway_code` names.",
            "PermissionError",
        ),
        ErrorKind::Rejected => said(
            "any other definite refusal (400, 404, 409, 413, 415, 422, a redirect)",
            "Read `message`, `http_status` and `gateway_code`: the gateway says why. Calling again with the same request \
             gives the same answer; `request_id` is for the gateway's support.",
            "",
        ),
        ErrorKind::RateLimited => said(
            "429 beyond the attempts or the patience",
            "Call again after `retry_after`, or send less: `rate_limit` spreads the sends, and a policy's `rate` those of one \
             action.",
            "",
        ),
        ErrorKind::Unavailable => said(
            "nothing was sent: DNS, refused, TLS, token service down",
            "Calling again is safe. Check `base_url`, the network between and, where the message speaks of a certificate, \
             `ca_file`.",
            "ConnectionError",
        ),
        ErrorKind::Overloaded => said(
            "the local queue is full",
            "Send less at once and call again, or raise `max_queued` or `max_in_flight`. It is this process that is full, \
             not the gateway.",
            "",
        ),
        ErrorKind::OutcomeUnknown => said(
            "sent, and no trustworthy answer",
            "Do not call again blindly: it may have been executed. Look the `correlation_id` up in the gateway or in the \
             trail first. Where the gateway deduplicates, `delivery` lets the library send again by itself.",
            "",
        ),
        ErrorKind::PollTimeout => said(
            "the deadline passed and it was still running; carries `resume_token`",
            "Hand `resume_token` to `poll`, now or later, in this process or another. Do not call the action again. A longer \
             `timeout` waits longer.",
            "TimeoutError",
        ),
        ErrorKind::Protocol => said(
            "the answers to polls cannot be understood",
            "The action was accepted, and its state cannot be read. Look at its result in the gateway; check that the profile \
             fits it. A `resume_token`, where there is one, tries again.",
            "",
        ),
        ErrorKind::ActionFailed => said(
            "a result that is `FAILED`, where the caller asked for an error",
            "The action ran and could not do its work; the message has the gateway's reason. Whether calling again helps is \
             for that reason to say.",
            "",
        ),
        ErrorKind::ActionCancelled => said(
            "a result that is `CANCELLED`, where the caller asked for an error",
            "Somebody stopped it in the gateway. How far it had come, the gateway knows.",
            "",
        ),
        ErrorKind::Audit => said(
            "the durable trail cannot be written or read: nothing is sent",
            "Look after the disk and the directory of `audit`. `audit_failure` decides whether calls go on without records; \
             by default they do not.",
            "",
        ),
        ErrorKind::Closed => said(
            "used after close, or while the process was about to end",
            "Open a new client, and keep it open while calls are made. Where `executed` is unknown, the call was under way: \
             `recover` tells what became of it.",
            "",
        ),
    }
}
