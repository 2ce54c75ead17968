//! Options and policy.

use crate::world::{Closed, SECRET, doctor, examined, file, sandbox};

#[test]
fn every_mistake_in_the_options_is_said_at_once_and_what_can_be_tried_is_tried() {
    let sandbox = sandbox();
    let said = doctor(&[("CXONE_BASE_URL", sandbox.base_url())], &[]);
    said.says("settings.options", "failed", "read the options", "`client_id` is required", "");
    said.says("settings.options", "failed", "read the options", "`client_secret` is required", "");
    said.says("network.tcp", "ok", "(the token service, the gateway)", "127.0.0.1 took the connection", "");
    said.skipped("token.token", "there are no credentials");
    assert_eq!(said.code, 2);
    let said = doctor(&[("CXONE_BASE_URL", "http://gateway.example"), ("CXONE_CLIENT_SECRET", SECRET)], &[]);
    said.says("settings.options", "failed", "", "base_url", "");
    said.skipped("network.tcp", "the options have to be corrected first");
    assert_eq!((said.code, sandbox.totals().executions), (2, 0));
}

#[test]
fn the_embedded_sandbox_is_found_well() {
    let said = doctor(&[], &["--sandbox"]);
    assert_eq!(said.code, 0, "{:#}", said.all);
    said.says("settings.options", "ok", "", "profile `gateway`", "");
    said.says("policy.load", "ok", "look for a policy", "every action is allowed", "");
    said.says("trail.directory", "ok", "", "kept in memory", "");
}

#[test]
fn a_policy_with_mistakes_names_each_and_everything_else_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = file(folder.path(), "wrong.toml", "[[action]]\nid = \"no id\"\ninputs = 3\nrat = \"1/s\"\n");
    let sandbox = sandbox();
    let said = examined(&sandbox, &[("CXONE_POLICY", &wrong)], &[]);
    for words in ["wrong.toml, line 2", "wrong.toml, line 3", "wrong.toml, line 4"] {
        said.says(
            "policy.load",
            "failed",
            &format!("read the policy `{wrong}`"),
            words,
            "correct it; nothing is sent",
        );
    }
    said.says("gateway.look", "ok", "", "404", "");
    assert_eq!(said.code, 2);
    let action = "[[action]]\nid = \"a1b2c3d4-e5f6-7890-abcd-ef1234567890\"\ninputs = \"*\"\n";
    let right = file(folder.path(), "right.toml", action);
    examined(&sandbox, &[("CXONE_POLICY", &right)], &[]).says(
        "policy.load",
        "ok",
        "",
        "it allows 1 action",
        "",
    );
    let empty = file(folder.path(), "empty.toml", "action = []\n");
    examined(&sandbox, &[("CXONE_POLICY", &empty)], &[]).says(
        "policy.load",
        "warning",
        "",
        "refuses everything",
        "list",
    );
    let nowhere = examined(&sandbox, &[("CXONE_POLICY", "/nowhere/policy.toml")], &[]);
    nowhere.says("policy.load", "failed", "/nowhere/policy.toml", "", "");
}

#[test]
fn the_first_failing_class_decides_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = file(folder.path(), "wrong.toml", "action = 3\n");
    let closed = Closed::new();
    let base_url = format!("http://{}", closed.authority());
    let known =
        [("CXONE_BASE_URL", base_url.as_str()), ("CXONE_CLIENT_ID", "c"), ("CXONE_CLIENT_SECRET", SECRET)];
    let said = doctor(&[&known[..], &[("CXONE_POLICY", &wrong)]].concat(), &[]);
    assert_eq!(said.code, 7, "the network comes before the policy: {:#}", said.all);
    assert_eq!(doctor(&[("CXONE_POLICY", &wrong), known[0]], &[]).code, 2, "options come before the network");
}
