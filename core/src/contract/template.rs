//! Bodies with holes in them: what a profile says is sent, and where the request's own parts go.

use serde_json::{Map, Value};

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
    pub(crate) fn read(body: &Value) -> Result<BodyTemplate, Vec<(String, String)>> {
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
    pub fn takes_callback(&self) -> bool {
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
        let below = super::pointer::join(path, key);
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
