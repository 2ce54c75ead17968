//! Rows 14 to 19: what may be sent arrives byte for byte; what may not is named in full, and no connection is made.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use cxone_actions::config::PolicySource;
use cxone_actions::{ActionRequest, ErrorKind, Executed};
use cxone_actions_faults::{ACTION, Caller, Gateway, Ground, Point, proof, request};

/// What the contract takes: 524,288 bytes of UTF-8.
const LONGEST: usize = 524_288;

fn noted(correlation_id: &str, note: &str) -> ActionRequest {
    ActionRequest::new(ACTION).input("note", note).correlation_id(correlation_id)
}

/// The body of the last invoke, as it was on the wire.
fn last_body(gateway: &Gateway) -> String {
    String::from_utf8(gateway.seen(Point::Invoke).pop().unwrap().body).unwrap()
}

/// It is refused with these paths in this order, and nothing goes out for it.
async fn refused(
    client: &Caller,
    gateway: &Gateway,
    kind: ErrorKind,
    request: ActionRequest,
    paths: &[&str],
) {
    let before = gateway.connections();
    let error = client.run(request).await.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (kind, Executed::No), "{error}");
    let named: Vec<_> = error.violations().iter().map(|violation| violation.path.as_str()).collect();
    assert_eq!(named, paths, "{error}");
    assert_eq!(gateway.connections(), before, "a connection was made for what is refused");
}

/// Fault 14.
#[test]
fn a_body_of_exactly_the_limit_is_sent_unchanged_and_one_byte_more_makes_no_connection() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        client.run(noted("size", "CANARY")).await.unwrap();
        let room = LONGEST - last_body(&gateway).len() + "CANARY".len();
        for (correlation_id, edge) in [("edg1", "z"), ("edg2", "é"), ("edg3", "語"), ("edg4", "🐦")] {
            let whole = format!("CANARY{}{edge}", "x".repeat(room - "CANARY".len() - edge.len()));
            assert!(client.run(noted(correlation_id, &whole)).await.unwrap().ok);
            let body = last_body(&gateway);
            assert_eq!(body.len(), LONGEST);
            assert!(body.contains(&whole), "`{edge}` at the edge was altered");
            let one_more = format!("x{whole}");
            refused(&client, &gateway, ErrorKind::Validation, noted("more", &one_more), &[""]).await;
        }
    });
}

/// Fault 15.
#[test]
fn numbers_arrive_exactly_or_are_refused_and_are_never_altered() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        let exact = [
            (ActionRequest::new(ACTION).input("n", (1_i64 << 53) + 1), "9007199254740993"),
            (ActionRequest::new(ACTION).input("n", -(1_i64 << 53) - 1), "-9007199254740993"),
            (ActionRequest::new(ACTION).input("n", 1_u64 << 63), "9223372036854775808"),
            (ActionRequest::new(ACTION).input("n", i128::MAX), "170141183460469231731687303715884105727"),
            (ActionRequest::new(ACTION).input("n", 0.1), "0.1"),
            (ActionRequest::new(ACTION).input("n", -0.0), "-0.0"),
            (digits("1e23"), "1e23"),
            (digits("100000000000000000000000"), "100000000000000000000000"),
            (digits("1.000000000000000000000000000001"), "1.000000000000000000000000000001"),
        ];
        for (request, digits) in exact {
            assert!(client.run(request).await.unwrap().ok);
            let body = last_body(&gateway);
            assert!(body.contains(&format!(r#""inputs":{{"n":{digits}}}"#)), "{digits} became {body}");
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let request = ActionRequest::new(ACTION).input("n", number);
            refused(&client, &gateway, ErrorKind::Validation, request, &["/inputs/n"]).await;
        }
    });
}

