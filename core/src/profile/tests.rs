//! What a profile file promises: the built-in ones work, and whatever is wrong with one of your own is said at once.

use super::*;

#[test]
fn status_words_compare_without_case_dashes_and_spaces() {
    use crate::invocation::Status;
    let words = Profile::load("gateway").unwrap().status;
    let cases = [
        ("completed", Meaning::Terminal(Status::Completed)),
        ("Canceled", Meaning::Terminal(Status::Cancelled)),
        ("TIMED_OUT", Meaning::Terminal(Status::Failed)),
        ("timed out", Meaning::Terminal(Status::Failed)),
        ("in-progress", Meaning::Pending),
        ("WEIRD", Meaning::Unknown),
    ];
    for (word, meaning) in cases {
        assert_eq!(words.meaning(word), meaning, "{word}");
    }
}

#[test]
fn every_built_in_profile_can_be_used() {
    for name in Profile::built_in() {
        let profile = Profile::load(name).unwrap();
        assert_eq!(profile.name, name);
        assert!(profile.about.is_some(), "{name}");
        assert!(profile.routes(Some("https://api.example.com"), None).is_ok(), "{name}");
        assert!(
            profile.invoke.unprocessed.contains(&429) && !profile.invoke.unprocessed.contains(&503),
            "{name}"
        );
    }
    let extraction = Profile::load("cxone-extraction").unwrap();
    assert!(extraction.limits.http1_only && !extraction.limits.rate_counts_polls);
    assert_eq!(extraction.limits.rate, Some(RateLimit { sends: 1, per: Duration::from_secs(30) }));
    assert!(Profile::load("genesys-data-action").unwrap().is_synchronous());
}

