use std::collections::HashSet;
use std::net::TcpStream;
use std::sync::Arc;

use cxone_actions_sandbox::{Action, Outcome, Sandbox, SandboxError, SandboxOptions, actions};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::wire::{INVOCATIONS, Wire, invocation, sandbox};

#[test]
fn it_listens_when_it_is_constructed_and_not_after_it_is_closed() {
    let sandbox = sandbox();
    assert_eq!(sandbox.base_url(), format!("http://127.0.0.1:{}", sandbox.port()));
    let mut wire = Wire::authorized(&sandbox);
    wire.invoke(actions::ECHO, json!({}), "c");
    sandbox.close();
    sandbox.close();
    assert!(
        wire.invoke_text(&invocation(actions::ECHO, json!({}), "c")).is_err(),
        "open connections end too"
    );
    assert!(TcpStream::connect(("127.0.0.1", sandbox.port())).is_err());
    assert_eq!(sandbox.executions("c"), 1, "what was counted stays readable");
}

#[test]
fn it_says_what_lets_a_client_in_as_options_and_as_environment() {
    for (profile, needs_a_key) in [("gateway", false), ("genesys-flow", false), ("cxone-extraction", true)] {
        let sandbox =
            Sandbox::start(SandboxOptions { profile: profile.into(), ..SandboxOptions::default() }).unwrap();
        let mut expected = vec![
            ("base_url", sandbox.base_url()),
            ("profile", profile),
            ("client_id", sandbox.client_id()),
            ("client_secret", sandbox.client_secret()),
        ];
        if needs_a_key {
            expected.push(("access_key_id", sandbox.access_key_id()));
            expected.push(("access_key_secret", sandbox.access_key_secret()));
        }
        assert_eq!(sandbox.options(), expected);
        let environ = sandbox.environ();
        assert_eq!(environ.len(), expected.len());
        assert_eq!(environ[0], ("CXONE_BASE_URL".to_owned(), sandbox.base_url()));
        assert!(environ.iter().zip(&expected).all(|((_, said), (_, value))| said == value));
    }
}

#[test]
fn a_port_can_be_chosen_and_is_free_again_after_closing() {
    let first = sandbox();
    let taken =
        Sandbox::start(SandboxOptions { port: first.port(), ..SandboxOptions::default() }).unwrap_err();
    assert!(matches!(taken, SandboxError::Listen { .. }));
    assert!(
        taken.to_string().starts_with(&format!("`port` {} cannot be listened on: ", first.port())),
        "{taken}"
    );

    // Between closing and opening somebody else may get the port: three times in a row nobody has that luck.
    let reopened = (0..3).any(|_| {
        let first = sandbox();
        let _connected = Wire::authorized(&first);
        let port = first.port();
        first.close();
        Sandbox::start(SandboxOptions { port, ..SandboxOptions::default() })
            .is_ok_and(|second| second.port() == port && Wire::authorized(&second).token.is_some())
    });
    assert!(reopened);
}

#[test]
fn several_sandboxes_do_not_know_each_other() {
    let (one, other) = (sandbox(), sandbox());
    let token = Wire::authorized(&one).token;
    let mut wire = Wire::open(&other);
    wire.token = token;
    assert_eq!(wire.invoke_text(&invocation(actions::ECHO, json!({}), "c")).unwrap().status, 401);
}

