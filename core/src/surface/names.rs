//! Names as each language writes them, in what the core says.
//!
//! The core writes the names of options, parameters, fields and methods in snake_case and in backticks, each by itself:
//! `` `max_queued` ``. Where another language writes them otherwise, [`Dialect::retell`] does so at the border. What a caller
//! or a gateway wrote stays as it was written: a name with which a sentence begins is the caller's own, unless it is that
//! of a field of the request, and only hints and sentences about violations are the core's from beginning to end.

use std::borrow::Cow;

use serde_json::Value;

use super::sandbox::{self, Setting};
use super::{DESCRIBED, methods};
use crate::config::{Dialect, OPTIONS};
use crate::contract::pointer::RENAMED;

/// With this a sandbox begins to say which members a fault may have.
const FAULT_HAS: &str = " is no member of a fault, which has ";

impl Dialect {
    /// Names in the hint, the violations and the reasons of an error or a verdict, as this language writes them.
    pub fn retell(self, said: &mut Value) {
        if self != Dialect::Node {
            return;
        }
        if let Some(Value::String(hint)) = said.get_mut("hint") {
            in_node(hint, true);
        }
        let Some(Value::Array(violations)) = said.get_mut("violations") else { return };
        // What the message and the reasons say again, where the name at its beginning is the core's.
        let mut retold = Vec::new();
        for violation in violations {
            let of_a_field = RENAMED.iter().any(|(wire, _)| violation["path"] == *wire);
            if let Some(Value::String(message)) = violation.get_mut("message") {
                let before = message.clone();
                in_node(message, of_a_field);
                retold.extend(of_a_field.then(|| (before, message.clone())));
            }
        }
        let again = |text: &mut String| {
            for (before, after) in &retold {
                *text = text.replace(before, after);
            }
            in_node(text, false);
        };
        if let Some(Value::String(message)) = said.get_mut("message") {
            again(message);
        }
        for reason in said.get_mut("reasons").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::String(reason) = reason {
                again(reason);
            }
        }
    }

    /// The same of what a sandbox says of its options and of a fault: all names in it are the sandbox's.
    pub fn of_a_sandbox(self, text: &str) -> Cow<'_, str> {
        if self != Dialect::Node {
            return Cow::Borrowed(text);
        }
        let mut said = text.to_owned();
        // A fault knows its times in seconds too, and says so: what was wrong is one of those.
        if let Some((before, known)) = said.split_once(FAULT_HAS) {
            let mut known = known.to_owned();
            for Setting { name, node, .. } in
                sandbox::FAULT.iter().filter(|setting| setting.name != setting.node)
            {
                known = known.replace(&format!("`{name}`"), &format!("`{name}`, `{node}`"));
            }
            said = format!("{before}{FAULT_HAS}{known}");
        }
        let settings =
            sandbox::OPTIONS.iter().chain(sandbox::ACTION).map(|setting| (setting.name, setting.node));
        for (name, node) in
            settings.chain([("retry_after", "retryAfter")]).filter(|(name, node)| name != node)
        {
            // An action is said with its place: `actions[0].complete_after`.
            for before in ["`", "."] {
                said = said.replace(&format!("{before}{name}`"), &format!("{before}{node}`"));
            }
        }
        Cow::Owned(said)
    }
}

/// The text with every name as Node writes it; with those that begin a sentence only where `all` says so.
fn in_node(text: &mut String, all: bool) {
    let mut said = String::with_capacity(text.len() + 8);
    let mut parts = text.split('`');
    said.push_str(parts.next().unwrap_or_default());
    while let Some(quoted) = parts.next() {
        let begins = said.is_empty() || said.ends_with("; ") || said.ends_with(": ");
        said.push('`');
        said.push_str(node_name(quoted).filter(|_| all || !begins).unwrap_or(quoted));
        if let Some(rest) = parts.next() {
            said.push('`');
            said.push_str(rest);
        }
    }
    *text = said;
}

/// What Node calls what is called so in Rust, where that is another name.
fn node_name(name: &str) -> Option<&'static str> {
    let options = OPTIONS.iter().map(|option| (option.name, option.node));
    let methods = || methods::CLIENT.iter().chain(methods::TRAIL).chain(methods::LISTENER);
    let params = methods().flat_map(|method| method.params).map(|param| (param.name, param.node));
    let methods = methods().flat_map(|method| method.rust.iter().map(move |rust| (*rust, method.node)));
    let fields = DESCRIBED.iter().flat_map(|(_, fields)| *fields).map(|field| (field.name, field.node));
    let mut known = options.chain(params).chain(methods).chain(fields);
    known.find(|(known, _)| *known == name).map(|(_, node)| node).filter(|node| *node != name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_cores_names_are_told_as_node_writes_them_and_the_callers_own_are_not() {
        let mut error = json!({
            "hint": "hand `resume_token` to `poll`, or raise `max_queued`; `recover()` tells what `timeout` ended",
            "message": "2 mistakes: `callback_hosts` is not a field of a request; list it in `callback_hosts`",
            "violations": [{"path": "/action_id", "message": "`action_id` is not a field; did you mean `actionId`?"}],
        });
        Dialect::Python.retell(&mut error);
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("`resume_token`")));
        Dialect::Node.retell(&mut error);
        assert_eq!(
            error["hint"],
            "hand `resumeToken` to `poll`, or raise `maxQueued`; `recover()` tells what `timeoutMs` ended"
        );
        let message = "2 mistakes: `callback_hosts` is not a field of a request; list it in `callbackHosts`";
        assert_eq!(error["message"], message);
        let violation = "`action_id` is not a field; did you mean `actionId`?";
        assert_eq!(error["violations"][0]["message"], violation);
    }

    #[test]
    fn a_field_of_the_request_has_the_name_that_its_caller_wrote() {
        let sentence = |name: &str, other: &str| {
            [format!("`{name}` must be a UUID; did you mean `{other}`?"), format!("`{name}` must be short")]
        };
        let said = |name: &str, other: &str| {
            let [first, second] = sentence(name, other);
            json!({
                "message": format!("the request breaks the contract: {first}; `correlation_id` is no field; {second}"),
                "violations": [
                    {"path": "/actionId", "message": first},
                    {"path": "/correlation_id", "message": "`correlation_id` is no field"},
                    {"path": "/actionId", "message": second},
                ],
                "reasons": [first, "`correlation_id` is no field", second],
            })
        };
        let mut told = said("action_id", "x");
        Dialect::Python.retell(&mut told);
        assert_eq!(told, said("action_id", "x"));
        Dialect::Node.retell(&mut told);
        assert_eq!(told, said("actionId", "x"));
    }

    #[test]
    fn what_a_gateway_says_stays_as_it_is() {
        let said =
            json!({"hint": null, "violations": null, "message": "the gateway answered 400: no `action_id`"});
        let mut told = said.clone();
        Dialect::Node.retell(&mut told);
        assert_eq!(told, said);
    }

    #[test]
    fn a_sandbox_speaks_of_its_options_as_they_were_written() {
        let said = "`actions[0].complete_after` must be a number, and `rate_limit` a rate";
        let told = "`actions[0].completeAfterMs` must be a number, and `rateLimit` a rate";
        assert_eq!(Dialect::Node.of_a_sandbox(said), told);
        assert_eq!(Dialect::Python.of_a_sandbox(said), said);
        let said = "`delais` is no member of a fault, which has `retry_after`, `close`, `delay`";
        let told = "`delais` is no member of a fault, which has `retryAfter`, `retryAfterMs`, `close`, `delay`, `delayMs`";
        assert_eq!(Dialect::Node.of_a_sandbox(said), told);
    }
}
