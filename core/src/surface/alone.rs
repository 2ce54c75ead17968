//! What only one language has, and why. Whatever is public and neither here nor in the other tables fails a test.

use serde::Serialize;

/// Something that one language has alone.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Alone {
    /// `rust`, `python` or `node`.
    pub(super) language: &'static str,
    /// Its type; the package itself where that is empty.
    pub(super) of: &'static str,
    /// Its names.
    pub(super) names: &'static [&'static str],
    /// Why the others do without.
    pub(super) why: &'static str,
}

/// Everything that one language has alone.
pub(super) const ALONE: &[Alone] = &[
    Alone {
        language: "python",
        of: "",
        names: &["AsyncClient"],
        why: "the client for asyncio beside the blocking `Client`; in Node and Rust every client waits without blocking",
    },
    Alone {
        language: "python",
        of: "Outcome",
        names: &["ok"],
        why: "whether there is a result that completed; in Node the type tells `result` from `error`",
    },
    Alone {
        language: "python",
        of: "Violation",
        names: &["keys"],
        why: "lets `dict(violation)` make a mapping of it",
    },
    Alone {
        language: "python",
        of: "ActionFailedError",
        names: &["result"],
        why: "the result that was asked for an error; in Node and Rust the caller has it still",
    },
    Alone {
        language: "python",
        of: "ActionCancelledError",
        names: &["result"],
        why: "the result that was asked for an error; in Node and Rust the caller has it still",
    },
    Alone {
        language: "node",
        of: "",
        names: &["AbortError"],
        why: "the wait was given up by an `AbortSignal`; Python has `asyncio.CancelledError`, and in Rust the future is gone",
    },
    Alone {
        language: "node",
        of: "Fault",
        names: &["retryAfter", "delay", "drip"],
        why: "seconds, as the vectors and the other languages have them; the first takes the header's text too",
    },
    Alone {
        language: "node",
        of: "",
        names: &["isCxoneError"],
        why: "knows the errors of another copy of the package, of which `instanceof` knows nothing",
    },
    Alone {
        language: "python",
        of: "Client",
        names: &["close"],
        why: "closes the blocking client; `aclose` is the asynchronous one's, as in other Python clients",
    },
    Alone {
        language: "rust",
        of: "Client",
        names: &["open"],
        why: "makes a client of `Options` that were kept; in Python and Node the options are plain data already",
    },
    Alone {
        language: "rust",
        of: "Client",
        names: &["leave"],
        why: "lets a process that ends go at once; Python and Node do it by themselves",
    },
    Alone {
        language: "rust",
        of: "Client",
        names: &["gateway"],
        why: "where it calls; in Python and Node that is what a client shows when it is printed",
    },
    Alone {
        language: "rust",
        of: "SandboxAction",
        names: &["outputs_json"],
        why: "outputs as JSON text, to the digit; elsewhere `outputs` does that",
    },
    Alone {
        language: "rust",
        of: "ClientBuilder",
        names: &["token_source", "checkpoint_sink"],
        why: "takes a function; Python and Node take it as the options `token` and `audit_checkpoints`",
    },
    Alone {
        language: "rust",
        of: "ClientBuilder",
        names: &["build", "into_options"],
        why: "ends the builder",
    },
    Alone {
        language: "rust",
        of: "Trail",
        names: &[
            "append",
            "digest",
            "settle",
            "settled",
            "close",
            "closed",
            "lost",
            "unfinished",
            "directory",
            "segment",
            "may_replace",
        ],
        why: "the trail without a client, for the command line; a client does these by itself",
    },
    Alone {
        language: "rust",
        of: "Trail",
        names: &["in_memory", "open", "open_with", "read_only", "read_only_with"],
        why: "opens a trail without a client; elsewhere that is the command line's work",
    },
    Alone {
        language: "rust",
        of: "Sandbox",
        names: &["port", "needs_access_key", "totals", "callbacks", "expire_tokens"],
        why: "for the tests of this library and its command line",
    },
];
