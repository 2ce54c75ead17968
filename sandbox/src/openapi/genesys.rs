//! The descriptions of the two profiles of the Genesys Cloud platform.

use serde_json::{Value, json};

use super::{Api, Header, answer, answers, form, in_path, oauth_code, object, schema, text, token, uuid};
use crate::actions::ECHO;

/// The headers of every answer.
const EACH: &[&str] = &["Inin-Correlation-Id", "Cache-Control"];
/// The same, of a request that was counted.
const COUNTED: &[&str] = &[
    "Inin-Correlation-Id",
    "Cache-Control",
    "Inin-Ratelimit-Count",
    "Inin-Ratelimit-Allowed",
    "Inin-Ratelimit-Reset",
];
const EXHAUSTED: &[&str] = &[
    "Inin-Correlation-Id",
    "Cache-Control",
    "Inin-Ratelimit-Count",
    "Inin-Ratelimit-Allowed",
    "Inin-Ratelimit-Reset",
    "Retry-After",
];
/// The same, of a request whose token does not do.
const CHALLENGED: &[&str] = &["Inin-Correlation-Id", "Cache-Control", "WWW-Authenticate"];

fn headers() -> Vec<Header> {
    vec![
        ("Inin-Correlation-Id", "the name of the exchange", "string"),
        ("Inin-Ratelimit-Count", "requests of this token in its window", "integer"),
        ("Inin-Ratelimit-Allowed", "as many are allowed", "integer"),
        ("Inin-Ratelimit-Reset", "seconds until the window is over", "integer"),
    ]
}

fn token_endpoint() -> Value {
    let kept = &["Inin-Correlation-Id", "Cache-Control", "Pragma"];
    let refused = &["Inin-Correlation-Id", "Cache-Control", "Pragma", "WWW-Authenticate"];
    let properties = json!({
        "grant_type": {"enum": ["client_credentials"]},
        "client_id": text(),
        "client_secret": text(),
        "scope": text(),
    });
    json!({
        "operationId": "token",
        "summary": "A token for the client",
        "description": "The client says who it is once: in a Basic header, or in the form.",
        "security": [{}, {"client": []}],
        "requestBody": {"required": true, "content": form(&["grant_type"], properties)},
        "responses": answers(vec![
            ("200", answer("a token", &schema("Token"), kept)),
            ("400", answer("why there is none", &schema("TokenError"), kept)),
            ("401", answer("the client in the header is unknown", &schema("TokenError"), refused)),
            ("413", answer("the body is too large", &schema("Error"), kept)),
        ]),
    })
}

/// The refusals of an operation that needs a token, and those that it has besides.
fn refusals(own: Vec<(&'static str, Value)>) -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("401", answer("there is no token, or it is no longer good", &schema("Error"), CHALLENGED)),
        ("403", answer("the token lacks the scope", &schema("Error"), CHALLENGED)),
        ("404", answer("there is no such thing", &schema("Error"), COUNTED)),
        ("429", answer("the token is exhausted", &schema("Error"), EXHAUSTED)),
    ];
    all.extend(own);
    all
}

/// Those of a POST.
fn of_a_post() -> Vec<(&'static str, Value)> {
    refusals(vec![
        ("413", answer("the body is too large", &schema("Error"), COUNTED)),
        ("415", answer("the body is not said to be JSON", &schema("Error"), COUNTED)),
    ])
}

fn schemas(own: Value) -> Value {
    let description = text();
    let mut schemas = json!({
        "Token": token("bearer", json!({})),
        "TokenError": object(
            json!({"error": oauth_code(), "description": description, "error_description": description}),
            json!({}),
        ),
        "Error": error(),
    });
    if let (Some(schemas), Value::Object(own)) = (schemas.as_object_mut(), own) {
        schemas.extend(own);
    }
    schemas
}

fn error() -> Value {
    object(
        json!({
            "message": text(),
            "code": text(),
            "status": {"type": "integer"},
            "messageParams": {"type": "object"},
            "contextId": text(),
            "details": {"type": "array"},
            "errors": {"type": "array"},
        }),
        json!({}),
    )
}

