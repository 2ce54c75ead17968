//! What the gateway itself says of an action: its name and the JSON Schema of its inputs.
//!
//! The promise: a schema is a help, never a way to send. It is fetched with a GET, kept for five minutes, and inputs that
//! break it are refused before anything leaves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::cause::Cause;
use crate::client::Client;
use crate::config::Validate;
use crate::contract::{Prepared, Violation};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::inner::Inner;
use crate::policy::Rule;
use crate::profile::SchemaContract;
use crate::wire::{
    Answer, Backoff, Fetched, Line, MAX_RETRY_AFTER, clean, fetched, is_too_deep, pick, pick_text,
};

/// A schema that somebody changed in the gateway is seen after this at the latest.
const FRESH: Duration = Duration::from_secs(300);
/// So many actions are remembered.
const REMEMBERED: usize = 1000;

/// What the gateway says of an action.
#[derive(Debug, Clone, Serialize)]
pub struct ActionDescription {
    /// The action, in canonical form.
    pub action_id: String,
    /// What the gateway calls it.
    pub name: Option<String>,
    /// The JSON Schema of its inputs, as the gateway sent it.
    pub input_schema: Option<Arc<RawValue>>,
    /// The JSON Schema of its outputs, as the gateway sent it.
    pub output_schema: Option<Arc<RawValue>>,
    /// The gateway's answer, as it was sent.
    pub raw: Option<Arc<RawValue>>,
}

/// The rules that were fetched, one flight for each action.
#[derive(Debug, Default)]
pub(crate) struct Schemas(Mutex<HashMap<String, Known>>);

#[derive(Debug, Clone)]
struct Known {
    since: Instant,
    rule: Arc<OnceCell<Rule>>,
}

impl Schemas {
    fn of(&self, action_id: &str, now: Instant) -> Arc<OnceCell<Rule>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, entry| now.duration_since(entry.since) < FRESH);
        if known.len() >= REMEMBERED && !known.contains_key(action_id) {
            known.clear();
        }
        let new = || Known { since: now, rule: Arc::default() };
        known.entry(action_id.to_owned()).or_insert_with(new).rule.clone()
    }
}

impl Client {
    /// What the gateway itself says of an action, where the profile knows how to ask (`[schema]`). The name that the policy
    /// gives an action stands for its id.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where the profile does not, [`ErrorKind::Validation`] for what is no action id,
    /// [`ErrorKind::Rejected`] (404) where the gateway has no such action, and what keeps a GET from being answered.
    /// Nothing is executed by it.
    pub async fn describe(&self, action_id: &str) -> Result<ActionDescription> {
        let inner = &self.0;
        inner.still_open()?;
        let form = inner.config.profile.invoke.action_id;
        let standing = inner.policy();
        let named = standing.policy.id_of(action_id).unwrap_or(action_id);
        let Some(action_id) = form.canonical(named) else {
            let (code, rule) = form.rule();
            let names = standing.policy.hint_of_names(action_id).unwrap_or_default();
            let violation = Violation::new("/actionId", code, format!("`action_id` {rule}{names}"));
            return Err(Error::new(ErrorKind::Validation, violation.message.clone())
                .with_hint("nothing was sent; correct the id")
                .with_violations(vec![violation]));
        };
        inner.describe(action_id, inner.deadline(Instant::now(), None)).await
    }
}

impl Inner {
    /// What the gateway's schema says against a request, where the option asks for it.
    ///
    /// # Errors
    /// What keeps the schema from being known: then nothing is sent.
    pub(crate) async fn against_the_schema(
        &self,
        prepared: &Prepared,
        deadline: Instant,
    ) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        if self.config.validate != Validate::Schema {
            return Ok(violations);
        }
        let cell = self.schemas.of(&prepared.action_id, Instant::now());
        let known = cell.get_or_try_init(|| self.rule(prepared.action_id.clone(), deadline));
        // Another call may be asking for it, with more time.
        // Boxed, so that those whose inputs are not held against a schema do not carry its size along.
        let known = Box::pin(timeout_at(deadline, known)).await;
        let rule = known.unwrap_or_else(|_| Err(late(&prepared.action_id)))?;
        if let Ok(inputs) = serde_json::from_slice::<&RawValue>(&prepared.inputs) {
            rule.judge(|| "/inputs".to_owned(), inputs, &mut violations);
        }
        Ok(violations)
    }

    async fn rule(&self, action_id: String, deadline: Instant) -> Result<Rule> {
        let described = self.describe(action_id, deadline).await?;
        let text = described.input_schema.as_ref();
        let schema = text.and_then(|text| serde_json::from_str::<Value>(text.get()).ok());
        let unusable = || {
            Error::new(
                ErrorKind::Unavailable,
                "the gateway has no schema of the action that can be understood",
            )
            .with_hint("nothing was sent; set `validate` to `contract`, or mend the action's contract")
            .about(Some(&described.action_id), None, None)
        };
        schema.as_ref().and_then(Rule::of_schema).ok_or_else(unusable)
    }

    async fn describe(&self, action_id: String, deadline: Instant) -> Result<ActionDescription> {
        let contract = self.config.profile.schema.as_ref().ok_or_else(crate::profile::no_schema)?;
        let url = self.config.routes.schema(&action_id)?.url()?;
        let fetching = self.get(url, deadline);
        let answer = timeout_at(deadline, fetching).await.unwrap_or_else(|_| Err(late(&action_id)));
        let answer =
            answer.map_err(|error| error.with_executed(Executed::No).about(Some(&action_id), None, None))?;
        described(action_id, &answer, contract)
    }

    /// A GET, asked again while its failures are of the kind that passes.
    async fn get(&self, url: Url, deadline: Instant) -> Result<Answer> {
        let mut backoff = Backoff::unsent();
        let mut attempt = 1;
        let mut refreshed = false;
        loop {
            let token = self.auth.token().await?;
            let turn = self.turns.take(Line::Begun, deadline).await?;
            let mut request = reqwest::Request::new(Method::GET, url.clone());
            request.headers_mut().insert(AUTHORIZATION, token.header.clone());
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
            let outcome = self.transport.send(request, None).await;
            token.answered(&outcome);
            turn.answered(&outcome);
            let (error, wait) = match fetched(outcome, &self.config.profile) {
                Fetched::Answer(answer) => return Ok(answer),
                Fetched::Unauthorized(_) if !refreshed && self.auth.refused(&token) => {
                    refreshed = true;
                    continue;
                }
                Fetched::NotFound(error) | Fetched::Unauthorized(error) | Fetched::Refused(error) => {
                    return Err(self.ledger.discreet(token.taken_out_of(error)));
                }
                Fetched::Nothing { http_status, why, cause, throttled, wait } => {
                    let error = nothing(http_status, &why, throttled, wait).caused_by(cause);
                    (error, wait.unwrap_or_else(|| backoff.next()))
                }
            };
            let late = Instant::now() + wait >= deadline;
            if late || attempt >= self.config.max_attempts || wait > MAX_RETRY_AFTER {
                return Err(self.ledger.discreet(token.taken_out_of(error)));
            }
            attempt += 1;
            tokio::time::sleep(wait).await;
        }
    }
}

