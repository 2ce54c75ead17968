//! The two crates are what the table of the public surface says of Rust, and nothing else. What is public is read off the
//! sources: they are what compiles.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test that panics is a test that fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cxone_actions::{Client, Error, ErrorKind, surface};
use cxone_actions_sandbox::{PROFILES, Sandbox, SandboxOptions};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of every source of a crate, without those of its unit tests.
fn sources(krate: &str) -> Vec<String> {
    let mut folders = vec![root().join(krate).join("src")];
    let mut lines = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                lines.extend(own.lines().map(str::to_owned));
            }
        }
    }
    lines
}

/// What stands in the blocks that begin with this line.
fn blocks<'a>(lines: &'a [String], begins: &'a str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    lines.iter().map(String::as_str).filter(move |line| {
        let was = inside;
        inside = if inside { *line != "}" } else { *line == begins };
        was && inside
    })
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The public methods of a type, without those that the documentation hides.
fn methods(krate: &str, of: &str) -> BTreeSet<String> {
    let lines = sources(krate);
    let begins = format!("impl {of} {{");
    let named = |line: &str| {
        let line = line.strip_prefix("    pub ")?;
        let line =
            ["async ", "const "].iter().fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
        Some(word(line.strip_prefix("fn ")?).to_owned())
    };
    let block: Vec<&str> = blocks(&lines, &begins).collect();
    let shown =
        block.windows(2).filter(|pair| pair[0].trim() != "#[doc(hidden)]").filter_map(|pair| named(pair[1]));
    block.first().and_then(|line| named(line)).into_iter().chain(shown).collect()
}

/// The public fields of a type.
fn fields(krate: &str, of: &str) -> BTreeSet<String> {
    let lines = sources(krate);
    let begins = format!("pub struct {of} {{");
    blocks(&lines, &begins).filter_map(|line| Some(word(line.strip_prefix("    pub ")?).to_owned())).collect()
}

/// The texts that a path of the table leads to; `*` is every member.
fn said(table: &Value, path: &[&str]) -> BTreeSet<String> {
    let Some((first, rest)) = path.split_first() else {
        return table.as_str().map(str::to_owned).into_iter().collect();
    };
    match (*first, table) {
        ("*", Value::Array(list)) => list.iter().flat_map(|it| said(it, rest)).collect(),
        _ => said(&table[*first], rest),
    }
}