fn digits(digits: &str) -> ActionRequest {
    ActionRequest::from_json(format!(r#"{{"actionId":"{ACTION}","inputs":{{"n":{digits}}}}}"#).as_bytes())
}

/// Fault 16.
#[test]
fn odd_keys_arrive_or_are_named_and_none_is_dropped() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        for key in ["__proto__", "constructor", " ", "a/b~c", "\u{feff}", "ключ", "$ref"] {
            assert!(client.run(ActionRequest::new(ACTION).input(key, "CANARY")).await.unwrap().ok);
            let inputs = gateway.seen(Point::Invoke).pop().unwrap().json()["inputs"].clone();
            assert_eq!(inputs.as_object().unwrap().get(key).unwrap(), "CANARY", "`{key}`");
        }
        let text = |inner: &str| {
            ActionRequest::from_json(format!(r#"{{"actionId":"{ACTION}",{inner}}}"#).as_bytes())
        };
        let cases = [
            (text(r#""inputs":{"":"CANARY"}"#), "/inputs/"),
            (text(r#""inputs":{"a\u0000b":"CANARY"}"#), "/inputs/a\u{0}b"),
            (text(r#""inputs":{"a":"CANARY\ud800"}"#), "/inputs/a"),
            (text(r#""inputs":{},"callbackURL":"https://CANARY.example.com/"#.to_owned().as_str()), ""),
            (text(r#""inputs":{},"callbackURL":"https://CANARY.example.com/""#), "/callbackURL"),
        ];
        for (request, path) in cases {
            refused(&client, &gateway, ErrorKind::Validation, request, &[path]).await;
        }
    });
}

/// Fault 17.
#[test]
fn an_upper_case_action_on_the_list_is_allowed_sent_and_recorded_in_canonical_form() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let policy = format!(r#"{{"action":[{{"id":"{ACTION}","inputs":"*"}}]}}"#);
        let client = ground.open(ground.builder(&gateway).policy(PolicySource::Json(policy)));
        let request = ActionRequest::new(ACTION.to_uppercase()).correlation_id("upper");
        let result = client.run(request).await.unwrap();
        assert_eq!(result.action_id.as_deref(), Some(ACTION));
        assert_eq!(gateway.seen(Point::Invoke)[0].json()["actionId"], ACTION);
        assert!(client.records(Some("upper")).iter().all(|record| record["action_id"] == ACTION));
    });
}

/// Fault 18.
#[test]
fn what_the_policy_or_the_contract_refuses_is_named_in_full_recorded_and_makes_no_connection() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let policy = format!(
            r#"{{"action":[{{"id":"{ACTION}","inputs":{{"note":{{"type":"string","max_length":9}},"priority":{{"type":"integer","minimum":1}}}}}}]}}"#
        );
        let client = ground.open(ground.builder(&gateway).policy(PolicySource::Json(policy)));
        let unlisted = ActionRequest::new("00000000-0000-4000-8000-000000000009").correlation_id("r1");
        refused(&client, &gateway, ErrorKind::Denied, unlisted, &["/actionId"]).await;
        let unlisted = noted("r2", "short").input("other", "CANARY");
        refused(&client, &gateway, ErrorKind::Denied, unlisted, &["/inputs/other"]).await;
        let five = noted("no good id", "CANARY-too-long")
            .input("priority", 0)
            .input("other", f64::NAN)
            .callback_url("http://user:CANARY@10.0.0.1/");
        let before = gateway.connections();
        let error = client.run(five).await.unwrap_err();
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Validation, Executed::No));
        let named: Vec<_> = error.violations().iter().map(|violation| violation.path.as_str()).collect();
        for path in ["/correlationId", "/callbackUrl", "/inputs/other", "/inputs/note", "/inputs/priority"] {
            assert!(named.contains(&path), "{path} is not among {named:?}");
        }
        assert_eq!(gateway.connections(), before);
        assert_eq!(client.events(None), ["config", "denied", "denied", "invalid"]);
    });
}

/// Fault 19.
#[test]
fn a_callback_url_that_could_lead_inside_is_refused_unless_its_host_is_listed() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        let to = |url: &str| ActionRequest::new(ACTION).callback_url(url);
        for url in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "http://example.com/cb",
            "https://user@example.com/",
            "https://user:CANARY@example.com/",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://127.0.0.1./",
            "https://localhost./",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://0.0.0.0/",
            "https://10.1.2.3/",
            "https://192.168.0.1/",
            "//example.com/",
            "https:///etc",
        ] {
            refused(&client, &gateway, ErrorKind::Validation, to(url), &["/callbackUrl"]).await;
        }
        let hosts = ["10.1.2.3", "localhost", "[::1]"].map(str::to_owned).to_vec();
        let listed = ground.open(ground.builder(&gateway).callback_hosts(hosts));
        for url in ["https://10.1.2.3/cb?x=1", "https://localhost:8443/cb", "https://[::1]:8443/cb"] {
            assert!(listed.run(to(url)).await.unwrap().ok);
            assert_eq!(gateway.seen(Point::Invoke).pop().unwrap().json()["callbackUrl"], url);
        }
        let public = "https://hooks.example.com/cb";
        assert!(client.run(to(public)).await.unwrap().ok);
        refused(&listed, &gateway, ErrorKind::Validation, to(public), &["/callbackUrl"]).await;
        assert!(client.run(request("no-callback")).await.unwrap().ok);
    });
}
