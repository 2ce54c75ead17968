//! The description of `cxone-extraction`.

use serde_json::{Value, json};

use super::{Api, answer, answers, bare, form, in_path, oauth_code, object, schema, text, token, uuid};

const EACH: &[&str] = &["Correlationid"];
/// The headers of every refusal.
const REFUSED: &[&str] = &["Correlationid", "Icstatusdescription"];
const CHALLENGED: &[&str] = &["Correlationid", "Icstatusdescription", "WWW-Authenticate"];

/// What who does not ask for JSON is answered with, whatever the answer would have been.
const NOT_RENDERED: &str = "No known way to render data";

pub(crate) fn api() -> Api {
    Api {
        title: "CXone data extraction",
        each: EACH,
        paths: vec![
            ("/.well-known/openid-configuration", json!({"get": discovery()})),
            ("/auth/token", json!({"post": password()})),
            ("/authentication/v1/token/access-key", json!({"post": access_key()})),
            ("/data-extraction/v1/jobs", json!({"post": submit()})),
            ("/data-extraction/v1/jobs/{jobId}", json!({"get": look()})),
        ],
        schemas: schemas(),
        headers: vec![
            ("Correlationid", "the name of the exchange", "string"),
            ("Icstatusdescription", "why", "string"),
        ],
    }
}

fn schemas() -> Value {
    let primitive = json!({"type": ["string", "number", "boolean", "null"]});
    let discovered = json!({
        "issuer": text(),
        "token_endpoint": text(),
        "grant_types_supported": {"type": "array", "items": text()},
        "token_endpoint_auth_methods_supported": {"type": "array", "items": text()},
    });
    let job = object(
        json!({"id": uuid(), "status": {"enum": ["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]}}),
        json!({"result": {"description": "what the job put out, or why it put out nothing"}}),
    );
    json!({
        "Discovered": object(discovered, json!({})),
        "Token": token("Bearer", json!({"refresh_token": text(), "scope": text()})),
        "TokenError": object(json!({"error": oauth_code(), "errorDescription": text()}), json!({})),
        "AccessKey": {
            "type": "object",
            "required": ["accessKeyId", "accessKeySecret"],
            "properties": {"accessKeyId": text(), "accessKeySecret": text()},
        },
        "Error": object(json!({"errorMessage": text(), "correlationId": text()}), json!({})),
        "Query": {
            "type": "object",
            "required": ["entityName"],
            "properties": {"entityName": text()},
            "additionalProperties": primitive,
        },
        "Job": object(json!({"jobStatus": job}), json!({})),
    })
}

fn discovery() -> Value {
    json!({
        "operationId": "discover",
        "summary": "Where tokens are had",
        "security": [],
        "responses": answers(vec![("200", answer("where", &schema("Discovered"), EACH))]),
    })
}

fn of_a_token_endpoint() -> Value {
    let kept = &["Correlationid", "Cache-Control", "Pragma"];
    let challenged = answer("the client or the access key is unknown", &schema("TokenError"), kept);
    let too_large =
        bare("the body is too large", &["Correlationid", "Cache-Control", "Pragma", "Icstatusdescription"]);
    answers(vec![
        ("200", answer("a token", &schema("Token"), kept)),
        ("400", answer("why there is none", &schema("TokenError"), kept)),
        ("401", challenged),
        ("413", too_large),
    ])
}

fn password() -> Value {
    let properties = json!({
        "grant_type": {"enum": ["password"]},
        "username": {"type": "string", "description": "the id of the access key"},
        "password": {"type": "string", "description": "its secret, whose `=` is percent-encoded"},
        "client_id": text(),
        "client_secret": text(),
        "scope": text(),
    });
    let mut responses = of_a_token_endpoint();
    if let Some(headers) = responses.pointer_mut("/401/headers").and_then(Value::as_object_mut) {
        headers.insert("WWW-Authenticate".into(), json!({"$ref": "#/components/headers/WWW-Authenticate"}));
    }
    json!({
        "operationId": "token",
        "summary": "A token for an access key",
        "description": "The client says who it is once: in a Basic header, or in the form.",
        "security": [{}, {"client": []}],
        "requestBody": {"required": true, "content": form(&["grant_type", "username", "password"], properties)},
        "responses": responses,
    })
}

fn access_key() -> Value {
    json!({
        "operationId": "tokenOfAnAccessKey",
        "summary": "A token for an access key, without a client",
        "security": [],
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": schema("AccessKey")}},
        },
        "responses": of_a_token_endpoint(),
    })
}

/// The answer to who asks for JSON, and to who does not.
fn rendered(mut answer: Value) -> Value {
    let html = json!({"schema": {"const": NOT_RENDERED}});
    if let Some(members) = answer.as_object_mut()
        && let Some(content) = members.entry("content").or_insert_with(|| json!({})).as_object_mut()
    {
        content.insert("application/html".into(), html);
    }
    answer
}

fn submit() -> Value {
    let mut submitted = answer("the id of the job", &uuid(), EACH);
    if let Some(members) = submitted.as_object_mut() {
        let parameters = json!({"jobId": "$response.body"});
        members.insert("links".into(), json!({"look": {"operationId": "look", "parameters": parameters}}));
    }
    json!({
        "operationId": "submit",
        "summary": "Submits a query",
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": schema("Query"),
            "examples": {"echo": {"value": {"entityName": "echo", "anything": 1}}},
        }}},
        "responses": answers(vec![
            ("202", rendered(submitted)),
            ("400", rendered(answer("the query is not what it must be", &schema("Error"), REFUSED))),
            ("401", bare("there is no token, or it is no longer good", CHALLENGED)),
            ("403", bare("the token lacks the scope", CHALLENGED)),
            ("404", bare("there is no such entity", REFUSED)),
            ("413", bare("the body is too large", REFUSED)),
            ("415", bare("the body is not said to be JSON", REFUSED)),
            ("429", bare("too many queries", REFUSED)),
        ]),
    })
}

fn look() -> Value {
    json!({
        "operationId": "look",
        "summary": "How far a job is",
        "parameters": [in_path("jobId", "the id that the submission named", &uuid())],
        "responses": answers(vec![
            ("200", rendered(answer("how far it is", &schema("Job"), EACH))),
            ("401", bare("there is no token, or it is no longer good", CHALLENGED)),
            ("403", bare("the token lacks the scope", CHALLENGED)),
            ("404", bare("there is no such job", REFUSED)),
        ]),
    })
}