fn late(action_id: &str) -> Error {
    Error::new(ErrorKind::Unavailable, "the gateway did not describe the action in time")
        .with_hint("nothing was executed; try again")
        .caused_by(Some(Cause::timed_out("no answer before the deadline")))
        .with_executed(Executed::No)
        .about(Some(action_id), None, None)
}

fn nothing(http_status: Option<u16>, why: &str, throttled: bool, wait: Option<Duration>) -> Error {
    let kind = if throttled { ErrorKind::RateLimited } else { ErrorKind::Unavailable };
    let mut error = Error::new(kind, format!("the gateway did not describe the action: {why}"))
        .with_hint("nothing was executed; try again later");
    if let Some(status) = http_status {
        error = error.with_http_status(status);
    }
    if let Some(wait) = wait {
        error = error.with_retry_after(wait);
    }
    error
}

fn described(action_id: String, answer: &Answer, contract: &SchemaContract) -> Result<ActionDescription> {
    let body = answer.text();
    let raw =
        serde_json::from_str::<Box<RawValue>>(body).ok().filter(|_| !is_too_deep(body)).ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                "the gateway's description of the action is no JSON that can be read",
            )
            .with_http_status(answer.status)
            .with_hint("nothing was executed; check the profile's `[schema]`")
            .about(Some(&action_id), None, None)
        })?;
    let schema = |pointer: &str| pick(body, pointer).map(|value| Arc::from(value.to_owned()));
    Ok(ActionDescription {
        name: contract.name.as_deref().and_then(|pointer| pick_text(body, pointer)).map(|name| clean(&name)),
        input_schema: schema(&contract.input),
        output_schema: contract.output.as_deref().and_then(schema),
        raw: Some(raw.into()),
        action_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_as_gateways_write_it_is_understood() {
        let draft4 = "http://json-schema.org/draft-04/schema#";
        let cases = [
            (json!({"$schema": draft4, "type": "object", "required": []}), json!({"a": 1}), true),
            (
                json!({"$schema": draft4, "properties": {"n": {"maximum": 5, "exclusiveMaximum": true}}}),
                json!({"n": 5}),
                false,
            ),
            (json!({"properties": {"t": {"pattern": "^(?!x)a"}}}), json!({"t": "ab"}), true),
            (json!({"properties": {"t": {"pattern": "^(?!x)a"}}}), json!({"t": "b"}), false),
            (json!({"properties": {"d": {"format": "genesys-thing"}}}), json!({"d": "x"}), true),
            (json!({"additionalProperties": false, "properties": {"a": {}}}), json!({"b": 1}), false),
        ];
        for (schema, inputs, kept) in cases {
            let rule = Rule::of_schema(&schema).unwrap();
            let (text, mut violations) = (inputs.to_string(), Vec::new());
            rule.judge(|| "/inputs".to_owned(), serde_json::from_str(&text).unwrap(), &mut violations);
            assert_eq!(violations.is_empty(), kept, "{schema} {violations:?}");
        }
        assert!(Rule::of_schema(&json!({"type": "thing"})).is_none());
    }

    #[test]
    fn a_schema_is_kept_for_a_while_and_never_for_good() {
        let (schemas, now) = (Schemas::default(), Instant::now());
        let first = schemas.of("a", now);
        assert!(Arc::ptr_eq(&first, &schemas.of("a", now + FRESH / 2)));
        assert!(!Arc::ptr_eq(&first, &schemas.of("a", now + FRESH)));
    }
}
