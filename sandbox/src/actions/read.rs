//! An action as a user writes it, in a list of options or in a file: read member by member, every mistake named.

use std::collections::HashSet;
use std::sync::Arc;

use jsonschema::PatternOptions;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Action, OUTCOMES, Outcome, Template, Time};
use crate::parse::{Members, Mistake, Mistakes};

/// The most that a compiled pattern of a schema may take.
const PATTERN_BYTES: usize = 4 * 1024 * 1024;

impl Action {
    /// What could be read of the action at `place` of a list, from its JSON text, and what could not.
    pub(crate) fn read(place: usize, text: &str) -> (Self, Vec<Mistake>) {
        let at = format!("actions[{place}]");
        let mut members = match Members::read("an action of the sandbox", format!("{at}."), text) {
            Ok(members) => members,
            Err(mistake) => return (Action::new(""), vec![mistake]),
        };
        let mut mistakes = Mistakes::default();
        let id = members.text("id");
        if matches!(id, Ok(None)) {
            mistakes.add(format!("{at}.id"), format!("`{at}.id` is missing"));
        }
        let id = mistakes.keep(id);
        let action = Action {
            name: mistakes.keep(members.text("name")),
            required: mistakes.keep(members.texts("required")).unwrap_or_default(),
            outcome: mistakes.keep(members.word("outcome", OUTCOMES)).unwrap_or_default(),
            outputs: members.json("outputs"),
            echo: mistakes.keep(members.truth("echo")),
            error_message: mistakes.keep(members.text("error_message")),
            complete_after: mistakes.keep(members.seconds("complete_after")),
            complete_after_polls: mistakes
                .keep(members.whole("complete_after_polls", 0, u32::MAX.into()))
                .and_then(|polls| polls.try_into().ok())
                .unwrap_or_default(),
            at_once: mistakes.keep(members.truth("at_once")),
            time: match members.json("time").filter(|json| json.get() != "null") {
                None => None,
                Some(json) => {
                    Time::read(&format!("{at}.time"), json.get()).map_err(|wrong| mistakes.all(wrong)).ok()
                }
            },
            failure_rate: mistakes.keep(members.number("failure_rate", 0.0, 1.0)).unwrap_or_default(),
            errors: errors(&at, &mistakes.keep(members.list("errors")), &mut mistakes),
            cancel_rate: mistakes.keep(members.number("cancel_rate", 0.0, 1.0)).unwrap_or_default(),
            input_schema: members.json("input_schema").filter(|json| json.get() != "null"),
            output_schema: members.json("output_schema").filter(|json| json.get() != "null"),
            ..Action::new(id.unwrap_or_default())
        };
        mistakes.all(members.unknown());
        (action, mistakes.into())
    }

    /// The action as it is served, or all that is wrong with it apart from the id, which the profile knows.
    pub(crate) fn prepared(&self, place: usize) -> Result<Self, Vec<Mistake>> {
        let at = format!("actions[{place}]");
        let mut action = self.clone();
        let mut mistakes = Mistakes::default();
        for (one, other, both) in [
            ("echo", "outputs", self.echo && self.outputs.is_some()),
            ("time", "complete_after", self.time.is_some() && self.complete_after.is_some()),
            ("time", "at_once", self.time.is_some() && self.at_once),
            ("errors", "error_message", !self.errors.is_empty() && self.error_message.is_some()),
        ] {
            if both {
                mistakes.add(
                    format!("{at}.{other}"),
                    format!("`{at}`: `{one}` and `{other}` exclude each other"),
                );
            }
        }
        if self.at_once && self.outcome == Outcome::Never {
            let what = format!("`{at}`: `at_once` and the outcome `NEVER` exclude each other");
            mistakes.add(format!("{at}.at_once"), what);
        }
        self.check_rates(&at, &mut mistakes);
        if let Some(what) = self.time.as_ref().and_then(Time::mistake) {
            mistakes.add(format!("{at}.time"), format!("`{at}.time` {what}"));
        }
        match self.outputs.as_ref().map(|outputs| Template::read(outputs.get())) {
            Some(Ok(template)) => action.template = template,
            Some(Err(what)) => mistakes.add(format!("{at}.outputs"), format!("`{at}.outputs` {what}")),
            None => {}
        }
        match self.input_schema.as_deref().map(rule) {
            Some(Ok(rule)) => action.rule = Some(Arc::new(rule)),
            Some(Err(what)) => {
                mistakes.add(format!("{at}.input_schema"), format!("`{at}.input_schema` {what}"));
            }
            None => {}
        }
        if let Some(schema) = &self.output_schema
            && !schema.get().starts_with(['{', 't', 'f'])
        {
            let place = format!("{at}.output_schema");
            let mistake = Mistake::must(&place, "a JSON Schema: an object, or true or false", schema.get());
            mistakes.all([mistake]);
        }
        if mistakes.is_empty() { Ok(action) } else { Err(mistakes.into()) }
    }

