//! What the client and its trail can do, with the parameters of each and how each language writes the call.

use serde::Serialize;

/// How a call is written around its parameters.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// Makes the object.
    Constructor,
    /// Is waited for: `await`; the blocking `Client` of Python does without.
    Awaited,
    /// Is looped over: `for await`, `async for`.
    Looped,
    /// Returns at once, or blocks while it reads files.
    Plain,
    /// Read without parentheses in Python and Node.
    Property,
}

/// Where a parameter stands in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// By its position.
    Position,
    /// By its name: after `*` in Python; in Node a member of the object that is the last argument.
    Name,
    /// In Node a member of the object that is the first argument.
    Request,
    /// In Node a member of the object that says which records are wanted.
    Filter,
    /// This language does not have it.
    Nowhere,
}

/// One parameter.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Param {
    /// Its name in Rust and Python.
    pub(super) name: &'static str,
    /// Its name in Node.
    pub(super) node: &'static str,
    /// Where it stands in Python.
    pub(super) python_place: Place,
    /// Where it stands in Node.
    pub(super) node_place: Place,
    /// How Python writes its default; nothing where it has to be given.
    pub(super) default: &'static str,
    /// What it is.
    pub(super) doc: &'static str,
}

/// One method.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Method {
    /// Its names in Rust, where several do what one does elsewhere.
    pub(super) rust: &'static [&'static str],
    /// Its name in Python.
    pub(super) python: &'static str,
    /// Its name in Node.
    pub(super) node: &'static str,
    /// How it is called in Python and Node.
    pub(super) form: Form,
    /// How a call is written in Rust.
    pub(super) rust_call: &'static str,
    /// In the order of Python.
    pub(super) params: &'static [Param],
    /// What it gives.
    pub(super) gives: &'static str,
    /// What it does.
    pub(super) doc: &'static str,
}

macro_rules! params {
    ($($constant:ident = $name:literal $node:literal, $python:ident, $place:ident, $default:literal, $doc:literal;)+) => {
        $(const $constant: Param = Param {
            name: $name, node: $node, python_place: Place::$python, node_place: Place::$place,
            default: $default, doc: $doc,
        };)+
    };
}

params! {
    ACTION_ID = "action_id" "actionId", Position, Request, "", "which action: its id, or the name that the policy gives it";
    INPUTS = "inputs" "inputs", Position, Request, "None", "its inputs by name: text, numbers, true, false and null; lists and objects where the profile takes them";
    CORRELATION_ID = "correlation_id" "correlationId", Name, Request, "None", "names the logical invocation, 1 to 128 of `[A-Za-z0-9._:-]`; a UUID is made where none is given";
    CALLBACK_URL = "callback_url" "callbackUrl", Name, Request, "None", "where the gateway may report that it is done";
    TRACEPARENT = "traceparent" "traceparent", Name, Request, "None", "the span that it is done for, as W3C's header of that name writes it";
    TIMEOUT = "timeout" "timeoutMs", Name, Name, "None", "deadline of this call, from the call; the client's where it is not given";
    ON_RESULT = "on_result" "onResult", Name, Name, "None", "called once with the terminal result, sync or async";
    SIGNAL = "signal" "signal", Nowhere, Name, "", "gives up the wait; in Python the task is cancelled, in Rust the future dropped";
    DESCRIBED = "action_id" "actionId", Position, Position, "", "which action: its id, or the name that the policy gives it";
    INVOCATION = "invocation" "invocation", Position, Position, "", "what `invoke` returned, a bare invocation id, or a `resume_token`";
    REQUESTS = "requests" "requests", Position, Position, "", "any iterable, sync or async, of requests; read lazily, never more than `concurrency` ahead; those that wait for a limit of their own action make room for as many more";
    CONCURRENCY = "concurrency" "concurrency", Name, Name, "64", "how many are under way at once";
    TIMEOUT_OF_EACH = "timeout" "timeoutMs", Name, Name, "None", "deadline of each, from its own start; the client's where it is not given";
    AT = "at" "at", Name, Name, "None", "judges the request at another time than now";
    POLICY = "policy" "policy", Position, Position, "None", "a file, or the same structure; the one that was last given where it is left out";
    PATIENCE = "timeout" "timeoutMs", Position, Name, "None", "how long what is on the wire may take to be recorded; 30 seconds where it is not given";
    PATH = "path" "path", Position, Position, "", "the file, which appears when it is complete";
    FORMAT = "format" "format", Position, Position, "'jsonl'", "how it is written";
    CHECKPOINTS = "checkpoints" "checkpoints", Name, Name, "None", "checkpoints that were kept elsewhere, one JSON object a line; those of the option `audit_checkpoints` where it is not given";
    SINCE = "since" "since", Name, Filter, "None", "written at this time or later; a day is its midnight in UTC";
    UNTIL = "until" "until", Name, Filter, "None", "written before this time";
    EVENT = "event" "event", Name, Filter, "None", "what happened";
    OF_ACTION = "action_id" "actionId", Name, Filter, "None", "the action, or its name in the policy";
    STATUS = "status" "status", Name, Filter, "None", "the gateway's word for the state";
    OF_CORRELATION = "correlation_id" "correlationId", Name, Filter, "None", "the logical invocation";
    OF_INVOCATION = "invocation_id" "invocationId", Name, Filter, "None", "the gateway's id of the invocation";
    HOST = "host" "host", Position, Name, "'127.0.0.1'", "the address or the name to listen on";
    PORT = "port" "port", Position, Name, "0", "the port; 0 is any free one";
    PUBLIC_URL = "public_url" "publicUrl", Position, Name, "None", "what the gateway calls: needed where `host` is not a loopback address, or where something stands in between";
    EXPECTED_URL = "public_url" "publicUrl", Position, Position, "", "where a server of your own takes callbacks, at this URL and below";
    CALLBACK_PATH = "path" "path", Position, Position, "", "the path that was called";
    CALLBACK_HEADERS = "headers" "headers", Position, Position, "", "its headers, by name or as pairs";
    RAW_BODY = "raw_body" "rawBody", Position, Position, "", "the bytes of its body, as they came";
    ACTOR = "actor" "actor", Name, Filter, "None", "who acted";
}

