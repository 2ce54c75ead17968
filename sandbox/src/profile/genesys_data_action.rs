//! `genesys-data-action`: the answer to the POST is the result, or why there is none.
//!
//! A result's body is what the action put out. An action that failed or was cancelled answers 400 with the envelope of
//! the integration that ran it, `{"errorCode", "status", "correlationId", "userMessage", …, "details"}`; an action that
//! takes longer than the gateway waits is given up with 504 in the envelope of the platform.

use fastrand::Rng;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::{Exchange, Granted, Profile, Refusal, Route, genesys, is_name, segment};
use crate::actions::{Action, Outcome};
use crate::ask::{Ask, Values, bare, input_names};
use crate::faults::Point;
use crate::grant::{Grant, Refused};
use crate::invocations::{Look, Phase};
use crate::openapi::{self, Api};
use crate::rate::Rate;
use crate::reply::Reply;

const ACTIONS: &str = "/api/v2/integrations/actions";
/// What the id of every action begins with that an administrator made.
const CUSTOM: &str = "custom_-_";

#[derive(Debug)]
pub(super) struct DataAction;

impl Profile for DataAction {
    fn route<'a>(&self, path: &'a str) -> Route<'a> {
        if path == genesys::TOKEN {
            return Route::Token(Grant::PlainClientCredentials);
        }
        match path.strip_suffix("/execute").and_then(|action| segment(action, ACTIONS)) {
            Some(action) => Route::Invoke(action),
            None => segment(path, ACTIONS).map_or(Route::Other, Route::Describe),
        }
    }

    fn api(&self) -> Api {
        openapi::genesys::data_action()
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Token, Point::Invoke, Point::Describe]
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

    fn is_synchronous(&self) -> bool {
        true
    }

    fn client(&self, random: &mut Rng) -> (String, String) {
        genesys::client(random)
    }

    fn ids(&self, action: &Action) -> Result<Vec<String>, &'static str> {
        let Ok(id) = Uuid::parse_str(&action.id) else {
            return if is_name(&action.id) {
                Ok(vec![action.id.clone()])
            } else {
                Err("1 to 128 of `A-Za-z0-9_.-`")
            };
        };
        let named = action.name.iter().map(|name| format!("{CUSTOM}{name}"));
        Ok([format!("{CUSTOM}{id}")].into_iter().chain(named).collect())
    }

    fn ask<'a>(&self, action: &str, body: &'a [u8]) -> Result<Ask<'a>, String> {
        let inputs = bare(body)?;
        let input_names = input_names(inputs, Values::Any)?;
        Ok(Ask { action: action.to_owned(), inputs, input_names, correlation_id: None })
    }

    fn exchange_header(&self) -> Option<&'static str> {
        Some(genesys::EXCHANGE)
    }

    fn accepted(&self, look: &Look<'_>, exchange: &Exchange) -> Reply {
        let code = match look.phase {
            Phase::Ended(Outcome::Failed) => "action.failed",
            Phase::Ended(Outcome::Cancelled) => "action.cancelled",
            _ => {
                let outputs = look.outputs.map_or("{}", |outputs| outputs.get());
                return Reply::text(StatusCode::OK, outputs.to_owned());
            }
        };
        let message = look.error_message.unwrap_or("the action gave no reason");
        let body = json!({
            "errorCode": code,
            "status": 400,
            "correlationId": exchange.id,
            "userMessage": message,
            "userParamsMessage": message,
            "userParams": [],
            "details": [],
        });
        Reply::json(StatusCode::BAD_REQUEST, &body)
    }

    /// There is nothing to look at: what was asked for is there already.
    fn looked(&self, look: &Look<'_>, exchange: &Exchange) -> Reply {
        self.accepted(look, exchange)
    }

    /// The contract only where it is asked for, as `expand=contract`.
    fn described(&self, id: &str, action: &Action, query: Option<&str>) -> Option<Reply> {
        let mut body = json!({
            "id": id,
            "name": action.name.as_deref().unwrap_or(id),
            "integrationId": Uuid::nil().to_string(),
            "category": "Sandbox",
            "version": 1,
            "secure": false,
            "selfUri": format!("{ACTIONS}/{id}"),
        });
        let mut expanded = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .filter(|(name, _)| name == "expand")
            .flat_map(|(_, values)| values.split(',').map(str::to_owned).collect::<Vec<_>>());
        if let (true, Some(members)) = (expanded.any(|value| value == "contract"), body.as_object_mut()) {
            let (inputs, outputs) = action.schemas();
            let contract = json!({"input": {"inputSchema": inputs}, "output": {"successSchema": outputs}});
            members.insert("contract".into(), contract);
        }
        Some(Reply::json(StatusCode::OK, &body))
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
