//! What a sandbox answers, as an `OpenAPI` 3.1 description that is served at [`PATH`]: written here once for each
//! profile, and obeyed. The answers that a fault orders stand outside of it.

pub(crate) mod extraction;
pub(crate) mod gateway;
pub(crate) mod genesys;

use serde_json::{Map, Value, json};

/// Where the description is had, without a token.
pub(crate) const PATH: &str = "/openapi.json";

/// The whole description, from what a profile says of itself.
pub(crate) fn description(api: Api) -> Value {
    let Api { title, each, paths, schemas, mut headers } = api;
    let mut paths: Map<String, Value> =
        paths.into_iter().map(|(path, item)| (path.to_owned(), item)).collect();
    let whole = json!({"type": "object", "required": ["openapi", "info", "paths"]});
    let description = json!({
        "operationId": "describe",
        "summary": "This description",
        "security": [],
        "responses": {"200": answer("this description", &whole, each)},
    });
    paths.insert(PATH.to_owned(), json!({"get": description}));
    headers.extend(HEADERS);
    let headers: Map<String, Value> = headers
        .into_iter()
        .map(|(name, description, sort)| {
            // Where a token stands in its window is told while there is one.
            let required = !name.starts_with("Inin-Ratelimit");
            (
                name.to_owned(),
                json!({"description": description, "required": required, "schema": {"type": sort}}),
            )
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What `cxone-actions sandbox` answers. Nothing that happens there survives it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": headers,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "what the token endpoint gave"},
                "client": {"type": "http", "scheme": "basic", "description": "client id and secret, form-encoded"},
            },
        },
    })
}

/// A header of an answer: its name, what it says, and the type of its value.
type Header = (&'static str, &'static str, &'static str);

/// The headers that several profiles send.
const HEADERS: [Header; 5] = [
    ("WWW-Authenticate", "which scheme is asked for, and why (RFC 6750 §3, RFC 6749 §5.2)", "string"),
    ("Location", "where to look at the invocation", "string"),
    ("Cache-Control", "that no cache may keep it", "string"),
    ("Pragma", "that no cache may keep it", "string"),
    ("Retry-After", "seconds until the next request is taken", "integer"),
];

/// What differs from profile to profile.
pub(crate) struct Api {
    title: &'static str,
    /// The headers of every answer.
    each: &'static [&'static str],
    paths: Vec<(&'static str, Value)>,
    schemas: Value,
    headers: Vec<Header>,
}

/// An answer with a body of this schema, and these headers.
fn answer(description: &str, schema: &Value, headers: &[&str]) -> Value {
    let mut answer = bare(description, headers);
    if let Some(members) = answer.as_object_mut() {
        members.insert("content".into(), json!({"application/json": {"schema": schema}}));
    }
    answer
}

/// An answer without a body.
fn bare(description: &str, headers: &[&str]) -> Value {
    let headers: Map<String, Value> = headers
        .iter()
        .map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")})))
        .collect();
    json!({"description": description, "headers": headers})
}

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object with these members, all of which it must have, and `further` ones, which it may have.
fn object(members: Value, further: Value) -> Value {
    let (Value::Object(mut members), Value::Object(further)) = (members, further) else { return json!({}) };
    let required: Vec<String> = members.keys().cloned().collect();
    members.extend(further);
    json!({"type": "object", "required": required, "properties": members, "additionalProperties": false})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// The answer of a token endpoint that gives one, of this type, with further members.
fn token(sort: &str, further: Value) -> Value {
    let Value::Object(further) = further else { return json!({}) };
    let mut members = Map::from_iter([
        ("access_token".to_owned(), text()),
        ("token_type".to_owned(), json!({"const": sort})),
        ("expires_in".to_owned(), json!({"type": "number", "minimum": 0})),
    ]);
    members.extend(further);
    object(members.into(), json!({}))
}

/// The codes of RFC 6749 §5.2 that are used.
fn oauth_code() -> Value {
    json!({"enum": [
        "invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "unsupported_grant_type",
    ]})
}

/// The form of a client that asks for a token, beside what a grant asks for.
fn form(required: &[&str], properties: Value) -> Value {
    let schema = json!({"type": "object", "required": required, "properties": properties});
    json!({"application/x-www-form-urlencoded": {"schema": schema}})
}

/// The parameter of a path that names what is looked at.
fn in_path(name: &str, description: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
}

/// The answers of an operation, by status.
fn answers(list: Vec<(&str, Value)>) -> Value {
    list.into_iter().map(|(status, answer)| (status.to_owned(), answer)).collect::<Map<_, _>>().into()
}