/// What a client can do.
pub(super) const CLIENT: &[Method] = &[
    Method {
        rust: &["builder"],
        python: "AsyncClient",
        node: "Client",
        form: Form::Constructor,
        rust_call: "Client::builder()…build()?",
        params: &[],
        gives: "Client",
        doc: "checks the options, opens the trail and touches no network",
    },
    Method {
        rust: &["invoke", "invoke_within"],
        python: "invoke",
        node: "invoke",
        form: Form::Awaited,
        rust_call: "client.invoke(request).await?",
        params: &[ACTION_ID, INPUTS, CORRELATION_ID, CALLBACK_URL, TRACEPARENT, TIMEOUT, SIGNAL],
        gives: "Invocation",
        doc: "submits, and returns as soon as the gateway has accepted",
    },
    Method {
        rust: &["poll"],
        python: "poll",
        node: "poll",
        form: Form::Awaited,
        rust_call: "client.poll(target, options).await?",
        params: &[INVOCATION, TIMEOUT, ON_RESULT, SIGNAL],
        gives: "ActionResult",
        doc: "waits for the terminal state; what the gateway answered at once is never polled",
    },
    Method {
        rust: &["run", "run_with"],
        python: "run",
        node: "run",
        form: Form::Awaited,
        rust_call: "client.run(request).await?",
        params: &[ACTION_ID, INPUTS, CORRELATION_ID, CALLBACK_URL, TRACEPARENT, TIMEOUT, ON_RESULT, SIGNAL],
        gives: "ActionResult",
        doc: "`invoke` and `poll` in one, under one deadline",
    },
    Method {
        rust: &["run_many"],
        python: "run_many",
        node: "runMany",
        form: Form::Looped,
        rust_call: "client.run_many(requests, n)",
        params: &[REQUESTS, CONCURRENCY, TIMEOUT_OF_EACH, SIGNAL],
        gives: "Outcome",
        doc: "runs each request; outcomes come in the order in which they end, one for each, and none is lost to another's error",
    },
    Method {
        rust: &["describe"],
        python: "describe",
        node: "describe",
        form: Form::Awaited,
        rust_call: "client.describe(action_id).await?",
        params: &[DESCRIBED, SIGNAL],
        gives: "ActionDescription",
        doc: "asks the gateway what it says of an action, where the profile knows how to ask",
    },
    Method {
        rust: &["check", "check_at"],
        python: "check",
        node: "check",
        form: Form::Plain,
        rust_call: "client.check(request)",
        params: &[ACTION_ID, INPUTS, CORRELATION_ID, CALLBACK_URL, AT],
        gives: "Verdict",
        doc: "says what a call would be told by contract and policy; nothing is sent, recorded or counted",
    },
    Method {
        rust: &["reload_policy"],
        python: "reload_policy",
        node: "reloadPolicy",
        form: Form::Plain,
        rust_call: "client.reload_policy(source)?",
        params: &[POLICY],
        gives: "text",
        doc: "reads the policy again, or another one from now on; the digest of what holds now",
    },
    Method {
        rust: &["listen_callbacks"],
        python: "listen_callbacks",
        node: "listenCallbacks",
        form: Form::Awaited,
        rust_call: "client.listen_callbacks(options).await?",
        params: &[HOST, PORT, PUBLIC_URL],
        gives: "CallbackListener",
        doc: "listens for callbacks; from then on each invocation without a `callback_url` has an unguessable one of its own, and is looked at when it is called",
    },
    Method {
        rust: &["expect_callbacks"],
        python: "expect_callbacks",
        node: "expectCallbacks",
        form: Form::Plain,
        rust_call: "client.expect_callbacks(public_url)?",
        params: &[EXPECTED_URL],
        gives: "nothing",
        doc: "the same where a server of your own takes them and hands them to `notify`",
    },
    Method {
        rust: &["notify"],
        python: "notify",
        node: "notify",
        form: Form::Plain,
        rust_call: "client.notify(path, headers, raw_body)",
        params: &[CALLBACK_PATH, CALLBACK_HEADERS, RAW_BODY],
        gives: "true or false",
        doc: "takes a callback that your own server was sent; whether it is one: answer 204 then, and 404 otherwise",
    },
    Method {
        rust: &["recover"],
        python: "recover",
        node: "recover",
        form: Form::Plain,
        rust_call: "client.recover()?",
        params: &[],
        gives: "list of Unfinished",
        doc: "lists what processes that are gone left behind in the directory of the trail",
    },
    Method {
        rust: &["metrics"],
        python: "metrics",
        node: "metrics",
        form: Form::Plain,
        rust_call: "client.metrics()",
        params: &[],
        gives: "Metrics",
        doc: "a consistent snapshot of the numbers, also after it was closed",
    },
    Method {
        rust: &["audit"],
        python: "audit",
        node: "audit",
        form: Form::Property,
        rust_call: "client.audit()",
        params: &[],
        gives: "AuditTrail",
        doc: "the audit trail",
    },
    Method {
        rust: &["shutdown"],
        python: "aclose",
        node: "close",
        form: Form::Awaited,
        rust_call: "client.shutdown(patience).await",
        params: &[PATIENCE, SIGNAL],
        gives: "nothing",
        doc: "stops taking calls, lets what is on the wire be recorded, and closes the trail",
    },
];

