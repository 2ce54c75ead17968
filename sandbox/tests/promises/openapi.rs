//! The description at `/openapi.json`, held against what is really answered: every operation, status, type of content
//! and header that these requests meet is described, and every answer that is described is met.

use std::collections::BTreeSet;
use std::time::Duration;

use cxone_actions_sandbox::{Action, SCOPE_READ, SCOPE_WRITE, Sandbox, SandboxOptions, actions};
use serde_json::{Map, Value, json};

use crate::wire::{Answer, Wire, basic, encoded, post_form};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");
const ACCEPT: (&str, &str) = ("accept", "application/json");

/// A gateway, its description, and what was met of it: path, method and status.
struct Described {
    profile: &'static str,
    sandbox: Sandbox,
    document: Value,
    met: BTreeSet<(String, String, String)>,
}

impl Described {
    fn start(profile: &'static str, options: SandboxOptions) -> Self {
        let options = SandboxOptions { profile: profile.to_owned(), ..options };
        let sandbox = Sandbox::start(options).unwrap();
        let answer = Wire::open(&sandbox).send("GET", "/openapi.json", &[], b"").unwrap();
        assert_eq!(answer.status, 200);
        let document = answer.json();
        let mut described = Described { profile, sandbox, document, met: BTreeSet::new() };
        described.holds("GET", "/openapi.json", &answer);
        described
    }

    /// Each path, method and status that an answer may have.
    fn described(&self) -> BTreeSet<(String, String, String)> {
        let each = |(path, method, operation): (&str, &str, &Map<String, Value>)| {
            let statuses = operation["responses"].as_object().unwrap().keys();
            statuses.map(|status| (path.to_owned(), method.to_owned(), status.clone())).collect::<Vec<_>>()
        };
        self.operations().into_iter().flat_map(each).collect()
    }

    /// The operations as path, method and what is said of it.
    fn operations(&self) -> Vec<(&str, &str, &Map<String, Value>)> {
        let paths = self.document["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().iter();
                methods.map(move |(method, said)| (path.as_str(), method.as_str(), said.as_object().unwrap()))
            })
            .collect()
    }

    /// That an answer is described.
    fn holds(&mut self, method: &str, path: &str, answer: &Answer) {
        let path = path.split('?').next().unwrap();
        let matches = |template: &str| {
            let (mut said, mut came) = (template.split('/'), path.split('/'));
            loop {
                match (said.next(), came.next()) {
                    (None, None) => return true,
                    (Some(part), Some(segment)) if part == segment || part.starts_with('{') => {}
                    _ => return false,
                }
            }
        };
        let operations = self.operations();
        let found = operations
            .iter()
            .find(|(template, known, _)| *known == method.to_ascii_lowercase() && matches(template));
        let Some((template, known, operation)) = found else {
            panic!("{}: {method} {path} is not described: {answer:?}", self.profile)
        };
        let told = format!("{}: {method} {path}: {answer:?}", self.profile);
        let status = answer.status.to_string();
        let said = operation["responses"].get(&status).unwrap_or_else(|| panic!("{told}"));

        let mut wanted: BTreeSet<String> =
            said["headers"].as_object().unwrap().keys().map(|name| name.to_ascii_lowercase()).collect();
        match answer.header("content-type") {
            Some(sort) => {
                let content = said["content"].get(sort).unwrap_or_else(|| panic!("{told}"));
                assert!(self.allows(&content["schema"], answer, sort), "{told}: {content}");
                wanted.insert("content-type".into());
            }
            None => assert!(answer.body.is_empty(), "{told}"),
        }
        wanted.extend(["content-length".to_owned(), "date".to_owned()]);
        let came: BTreeSet<String> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(came, wanted, "{told}");
        let met = ((*template).to_owned(), (*known).to_owned(), status);
        self.met.insert(met);
    }

    /// Whether the body is what its schema says.
    fn allows(&self, schema: &Value, answer: &Answer, sort: &str) -> bool {
        let body = if sort == "application/json" { answer.json() } else { answer.body.clone().into() };
        let mut whole = schema.clone();
        if let Some(members) = whole.as_object_mut() {
            members.insert("components".into(), self.document["components"].clone());
        }
        jsonschema::options().should_validate_formats(true).build(&whole).unwrap().is_valid(&body)
    }

    fn ask(
        &mut self,
        wire: &mut Wire,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let authorization = wire.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut all = headers.to_vec();
        all.extend(authorization.as_ref().map(|value| ("authorization", value.as_str())));
        let answer = wire.send(method, path, &all, body).unwrap();
        self.holds(method, path, &answer);
        answer
    }

    /// A token, for whose sake everything about tokens is met.
    fn token(&mut self) -> String {
        let (id, secret) = (self.sandbox.client_id().to_owned(), self.sandbox.client_secret().to_owned());
        let key = (self.sandbox.access_key_id().to_owned(), self.sandbox.access_key_secret().to_owned());
        let wrong = basic(&id, "wrong");
        let (path, right) = match self.profile {
            "gateway" => ("/api/v2/oauth/token", post_form(&id, &secret)),
            "cxone-extraction" => {
                let user = format!("username={}&password={}", encoded(&key.0), encoded(&key.1));
                let form = post_form(&id, &secret).replace("client_credentials", "password");
                ("/auth/token", format!("{form}&{user}"))
            }
            _ => ("/oauth/token", post_form(&id, &secret)),
        };
        let large = format!("{right}&padding={}", "x".repeat(17 * 1024 * 1024));
        let mut wire = Wire::open(&self.sandbox);
        for (headers, form) in [
            (vec![FORM], "grant_type=password"),
            (vec![FORM, ("authorization", wrong.as_str())], "grant_type=client_credentials"),
            (vec![FORM], large.as_str()),
        ] {
            self.ask(&mut wire, "POST", path, &headers, form.as_bytes());
        }
        if self.profile == "cxone-extraction" {
            let path = "/authentication/v1/token/access-key";
            let of = |secret: &str| json!({"accessKeyId": key.0, "accessKeySecret": secret}).to_string();
            for body in
                [of(&key.1), of("wrong"), "{}".into(), format!("{{}}{}", " ".repeat(17 * 1024 * 1024))]
            {
                self.ask(&mut wire, "POST", path, &[JSON], body.as_bytes());
            }
        }
        self.ask(&mut wire, "POST", path, &[FORM], right.as_bytes()).text("access_token")
    }
}

