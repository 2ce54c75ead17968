//! The gateway, and what is none.

use cxone_actions_sandbox::SandboxOptions;
use serde_json::{Value, json};

use crate::world::{examined, file, sandbox, sandbox_of};

#[test]
fn what_the_gateway_answers_about_nothing_tells_what_it_is() {
    let page = |status: u16| json!({"status": status, "body": "<!doctype html><h1>Welcome", "headers": {"content-type": "text/html"}});
    let echo = json!({"status": 403, "body": {"message": "Bearer CANARY-token may not"}});
    let cases: &[(Value, &str, i32, &str, &str)] = &[
        (
            json!({"status": 401}),
            "failed",
            4,
            "the gateway does not take the token",
            "of its region and tenant",
        ),
        (echo, "failed", 4, "does not let it look", "attach the scope or the role"),
        (json!({"status": 500}), "failed", 7, "500", "try again later"),
        (
            json!({"status": 503, "body": {"message": "maintenance"}}),
            "failed",
            7,
            "503: maintenance",
            "ask its operator",
        ),
        (
            page(404),
            "failed",
            7,
            "404, a web page: this is not what a gateway answers",
            "the path in `base_url`",
        ),
        (page(200), "failed", 7, "200, a web page", "another server may answer in its place"),
        (
            json!({"status": 200, "body": {"status": "RUNNING"}}),
            "failed",
            7,
            "that does not exist",
            "the profile is the right one",
        ),
        (
            json!({"status": 302, "headers": {"location": "/login"}}),
            "failed",
            3,
            "it leads somewhere else",
            "redirects are never followed",
        ),
        (json!({"status": 405}), "failed", 3, "405", "check the host and the path"),
        (
            json!({"status": 429, "retry_after": 3}),
            "warning",
            0,
            "takes no more requests just now",
            "`rate_limit`",
        ),
        (json!({"close": "before_request"}), "failed", 7, "", "check what stands between"),
        (json!({"status": 400}), "ok", 0, "400", ""),
    ];
    for (fault, state, code, came_back, todo) in cases {
        let sandbox = sandbox();
        sandbox.inject("token", json!({"merge": {"access_token": "CANARY-token"}}), 1).unwrap();
        // A connection that is closed before anything was read may be tried once more by the HTTP library.
        sandbox.inject("poll", fault.clone(), 2).unwrap();
        let said = examined(&sandbox, &[], &[]);
        let tried = "look at an invocation that does not exist: GET `http://127.0.0.1:";
        said.says("gateway.look", state, tried, came_back, todo);
        assert_eq!(said.code, *code, "{fault}");
    }
}

#[test]
fn a_gateway_that_hangs_ends_the_check_within_its_time() {
    let sandbox = sandbox();
    sandbox.inject("poll", json!({"delay": 30}), 2).unwrap();
    let said = examined(&sandbox, &[], &[]);
    said.says("gateway.look", "failed", "GET", "no answer in time", "check what stands between");
    assert_eq!(said.code, 7);
}

#[test]
fn where_nothing_can_be_looked_at_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let text = cxone_actions::profile::Profile::text("genesys-data-action").unwrap();
    let profile = file(folder.path(), "mine.toml", text.split("[schema]").next().unwrap());
    let options = SandboxOptions { profile: "genesys-data-action".to_owned(), ..SandboxOptions::default() };
    let sandbox = sandbox_of(options);
    let said = examined(&sandbox, &[("CXONE_PROFILE", &profile)], &[]);
    said.says("token.token", "ok", "", "a bearer token", "");
    said.skipped("gateway.look", "nothing that can be looked at without executing an action");
    let totals = sandbox.totals();
    assert_eq!((said.code, totals.poll, totals.describe, totals.other), (0, 0, 0, 0));
}
