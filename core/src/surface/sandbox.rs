//! The sandbox as the three languages show it. It is a crate of its own, beneath this one: the parity test of Rust, which
//! sees both, holds it against this table.

use serde::Serialize;

use super::fields::Field;
use super::methods::{Form, Method, Param, Place};

/// An option of a sandbox, a member of an action, or what a fault may order.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Setting {
    /// Its name in Rust and Python.
    pub(super) name: &'static str,
    /// Its name in Node.
    pub(super) node: &'static str,
    /// What holds where it is left out.
    pub(super) default: &'static str,
    /// What it is for.
    pub(super) doc: &'static str,
}

const fn setting(
    name: &'static str,
    node: &'static str,
    default: &'static str,
    doc: &'static str,
) -> Setting {
    Setting { name, node, default, doc }
}

/// The options of a sandbox.
pub(super) const OPTIONS: &[Setting] = &[
    setting("profile", "profile", "gateway", "the wire contract that is served"),
    setting("seed", "seed", "0", "decides credentials, tokens and ids"),
    setting(
        "actions",
        "actions",
        "none",
        "actions beyond those known out of the box; one with a known id replaces it",
    ),
    setting(
        "actions_file",
        "actionsFile",
        "none",
        "a TOML or JSON file of further actions, `[[actions]]`, with the members below as Rust and Python spell them",
    ),
    setting("port", "port", "any free one", "the loopback port"),
    setting("token_lifetime", "tokenLifetimeMs", "3600 s", "how long a token is good for"),
    setting("complete_after", "completeAfterMs", "0.05 s", "how long an action takes that says nothing else"),
    setting(
        "action_timeout",
        "actionTimeoutMs",
        "60 s",
        "how long a gateway that answers with the result waits for an action before it answers 504",
    ),
    setting("client_id", "clientId", "made from the seed", "the id of its one client"),
    setting("client_secret", "clientSecret", "made from the seed", "the secret of its one client"),
    setting("access_key_id", "accessKeyId", "made from the seed", "the id of its one access key"),
    setting("access_key_secret", "accessKeySecret", "made from the seed", "the secret of its one access key"),
    setting("scopes", "scopes", "to invoke and to read", "what the client may do"),
    setting(
        "rate_limit",
        "rateLimit",
        "the profile's",
        "how many requests are taken in which time, as in `300/60s`, or `none`",
    ),
    setting(
        "deduplicate",
        "deduplicate",
        "false",
        "whether the same correlation id is executed once, and then answered alike",
    ),
    setting(
        "callback_secret",
        "callbackSecret",
        "none",
        "what its callbacks are signed with: `whsec_` and base64 of at least 16 bytes",
    ),
    setting("requests_kept", "requestsKept", "10000", "how many requests are remembered"),
    setting("console", "console", "false", "whether a console for people is served at `/`"),
];

/// What an action of a sandbox is described with.
pub(super) const ACTION: &[Setting] = &[
    setting("id", "id", "", "what the profile's ids are: a UUID, or a name"),
    setting("name", "name", "none", "what the gateway calls it in its error messages"),
    setting("required", "required", "none", "inputs without which it fails"),
    setting("outcome", "outcome", "COMPLETED", "how it ends"),
    setting(
        "outputs",
        "outputs",
        "none",
        "what it puts out; a text in it may hold `{{ inputs.NAME }}`, `{{ uuid }}`, `{{ now }}`, `{{ random 1 100 }}`",
    ),
    setting("echo", "echo", "false", "outputs are the inputs, in exactly the text that was sent"),
    setting("error_message", "errorMessage", "none", "why it failed"),
    setting("complete_after", "completeAfterMs", "the sandbox's", "how long it takes"),
    setting(
        "time",
        "timeMs",
        "`complete_after`",
        "how long it takes: one time, `{min, max}`, or `{median, p99}` of a log-normal spread",
    ),
    setting("failure_rate", "failureRate", "0", "which share of its invocations fails, from 0 to 1"),
    setting(
        "errors",
        "errors",
        "none",
        "why they fail: `{message, weight}`, each as often as its weight says",
    ),
    setting("cancel_rate", "cancelRate", "0", "which share of its invocations is cancelled, from 0 to 1"),
    setting(
        "complete_after_polls",
        "completeAfterPolls",
        "0",
        "it is not done before it was looked at so often",
    ),
    setting("at_once", "atOnce", "false", "it ends in the answer to the POST"),
    setting(
        "input_schema",
        "inputSchema",
        "none",
        "the JSON Schema of its inputs: what breaks it is refused, and a profile that tells it tells it",
    ),
    setting(
        "output_schema",
        "outputSchema",
        "none",
        "the JSON Schema of its outputs, for a profile that tells it",
    ),
];