/// What each profile's invocations are: path, a body that works, one that does not, one for no action.
fn invocations(profile: &str) -> (String, Value, Value, Value) {
    let nobody = "00000000-0000-4000-8000-00000000dead";
    match profile {
        "gateway" => {
            let of = |id: &str| json!({"actionId": id, "inputs": {"customerId": "a"}});
            (
                "/api/v2/integrations/actions/invocations".into(),
                of(actions::CREATE_CASE),
                json!({}),
                of(nobody),
            )
        }
        "genesys-data-action" => {
            let path = format!("/api/v2/integrations/actions/custom_-_{}/execute", actions::CREATE_CASE);
            (path, json!({"customerId": "a"}), json!({}), Value::Null)
        }
        "genesys-flow" => {
            let of = |id: &str| json!({"flowId": id, "name": "c", "inputData": {"customerId": "a"}});
            ("/api/v2/flows/executions".into(), of(actions::CREATE_CASE), json!({}), of(nobody))
        }
        _ => {
            let of = |name: &str| json!({"entityName": name, "customerId": "a"});
            ("/data-extraction/v1/jobs".into(), of("create-case"), json!({}), of("nothing"))
        }
    }
}

fn meets_everything(profile: &'static str) {
    let slow = Action::new("6f9619ff-8b86-4d01-b42d-00c04fc964ff").complete_after(Duration::from_secs(9));
    let options = SandboxOptions {
        actions: vec![slow],
        action_timeout: Duration::from_millis(100),
        complete_after: Duration::from_millis(1),
        rate_limit: Some("9999/60s".into()),
        ..SandboxOptions::default()
    };
    let mut it = Described::start(profile, options.clone());
    let (path, works, breaks, nobody) = invocations(profile);
    let mut wire = Wire::open(&it.sandbox);
    wire.token = Some(it.token());
    let text = |body: &Value| body.to_string().into_bytes();
    let headers = [JSON, ACCEPT];

    let accepted = it.ask(&mut wire, "POST", &path, &headers, &text(&works));
    it.ask(&mut wire, "POST", &path, &headers, &text(&breaks));
    it.ask(&mut wire, "POST", &path, &headers, b"{\"a\": \0}");
    it.ask(&mut wire, "POST", &path, &[("content-type", "text/plain"), ACCEPT], b"{}");
    it.ask(&mut wire, "POST", &path, &headers, &vec![b' '; 16 * 1024 * 1024 + 1]);
    match profile {
        "gateway" => {
            let at_once = json!({"actionId": actions::AT_ONCE, "inputs": {}});
            it.ask(&mut wire, "POST", &path, &headers, &text(&at_once));
            it.ask(&mut wire, "POST", &path, &headers, &text(&nobody));
        }
        "genesys-data-action" => {
            let of = |action: &str| format!("/api/v2/integrations/actions/custom_-_{action}");
            for (action, execute) in [
                ("none", true),
                ("fails", true),
                ("is-cancelled", true),
                ("echo", false),
                ("none%00%FF", false),
            ] {
                let path = of(action);
                if execute {
                    it.ask(&mut wire, "POST", &format!("{path}/execute"), &headers, b"{}");
                } else {
                    it.ask(&mut wire, "GET", &format!("{path}?expand=contract"), &[ACCEPT], b"");
                }
            }
            let slow = format!("{}/execute", of("6f9619ff-8b86-4d01-b42d-00c04fc964ff"));
            it.ask(&mut wire, "POST", &slow, &headers, b"{}");
        }
        _ => {
            it.ask(&mut wire, "POST", &path, &headers, &text(&nobody));
        }
    }
    if profile == "cxone-extraction" {
        it.ask(&mut wire, "GET", "/.well-known/openid-configuration", &[ACCEPT], b"");
        it.ask(&mut wire, "POST", &path, &[JSON], &text(&works));
    }
    if profile != "genesys-data-action" {
        let id = match accepted.json() {
            Value::String(id) => id,
            body => body.get("invocationId").or(body.get("id")).and_then(Value::as_str).unwrap().to_owned(),
        };
        for id in [id.as_str(), id.as_str(), "%00", "%FF%GG", "a%2Fb", &"x".repeat(9000)] {
            it.ask(&mut wire, "GET", &format!("{path}/{id}"), &[ACCEPT], b"");
        }
        let ends = match profile {
            "gateway" => vec![actions::FAILS, actions::IS_CANCELLED, actions::NEVER_ENDS],
            _ => Vec::new(),
        };
        for action in ends {
            let body = json!({"actionId": action, "inputs": {}});
            let id = it.ask(&mut wire, "POST", &path, &headers, &text(&body)).text("invocationId");
            it.ask(&mut wire, "GET", &format!("{path}/{id}"), &[ACCEPT], b"");
        }
    }

    // Whatever needs a token: none, one that may do nothing, and one that is exhausted.
    let looks: Vec<String> = match profile {
        "genesys-data-action" => vec![path.trim_end_matches("/execute").to_owned()],
        _ => vec![format!("{path}/00000000-0000-4000-8000-00000000dead")],
    };
    let mine = |it: &mut Described, wire: &mut Wire| {
        it.ask(wire, "POST", &path, &headers, &text(&works));
        for look in &looks {
            it.ask(wire, "GET", look, &[ACCEPT], b"");
        }
    };
    wire.token = None;
    mine(&mut it, &mut wire);
    for (scope, limit) in [(SCOPE_READ, "9999/60s"), (SCOPE_WRITE, "9999/60s"), (SCOPE_READ, "1/60s")] {
        let scopes = match limit {
            "1/60s" => vec![SCOPE_READ.to_owned(), SCOPE_WRITE.to_owned()],
            _ => vec![scope.to_owned()],
        };
        let options = SandboxOptions { scopes, rate_limit: Some(limit.into()), ..options.clone() };
        let mut other = Described::start(profile, options);
        let mut wire = Wire::open(&other.sandbox);
        wire.token = Some(other.token());
        mine(&mut other, &mut wire);
        mine(&mut other, &mut wire);
        it.met.extend(other.met);
    }

    assert_eq!(it.met, it.described(), "{profile}");
}

