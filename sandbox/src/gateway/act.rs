//! What each route does with a request that is not refused on the way.

use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::{Gateway, Received};
use crate::ask::correlation_header;
use crate::console::Ends;
use crate::grant::{self, Grant};
use crate::invocations::{Look, Phase};
use crate::openapi;
use crate::options::{SCOPE_READ, SCOPE_WRITE};
use crate::profile::{Exchange, Granted, Refusal, Route, Why};
use crate::reply::Reply;
use crate::tokens::{Scopes, bearer};

impl Gateway {
    /// The answer, and how long the action takes that it is the end of.
    pub(super) fn act(
        &mut self,
        route: Route<'_>,
        request: &Received,
        exchange: &mut Exchange,
    ) -> (Reply, Duration) {
        let allowed = match route {
            Route::Token(_) | Route::Invoke(_) => Method::POST,
            Route::Discovery | Route::Poll(_) | Route::Describe(_) | Route::Description => Method::GET,
            Route::Other => {
                let what = "there is nothing at this path";
                return (self.refuse(StatusCode::NOT_FOUND, Why::NoSuchPath, what, exchange), Duration::ZERO);
            }
        };
        if request.method != allowed {
            let what = format!("the method must be {allowed}");
            let refusal = self
                .refuse(StatusCode::METHOD_NOT_ALLOWED, Why::WrongMethod, &what, exchange)
                .header_text(header::ALLOW, allowed.as_str());
            return (refusal, Duration::ZERO);
        }
        let reply = match route {
            Route::Token(grant) => Ok(self.token(grant, request, exchange)),
            Route::Invoke(action) => {
                return self
                    .invoke(action, request, exchange)
                    .unwrap_or_else(|refusal| (refusal, Duration::ZERO));
            }
            Route::Poll(id) => self.poll(id, request, exchange),
            Route::Describe(id) => self.action(id, request, exchange),
            Route::Description => Ok(Reply::json(StatusCode::OK, &openapi::description(self.profile.api()))),
            Route::Discovery | Route::Other => Ok(self.discovery(request, exchange)),
        };
        (reply.unwrap_or_else(|refusal| refusal), Duration::ZERO)
    }

    /// Names the host by which it was reached, so that a proxy before it is named too.
    fn discovery(&self, request: &Received, exchange: &Exchange) -> Reply {
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        match self.profile.discovered(host) {
            Some(body) => Reply::json(StatusCode::OK, &body),
            None => {
                let what = "there is nothing at this path";
                self.refuse(StatusCode::NOT_FOUND, Why::NoSuchPath, what, exchange)
            }
        }
    }

    fn token(&mut self, grant: Grant, request: &Received, exchange: &Exchange) -> Reply {
        let limit = self.profile.body_limit();
        let decided = (request.body_bytes <= limit as u64).then(|| {
            grant::decide(&self.credentials, grant, request.uri.query(), &request.headers, &request.body)
        });
        let reply = match decided {
            None => {
                let what = format!("the body has {} bytes, {limit} are allowed", request.body_bytes);
                self.refuse(StatusCode::PAYLOAD_TOO_LARGE, Why::TooLarge, &what, exchange)
            }
            Some(Ok(scopes)) => {
                let lifetime = self.token_lifetime;
                let token = self.tokens.issue(scopes, lifetime, exchange.now);
                let granted = Granted { token, lifetime, scopes: scopes.words() };
                Reply::json(StatusCode::OK, &self.profile.granted(&granted))
            }
            Some(Err(refused)) => {
                let reply = Reply::json(refused.status, &self.profile.not_granted(&refused));
                if refused.error == "invalid_client" && refused.status == StatusCode::UNAUTHORIZED {
                    reply.header_text(header::WWW_AUTHENTICATE, "Basic realm=\"sandbox\"")
                } else {
                    reply
                }
            }
        };
        // RFC 6749 §5.1.
        reply
            .header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .header(header::PRAGMA, HeaderValue::from_static("no-cache"))
    }

    fn invoke(
        &mut self,
        action: &str,
        request: &Received,
        exchange: &mut Exchange,
    ) -> Result<(Reply, Duration), Reply> {
        self.authorize(request, SCOPE_WRITE, |scopes| scopes.write, exchange)?;
        if !grant::is_json(&request.headers) {
            let what = "the content type must be `application/json`";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(self.refuse(status, Why::WrongMediaType, what, exchange));
        }
        let limit = self.profile.body_limit();
        if request.body_bytes > limit as u64 {
            let what = format!("the body has {} bytes, {limit} are allowed", request.body_bytes);
            return Err(self.refuse(StatusCode::PAYLOAD_TOO_LARGE, Why::TooLarge, &what, exchange));
        }
        let named = percent_decode_str(action).decode_utf8_lossy();
        let ask = self
            .profile
            .ask(&named, &request.body)
            .map_err(|what| self.refuse(StatusCode::BAD_REQUEST, Why::Malformed, &what, exchange))?;
        let Some(action) = self.actions.get(&ask.action).cloned() else {
            let what = "there is no such action";
            return Err(self.refuse(StatusCode::NOT_FOUND, Why::NoSuchAction, what, exchange));
        };
        if let Some(missing) = action.required.iter().find(|name| !ask.input_names.contains(*name)) {
            let name = action.name.as_deref().unwrap_or(&action.id);
            let what = format!("the action `{name}` needs the input `{missing}`");
            return Err(self.refuse(StatusCode::BAD_REQUEST, Why::MissingInput, &what, exchange));
        }
        if let Some(what) = action.refuses(ask.inputs) {
            return Err(self.refuse(StatusCode::BAD_REQUEST, Why::WrongInput, &what, exchange));
        }
        let correlation_id = ask.correlation_id.or_else(|| correlation_header(&request.headers));
        let executions = self.invocations.executions().total;
        let id = self.invocations.accept(
            &action,
            correlation_id.as_deref(),
            ask.inputs,
            self.complete_after,
            exchange.now,
        );
        // What was executed before has been called back for, or will be.
        if self.invocations.executions().total > executions
            && let Some(url) = self.profile.callback_url(&request.body)
        {
            self.calls.promise(id, &url);
        }
        if let Some(record) = &mut self.record {
            let ends = match self.invocations.end(id, exchange.now) {
                _ if !self.profile.is_synchronous() => Ends::WhenAsked,
                Some((Look { phase: Phase::Ended(outcome), .. }, Some(takes))) => {
                    exchange.now.checked_add(takes).map_or(Ends::Never, |over| Ends::At(over, outcome))
                }
                _ => Ends::Never,
            };
            let inputs = ask.inputs.get();
            record.accepted(id, &action, correlation_id.as_deref(), inputs, ends, &self.masks, exchange.now);
        }
        if self.profile.is_synchronous() {
            return Ok(self.end(id, exchange));
        }
        let look = self.invocations.look(id, exchange.now);
        exchange.about = look.as_ref().map(|look| (id, look.phase));
        Ok((
            look.map_or_else(|| self.lost(exchange), |look| self.profile.accepted(&look, exchange)),
            Duration::ZERO,
        ))
    }