/// What a fault may order.
pub(super) const FAULT: &[Setting] = &[
    setting(
        "status",
        "status",
        "",
        "answers this (200 to 599) instead of acting on the request, in the profile's own error body",
    ),
    setting(
        "body",
        "body",
        "",
        "answers this: a string as it is, anything else as JSON; the status is 200 unless given",
    ),
    setting("headers", "headers", "", "sets headers of the answer; null takes one away"),
    setting("retry_after", "retryAfterMs", "", "sets `Retry-After`: a time, or the header's text"),
    setting(
        "merge",
        "merge",
        "",
        "acts normally and lays these members over the answer; null takes one away",
    ),
    setting("delay", "delayMs", "", "acts at once and answers so much later"),
    setting("drip", "dripMs", "", "sends the answer's bytes one at a time, so far apart"),
    setting("close", "close", "", "cuts the connection"),
    setting(
        "copies",
        "copies",
        "",
        "sends a callback so many times more; a callback knows `delay` and `close` besides, which loses it",
    ),
    setting(
        "executed",
        "executed",
        "",
        "whether the gateway acts on the request, where that should differ from what is said above",
    ),
];

/// A request as the sandbox saw it.
pub(super) const SEEN: &[Field] = &[
    Field { name: "point", node: "point", value: "text", doc: "where it arrived" },
    Field { name: "method", node: "method", value: "text", doc: "the HTTP method" },
    Field { name: "path", node: "path", value: "text", doc: "path and query" },
    Field {
        name: "status",
        node: "status",
        value: "number or none",
        doc: "what was answered; none where the connection was cut instead",
    },
    Field {
        name: "headers",
        node: "headers",
        value: "by name",
        doc: "with lower-case names; of `authorization` only the scheme",
    },
    Field { name: "body", node: "body", value: "text", doc: "as it came" },
    Field {
        name: "correlation_id",
        node: "correlationId",
        value: "text or none",
        doc: "the logical invocation that it was about",
    },
    Field {
        name: "connection",
        node: "connection",
        value: "number",
        doc: "the connection that it came on, from 0",
    },
    Field { name: "at", node: "atMs", value: "time", doc: "when it arrived, since the sandbox started" },
];

const POINT: Param = Param {
    name: "point",
    node: "point",
    python_place: Place::Position,
    node_place: Place::Position,
    default: "",
    doc: "which requests: those for a token, those that invoke, those that poll, …",
};
const ORDERED: Param = Param {
    name: "fault",
    node: "fault",
    python_place: Place::Position,
    node_place: Place::Position,
    default: "",
    doc: "what goes wrong",
};
const TIMES: Param = Param {
    name: "times",
    node: "times",
    python_place: Place::Position,
    node_place: Place::Position,
    default: "1",
    doc: "how many requests it is for",
};
const CORRELATION: Param = Param {
    name: "correlation_id",
    node: "correlationId",
    python_place: Place::Position,
    node_place: Place::Position,
    default: "",
    doc: "the logical invocation",
};

const fn property(rust: &'static [&'static str], node: &'static str, doc: &'static str) -> Method {
    let (python, rust_call) = match rust {
        [name, ..] => (*name, *name),
        [] => ("", ""),
    };
    Method { rust, python, node, form: Form::Property, rust_call, params: &[], gives: "text", doc }
}

/// What a sandbox can do.
pub(super) const MEMBERS: &[Method] = &[
    Method {
        rust: &["start"],
        python: "Sandbox",
        node: "Sandbox",
        form: Form::Constructor,
        rust_call: "Sandbox::start(options)?",
        params: &[],
        gives: "Sandbox",
        doc: "a gateway that listens on a loopback port",
    },
    property(&["base_url"], "baseUrl", "where it listens"),
    property(&["client_id"], "clientId", "the id of its one client"),
    property(&["client_secret"], "clientSecret", "the secret of its one client; it protects nothing"),
    property(
        &["access_key_id"],
        "accessKeyId",
        "the id of its one access key, which `cxone-extraction` asks for",
    ),
    property(
        &["access_key_secret"],
        "accessKeySecret",
        "the secret of its one access key; it protects nothing",
    ),
    property(&["requests"], "requests", "the last requests that it saw, oldest first, without secrets"),
    property(&["options"], "options", "the options that let a client in, by name"),
    property(&["environ"], "environ", "the same as the environment of a process"),
    Method {
        rust: &["executions"],
        python: "executions",
        node: "executions",
        form: Form::Plain,
        rust_call: "sandbox.executions(correlation_id)",
        params: &[CORRELATION],
        gives: "number",
        doc: "how often the action of this invocation was executed",
    },
    Method {
        rust: &["inject", "inject_json", "inject_text"],
        python: "inject",
        node: "inject",
        form: Form::Plain,
        rust_call: "sandbox.inject(point, fault, times)?",
        params: &[POINT, ORDERED, TIMES],
        gives: "nothing",
        doc: "orders a fault for the next requests at a point; orders queue up",
    },
    Method {
        rust: &["clear"],
        python: "clear",
        node: "clear",
        form: Form::Plain,
        rust_call: "sandbox.clear()",
        params: &[],
        gives: "nothing",
        doc: "forgets the faults that were ordered, the requests that it saw, and its counts",
    },
    Method {
        rust: &["close"],
        python: "close",
        node: "close",
        form: Form::Plain,
        rust_call: "sandbox.close()",
        params: &[],
        gives: "nothing",
        doc: "closes the port and every connection; what it saw and counted can still be read",
    },
];