pub(crate) fn data_action() -> Api {
    let action =
        in_path("actionId", "as the platform calls the action", &json!({"type": "string", "minLength": 1}));
    let custom = |name: &str| json!(format!("custom_-_{name}"));
    let mut named = action.clone();
    if let Some(members) = named.as_object_mut() {
        members.insert(
            "examples".into(),
            json!({
                "echo": {"value": custom("echo")},
            }),
        );
    }
    let refused = json!({"oneOf": [schema("ActionError"), schema("Error")]});
    let mut executed = vec![
        ("200", answer("what the action put out", &json!({}), COUNTED)),
        ("400", answer("the inputs are not what they must be, or the action failed", &refused, COUNTED)),
        ("504", answer("the action takes longer than the platform waits", &schema("Error"), COUNTED)),
    ];
    executed.extend(of_a_post());
    let execute = json!({
        "operationId": "execute",
        "summary": "Executes an action and answers with its result",
        "parameters": [named],
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": {"type": "object"},
            "examples": {"echo": {"value": {"customerId": "CUST-998877", "priority": 1}}},
        }}},
        "responses": answers(executed),
    });
    let expand = json!({
        "name": "expand", "in": "query", "schema": {"type": "string"}, "example": "contract",
        "description": "`contract` for the schemas",
    });
    let mut told = vec![("200", answer("the action", &schema("Action"), COUNTED))];
    told.extend(refusals(Vec::new()));
    let tell = json!({
        "operationId": "action",
        "summary": "What there is to know of an action",
        "parameters": [named, expand],
        "responses": answers(told),
    });
    Api {
        title: "Genesys Cloud Data Actions",
        each: EACH,
        paths: vec![
            ("/oauth/token", json!({"post": token_endpoint()})),
            ("/api/v2/integrations/actions/{actionId}/execute", json!({"post": execute})),
            ("/api/v2/integrations/actions/{actionId}", json!({"get": tell})),
        ],
        schemas: schemas(json!({"ActionError": action_error(), "Action": described()})),
        headers: headers(),
    }
}

fn action_error() -> Value {
    object(
        json!({
            "errorCode": {"enum": ["action.failed", "action.cancelled"]},
            "status": {"const": 400},
            "correlationId": text(),
            "userMessage": text(),
            "userParamsMessage": text(),
            "userParams": {"type": "array"},
            "details": {"type": "array"},
        }),
        json!({}),
    )
}

fn described() -> Value {
    let schema_of = |name: &str| object(json!({name: {"type": ["object", "boolean"]}}), json!({}));
    object(
        json!({
            "id": text(),
            "name": text(),
            "integrationId": uuid(),
            "category": text(),
            "version": {"type": "integer"},
            "secure": {"type": "boolean"},
            "selfUri": text(),
        }),
        json!({"contract": object(
            json!({"input": schema_of("inputSchema"), "output": schema_of("successSchema")}),
            json!({}),
        )}),
    )
}

pub(crate) fn flow() -> Api {
    let mut launched = answer("it was launched", &schema("Launched"), COUNTED);
    if let Some(members) = launched.as_object_mut() {
        let parameters = json!({"flowExecutionId": "$response.body#/id"});
        members.insert("links".into(), json!({"look": {"operationId": "look", "parameters": parameters}}));
    }
    let mut launches = vec![
        ("200", launched),
        ("400", answer("the body is not what it must be", &schema("Error"), COUNTED)),
    ];
    launches.extend(of_a_post());
    let launch = json!({
        "operationId": "launch",
        "summary": "Launches a workflow",
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": schema("Launch"),
            "examples": {
                "echo": {"value": {"flowId": ECHO, "name": "corr-001", "inputData": {"a": [1, {"b": null}]}}},
            },
        }}},
        "responses": answers(launches),
    });
    let mut looks = vec![("200", answer("how far it is", &schema("Execution"), COUNTED))];
    looks.extend(refusals(Vec::new()));
    let look = json!({
        "operationId": "look",
        "summary": "How far a workflow is",
        "parameters": [in_path("flowExecutionId", "the id that the launch named", &uuid())],
        "responses": answers(looks),
    });
    Api {
        title: "Genesys Cloud workflows",
        each: EACH,
        paths: vec![
            ("/oauth/token", json!({"post": token_endpoint()})),
            ("/api/v2/flows/executions", json!({"post": launch})),
            ("/api/v2/flows/executions/{flowExecutionId}", json!({"get": look})),
        ],
        schemas: schemas(json!({
            "Launch": {
                "type": "object",
                "required": ["flowId"],
                "properties": {
                    "flowId": uuid(),
                    "inputData": {"type": ["object", "null"]},
                    "name": {"type": ["string", "null"]},
                },
            },
            "FlowVersion": object(json!({"id": text(), "name": text(), "selfUri": text()}), json!({})),
            "Launched": object(
                json!({"id": uuid(), "flowVersion": schema("FlowVersion"), "selfUri": text()}),
                json!({"name": text()}),
            ),
            "Execution": object(
                json!({
                    "id": uuid(),
                    "flowVersion": schema("FlowVersion"),
                    "dateLaunched": {"type": "string", "format": "date-time"},
                    "status": {"enum": ["RUNNING", "COMPLETED", "FAILED", "TERMINATED"]},
                    "selfUri": text(),
                }),
                json!({
                    "name": text(),
                    "completionReason": text(),
                    "flowErrorInfo": schema("Error"),
                    "outputData": {"description": "what the workflow put out"},
                }),
            ),
        })),
        headers: headers(),
    }
}