/// Each change of the built-in file, and the places and codes of the mistakes that it makes.
#[test]
fn every_mistake_is_named_by_its_key() {
    type Mistakes<'a> = &'a [(&'a str, &'a str)];
    let cases: &[(&str, &str, Mistakes<'_>)] = &[
        ("name = \"gateway\"", "name = \"my gateway\"", &[("/name", "pattern")]),
        ("name = \"gateway\"", "nmae = \"gateway\"", &[("/name", "required"), ("/nmae", "unknown_field")]),
        ("{base}/api/v2/oauth/token", "http://idp.example.com/t", &[("/token/url", "url")]),
        ("{base}/api/v2/oauth/token", "{login}/t", &[("/token/url", "hole")]),
        ("{base}/api/v2/oauth/token", "{base}.evil.com/t", &[("/token/url", "url")]),
        ("{base}/api/v2/oauth/token", "{base}/{secret}", &[("/token/url", "hole")]),
        ("{base}/api/v2/oauth/token", "{base", &[("/token/url", "hole")]),
        ("[token]", "[token]\ndiscover = \"{base}/d\"", &[("/token/discover", "conflict")]),
        ("grant = \"client_credentials\"", "grant = \"magic\"", &[("/token/grant", "word")]),
        ("client_auth = \"post\"", "client_auth = 7", &[("/token/client_auth", "word")]),
        ("mode = \"accepted\"", "", &[("/invoke/mode", "required")]),
        ("mode = \"accepted\"", "mode = \"sync\"", &[("/invoke/mode", "word")]),
        (
            "mode = \"accepted\"",
            "mode = \"synchronous\"",
            &[("/invoke/id", "unused"), ("/poll", "unused"), ("/status", "unused")],
        ),
        ("accepted = [200, 201, 202]", "accepted = [200, 302]", &[("/invoke/accepted/1", "range")]),
        ("unprocessed = [425, 429]", "unprocessed = [200]", &[("/invoke/unprocessed/0", "range")]),
        ("id = \"/invocationId\"\n#", "id = \"invocationId\"\n#", &[("/invoke/id", "pointer")]),
        ("inputs = \"{inputs}\"", "inputs = \"{input}\"", &[("/invoke/body/inputs", "body")]),
        ("inputs = \"{inputs}\"\n", "", &[("/invoke/body", "body")]),
        ("/{invocation_id}", "", &[("/poll/url", "required")]),
        ("status = \"/status\"", "status = \"/~2\"", &[("/poll/status", "pointer")]),
        ("cancelled = [\"CANCELLED\"", "cancelled = [\"done\"", &[("/status/cancelled", "duplicate")]),
        ("body_bytes = 524288", "body_bytes = 0", &[("/limits/body_bytes", "range")]),
        ("request_timeout = 30.0", "request_timeout = -1", &[("/limits/request_timeout", "range")]),
        ("[limits]", "[limits]\nrate = \"fast\"", &[("/limits/rate", "rate")]),
        ("[limits]", "[hosts]\nregion = \"https://a\"\n[limits]", &[("/hosts/region", "reserved")]),
        ("[limits]", "[hosts]\nx = \"https://{tenant}.a\"\n[limits]", &[("/hosts/x", "hole")]),
        ("[limits]", "[hosts]\nx = \"https://a/\"\n[limits]", &[("/hosts/x", "url")]),
        (
            "[limits]",
            "[invoke.headers]\nAuthorization = \"x\"\n[limits]",
            &[("/invoke/headers/Authorization", "reserved")],
        ),
        ("[limits]", "[errors]\ncode = [\"x\"]\n[limits]", &[("/errors/code/0", "pointer")]),
        ("actions/invocations\"", "actions/{correlation_id}\"", &[("/invoke/url", "hole")]),
        ("[limits]", "[schema]\nurl = \"{base}/{action_id}\"\n[limits]", &[("/schema/input", "required")]),
        ("accepted = [200, 201, 202]", "accepted = []", &[("/invoke/accepted", "empty")]),
        (
            "accepted = [200, 201, 202]",
            "accepted = [302, 99]\nfailed = \"x\"",
            &[
                ("/invoke/accepted/0", "range"),
                ("/invoke/accepted/1", "range"),
                ("/invoke/failed", "pointer"),
                ("/invoke/failed", "unused"),
            ],
        ),
        (
            "completed = [\"COMPLETED\"",
            "completed = []\nx = [\"X\"",
            &[("/status/completed", "empty"), ("/status/x", "unknown_field")],
        ),
        ("{base}/api/v2/oauth/token", "https://{region}.example.com", &[]),
        (
            "{base}/api/v2/integrations/actions/invocations\"\naction_id",
            "https://{action_id}.example.com/x\"\naction_id",
            &[("/invoke/url", "url")],
        ),
        (
            "{base}/api/v2/integrations/actions/invocations/{invocation_id}",
            "https://a:{invocation_id}/x",
            &[("/poll/url", "url")],
        ),
        (
            "url = \"{base}/api/v2/oauth/token\"",
            "discover = \"{base}/d\"\ntrusted = [\"https://*.x\", \"*\"]",
            &[("/token/trusted/0", "host"), ("/token/trusted/1", "host")],
        ),
        (
            "[limits]",
            "[schema]\nurl = \"{base}/x\"\ninput = \"/i\"\n[limits]",
            &[("/schema/url", "required")],
        ),
        ("[poll]", "[pol]", &[("/pol", "unknown_field"), ("/poll", "required")]),
        ("[poll]", "[[poll]]", &[("/poll", "type")]),
    ];
    let file = Profile::text("gateway").unwrap();
    for (was, is, expected) in cases {
        assert!(file.contains(was), "{was}");
        let read = Profile::from_toml(&file.replacen(was, is, 1), "mine.toml");
        if expected.is_empty() {
            assert!(read.is_ok(), "{was} → {is}: {read:?}");
            continue;
        }
        let error = read.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let mut found: Vec<_> =
            error.violations().iter().map(|v| (v.path.as_str(), v.code.as_str())).collect();
        found.sort_unstable();
        assert_eq!(found, *expected, "{was} → {is}: {error}");
        for violation in error.violations() {
            assert!(violation.message.contains("(mine.toml"), "{}", violation.message);
        }
    }
}

#[test]
fn mistakes_are_said_all_at_once() {
    let error = Profile::from_toml("name = 7\n[invoke]\nmode = 'x'\nfoo = 1\n", "mine.toml").unwrap_err();
    let paths: Vec<_> = error.violations().iter().map(|v| v.path.as_str()).collect();
    for path in
        ["/name", "/token", "/invoke/mode", "/invoke/foo", "/invoke/url", "/invoke/body", "/invoke/inputs"]
    {
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }
}

#[test]
fn a_file_that_is_torn_in_its_middle_is_told_of_the_first_hundred_mistakes() {
    let broken = "x = [1 2]\n".repeat(5_000);
    let error = Profile::from_toml(&broken, "mine.toml").unwrap_err();
    assert_eq!(error.violations().len(), 101);
    assert!(error.message().contains("more mistakes of the profile"), "{}", error.message().len());
}
