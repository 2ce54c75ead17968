//! What comes back, field by field. The unit tests of the table hold it against the types themselves.

use serde::Serialize;

/// One field.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Field {
    /// Its name in Rust and Python.
    pub(super) name: &'static str,
    /// Its name in Node.
    pub(super) node: &'static str,
    /// What its value looks like.
    pub(super) value: &'static str,
    /// What it says.
    pub(super) doc: &'static str,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $constant:ident { $($name:literal $node:literal, $value:literal, $says:literal;)+ })+) => {
        $($(#[$doc])* pub(super) const $constant: &[Field] = &[
            $(Field { name: $name, node: $node, value: $value, doc: $says },)+
        ];)+
    };
}

fields! {
    /// What a caller asks for.
    ACTION_REQUEST {
        "action_id" "actionId", "text", "which action: its id, or the name that the policy gives it";
        "inputs" "inputs", "by name", "its inputs";
        "correlation_id" "correlationId", "text or none", "names the logical invocation; a UUID is made where none is given";
        "callback_url" "callbackUrl", "text or none", "where the gateway may report that it is done";
        "traceparent" "traceparent", "text or none", "the span that it is done for";
    }
    /// What `invoke` returns.
    INVOCATION {
        "invocation_id" "invocationId", "text or none", "the gateway's id; none where the gateway gives none";
        "action_id" "actionId", "text", "the action, in canonical form";
        "correlation_id" "correlationId", "text", "the logical invocation; made by the library where the caller gave none";
        "status" "status", "text", "the status word of the gateway's answer, as it was sent";
        "invoke_latency_ms" "invokeLatencyMs", "milliseconds", "from the call to the acceptance, waits included";
        "attempts" "attempts", "number", "how often the POST was sent";
        "resume_token" "resumeToken", "text or none", "hand it to `poll`, from this process or another, now or tomorrow; holds ids, never a URL";
        "raw" "raw", "JSON", "the gateway's answer";
    }
    /// How an invocation ended.
    ACTION_RESULT {
        "invocation_id" "invocationId", "text or none", "the gateway's id; none where the gateway gives none";
        "action_id" "actionId", "text or none", "the action; none when only a bare invocation id was polled";
        "correlation_id" "correlationId", "text or none", "the logical invocation; none when only a bare invocation id was polled";
        "status" "status", "a word", "how it ended";
        "ok" "ok", "true or false", "whether it ended as `COMPLETED`";
        "outputs" "outputs", "JSON", "exactly what the gateway sent: integers of any size, `0`, `\"\"`, `false` and `null` stay what they are; none where it sent none";
        "error_message" "errorMessage", "text or none", "why it failed, in the gateway's words";
        "invoke_latency_ms" "invokeLatencyMs", "milliseconds or none", "from the call to the acceptance; none when the acceptance was not seen";
        "duration_ms" "durationMs", "milliseconds", "from the call to the terminal state";
        "attempts" "attempts", "number", "how often the POST was sent; 0 when the acceptance was not seen";
        "polls" "polls", "number", "how often the gateway was asked for the state";
        "raw" "raw", "JSON", "the gateway's last answer";
    }
    /// What the gateway says of an action.
    ACTION_DESCRIPTION {
        "action_id" "actionId", "text", "the action, in canonical form";
        "name" "name", "text or none", "what the gateway calls it";
        "input_schema" "inputSchema", "JSON", "the JSON Schema of its inputs; none where the gateway has none";
        "output_schema" "outputSchema", "JSON", "the JSON Schema of its outputs; none where the gateway has none";
        "raw" "raw", "JSON", "the gateway's answer";
    }
    /// What a call would be told.
    VERDICT {
        "allowed" "allowed", "true or false", "whether it would be sent";
        "kind" "kind", "a word or none", "of the error that it would end as: `validation` or `denied`";
        "action_id" "actionId", "text or none", "the action in canonical form; none where none was given that can be used";
        "action_name" "actionName", "text or none", "what the policy calls it";
        "reasons" "reasons", "texts", "everything that was looked at, in sentences: what speaks for the request, then each violation";
        "violations" "violations", "list of Violation", "every reason against it";
        "opens_at" "opensAt", "time or none", "when the policy allows the action again, where it does not at this time";
        "policy" "policy", "text or none", "the digest of the policy; none where there is no policy";
    }
    /// One mistake.
    VIOLATION {
        "path" "path", "text", "where: a JSON pointer in wire names (`/inputs/amount`); for options, the option's name";
        "code" "code", "text", "a stable word: `type`, `non_finite`, `unknown_field`, …";
        "message" "message", "text", "a sentence, without the value";
    }
    /// What became of one request of `run_many`.
    OUTCOME {
        "index" "index", "number", "the place of the request in what was given, from 0";
        "request" "request", "ActionRequest", "the request as it was given";
        "result" "result", "ActionResult or none", "how it ended";
        "error" "error", "error or none", "why there is no result; exactly one of both is set";
    }
    /// What a process that is gone left behind.
    UNFINISHED {
        "action_id" "actionId", "text or none", "the action";
        "correlation_id" "correlationId", "text", "the logical invocation";
        "invocation_id" "invocationId", "text or none", "the gateway's id, where it is known";
        "state" "state", "a word", "what is known of it: `unsent` is safe to call again";
        "resume_token" "resumeToken", "text or none", "hand it to `poll`; only where it was accepted";
    }
    /// The numbers of a client.
    METRICS {
        "started" "started", "number", "invocations that passed contract and policy";
        "completed" "completed", "number", "ended as `COMPLETED`";
        "failed" "failed", "number", "ended as `FAILED`";
        "cancelled" "cancelled", "number", "ended as `CANCELLED`";
        "rejected" "rejected", "number", "provably not executed: every error whose `executed` is no";
        "aborted" "aborted", "number", "given up by the caller before anything was sent";
        "unknown" "unknown", "number", "sent, without a trustworthy answer";
        "in_flight" "inFlight", "number", "somebody waits for it";
        "detached" "detached", "number", "accepted, and nobody waits for it";
        "denied" "denied", "number", "requests that the policy refused";
        "invalid" "invalid", "number", "requests that broke the contract";
        "success_rate" "successRate", "0 to 1, or none", "completed among the terminal results; none before the first";
        "invoke_latency" "invokeLatency", "Distribution", "from the call to the acceptance";
        "duration" "duration", "Distribution", "from the call to the terminal state";
        "retries" "retries", "number", "sends beyond the first of each invocation";
        "rate_limited" "rateLimited", "number", "answers with 429";
        "polls" "polls", "number", "looks at the state of an invocation";
        "token_refreshes" "tokenRefreshes", "number", "tokens fetched";
        "callback_failures" "callbackFailures", "number", "result handlers that failed or did not end in time";
        "callbacks" "callbacks", "numbers by name", "callbacks that came, by what they came to: `woke`, `duplicate`, `unknown`, `forged`, `too_large`";
        "unknown_statuses" "unknownStatuses", "number", "status words that the profile does not know";
        "audit_lost" "auditLost", "number", "records of the trail that could not be written, also where a `gap` has said so since";
        "by_action" "byAction", "ActionMetrics by name", "the same by the action's name or id: at most 100 of them, the rest together as `other`";
    }
    /// A distribution of times.
    DISTRIBUTION {
        "count" "count", "number", "how many values there are";
        "mean_ms" "meanMs", "milliseconds or none", "the mean";
        "min_ms" "minMs", "milliseconds or none", "the least";
        "max_ms" "maxMs", "milliseconds or none", "the greatest";
        "p50_ms" "p50Ms", "milliseconds or none", "half of them are below; within 1 %, as those that follow";
        "p90_ms" "p90Ms", "milliseconds or none", "90 of 100 are below";
        "p95_ms" "p95Ms", "milliseconds or none", "95 of 100 are below";
        "p99_ms" "p99Ms", "milliseconds or none", "99 of 100 are below";
    }
    /// What checking the trail found.
    VERIFICATION {
        "ok" "ok", "true or false", "whether there are no problems";
        "records" "records", "number", "whole records that were read";
        "segments" "segments", "number", "segments that were read; 0 in memory";
        "anchored" "anchored", "number", "records that a checkpoint kept elsewhere covers";
        "cut" "cut", "number", "segments that end in half a record, because their writer died in the middle of it: no problem";
        "unchecked" "unchecked", "number", "records sealed with a key that is not at hand: of them only order and links were checked";
        "removed" "removed", "number", "segments that are known of and gone, because only a limited history is kept: no problem";
        "problems" "problems", "list of Problem", "every disagreement, with its place";
    }
    /// One disagreement in the trail.
    PROBLEM {
        "segment" "segment", "text", "the file; empty in memory";
        "line" "line", "number", "from 1; 0 is the segment as a whole";
        "what" "what", "text", "what disagrees";
    }
    /// The end of the trail's chain.
    CHECKPOINT {
        "v" "v", "number", "the version of this form: 1";
        "ts" "ts", "text", "when it was made, RFC 3339";
        "host" "host", "text", "the machine";
        "run" "run", "text", "the run that wrote the segment";
        "segment" "segment", "text", "the segment";
        "seq" "seq", "number", "the number of the record";
        "hash" "hash", "text", "its hash";
    }
    /// What an error says.
    ERROR {
        "kind" "kind", "a word", "what went wrong; closed within a major version";
        "code" "code", "a word", "the same as a constant: `CXONE_` and the kind in capitals";
        "message" "message", "text", "what happened, in one line";
        "hint" "hint", "text or none", "what to do now";
        "executed" "executed", "a word", "was it executed? `no` means that calling again is safe";
        "http_status" "httpStatus", "number or none", "the HTTP status that decided it";
        "gateway_code" "gatewayCode", "text or none", "the gateway's own error code, where its answer had one";
        "request_id" "requestId", "text or none", "the gateway's identifier of the exchange, for a support ticket";
        "retry_after" "retryAfterMs", "time or none", "how long the gateway asked us to wait";
        "attempts" "attempts", "number or none", "how often the POST was sent";
        "action_id" "actionId", "text or none", "the action, in canonical form";
        "correlation_id" "correlationId", "text or none", "the logical invocation";
        "invocation_id" "invocationId", "text or none", "the gateway's id of the invocation, once it has accepted it";
        "resume_token" "resumeToken", "text or none", "hand it to `poll` to go on waiting";
        "last_status" "lastStatus", "text or none", "the last status word that a poll saw";
        "violations" "violations", "list of Violation, or none", "every mistake at once, where the request or the options were at fault";
    }
}
