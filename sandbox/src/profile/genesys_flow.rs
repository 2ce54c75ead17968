//! `genesys-flow`: a workflow is launched, then looked at until it has ended.

use fastrand::Rng;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Exchange, Granted, Profile, Refusal, Route, genesys, segment, uuid_only};
use crate::actions::{Action, Outcome};
use crate::ask::{Ask, Values, input_names, object};
use crate::faults::Point;
use crate::grant::{Grant, Refused};
use crate::invocations::{Look, Phase};
use crate::openapi::{self, Api};
use crate::rate::Rate;
use crate::reply::Reply;

const EXECUTIONS: &str = "/api/v2/flows/executions";

#[derive(Debug)]
pub(super) struct Flow;

/// The body of a launch. Members that the platform has and a workflow here does not need are let pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Launch<'a> {
    flow_id: String,
    #[serde(borrow)]
    input_data: Option<&'a RawValue>,
    name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Execution<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    flow_version: Value,
    date_launched: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_error_info: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_data: Option<&'a RawValue>,
    self_uri: String,
}

impl Profile for Flow {
    fn route<'a>(&self, path: &'a str) -> Route<'a> {
        match path {
            genesys::TOKEN => Route::Token(Grant::PlainClientCredentials),
            EXECUTIONS => Route::Invoke(""),
            _ => segment(path, EXECUTIONS).map_or(Route::Other, Route::Poll),
        }
    }

    fn api(&self) -> Api {
        openapi::genesys::flow()
    }

    fn body_limit(&self) -> usize {
        genesys::MAX_BODY_BYTES
    }

    fn rate(&self) -> Option<Rate> {
        Some(genesys::rate())
    }

    fn counted_for<'a>(&self, point: Point, token: &'a str) -> Option<&'a str> {
        genesys::counted_for(point, token)
    }

    fn client(&self, random: &mut Rng) -> (String, String) {
        genesys::client(random)
    }

    fn ids(&self, action: &Action) -> Result<Vec<String>, &'static str> {
        uuid_only(action)
    }

    fn ask<'a>(&self, _action: &str, body: &'a [u8]) -> Result<Ask<'a>, String> {
        let Launch { flow_id, input_data, name } = serde_json::from_str(object(body)?)
            .map_err(|error| format!("the body must be the launch of a flow: {error}"))?;
        let action = Uuid::parse_str(&flow_id).map_err(|_| "`flowId` must be a UUID".to_owned())?;
        let inputs = match input_data {
            Some(inputs) => inputs,
            None => serde_json::from_str("{}").map_err(|_| "`inputData` is missing".to_owned())?,
        };
        let input_names = input_names(inputs, Values::Any)?;
        Ok(Ask { action: action.to_string(), inputs, input_names, correlation_id: name })
    }

    fn correlation_id(&self, body: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        struct Only {
            name: Option<String>,
        }
        serde_json::from_slice::<Only>(body).ok()?.name
    }

    fn exchange_header(&self) -> Option<&'static str> {
        Some(genesys::EXCHANGE)
    }

    fn accepted(&self, look: &Look<'_>, _exchange: &Exchange) -> Reply {
        let mut body = json!({
            "id": look.id.to_string(),
            "flowVersion": flow_version(look.action),
            "selfUri": format!("{EXECUTIONS}/{}", look.id),
        });
        if let (Some(name), Some(members)) = (look.correlation_id, body.as_object_mut()) {
            members.insert("name".into(), name.into());
        }
        Reply::json(StatusCode::OK, &body)
    }

    /// A flow runs from the moment it is launched: the platform has no word for one that waits.
    fn looked(&self, look: &Look<'_>, exchange: &Exchange) -> Reply {
        let (status, message) = (look.phase, look.error_message);
        let status = match status {
            Phase::Pending | Phase::Running | Phase::Ended(Outcome::Never) => "RUNNING",
            Phase::Ended(Outcome::Completed) => "COMPLETED",
            Phase::Ended(Outcome::Failed) => "FAILED",
            Phase::Ended(Outcome::Cancelled) => "TERMINATED",
        };
        let failed = status == "FAILED";
        let execution = Execution {
            id: look.id.to_string(),
            name: look.correlation_id,
            flow_version: flow_version(look.action),
            date_launched: format!("{:.3}", look.launched),
            status,
            completion_reason: message.filter(|_| !failed),
            flow_error_info: message
                .filter(|_| failed)
                .map(|message| genesys::error_body(500, "flow.execution.failed", message, exchange)),
            output_data: look.outputs,
            self_uri: format!("{EXECUTIONS}/{}", look.id),
        };
        Reply::json(StatusCode::OK, &execution)
    }

    fn granted(&self, granted: &Granted) -> Value {
        genesys::granted(granted)
    }

    fn not_granted(&self, refused: &Refused) -> Value {
        genesys::not_granted(refused)
    }

    fn refusal(&self, refusal: &Refusal<'_>, exchange: &Exchange) -> Reply {
        genesys::refusal(refusal, exchange)
    }

    fn finish(&self, reply: &mut Reply, _headers: &HeaderMap, exchange: &Exchange) {
        genesys::finish(reply, exchange);
    }
}

fn flow_version(action: &Action) -> Value {
    json!({"id": "1.0", "name": "1.0", "selfUri": format!("/api/v2/flows/{}/versions/1.0", action.id)})
}