#[test]
fn options_that_cannot_work_are_refused_before_a_port_is_opened() {
    let json_cases = [
        (r#"{"sed": 1}"#, "`sed` is no member of the options of a sandbox, which has `profile`, `seed`"),
        (r#"{"profile": "genesys"}"#, "`profile` must be `gateway`, `genesys-data-action`"),
        (r#"{"profile": 5551234}"#, "`profile` must be a string"),
        (r#"{"seed": -1}"#, "`seed` must be a whole number from 0 to 18446744073709551615, got -1"),
        (r#"{"port": 70000}"#, "`port` must be a whole number from 0 to 65535, got 70000"),
        (r#"{"token_lifetime": -1}"#, "`token_lifetime` must be a number of seconds of 0 or more, got -1"),
        (
            r#"{"complete_after": "1 s"}"#,
            "`complete_after` must be a number of seconds of 0 or more, got a string",
        ),
        (r#"{"deduplicate": "yes"}"#, "`deduplicate` must be true or false, got a string"),
        (r#"{"rate_limit": "300"}"#, "`rate_limit` must be a rate such as `300/60s`, or `none`, got `300`"),
        (r#"{"scopes": ["admin"]}"#, "`scopes` may hold"),
        (r#"{"scopes": [1]}"#, "`scopes` must be a list of strings, got a list"),
        (r#"{"client_id": ""}"#, "`client_id` must not be empty"),
        (r#"{"access_key_secret": ""}"#, "`access_key_secret` must not be empty"),
        (r#"{"actions": {}}"#, "`actions` must be a list, got an object"),
        (r#"{"actions": [{"id": "x"}]}"#, "`actions[0].id` must be a UUID, got `x`"),
        (
            r#"{"actions": [{"id": "x", "outcome": "DONE"}]}"#,
            "`actions[0].outcome` must be `COMPLETED`, `FAILED`, `CANCELLED` or `NEVER`, got `DONE`",
        ),
        (r#"{"actions": [{"name": "x"}]}"#, "`actions[0].id` is missing"),
        (r#"{"actions": [{"id": "x", "nme": 1}]}"#, "`actions[0].nme` is no member of an action"),
        (
            r#"{"actions": [7]}"#,
            "`actions[0]`, an action of the sandbox, must be a JSON object, got a number",
        ),
        (r#"{"client_secret": 5551234}"#, "`client_secret` must be a string"),
        ("[", "the options of a sandbox must be a JSON object, and this is no JSON"),
        ("[]", "the options of a sandbox must be a JSON object, got a list"),
    ];
    for (text, reason) in json_cases {
        let error = SandboxOptions::from_json(text).and_then(Sandbox::start).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
        assert!(!error.contains("5551234"), "{error}");
    }
    let never = Action::new(actions::ECHO).at_once().outcome(Outcome::Never);
    let both = Action::new(actions::ECHO).echo().outputs(json!(1));
    for action in [never, both] {
        let options = SandboxOptions { actions: vec![action], ..SandboxOptions::default() };
        assert!(Sandbox::start(options).unwrap_err().to_string().contains("exclude each other"));
    }
}

#[test]
fn options_from_json_are_the_same_as_in_rust() {
    let text = r#"{"profile": "gateway", "seed": 7, "port": 0, "token_lifetime": 90, "complete_after": 0.25,
        "client_id": "a", "client_secret": null, "scopes": [], "requests_kept": 5,
        "actions": [{"id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "name": "n", "required": ["x"],
            "outcome": "CANCELLED", "outputs": null, "echo": false, "error_message": "m", "complete_after": null,
            "complete_after_polls": 1, "at_once": false}]}"#;
    let options = SandboxOptions::from_json(text).unwrap();
    assert_eq!(options.complete_after.as_millis(), 250);
    assert_eq!(options.actions.len(), 1);
    assert!(SandboxOptions::from_json("{}").unwrap().actions.is_empty());
}

/// As many connections as there can be with both ends in this process, and no more than a few thousand.
fn connections() -> usize {
    const WANTED: usize = 2000;
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = getrlimit(Resource::Nofile);
        // Where the system refuses, its usual limit has to do.
        let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        let files = if raised.is_ok() { limit.maximum } else { limit.current };
        if let Some(files) = files.and_then(|files| usize::try_from(files).ok()) {
            // The other tests of this process run at the same time and need some.
            return WANTED.min(files.saturating_sub(400) / 2);
        }
    }
    WANTED
}

#[test]
fn thousands_of_keep_alive_connections_are_served_at_once() {
    let count = connections();
    let sandbox = Arc::new(sandbox());
    let token = Wire::authorized(&sandbox).token.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let all_open = Arc::new(tokio::sync::Barrier::new(count));
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..count {
            let (all_open, token, port) = (Arc::clone(&all_open), token.clone(), sandbox.port());
            clients.spawn(async move {
                let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                all_open.wait().await;
                for round in 0..2 {
                    let body = invocation(actions::ECHO, json!({}), &format!("c-{number}-{round}"));
                    let request = format!(
                        "POST {INVOCATIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
                         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(request.as_bytes()).await.unwrap();
                    let mut answer = Vec::new();
                    while !answer.ends_with(b"}") {
                        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
                    }
                    assert!(answer.starts_with(b"HTTP/1.1 202 "), "{}", String::from_utf8_lossy(&answer));
                }
            });
        }
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    });
    let totals = sandbox.totals();
    assert_eq!(
        (totals.invoke, totals.executions, totals.most_executions),
        (2 * count as u64, 2 * count as u64, 1)
    );
    let connections: HashSet<_> = sandbox.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections.len(), 1 + count, "each client kept its own");
}