/// What a listener for callbacks can do.
pub(super) const LISTENER: &[Method] = &[
    Method {
        rust: &["url"],
        python: "url",
        node: "url",
        form: Form::Property,
        rust_call: "listener.url()",
        params: &[],
        gives: "text",
        doc: "what the gateway calls, below it",
    },
    Method {
        rust: &["port"],
        python: "port",
        node: "port",
        form: Form::Property,
        rust_call: "listener.port()",
        params: &[],
        gives: "number",
        doc: "the port that it listens on",
    },
    Method {
        rust: &["close"],
        python: "close",
        node: "close",
        form: Form::Plain,
        rust_call: "listener.close()",
        params: &[],
        gives: "nothing",
        doc: "takes no further callbacks; the client goes on and looks more often instead",
    },
];

/// What the audit trail can do.
pub(super) const TRAIL: &[Method] = &[
    Method {
        rust: &["records"],
        python: "records",
        node: "records",
        form: Form::Plain,
        rust_call: "client.audit().records(&filter)?",
        params: &[SINCE, UNTIL, EVENT, OF_ACTION, STATUS, OF_CORRELATION, OF_INVOCATION, ACTOR],
        gives: "iterator of records",
        doc: "the records that agree with every field of the filter that is given, oldest first, read as they are asked for",
    },
    Method {
        rust: &["export"],
        python: "export",
        node: "export",
        form: Form::Plain,
        rust_call: "client.audit().export(&path, format, &filter)?",
        params: &[PATH, FORMAT, SINCE, UNTIL, EVENT, OF_ACTION, STATUS, OF_CORRELATION, OF_INVOCATION, ACTOR],
        gives: "number",
        doc: "writes the records that agree with the filter to a file, which appears when it is complete; how many they are",
    },
    Method {
        rust: &["verify", "verify_against"],
        python: "verify",
        node: "verify",
        form: Form::Plain,
        rust_call: "client.audit().verify()",
        params: &[CHECKPOINTS],
        gives: "Verification",
        doc: "checks every record, every link and every checkpoint",
    },
    Method {
        rust: &["flush"],
        python: "flush",
        node: "flush",
        form: Form::Plain,
        rust_call: "client.audit().flush()?",
        params: &[],
        gives: "nothing",
        doc: "returns when everything recorded so far would survive a power failure",
    },
];
