//! The description of `gateway`.

use serde_json::{Value, json};

use super::{Api, answer, answers, form, in_path, oauth_code, object, schema, text, token, uuid};
use crate::actions::{AT_ONCE, ECHO, FAILS};
use crate::options::{SCOPE_READ, SCOPE_WRITE};

pub(crate) fn api() -> Api {
    Api {
        title: "Integration Gateway",
        each: &[],
        paths: vec![
            ("/api/v2/oauth/token", json!({"post": token_endpoint()})),
            ("/api/v2/integrations/actions/invocations", json!({"post": invoke()})),
            ("/api/v2/integrations/actions/invocations/{invocationId}", json!({"get": look()})),
        ],
        schemas: json!({
            "Token": token("Bearer", json!({"scope": text()})),
            "TokenError": object(json!({"error": oauth_code(), "error_description": text()}), json!({})),
            "Error": object(
                json!({
                    "status": {"type": "integer"},
                    "code": text(),
                    "message": text(),
                    "contextId": uuid(),
                }),
                json!({}),
            ),
            "Invocation": invocation(),
            "Status": object(
                json!({
                    "invocationId": uuid(),
                    "status": {"enum": ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]},
                }),
                json!({"outputs": {"description": "what the action put out"}, "errorMessage": text()}),
            ),
        }),
        headers: Vec::new(),
    }
}

fn invocation() -> Value {
    let primitive = json!({"type": ["string", "number", "boolean", "null"]});
    object(
        json!({
            "actionId": uuid(),
            "inputs": {"type": "object", "additionalProperties": primitive},
        }),
        json!({
            "correlationId": {"type": ["string", "null"], "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
            "callbackUrl": {"type": ["string", "null"], "format": "uri"},
        }),
    )
}

fn token_endpoint() -> Value {
    let kept = &["Cache-Control", "Pragma"];
    let refused = &["Cache-Control", "Pragma", "WWW-Authenticate"];
    let known = [
        ("grant_type", json!({"enum": ["client_credentials"]})),
        ("client_id", text()),
        ("client_secret", text()),
        ("scope", text()),
    ];
    let in_query = known.iter().map(|(name, schema)| {
        json!({"name": name, "in": "query", "schema": schema, "description": "here or in the form, not in both"})
    });
    let parameters: Vec<Value> = in_query.collect();
    let in_form: serde_json::Map<_, _> =
        known.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let mut content = form(&[], in_form.into());
    if let Some(members) = content.as_object_mut() {
        members.insert("application/json".into(), json!({"schema": {"type": "null"}}));
    }
    json!({
        "operationId": "token",
        "summary": "A token for the client",
        "description": "The client says who it is once: in the form, in a Basic header, or in the query, which \
                        RFC 6749 §2.3.1 forbids and old programs do. JSON's `null` is no body.",
        "security": [{}, {"client": []}],
        "parameters": parameters,
        "requestBody": {"required": false, "content": content},
        "responses": answers(vec![
            ("200", answer("a token", &schema("Token"), kept)),
            ("400", answer("why there is none", &schema("TokenError"), kept)),
            ("401", answer("the client in the header is unknown", &schema("TokenError"), refused)),
            ("413", answer("the body is too large", &schema("Error"), kept)),
        ]),
    })
}

fn invoke() -> Value {
    let error = |what: &str, headers: &[&str]| answer(what, &schema("Error"), headers);
    let link = json!({"look": {
        "operationId": "look",
        "parameters": {"invocationId": "$response.body#/invocationId"},
    }});
    let accepted = |what: &str| {
        let mut accepted = answer(what, &schema("Status"), &["Location"]);
        if let Some(members) = accepted.as_object_mut() {
            members.insert("links".into(), link.clone());
        }
        accepted
    };
    let example = |action: &str, inputs: Value| json!({"value": {"actionId": action, "inputs": inputs}});
    json!({
        "operationId": "invoke",
        "summary": "Invokes an action",
        "description": "Which inputs an action needs, and what they may be, is told by the refusal of others.",
        "security": [{"token": [SCOPE_WRITE]}],
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": schema("Invocation"),
            "examples": {
                "echo": example(ECHO, json!({"customerId": "CUST-998877", "priority": 1})),
                "at once": example(AT_ONCE, json!({"anything": null})),
                "fails": example(FAILS, json!({})),
            },
        }}},
        "responses": answers(vec![
            ("200", accepted("it has ended already")),
            ("202", accepted("it was accepted")),
            ("400", error("the body or an input is not what it must be", &[])),
            ("401", error("there is no token, or it is no longer good", &["WWW-Authenticate"])),
            ("403", error("the token lacks the scope", &["WWW-Authenticate"])),
            ("404", error("there is no such action", &[])),
            ("413", error("the body is too large", &[])),
            ("415", error("the body is not said to be JSON", &[])),
            ("429", error("too many requests", &["Retry-After"])),
        ]),
    })
}

fn look() -> Value {
    let error = |what: &str, headers: &[&str]| answer(what, &schema("Error"), headers);
    json!({
        "operationId": "look",
        "summary": "How far an invocation is",
        "security": [{"token": [SCOPE_READ]}],
        "parameters": [in_path("invocationId", "the id that the acceptance named", &uuid())],
        "responses": answers(vec![
            ("200", answer("how far it is", &schema("Status"), &[])),
            ("401", error("there is no token, or it is no longer good", &["WWW-Authenticate"])),
            ("403", error("the token lacks the scope", &["WWW-Authenticate"])),
            ("404", error("there is no such invocation", &[])),
            ("429", error("too many requests", &["Retry-After"])),
        ]),
    })
}
