//! Reads the JSON text of a request. It never fails and drops nothing: every mistake is kept for the contract to say.

use serde_json::error::Category;
use serde_json::value::RawValue;

use super::json::{Members, Sort, Text};
use super::pointer;
use super::request::{ActionRequest, Field, Input, InputValue};
use super::{Violation, words};

/// Text beyond this is not read at all. Escapes can make a body six times as long as it is sent, so nothing that fits
/// the largest limit of any gateway (512 KiB) is ever cut off here.
const MAX_TEXT: usize = 8 * 1024 * 1024;

/// The fields of a request: the name on the wire, the pointer, and the other spelling.
const FIELDS: [(&str, &str, &str); 5] = [
    ("actionId", "/actionId", "action_id"),
    ("inputs", "/inputs", "inputs"),
    ("correlationId", "/correlationId", "correlation_id"),
    ("callbackUrl", "/callbackUrl", "callback_url"),
    ("traceparent", "/traceparent", "traceparent"),
];

pub(super) fn read(text: &[u8]) -> ActionRequest {
    let mut request = ActionRequest::default();
    if text.len() > MAX_TEXT {
        request.oversized = true;
        request.unread = true;
        return request;
    }
    match object(text) {
        Ok(members) => fill(&mut request, members),
        Err(violation) => {
            request.strays.push(violation);
            request.unread = true;
        }
    }
    request
}

fn object(text: &[u8]) -> Result<Members<'_>, Violation> {
    let broken =
        |reason: String| Violation::new("", "syntax", format!("the request must be JSON text, {reason}"));
    let text = std::str::from_utf8(text)
        .map_err(|error| broken(format!("byte {} is not UTF-8", error.valid_up_to() + 1)))?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        broken(match error.classify() {
            Category::Eof => "it ends in the middle".to_owned(),
            _ => format!("it is broken at line {}, column {}", error.line(), error.column()),
        })
    })?;
    let sort = Sort::of(raw);
    if sort != Sort::Object {
        return Err(Violation::new("", "type", words::wrong_type("", "the request", sort.as_str())));
    }
    members(raw)
}

fn members(raw: &RawValue) -> Result<Members<'_>, Violation> {
    // The text was scanned above, so this does not fail; if it did, saying so beats losing the request.
    serde_json::from_str(raw.get()).map_err(|_| {
        Violation::new("", "syntax", "the request must be JSON text, it cannot be read".to_owned())
    })
}

fn fill(request: &mut ActionRequest, members: Members<'_>) {
    let mut seen = [false; FIELDS.len()];
    for (key, raw) in members.0 {
        let known = FIELDS
            .iter()
            .zip(&mut seen)
            .find(|((name, _, other), _)| key.text == *name || key.text == *other);
        match known {
            Some(((name, path, _), seen @ false)) => {
                *seen = true;
                field(request, name, path, raw);
            }
            Some(((_, path, _), _)) => {
                let message = format!("{} is given more than once", pointer::name(path));
                request.strays.push(Violation::new(*path, "duplicate", message));
            }
            None => request.strays.push(unknown(&key)),
        }
    }
}

fn field(request: &mut ActionRequest, name: &str, path: &str, raw: &RawValue) {
    let given = match Sort::of(raw) {
        Sort::Null => Field::Absent,
        Sort::String => serde_json::from_str(raw.get()).map_or(Field::Instead(Sort::String), Field::Text),
        other => Field::Instead(other),
    };
    match name {
        "actionId" => request.action_id = given,
        "correlationId" => request.correlation_id = given,
        "callbackUrl" => request.callback_url = given,
        "traceparent" => request.traceparent = given,
        _ => match given {
            Field::Absent => {}
            Field::Text(_) => request.inputs_instead = Some(Sort::String),
            Field::Instead(Sort::Object) => match members(raw) {
                Ok(inputs) => {
                    let inputs = inputs.0.into_iter();
                    request.inputs =
                        inputs.map(|(key, raw)| Input { key, value: InputValue::from_raw(raw) }).collect();
                }
                Err(violation) => request.strays.push(Violation { path: path.to_owned(), ..violation }),
            },
            Field::Instead(sort) => request.inputs_instead = Some(sort),
        },
    }
}

fn unknown(key: &Text) -> Violation {
    let path = pointer::join("", &key.text);
    let words = FIELDS.iter().flat_map(|(name, _, other)| [*name, *other]);
    let meant = pointer::nearest(&key.text, words)
        .and_then(|word| FIELDS.iter().find(|(name, _, other)| [*name, *other].contains(&word)));
    let hint = match meant {
        Some((_, _, word)) => format!("did you mean `{word}`?"),
        None => "a request has `action_id`, `inputs`, `correlation_id`, `callback_url` and `traceparent`"
            .to_owned(),
    };
    let name = pointer::name(&path);
    Violation::new(path, "unknown_field", format!("{name} is not a field of a request; {hint}"))
}