fn alone(table: &Value, of: &str) -> BTreeSet<String> {
    let rows = table["alone"].as_array().unwrap();
    let mine = rows.iter().filter(|row| row["language"] == "rust" && row["of"] == of);
    mine.flat_map(|row| said(&row["names"], &["*"])).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn a_type_has_the_methods_of_the_table_and_no_others() {
    let table = surface();
    for (krate, of, path) in [
        ("core", "Client", &["methods", "*", "rust", "*"][..]),
        ("core", "Trail", &["trail_methods", "*", "rust", "*"]),
        ("core", "CallbackListener", &["listener_methods", "*", "rust", "*"]),
        ("sandbox", "Sandbox", &["sandbox", "members", "*", "rust", "*"]),
    ] {
        let mut wanted = said(&table, path);
        wanted.extend(alone(&table, of));
        assert_eq!(methods(krate, of), wanted, "{of}");
    }
}

#[test]
fn every_option_of_the_table_is_one_of_the_builder_and_the_other_way_round() {
    let table = surface();
    let lines = sources("core");
    let setter = |line: &str| {
        line.strip_prefix("    ").filter(|line| line.contains(" => |")).map(word).map(str::to_owned)
    };
    let setters: BTreeSet<String> = blocks(&lines, "setters! {").filter_map(setter).collect();
    assert_eq!(setters, said(&table, &["options", "*", "name"]));
    assert_eq!(methods("core", "ClientBuilder"), alone(&table, "ClientBuilder"));
}

#[test]
fn what_is_handed_in_and_what_comes_back_has_the_fields_of_the_table() {
    let table = surface();
    let of = |name: &str| said(&table, &["fields", name, "*", "name"]);
    for name in
        ["Violation", "Problem", "Checkpoint", "Invocation", "ActionResult", "ActionDescription", "Verdict"]
    {
        assert_eq!(fields("core", name), of(name), "{name}");
    }
    assert_eq!(fields("sandbox", "Seen"), of("SeenRequest"));
    // Here `result` is a `Result`, which holds the error too.
    let mut outcome = of("Outcome");
    outcome.remove("error");
    assert_eq!(fields("core", "Outcome"), outcome);
    let mut request = methods("core", "ActionRequest");
    request.extend(set(["action_id"]));
    assert!(request.is_superset(&of("ActionRequest")), "{request:?}");
    let options = fields("core", "CallOptions");
    assert_eq!(options, set(["timeout", "on_result"]));
    let params = said(&table, &["methods", "*", "params", "*", "name"]);
    assert!(params.is_superset(&options));
    let filter: BTreeSet<String> = table["trail_methods"][0]["params"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|param| said(param, &["name"]))
        .collect();
    assert_eq!(fields("core", "Filter"), filter);
}

#[test]
fn every_kind_of_error_has_the_fields_of_the_table_and_the_code_of_its_name() {
    let table = surface();
    let kinds: Vec<_> =
        table["errors"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
    for (kind, row) in ErrorKind::ALL.iter().zip(table["errors"].as_array().unwrap()) {
        let error = Error::new(*kind, "it broke");
        assert_eq!(error.code(), format!("CXONE_{}", kind.as_str().to_uppercase()));
        assert_eq!((&row["code"], &row["class"]), (&json!(error.code()), &json!(kind.class_name())));
        assert_eq!(row["executed"], error.executed().as_str());
        let names: Vec<_> = error.to_json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(json!(names), table["error_fields"]);
    }
}

#[test]
fn a_sandbox_takes_the_options_of_the_table_and_no_others() {
    let table = surface();
    assert_eq!(fields("sandbox", "SandboxOptions"), said(&table, &["sandbox", "options", "*", "name"]));
    let usual = SandboxOptions::default();
    let seconds = |time: std::time::Duration| format!("{} s", time.as_secs_f64());
    for (name, value) in [
        ("profile", usual.profile.clone()),
        ("seed", usual.seed.to_string()),
        ("token_lifetime", seconds(usual.token_lifetime)),
        ("complete_after", seconds(usual.complete_after)),
        ("action_timeout", seconds(usual.action_timeout)),
        ("deduplicate", usual.deduplicate.to_string()),
        ("requests_kept", usual.requests_kept.to_string()),
        ("console", usual.console.to_string()),
    ] {
        let options = table["sandbox"]["options"].as_array().unwrap();
        let row = options.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!(row["default"], value, "{name}");
    }
    let mut setters = methods("sandbox", "Action");
    setters.remove("new");
    setters.extend(set(["id"]));
    let mut described = said(&table, &["sandbox", "action", "*", "name"]);
    described.extend(alone(&table, "SandboxAction"));
    assert_eq!(setters, described);
}

#[test]
fn a_fault_takes_the_members_of_the_table_and_no_others() {
    let table = surface();
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    let values = json!({
        "status": 503, "body": "text", "headers": {"x-a": "b"}, "retry_after": 1, "merge": {"a": 1}, "delay": 0.1,
        "drip": 0.1, "close": "reset", "executed": true, "copies": 2,
    });
    let members = values.as_object().unwrap();
    let names: BTreeSet<String> = members.keys().cloned().collect();
    assert_eq!(said(&table, &["sandbox", "fault", "*", "name"]), names);
    for (name, value) in members {
        let point = if name == "copies" { "callback" } else { "invoke" };
        sandbox.inject(point, json!({ name: value }), 1).unwrap();
    }
    sandbox.inject("invoke", json!({"delay": 0.1, "statuss": 503}), 1).unwrap_err();
}

/// The words of one list of the table.
fn words(table: &Value, of: &str) -> Vec<String> {
    let lists = table["words"].as_array().unwrap();
    let list = lists.iter().find(|list| list["of"] == of).unwrap();
    list["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_text_here_too_takes_the_words_of_the_table_and_no_others() {
    let table = surface();
    let all: Vec<Sandbox> = PROFILES
        .iter()
        .map(|profile| SandboxOptions { profile: (*profile).to_owned(), ..SandboxOptions::default() })
        .map(|options| Sandbox::start(options).unwrap())
        .collect();
    let ordered =
        |point: &str, fault: &Value| all.iter().any(|it| it.inject(point, fault.clone(), 1).is_ok());
    for point in words(&table, "Sandbox.inject.point") {
        // A callback is sent and not answered: nothing can be ordered of it but that it is lost, late, or sent too often.
        let fault = if point == "callback" { json!({"delay": 0.1}) } else { json!({"status": 503}) };
        assert!(ordered(&point, &fault), "{point}");
    }
    assert!(!ordered("elsewhere", &json!({"status": 503})) && !ordered("elsewhere", &json!({"delay": 0.1})));
    for close in words(&table, "Fault.close") {
        assert!(ordered("invoke", &json!({ "close": close })), "{close}");
    }
    assert!(!ordered("invoke", &json!({"close": "somewhere"})));
    let ends = |outcome: &str| {
        SandboxOptions::from_json(&json!({"actions": [{"id": "a", "outcome": outcome}]}).to_string()).is_ok()
    };
    assert!(words(&table, "SandboxAction.outcome").iter().all(|outcome| ends(outcome)) && !ends("ENDED"));
    let opens = |auth: &str| {
        let builder =
            Client::builder().base_url("http://127.0.0.1:9").client_id("id").client_secret("secret");
        builder.client_auth(auth).build().is_ok()
    };
    assert!(words(&table, "option.client_auth").iter().all(|auth| opens(auth)) && !opens("none"));
}

/// The border writes the core's names as each language does; what the core itself wrote in another's spelling would stay so
/// in all of them.
#[test]
fn no_text_of_the_core_names_an_option_in_another_languages_spelling() {
    let table = surface();
    let rust = said(&table, &["options", "*", "name"]);
    let node: Vec<String> =
        said(&table, &["options", "*", "node"]).difference(&rust).map(|name| format!("`{name}`")).collect();
    for krate in ["core", "bridge"] {
        for line in sources(krate) {
            let comment = line.trim_start().starts_with("//");
            assert!(comment || !node.iter().any(|name| line.contains(name)), "{krate}: {line}");
        }
    }
}
