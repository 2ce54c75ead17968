//! URLs and bodies with holes in them.
//!
//! The promise: what fills a hole of a URL stays inside of its segment, whatever it is, because it is percent-encoded;
//! and what fills a hole of a body is the value itself, written once.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// RFC 3986 §2.3: everything else is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of a template: text as it stands, or the name of what is put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Hole(String),
}

/// `{name}` is a hole; a brace that opens none is a mistake, of which the rule is given.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece>, &'static str> {
    const UNCLOSED: &str = "has a brace without its other half; a hole is written `{name}`";
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or(UNCLOSED)?;
        if before.contains('}') || name.is_empty() || name.contains('{') {
            return Err(UNCLOSED);
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Hole(name.to_owned()));
        rest = behind;
    }
    if rest.contains('}') {
        return Err(UNCLOSED);
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// A URL with holes, the first piece of which says the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate(pub(super) Vec<Piece>);

impl UrlTemplate {
    /// The names of the holes, in their order.
    pub(crate) fn holes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Hole(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    pub(super) fn has_in_its_path(&self, name: &str) -> bool {
        let path =
            self.0.iter().take_while(|piece| !matches!(piece, Piece::Text(text) if text.contains('?')));
        path.into_iter().any(|piece| matches!(piece, Piece::Hole(hole) if hole == name))
    }

    /// The hole that says the host, where the URL does not say it itself.
    pub(crate) fn host_hole(&self) -> Option<&str> {
        match self.0.first() {
            Some(Piece::Hole(name)) => Some(name),
            _ => None,
        }
    }

    /// The template with each hole that `known` knows filled as it is, without encoding.
    pub(crate) fn resolve(&self, known: impl Fn(&str) -> Option<String>) -> UrlTemplate {
        let fill = |piece: &Piece| match piece {
            Piece::Hole(name) => known(name).map_or_else(|| piece.clone(), Piece::Text),
            Piece::Text(_) => piece.clone(),
        };
        UrlTemplate(self.0.iter().map(fill).collect())
    }

    /// The URL as text, each hole percent-encoded; a hole without a value stays empty.
    pub(crate) fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut url = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => url.push_str(text),
                Piece::Hole(name) => {
                    let value = values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
                    url.extend(utf8_percent_encode(value, RESERVED));
                }
            }
        }
        url
    }
}

/// What a body is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyTemplate {
    /// The inputs themselves.
    Inputs,
    /// An object of these members, in this order.
    Object(Vec<(String, Member)>),
}

/// One member of a body.
#[derive(Debug, Clone, PartialEq)]
pub enum Member {
    /// The action, as a string.
    ActionId,
    /// The inputs, as an object.
    Inputs,
    /// The correlation id, as a string.
    CorrelationId,
    /// The callback URL, as a string; the member is left out where the request has none.
    CallbackUrl,
    /// The same in every body: JSON text.
    Literal(String),
    /// An object of its own.
    Object(Vec<(String, Member)>),
}

impl BodyTemplate {
    /// From the tree of a profile.
    ///
    /// # Errors
    /// What is wrong, with the path below the body.
    pub(super) fn read(body: &Value) -> Result<BodyTemplate, Vec<(String, String)>> {
        let mut wrong = Vec::new();
        let template = match body {
            Value::String(text) if text == "{inputs}" => BodyTemplate::Inputs,
            Value::Object(members) => BodyTemplate::Object(object(members, "", &mut wrong)),
            _ => {
                let rule = "must be `\"{inputs}\"`, or a table of the body's members";
                return Err(vec![(String::new(), rule.to_owned())]);
            }
        };
        let times = template.count(&Member::Inputs);
        if wrong.is_empty() && times != 1 {
            wrong.push((String::new(), format!("must hold `{{inputs}}` once, not {times} times")));
        }
        if wrong.is_empty() { Ok(template) } else { Err(wrong) }
    }

