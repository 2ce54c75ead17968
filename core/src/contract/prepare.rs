//! Looks at a request from its first field to its last, collects every violation on the way, and writes the body.

use std::collections::BTreeMap;

use bytes::Bytes;
use uuid::Uuid;

use super::body::{Inputs, Parts};
use super::finding::Finding;
use super::request::{ActionRequest, Field, Held, Input, InputValue};
use super::{ActionIdRule, Contract, InputsRule, Prepared, Refused, Violation};
use super::{nested, pointer, words};

const MAX_CORRELATION_ID: usize = 128;

fn fits_a_correlation_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".:_-".contains(c)
}

/// Whether a request may have it, for one that comes from elsewhere.
pub(crate) fn is_correlation_id(text: &str) -> bool {
    (1..=MAX_CORRELATION_ID).contains(&text.len()) && text.chars().all(fits_a_correlation_id)
}

/// Version 00 of W3C's Trace Context, §3.2.2: lower case, and neither id is made of zeros.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let id = |part: &str, length| hex(part, length) && part.bytes().any(|b| b != b'0');
    match text.split('-').collect::<Vec<_>>()[..] {
        ["00", trace, span, flags] => id(trace, 32) && id(span, 16) && hex(flags, 2),
        _ => false,
    }
}

pub(super) fn prepare(contract: &Contract, request: &ActionRequest) -> Result<Prepared, Box<Refused>> {
    let mut check = Check { findings: request.findings.clone(), violations: Vec::new() };
    let action_id = check.action_id(contract.action_id, request);
    let inputs = check.inputs(contract.inputs, request);
    let given_id = check.correlation_id(&request.correlation_id);
    let callback_url = check.callback_url(contract, &request.callback_url);
    let traceparent = check.traceparent(&request.traceparent);
    check.violations.extend(request.strays.iter().cloned());
    check.rest();

    let input_keys = inputs.iter().map(|(key, _)| (*key).to_owned()).collect();
    let correlation_id = match (&given_id, &request.correlation_id) {
        (None, Field::Absent) => Some(Uuid::new_v4().to_string()),
        _ => given_id.clone(),
    };
    let parts = Parts {
        action_id: action_id.as_deref(),
        inputs: Inputs::Given(&inputs),
        correlation_id: correlation_id.as_deref(),
        callback_url: callback_url.as_deref(),
    };
    let written = if request.oversized { None } else { parts.write(&contract.body, contract.max_body_bytes) };
    if written.is_none() {
        check.violations.push(too_large(contract.max_body_bytes));
    }
    let written = written.map(|(body, inputs)| (Bytes::from(body), inputs));
    match (written, action_id, correlation_id) {
        (Some((body, inputs)), Some(action_id), Some(correlation_id)) if check.violations.is_empty() => {
            let inputs = body.slice(inputs);
            Ok(Prepared { action_id, correlation_id, callback_url, traceparent, body, inputs, input_keys })
        }
        (written, action_id, _) => Err(Box::new(Refused {
            action_id,
            correlation_id: given_id,
            inputs: written.map(|(body, inputs)| body.slice(inputs)),
            input_keys,
            violations: check.violations,
        })),
    }
}

fn too_large(limit: usize) -> Violation {
    Violation::new("", "too_large", format!("the request must be at most {limit} bytes of UTF-8"))
}

/// Everything that was found wrong so far, and what the border found that has no place yet.
struct Check {
    findings: BTreeMap<String, Vec<Finding>>,
    violations: Vec<Violation>,
}

impl Check {
    fn refuse(&mut self, path: &str, code: &str, rule: &str) {
        let message = format!("{} {rule}", pointer::name(path));
        self.violations.push(Violation::new(path, code, message));
    }

    /// [`Check::found`] for a place that has to be spelt out first; mostly nothing was found anywhere.
    fn found_at(&mut self, path: impl Fn() -> String) -> bool {
        !self.findings.is_empty() && self.found(&path())
    }

    /// Says what the border found at this place; whether it found anything.
    fn found(&mut self, path: &str) -> bool {
        let found = self.findings.contains_key(path);
        if found {
            self.say(vec![path.to_owned()]);
        }
        found
    }

    /// Says what the border found inside of what stands at this place.
    fn found_below(&mut self, path: impl Fn() -> String) {
        if self.findings.is_empty() {
            return;
        }
        let below = format!("{}/", path());
        let places = self.findings.range(below.clone()..).map(|(place, _)| place.clone());
        let places = places.take_while(|place| place.starts_with(&below)).collect();
        self.say(places);
    }

    fn say(&mut self, places: Vec<String>) {
        for place in &places {
            let findings = self.findings.remove(place).unwrap_or_default();
            self.violations.extend(findings.iter().map(Finding::violation));
        }
    }

    /// Says what the border found at places that the request does not have.
    fn rest(&mut self) {
        let places = self.findings.keys().cloned().collect();
        self.say(places);
    }

