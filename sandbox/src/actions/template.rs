//! What an action puts out, as a template over its inputs: JSON text in which some strings hold placeholders.
//!
//! It works on the text, so that a number that no type of ours holds arrives as it was written, from the description
//! and from the inputs alike.

use std::collections::HashMap;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::value::RawValue;
use uuid::Builder;

/// What may stand between `{{` and `}}`.
const KNOWN: &str =
    "`{{ inputs.NAME }}`, `{{ uuid }}`, `{{ now }}`, `{{ random LEAST MOST }}` and `{{ \"text\" }}`";

/// JSON text with gaps.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    /// As it was written.
    Json(String),
    /// A string that is nothing but the placeholder: the value itself, of whatever type.
    Whole(Placeholder),
    /// Inside of a string: the value's text.
    Inside(Placeholder),
}

#[derive(Debug, Clone)]
enum Placeholder {
    Input(String),
    Uuid,
    Now,
    Random(i64, i64),
    Text(String),
}

/// What the gaps of one invocation are filled with.
pub(super) struct Filling<'a> {
    inputs: HashMap<String, &'a RawValue>,
    accepted: Timestamp,
}

impl<'a> Filling<'a> {
    pub(super) fn new(inputs: &'a RawValue, accepted: Timestamp) -> Self {
        // A gateway takes nothing else than an object as inputs.
        Filling { inputs: serde_json::from_str(inputs.get()).unwrap_or_default(), accepted }
    }

    /// The input of this name; where there is none, what stands below an input that is an object: `customer.id`.
    fn input(&self, name: &str) -> Option<&'a RawValue> {
        if let Some(value) = self.inputs.get(name) {
            return Some(value);
        }
        let (first, rest) = name.split_once('.')?;
        rest.split('.').try_fold(*self.inputs.get(first)?, |value, name| {
            let mut members: HashMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
            members.remove(name)
        })
    }
}

impl Template {
    /// The template in a JSON text; none where there is nothing to fill in. The error goes on after the name of what
    /// the text is.
    pub(super) fn read(json: &str) -> Result<Option<Self>, String> {
        let mut template = Template(Vec::new());
        let mut rest = json;
        while let Some((before, literal, after)) = next_literal(rest) {
            template.write(before);
            // Half of a surrogate pair is a character in JSON's grammar and nowhere else: it has no placeholder.
            match serde_json::from_str::<String>(literal) {
                Ok(text) if text.contains("{{") => {
                    if after.trim_start().starts_with(':') {
                        return Err(format!(
                            "has the placeholder in the name `{text}`; only a value may have one"
                        ));
                    }
                    template.string(&text)?;
                }
                _ => template.write(literal),
            }
            rest = after;
        }
        template.write(rest);
        Ok(template.0.iter().any(|part| !matches!(part, Part::Json(_))).then_some(template))
    }

    fn write(&mut self, json: &str) {
        match self.0.last_mut() {
            Some(Part::Json(before)) => before.push_str(json),
            _ => self.0.push(Part::Json(json.to_owned())),
        }
    }

    fn string(&mut self, text: &str) -> Result<(), String> {
        let alone = text.trim_start().starts_with("{{")
            && text.find("}}").is_some_and(|end| text.get(end..).is_some_and(|rest| rest.trim() == "}}"));
        if alone {
            let inside = text.trim().trim_start_matches("{{").trim_end_matches("}}");
            self.0.push(Part::Whole(Placeholder::read(inside)?));
            return Ok(());
        }
        self.write("\"");
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((inside, after)) = after.split_once("}}") else {
                return Err("has a `{{` without a `}}`".into());
            };
            self.write(&escaped(before));
            self.0.push(Part::Inside(Placeholder::read(inside)?));
            rest = after;
        }
        self.write(&escaped(rest));
        self.write("\"");
        Ok(())
    }

    /// The JSON text for one invocation.
    pub(super) fn fill(&self, filling: &Filling<'_>, random: &mut Rng) -> String {
        let mut json = String::new();
        for part in &self.0 {
            match part {
                Part::Json(text) => json.push_str(text),
                Part::Whole(placeholder) => json.push_str(&placeholder.value(filling, random)),
                Part::Inside(placeholder) => {
                    let value = placeholder.value(filling, random);
                    match value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                        // A string's inside may stand inside another one as it is.
                        Some(inside) => json.push_str(inside),
                        None if value == "null" => {}
                        None => json.push_str(&escaped(&value)),
                    }
                }
            }
        }
        json
    }
}

impl Placeholder {
    fn read(inside: &str) -> Result<Self, String> {
        let said = inside.trim();
        let unknown = || format!("has the placeholder `{{{{ {said} }}}}`, which is none of {KNOWN}");
        if let Some(name) = said.strip_prefix("inputs.").filter(|name| !name.is_empty()) {
            return Ok(Placeholder::Input(name.to_owned()));
        }
        if said.starts_with('"') {
            return serde_json::from_str(said).map(Placeholder::Text).map_err(|_| unknown());
        }
        match said.split_ascii_whitespace().collect::<Vec<_>>().as_slice() {
            ["uuid"] => Ok(Placeholder::Uuid),
            ["now"] => Ok(Placeholder::Now),
            ["random", least, most] => match (least.parse(), most.parse()) {
                (Ok(least), Ok(most)) if least <= most => Ok(Placeholder::Random(least, most)),
                _ => Err(format!(
                    "has the placeholder `{{{{ {said} }}}}`, which needs two whole numbers, the smaller one first"
                )),
            },
            _ => Err(unknown()),
        }
    }