    /// The body of the `gateway` profile.
    pub(crate) fn gateway() -> BodyTemplate {
        let members = [
            ("actionId", Member::ActionId),
            ("inputs", Member::Inputs),
            ("correlationId", Member::CorrelationId),
            ("callbackUrl", Member::CallbackUrl),
        ];
        BodyTemplate::Object(members.map(|(name, member)| (name.to_owned(), member)).into())
    }

    /// Whether a callback URL has a place in it.
    pub(crate) fn takes_callback(&self) -> bool {
        self.count(&Member::CallbackUrl) > 0
    }

    fn count(&self, wanted: &Member) -> usize {
        fn count(members: &[(String, Member)], wanted: &Member) -> usize {
            let one = |member: &Member| match member {
                Member::Object(members) => count(members, wanted),
                other => usize::from(other == wanted),
            };
            members.iter().map(|(_, member)| one(member)).sum()
        }
        match self {
            BodyTemplate::Inputs => usize::from(*wanted == Member::Inputs),
            BodyTemplate::Object(members) => count(members, wanted),
        }
    }
}

fn object(
    members: &Map<String, Value>,
    path: &str,
    wrong: &mut Vec<(String, String)>,
) -> Vec<(String, Member)> {
    let mut object_members = Vec::new();
    for (key, value) in members {
        let below = crate::contract::pointer::join(path, key);
        if let Some(member) = member(value, &below, wrong) {
            object_members.push((key.clone(), member));
        }
    }
    object_members
}

fn member(value: &Value, path: &str, wrong: &mut Vec<(String, String)>) -> Option<Member> {
    match value {
        Value::String(text) => match text.as_str() {
            "{action_id}" => Some(Member::ActionId),
            "{inputs}" => Some(Member::Inputs),
            "{correlation_id}" => Some(Member::CorrelationId),
            "{callback_url}" => Some(Member::CallbackUrl),
            other if other.contains(['{', '}']) => {
                let rule = "must be one of `{action_id}`, `{inputs}`, `{correlation_id}` and `{callback_url}` by itself, or text without braces";
                wrong.push((path.to_owned(), rule.to_owned()));
                None
            }
            _ => Some(Member::Literal(value.to_string())),
        },
        Value::Object(members) => Some(Member::Object(object(members, path, wrong))),
        other => Some(Member::Literal(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_a_hole_of_a_url_stays_inside_of_its_segment() {
        let template = UrlTemplate(pieces("https://h/{action_id}/x?c={correlation_id}").unwrap());
        let url = template.fill(&[("action_id", "a/../b?é#"), ("correlation_id", "c&d=e f")]);
        assert_eq!(url, "https://h/a%2F..%2Fb%3F%C3%A9%23/x?c=c%26d%3De%20f");
    }

    #[test]
    fn a_brace_without_its_other_half_is_a_mistake() {
        for broken in ["{a", "a}", "{}", "{a{b}}", "}{", "{a}}"] {
            assert!(pieces(broken).is_err(), "{broken}");
        }
        assert_eq!(pieces("").unwrap(), []);
    }

    #[test]
    fn a_body_that_loses_the_inputs_or_doubles_them_is_a_mistake() {
        for (body, fine) in [
            (serde_json::json!("{inputs}"), true),
            (serde_json::json!({"id": "{action_id}", "data": {"in": "{inputs}", "v": 1}}), true),
            (serde_json::json!({"id": "{action_id}"}), false),
            (serde_json::json!({"a": "{inputs}", "b": "{inputs}"}), false),
            (serde_json::json!({"a": "x {inputs}"}), false),
            (serde_json::json!({"a": "{inputs}", "b": "{secret}"}), false),
            (serde_json::json!("{action_id}"), false),
            (serde_json::json!(7), false),
        ] {
            assert_eq!(BodyTemplate::read(&body).is_ok(), fine, "{body}");
        }
    }
}