    /// The end of an invocation and how long it takes, or that the gateway did not wait for it.
    fn end(&self, id: Uuid, exchange: &mut Exchange) -> (Reply, Duration) {
        exchange.about = Some((id, Phase::Running));
        match self.invocations.end(id, exchange.now) {
            Some((look, Some(takes))) if takes <= self.action_timeout => {
                exchange.about = Some((id, look.phase));
                (self.profile.accepted(&look, exchange), takes)
            }
            Some(_) => {
                let what = "the action took longer than the gateway waits";
                let reply = self.refuse(StatusCode::GATEWAY_TIMEOUT, Why::TimedOut, what, exchange);
                (reply, self.action_timeout)
            }
            None => (self.lost(exchange), Duration::ZERO),
        }
    }

    /// An invocation is held as soon as it is accepted, so this is never the answer to one.
    fn lost(&self, exchange: &Exchange) -> Reply {
        let what = "there is no such invocation";
        self.refuse(StatusCode::NOT_FOUND, Why::NoSuchInvocation, what, exchange)
    }

    fn poll(&mut self, id: &str, request: &Received, exchange: &mut Exchange) -> Result<Reply, Reply> {
        self.authorize(request, SCOPE_READ, |scopes| scopes.read, exchange)?;
        let look = Uuid::parse_str(id).ok().and_then(|id| self.invocations.poll(id, exchange.now));
        match look {
            Some(look) => {
                exchange.about = Some((look.id, look.phase));
                Ok(self.profile.looked(&look, exchange))
            }
            None => Err(self.lost(exchange)),
        }
    }

    fn action(&mut self, id: &str, request: &Received, exchange: &mut Exchange) -> Result<Reply, Reply> {
        self.authorize(request, SCOPE_READ, |scopes| scopes.read, exchange)?;
        let id = percent_decode_str(id).decode_utf8_lossy();
        let described = self
            .actions
            .get(&*id)
            .and_then(|action| self.profile.described(&id, action, request.uri.query()));
        described.ok_or_else(|| {
            let what = "there is no such action";
            self.refuse(StatusCode::NOT_FOUND, Why::NoSuchAction, what, exchange)
        })
    }

    /// RFC 6750 §3.1: 401 `invalid_token`, 403 `insufficient_scope`. A request that may be made is counted.
    fn authorize(
        &mut self,
        request: &Received,
        scope: &str,
        has: impl Fn(Scopes) -> bool,
        exchange: &mut Exchange,
    ) -> Result<(), Reply> {
        let Some(token) = bearer(&request.headers) else {
            let what = "a bearer token is needed";
            let refusal = self.refuse(StatusCode::UNAUTHORIZED, Why::NoToken, what, exchange);
            return Err(refusal.header_text(header::WWW_AUTHENTICATE, "Bearer realm=\"sandbox\""));
        };
        let Some(scopes) = self.tokens.check(token, exchange.now) else {
            let what = "the token is unknown, expired or revoked";
            let refusal = self.refuse(StatusCode::UNAUTHORIZED, Why::WrongToken, what, exchange);
            let challenge = "Bearer realm=\"sandbox\", error=\"invalid_token\"";
            return Err(refusal.header_text(header::WWW_AUTHENTICATE, challenge));
        };
        if !has(scopes) {
            let what = format!("the token lacks the scope `{scope}`");
            let refusal = self.refuse(StatusCode::FORBIDDEN, Why::MissingScope, &what, exchange);
            let challenge =
                format!("Bearer realm=\"sandbox\", error=\"insufficient_scope\", scope=\"{scope}\"");
            return Err(refusal.header_text(header::WWW_AUTHENTICATE, &challenge));
        }
        if let Some(subject) = self.profile.counted_for(exchange.point, token) {
            exchange.quota = self.windows.count(subject, exchange.now);
        }
        match exchange.quota {
            Some(quota) if quota.exceeded() => {
                let what = format!("{} requests are allowed, come again in {} s", quota.allowed, quota.reset);
                Err(self.refuse(StatusCode::TOO_MANY_REQUESTS, Why::TooMany, &what, exchange))
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, status: StatusCode, why: Why, message: &str, exchange: &Exchange) -> Reply {
        self.profile.refusal(&Refusal { status, why, message }, exchange)
    }
}
