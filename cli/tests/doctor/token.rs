//! Tokens: each grant, what refuses them, their scopes, and the clock.

use std::time::{Duration, SystemTime};

use cxone_actions_sandbox::SandboxOptions;
use serde_json::{Value, json};

use crate::world::{examined, sandbox, sandbox_of};

#[test]
fn each_profile_of_the_sandbox_is_found_well_whatever_its_grant() {
    for (profile, grant) in [
        ("gateway", "by `client_credentials`, `post`"),
        ("genesys-flow", "by `client_credentials`, `basic`"),
        ("genesys-data-action", "by `client_credentials`, `basic`"),
        ("cxone-extraction", "by `password`, `basic`"),
    ] {
        let sandbox = sandbox_of(SandboxOptions { profile: profile.to_owned(), ..SandboxOptions::default() });
        let said = examined(&sandbox, &[], &[]);
        assert_eq!(said.code, 0, "{profile}: {:#}", said.all);
        said.says("token.token", "ok", grant, "a bearer token that serves for", "");
        said.says("gateway.look", "ok", "that does not exist: GET `http://127.0.0.1:", "404", "");
        let discovers = profile == "cxone-extraction";
        assert_eq!(said.checks("token.discovery").len(), usize::from(discovers));
        if discovers {
            said.says(
                "token.discovery",
                "ok",
                "the OpenID configuration",
                "tokens are asked for at `http://",
                "",
            );
        }
    }
}

#[test]
fn what_a_token_service_says_against_it_is_told_with_what_to_do() {
    let page =
        json!({"status": 200, "body": "<html>CANARY</html>", "headers": {"content-type": "text/html"}});
    let refused =
        json!({"status": 401, "body": {"error": "invalid_client", "error_description": "who are you"}});
    let cases: &[(Value, i32, &str, &str)] = &[
        (refused, 4, "401: who are you", "check `client_id`, `client_secret` and `client_auth`"),
        (
            json!({"status": 400, "body": {"error": "invalid_scope"}}),
            4,
            "400: invalid_scope",
            "attach the scopes",
        ),
        (page, 7, "it is a web page, of a portal", "check the token URL"),
        (json!({"status": 503}), 7, "the token service answered 503", "try again later"),
        (json!({"status": 429, "retry_after": 7}), 5, "answered 429", "try again later"),
        (
            json!({"status": 302, "headers": {"location": "https://elsewhere.example"}}),
            4,
            "302",
            "redirects are never",
        ),
        (json!({"close": "before_request"}), 7, "the token service cannot be reached", "try again later"),
        (json!({"merge": {"token_type": "mac"}}), 4, "not a bearer token", "check the client's type"),
    ];
    for (fault, code, came_back, todo) in cases {
        let sandbox = sandbox();
        // The other way to say who asks is tried once, too.
        sandbox.inject("token", fault.clone(), 2).unwrap();
        let said = examined(&sandbox, &[], &[]);
        said.says("token.token", "failed", "/api/v2/oauth/token` for a token by", came_back, todo);
        assert_eq!(said.code, *code, "{fault}");
        said.skipped("token.scopes", "there is no token");
        said.skipped("gateway.look", "there is no token");
    }
}

#[test]
fn a_token_service_that_hangs_ends_the_check_within_its_time() {
    let sandbox = sandbox();
    sandbox.inject("token", json!({"delay": 30}), 2).unwrap();
    let said = examined(&sandbox, &[], &[]);
    said.says("token.token", "failed", "for a token", "no answer in time", "");
    assert_eq!(said.code, 7);
}

#[test]
fn a_client_that_says_the_wrong_way_who_it_is_is_told_the_other() {
    let sandbox = sandbox();
    sandbox.inject("token", json!({"status": 401, "body": {"error": "invalid_client"}}), 1).unwrap();
    let said = examined(&sandbox, &[], &[]);
    said.says("token.token", "failed", "`post`", "401", "set `client_auth` to `basic`");
    assert_eq!(said.code, 4);
}

