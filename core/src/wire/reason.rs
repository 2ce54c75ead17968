//! Why a gateway refused, in its own words: the error envelopes of the vendors and of the standards, tried in turn.

use serde_json::{Map, Value};

use super::{Answer, pick_text};
use crate::profile::ErrorPlaces;

/// Text from a gateway is cut to this.
const LONGEST: usize = 2048;

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reason {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl Reason {
    /// `: message`, or nothing.
    pub(crate) fn suffix(&self) -> String {
        self.message.as_deref().or(self.code.as_deref()).map(|text| format!(": {text}")).unwrap_or_default()
    }
}

/// What an answer that no profile speaks of says of itself.
pub(crate) fn reason(answer: &Answer) -> Reason {
    reason_at(answer, &ErrorPlaces::default())
}

/// What the answer says of itself: where the profile says that it stands, or else in one of the envelopes that everybody
/// uses. Only known fields are read: a body may echo what was sent.
pub(crate) fn reason_at(answer: &Answer, places: &ErrorPlaces) -> Reason {
    let text = answer.text();
    let body = serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let at =
        |pointers: &[String]| pointers.iter().find_map(|pointer| pick_text(text, pointer)).map(|t| clean(&t));
    let field =
        |names: &[&str]| names.iter().find_map(|name| body.get(*name).and_then(Value::as_str)).map(clean);
    let header = |names: &[&str]| {
        names.iter().find_map(|name| answer.headers.get(*name).and_then(|v| v.to_str().ok())).map(clean)
    };
    let first = body.get("errors").and_then(|errors| errors.get(0));
    let nested =
        first.and_then(|e| e.as_str().or_else(|| e.get("message").and_then(Value::as_str))).map(clean);
    let own = |names: &[String]| header(&names.iter().map(String::as_str).collect::<Vec<_>>());
    Reason {
        code: at(&places.code).or_else(|| field(&["errorCode", "code", "error", "type"])),
        message: at(&places.message)
            .or_else(|| {
                field(&[
                    "userMessage",
                    "message",
                    "error_description",
                    "errorDescription",
                    "detail",
                    "title",
                    "errorMessage",
                ])
            })
            .or(nested)
            .or_else(|| own(&places.message_headers))
            .or_else(|| header(&["icStatusDescription"])),
        request_id: own(&places.request_id_headers)
            .or_else(|| header(&["x-request-id", "inin-correlation-id", "correlationid"]))
            .or_else(|| at(&places.request_id))
            .or_else(|| field(&["contextId", "correlationId"])),
    }
}

/// Without control characters, and no longer than anybody reads.
pub(crate) fn clean(text: &str) -> String {
    let mut clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.len() > LONGEST {
        let cut = (0..=LONGEST).rev().find(|at| clean.is_char_boundary(*at)).unwrap_or(0);
        clean.truncate(cut);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    fn said(body: &str) -> Reason {
        let body = Bytes::copy_from_slice(body.as_bytes());
        reason(&Answer { status: 400, headers: HeaderMap::new(), body })
    }

    #[test]
    fn every_known_envelope_gives_its_code_and_its_words() {
        let cases = [
            (
                r#"{"errorCode":"E1","userMessage":"bad input","correlationId":"c"}"#,
                Some("E1"),
                Some("bad input"),
            ),
            (
                r#"{"code":"not.found","message":"no such action","contextId":"c"}"#,
                Some("not.found"),
                Some("no such action"),
            ),
            (
                r#"{"error":"invalid_client","error_description":"who are you"}"#,
                Some("invalid_client"),
                Some("who are you"),
            ),
            (
                r#"{"type":"about:blank","title":"Bad Request","detail":"no body"}"#,
                Some("about:blank"),
                Some("no body"),
            ),
            (r#"{"errors":[{"message":"first"}]}"#, None, Some("first")),
            (r#"{"errors":["plain"]}"#, None, Some("plain")),
            ("<html>", None, None),
        ];
        for (body, code, message) in cases {
            let reason = said(body);
            assert_eq!((reason.code.as_deref(), reason.message.as_deref()), (code, message), "{body}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("icStatusDescription", HeaderValue::from_static("agent is busy"));
        let answer = Answer { status: 400, headers, body: Bytes::new() };
        assert_eq!(reason(&answer).message.as_deref(), Some("agent is busy"));
    }

    #[test]
    fn text_of_a_gateway_is_cut_and_cannot_drive_a_terminal() {
        let reason = said(&format!(r#"{{"message":"\u001b[31m{}"}}"#, "é".repeat(4000)));
        let message = reason.message.unwrap();
        assert!(message.len() <= LONGEST && !message.contains('\u{1b}'));
    }
}