    fn check_rates(&self, at: &str, mistakes: &mut Mistakes) {
        for (name, rate) in [("failure_rate", self.failure_rate), ("cancel_rate", self.cancel_rate)] {
            let place = format!("{at}.{name}");
            if !(0.0..=1.0).contains(&rate) {
                mistakes.add(place.clone(), format!("`{place}` must be a number from 0 to 1, got {rate}"));
            }
            if rate > 0.0 && self.outcome != Outcome::Completed {
                let what =
                    format!("`{at}`: `{name}` and an `outcome` other than `COMPLETED` exclude each other");
                mistakes.add(place, what);
            }
        }
        if self.failure_rate + self.cancel_rate > 1.0 {
            let what = format!("`{at}.cancel_rate` and its `failure_rate` must not be more than 1 together");
            mistakes.add(format!("{at}.cancel_rate"), what);
        }
        let fails = self.failure_rate > 0.0 || self.outcome == Outcome::Failed;
        if !self.errors.is_empty() && !fails {
            let what = format!("`{at}.errors` needs a `failure_rate` above 0, or the outcome `FAILED`");
            mistakes.add(format!("{at}.errors"), what);
        }
        let weighs = |weight: f64| weight.is_finite() && weight > 0.0;
        if self.errors.iter().any(|(_, weight)| !weighs(*weight)) {
            let what = format!("`{at}.errors` must have weights above 0");
            mistakes.add(format!("{at}.errors"), what);
        }
    }

    /// What is wrong with inputs by the action's own schema, without a value of theirs.
    pub(crate) fn refuses(&self, inputs: &RawValue) -> Option<String> {
        const TOLD: usize = 10;

        let rule = self.rule.as_ref()?;
        let Ok(inputs) = serde_json::from_str::<Value>(inputs.get()) else {
            return Some("the inputs: a number is beyond what a schema can judge".into());
        };
        let broken = rule.iter_errors(&inputs).take(TOLD).map(|error| match error.instance_path().as_str() {
            "" => format!("the inputs: {}", error.masked()),
            path => format!("the input `{}`: {}", path.trim_start_matches('/'), error.masked()),
        });
        // The same sentence may be said by two keywords of a schema.
        let mut known = HashSet::new();
        let broken: Vec<String> = broken.filter(|what| known.insert(what.clone())).collect();
        (!broken.is_empty()).then(|| broken.join("; "))
    }
}

/// A list of `{"message", "weight"}`.
fn errors(at: &str, list: &[Box<RawValue>], mistakes: &mut Mistakes) -> Vec<(String, f64)> {
    let mut errors = Vec::new();
    for (n, text) in list.iter().enumerate() {
        let at = format!("{at}.errors[{n}]");
        let mut members = match Members::read("an error of an action", format!("{at}."), text.get()) {
            Ok(members) => members,
            Err(mistake) => {
                mistakes.all([mistake]);
                continue;
            }
        };
        let message = members.text("message");
        if matches!(message, Ok(None)) {
            mistakes.add(format!("{at}.message"), format!("`{at}.message` is missing"));
        }
        let weight = mistakes.keep(members.number("weight", 0.0, 1e9)).unwrap_or(1.0);
        errors.push((mistakes.keep(message).unwrap_or_default(), weight));
        mistakes.all(members.unknown());
    }
    errors
}

/// The schema compiled, or what is wrong with it. It looks nowhere else than in itself.
fn rule(schema: &RawValue) -> Result<jsonschema::Validator, String> {
    let wrong =
        |error: &dyn std::fmt::Display| format!("must be a JSON Schema that can be compiled: {error}");
    let schema: Value = serde_json::from_str(schema.get()).map_err(|error| wrong(&error))?;
    let options = jsonschema::options()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(true)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES))
        .offline();
    options.build(&schema).map_err(|error| wrong(&error))
}