#[test]
fn a_scope_that_was_not_granted_is_named() {
    let scopes = vec!["integration:actions:read".to_owned()];
    let sandbox = sandbox_of(SandboxOptions { scopes, ..SandboxOptions::default() });
    sandbox.inject("token", json!({"merge": {"scope": "integration:actions:read"}}), 1).unwrap();
    let said = examined(&sandbox, &[], &[]);
    let missing = "the token service did not grant `integration:actions:write`";
    said.says(
        "token.scopes",
        "failed",
        "ask for the scopes `integration:actions:write",
        missing,
        "attach what is missing",
    );
    said.says("token.token", "ok", "", "a bearer token", "");
    assert_eq!(said.code, 4);
}

#[test]
fn a_secret_in_the_url_works_and_is_warned_of_without_being_shown() {
    let sandbox = sandbox();
    let said = examined(&sandbox, &[("CXONE_CLIENT_AUTH", "query")], &[]);
    said.says(
        "token.token",
        "warning",
        "`query`",
        "where proxies log it",
        "set `client_auth` to `post` or `basic`",
    );
    assert_eq!(said.code, 0, "{:#}", said.all);
}

#[test]
fn a_token_that_was_given_is_for_the_gateway_to_judge() {
    let sandbox = sandbox();
    let given = [("CXONE_BASE_URL", sandbox.base_url()), ("CXONE_TOKEN", "CANARY-of-nobody")];
    let said = crate::world::doctor(&given, &[]);
    said.says("token.token", "ok", "look at the credentials", "a token is given", "");
    said.says("gateway.look", "failed", "", "401", "check that the credentials are those of this gateway");
    assert_eq!((said.code, sandbox.totals().executions), (4, 0));
}

#[test]
fn a_clock_that_differs_is_told_by_how_much_and_which_way() {
    let date = |at: SystemTime| {
        let at = jiff::Timestamp::try_from(at).unwrap();
        at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    let now = SystemTime::now();
    for (at, way) in [
        (now + Duration::from_secs(7200), "s behind the gateway"),
        (now - Duration::from_secs(7200), "s ahead of the gateway"),
    ] {
        let sandbox = sandbox();
        sandbox.inject("poll", json!({"headers": {"date": date(at)}}), 1).unwrap();
        let said = examined(&sandbox, &[], &[]);
        said.says("clock.skew", "warning", "with the `Date` of the answers", way, "NTP");
        assert_eq!(said.code, 0, "a warning is no failure");
    }
    let sandbox = sandbox();
    examined(&sandbox, &[], &[]).says("clock.skew", "ok", "", "they agree within 30 s", "");
}

#[test]
fn an_openid_configuration_that_cannot_be_followed_is_told_and_no_credentials_are_sent() {
    let elsewhere = json!({"body": {"token_endpoint": "https://evil.example/token"}});
    let cases: &[(Value, i32, &str, &str)] = &[
        (json!({"status": 404}), 4, "cannot be had: the server answered 404", "check `[token] discover`"),
        (json!({"body": "<html>"}), 7, "names no `token_endpoint`", "what stands between"),
        (json!({"status": 503}), 7, "answered 503", "try again later"),
        (elsewhere, 4, "a host that the profile does not trust", "no credentials were sent"),
    ];
    for (fault, code, came_back, todo) in cases {
        let options = SandboxOptions { profile: "cxone-extraction".to_owned(), ..SandboxOptions::default() };
        let sandbox = sandbox_of(options);
        sandbox.inject("discovery", fault.clone(), 1).unwrap();
        let said = examined(&sandbox, &[], &[]);
        said.says("token.discovery", "failed", "read the OpenID configuration", came_back, todo);
        assert_eq!((said.code, sandbox.totals().token), (*code, 0), "{fault}");
        said.skipped("gateway.look", "there is no token");
    }
}