    /// As JSON text. An input that was not sent is null.
    fn value(&self, filling: &Filling<'_>, random: &mut Rng) -> String {
        match self {
            Placeholder::Input(name) => filling.input(name).map_or("null", RawValue::get).to_owned(),
            Placeholder::Uuid => {
                let id = Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid();
                format!("\"{id}\"")
            }
            Placeholder::Now => format!("\"{:.3}\"", filling.accepted),
            Placeholder::Random(least, most) => random.i64(*least..=*most).to_string(),
            Placeholder::Text(text) => format!("\"{}\"", escaped(text)),
        }
    }
}

/// The first string literal of a JSON text, quotes included, with what stands before and after it.
fn next_literal(json: &str) -> Option<(&str, &str, &str)> {
    let start = json.find('"')?;
    let mut escaped = false;
    let inside = json.get(start + 1..)?;
    let length = inside.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    let (before, rest) = json.split_at_checked(start)?;
    let (literal, after) = rest.split_at_checked(length + 2)?;
    Some((before, literal, after))
}

/// A text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, inputs: &str) -> String {
        let inputs = RawValue::from_string(inputs.to_owned()).unwrap();
        let filling = Filling::new(&inputs, "2026-11-23T10:00:00.25Z".parse().unwrap());
        let template = Template::read(template).unwrap().unwrap();
        template.fill(&filling, &mut Rng::with_seed(7))
    }

    #[test]
    fn a_placeholder_alone_is_the_value_and_inside_a_text_it_is_text() {
        let inputs =
            r#"{"n":12345678901234567890.50,"t":"a\"bé","o":{"x":{"y":[1,"2"]}},"b":true,"z":null,"a.b":1}"#;
        for (template, expected) in [
            (r#""{{ inputs.n }}""#, "12345678901234567890.50"),
            (r#""{{inputs.n}} EUR""#, r#""12345678901234567890.50 EUR""#),
            (r#"{"k": "{{ inputs.t }}"}"#, r#"{"k": "a\"bé"}"#),
            (r#"["<{{ inputs.t }}>", 1e400]"#, r#"["<a\"bé>", 1e400]"#),
            (r#""{{ inputs.o.x.y }}""#, r#"[1,"2"]"#),
            (r#""o={{ inputs.o }}""#, r#""o={\"x\":{\"y\":[1,\"2\"]}}""#),
            (r#"["{{ inputs.b }}", "{{ inputs.z }}", "{{ inputs.none }}"]"#, "[true, null, null]"),
            (r#""<{{ inputs.z }}{{ inputs.none }}{{ inputs.o.none.y }}>""#, r#""<>""#),
            (r#""{{ inputs.a.b }}""#, "1"),
            (r#""{{ now }}""#, r#""2026-11-23T10:00:00.250Z""#),
            (r#""{{ random 5 5 }}""#, "5"),
            (r#""no {{ \"{{\" }} and }}""#, r#""no {{ and }}""#),
            (r#"{"a\\": "{{ inputs.b }}", "c": "\"{{ inputs.b }}"}"#, r#"{"a\\": true, "c": "\"true"}"#),
            (r#""{{ inputs.b }}{{ inputs.b }}""#, r#""truetrue""#),
        ] {
            assert_eq!(filled(template, inputs), expected, "{template}");
        }
    }

    #[test]
    fn what_is_no_placeholder_is_refused_and_what_has_none_stays_as_it_is() {
        for (template, told) in [
            (r#""{{ inputs }}""#, "none of `{{ inputs.NAME }}`, `{{ uuid }}`"),
            (r#""{{ inputs. }}""#, "has the placeholder `{{ inputs. }}`"),
            (r#""{{ random 2 1 }}""#, "the smaller one first"),
            (r#""{{ random 1 }}""#, "none of"),
            (r#""{{ for x }}""#, "`{{ for x }}`"),
            (r#""a {{ uuid""#, "has a `{{` without a `}}`"),
            (r#""{{ \"x }}""#, "none of"),
            (r#"{"{{ uuid }}" : 1}"#, "only a value may have one"),
        ] {
            let mistake = Template::read(template).unwrap_err();
            assert!(mistake.contains(told), "{template}: {mistake}");
        }
        for json in ["1e400", r#"{"a":"}}","b":"{ {","c":"\ud800{{"}"#, "{{"] {
            assert!(Template::read(json).unwrap().is_none(), "{json}");
        }
    }

    #[test]
    fn the_random_ones_follow_from_the_seed_and_differ_from_each_other() {
        let both = r#"["{{ uuid }}","{{ uuid }}","{{ random -3 3 }}"]"#;
        let first = filled(both, "{}");
        assert_eq!(first, filled(both, "{}"));
        let (one, other, number): (String, String, i64) = serde_json::from_str(&first).unwrap();
        assert!(one != other && one.len() == 36 && (-3..=3).contains(&number), "{first}");
    }
}