    /// The text of a field that may be absent, unless something is wrong with it already.
    fn field<'a>(&mut self, path: &str, field: &'a Field) -> Option<&'a str> {
        if self.found(path) {
            return None;
        }
        match field {
            Field::Absent => None,
            Field::Instead(sort) => {
                let message = words::wrong_type(path, &pointer::name(path), sort.as_str());
                self.violations.push(Violation::new(path, "type", message));
                None
            }
            Field::Text(text) if text.lone_surrogate => {
                let message = words::lone_surrogate(&pointer::name(path));
                self.violations.push(Violation::new(path, "lone_surrogate", message));
                None
            }
            Field::Text(text) => Some(&text.text),
        }
    }

    fn action_id(&mut self, rule: ActionIdRule, request: &ActionRequest) -> Option<String> {
        let known = self.violations.len();
        let Some(text) = self.field("/actionId", &request.action_id) else {
            if known == self.violations.len() && !request.unread {
                self.refuse("/actionId", "required", "is missing; it names the action to invoke");
            }
            return None;
        };
        let canonical = rule.canonical(text);
        if canonical.is_none() {
            let (code, words) = rule.rule();
            self.refuse("/actionId", code, words);
        }
        canonical
    }

    fn correlation_id(&mut self, field: &Field) -> Option<String> {
        const PATH: &str = "/correlationId";
        let text = self.field(PATH, field)?;
        let length = text.chars().count();
        if length == 0 || length > MAX_CORRELATION_ID {
            self.refuse(PATH, "pattern", &format!("must have 1 to 128 characters, got {length}"));
            return None;
        }
        if let Some(position) = text.chars().position(|c| !fits_a_correlation_id(c)) {
            let rule = format!(
                "must be made of A-Z, a-z, 0-9, `.`, `_`, `:` and `-`, not so character {}",
                position + 1
            );
            self.refuse(PATH, "pattern", &rule);
            return None;
        }
        Some(text.to_owned())
    }

    fn callback_url(&mut self, contract: &Contract, field: &Field) -> Option<String> {
        let text = self.field("/callbackUrl", field)?;
        let known = self.violations.len();
        if !contract.body.takes_callback() {
            self.refuse("/callbackUrl", "unused", "is not taken by this profile; leave it out and poll");
            return None;
        }
        contract.callback_hosts.check(text, &mut self.violations);
        (known == self.violations.len()).then(|| text.to_owned())
    }

    fn traceparent(&mut self, field: &Field) -> Option<String> {
        const PATH: &str = "/traceparent";
        let text = self.field(PATH, field)?;
        if !is_traceparent(text) {
            self.refuse(
                PATH,
                "pattern",
                "must be written as in the header of that name, `00-<32 hex digits>-<16 hex digits>-01`",
            );
            return None;
        }
        Some(text.to_owned())
    }

    /// The inputs that have a name of their own, each once.
    fn inputs<'a>(&mut self, rule: InputsRule, request: &'a ActionRequest) -> Vec<(&'a str, &'a InputValue)> {
        // What the border found at the inputs as a whole; what it found at one of them is said in its turn.
        let whole = self.found("/inputs");
        if let Some(sort) = request.inputs_instead.filter(|_| !whole) {
            let message = words::wrong_type("/inputs", "`inputs`", sort.as_str());
            self.violations.push(Violation::new("/inputs", "type", message));
        }
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        let mut inputs = Vec::with_capacity(request.inputs.len());
        for Input { key, value } in &request.inputs {
            let path = || pointer::join("/inputs", &key.text);
            if key.lone_surrogate {
                if !self.found_at(path) {
                    let rule = "must have a name of valid Unicode, got half of a surrogate pair";
                    self.refuse(&path(), "lone_surrogate", rule);
                }
                continue;
            }
            let seen = times.entry(&key.text).or_default();
            *seen += 1;
            match *seen {
                1 => {}
                2 => {
                    self.refuse(&path(), "duplicate", "is given more than once");
                    continue;
                }
                _ => continue,
            }
            if key.text.is_empty() {
                self.refuse(&path(), "empty_key", "must have a name, got an empty key");
                continue;
            }
            if key.text.contains('\0') {
                self.refuse(&path(), "nul", "must not have the character U+0000 in its name");
            }
            if !self.found_at(path) {
                self.value(rule, path, value);
            }
            self.found_below(path);
            inputs.push((key.text.as_str(), value));
        }
        inputs
    }

    fn value(&mut self, rule: InputsRule, path: impl Fn() -> String, value: &InputValue) {
        let name = || pointer::name(&path());
        let (code, message) = match &value.0 {
            Held::Null | Held::Boolean(_) | Held::Number(_) => return,
            Held::NonFinite(got) => ("non_finite", words::non_finite(&name(), got)),
            Held::Text(text) if text.lone_surrogate => ("lone_surrogate", words::lone_surrogate(&name())),
            Held::Text(text) if text.text.contains('\0') => ("nul", words::nul(&name())),
            Held::Text(_) => return,
            Held::Nested(raw) if rule == InputsRule::Any => {
                nested::check(&path(), raw, &mut self.violations);
                return;
            }
            Held::Nested(_) => ("type", words::wrong_type(&path(), &name(), value.sort())),
        };
        self.violations.push(Violation::new(path(), code, message));
    }
}