#[test]
fn every_answer_of_every_profile_is_described_and_every_description_is_met() {
    for profile in cxone_actions_sandbox::PROFILES {
        meets_everything(profile);
    }
}

#[test]
fn another_method_is_refused_with_the_one_that_there_is() {
    for profile in cxone_actions_sandbox::PROFILES {
        let it = Described::start(profile, SandboxOptions::default());
        let mut wire = Wire::open(&it.sandbox);
        for (path, known, _) in it.operations() {
            let path = path.replace("{actionId}", "a").replace("{invocationId}", "a").replace("{jobId}", "a");
            let path = path.replace("{flowExecutionId}", "a");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"] {
                if method.eq_ignore_ascii_case(known) {
                    continue;
                }
                let answer = wire.send(method, &path, &[ACCEPT], b"").unwrap();
                let allowed = known.to_ascii_uppercase();
                assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed.as_str())), "{path}");
            }
        }
    }
}

#[test]
fn what_is_no_http_ends_in_a_refusal_and_the_next_request_is_answered() {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    let long = format!("/{}", "a".repeat(70_000));
    for (method, path) in [("GET", long.as_str()), ("GET", "/a b"), ("G\0T", "/"), ("GET", "no-slash")] {
        // Whatever is answered, it is no success and no error of the server, or the connection is closed.
        let answer = Wire::open(&sandbox).send(method, path, &[], b"");
        assert!(answer.as_ref().map_or(true, |answer| (400..500).contains(&answer.status)), "{answer:?}");
        assert_eq!(Wire::open(&sandbox).send("GET", "/openapi.json", &[], b"").unwrap().status, 200);
    }
}
