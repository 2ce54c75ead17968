//! What holds of every file that is read as a profile, and of what its URLs and words make of what is put into them.
//!
//! A file is refused with its mistakes or makes URLs on its own hosts; an id never changes a URL's path; a word means the
//! same however it is written. Each law takes bytes, as cargo-fuzz makes them up, and asserts.

use url::Url;

use super::{Address, Meaning, Profile, Routes, TokenEndpoint};
use crate::contract::ActionIdRule;
use crate::error::Error;
use crate::error::ErrorKind;
use crate::wire::laws::profiles;

const BASE: &str = "https://gateway.example";
const REGION: &str = "region.example";
const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

/// Whatever the file says, it is a profile that works or a list of mistakes, each with its place.
pub fn profile_of_a_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Profile::from_toml(text, "mine.toml") {
        Ok(profile) => {
            assert_eq!(profile.missing(Some(BASE), Some(REGION)), None);
            if let Ok(routes) = profile.routes(Some(BASE), Some(REGION)) {
                keep_their_path(&profile, &routes, ACTION, "..", ACTION);
            }
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!((1..=101).contains(&error.violations().len()), "{error}");
            for violation in error.violations() {
                assert!(violation.path.is_empty() || violation.path.starts_with('/'), "{violation:?}");
                assert!(!violation.code.is_empty() && !violation.message.is_empty());
            }
        }
    }
}

/// Ids that are taken fill a URL without changing where it leads. Three lines: action, correlation and invocation id.
pub fn url_of_ids(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let [action, correlation, invocation] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    for profile in profiles() {
        let Some(action) = profile.invoke.action_id.canonical(action) else { continue };
        if !profile.invoke.id_form.accepts(invocation) {
            continue;
        }
        if let Ok(routes) = profile.routes(Some(BASE), Some(REGION)) {
            keep_their_path(profile, &routes, &action, correlation, invocation);
        }
    }
}

/// The URLs lead where those of plain ids lead.
fn keep_their_path(profile: &Profile, routes: &Routes, action: &str, correlation: &str, invocation: &str) {
    let plain = if profile.invoke.action_id == ActionIdRule::Uuid { ACTION } else { "a" };
    let pairs = [
        (routes.invoke(action, correlation), routes.invoke(plain, "c"), [action, correlation]),
        (routes.poll(invocation), routes.poll(ACTION), [invocation, invocation]),
        (routes.schema(action), routes.schema(plain), [action, action]),
    ];
    for (url, plain, values) in pairs {
        let parsed = |address: Result<Address, Error>| address.and_then(|address| address.url());
        let (Ok(url), Ok(plain)) = (parsed(url), parsed(plain)) else { continue };
        assert_eq!(
            (url.scheme(), url.host_str(), url.port()),
            (plain.scheme(), plain.host_str(), plain.port())
        );
        let (there, here) = (segments(&url), segments(&plain));
        assert_eq!(there.len(), here.len(), "{url} instead of {plain}");
        for (there, here) in there.iter().zip(&here) {
            assert!(
                there == here || values.iter().any(|value| there.contains(value)),
                "{url} instead of {plain}"
            );
        }
        assert_eq!(url.query().is_some(), plain.query().is_some());
        assert_eq!(url.query_pairs().count(), plain.query_pairs().count());
        assert_eq!(url.fragment().is_some(), plain.fragment().is_some());
    }
    assert!(match &routes.token {
        TokenEndpoint::At(url) | TokenEndpoint::Discover { url, .. } =>
            matches!(url.scheme(), "https" | "http"),
    });
}

fn segments(url: &Url) -> Vec<String> {
    let decoded =
        |segment: &str| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
    url.path_segments().map(|segments| segments.map(decoded).collect()).unwrap_or_default()
}

/// A word means the same in capitals and small letters, with and without dashes and spaces.
pub fn meaning_of_a_word(data: &[u8]) {
    let Ok(word) = std::str::from_utf8(data) else { return };
    for profile in profiles() {
        let meaning = profile.status.meaning(word);
        let bare: String = word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect();
        let spread: String = word.chars().flat_map(|c| ['_', c, '-']).collect();
        for other in [word.to_ascii_lowercase(), word.to_ascii_uppercase(), bare, spread] {
            assert_eq!(profile.status.meaning(&other), meaning, "{word:?} and {other:?}");
        }
        assert!(profile.poll.is_some() || meaning == Meaning::Unknown, "nobody asks");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A line of one built-in profile replaced by another's, or by made-up text.
    fn damaged() -> impl Strategy<Value = String> {
        let text = || prop::sample::select(Profile::built_in().filter_map(Profile::text).collect::<Vec<_>>());
        let value = prop::sample::select(vec![
            "7",
            "-1",
            "1e400",
            "\"\"",
            "\"{\"",
            "\"{base}/{region}\"",
            "[]",
            "[\"a\"]",
            "true",
            "{ a = 1 }",
            "\"https://u:p@a/\"",
            "\"{base}/../{action_id}\"",
            "\"{base}/{correlation_id}\"",
            "\"{base}/a?c={correlation_id}\"",
            "\"/a/~2\"",
            "nan",
        ]);
        (text(), text(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), value, 0u8..4).prop_map(
            |(one, two, at, from, value, how)| {
                let mut lines: Vec<String> = one.lines().map(str::to_owned).collect();
                let others: Vec<&str> = two.lines().collect();
                let at = at.index(lines.len());
                lines[at] = match (how, lines[at].split_once('=')) {
                    (0, _) => others[from.index(others.len())].to_owned(),
                    (1, Some((key, _))) => format!("{key}= {value}"),
                    (2, Some((_, rest))) => format!("unheard_of = {rest}"),
                    _ => String::new(),
                };
                lines.join("\n")
            },
        )
    }

    proptest! {
        #[test]
        fn any_text_keeps_the_laws(text in "(.|\n){0,200}", data: Vec<u8>) {
            for data in [text.as_bytes(), &data] {
                profile_of_a_file(data);
                url_of_ids(data);
                meaning_of_a_word(data);
            }
        }

        #[test]
        fn a_damaged_profile_is_refused_by_key_or_works(text in damaged()) {
            profile_of_a_file(text.as_bytes());
        }

        #[test]
        fn ids_that_are_taken_never_change_where_a_url_leads(
            action in "[A-Za-z0-9._/%?#-]{1,20}|\\.{1,3}", correlation in "[A-Za-z0-9._:-]{1,20}|\\.{1,3}",
            id in "[A-Za-z0-9._~:/%?#-]{1,20}|\\.{1,3}",
        ) {
            for (action, id) in [(&action[..], &id[..]), (ACTION, &id[..]), (&action[..], ACTION)] {
                url_of_ids(format!("{action}\n{correlation}\n{id}").as_bytes());
            }
        }

        #[test]
        fn a_word_means_the_same_however_it_is_written(
            word in prop::sample::select(vec!["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT", "in progress", "WEIRD"]),
            capitals in any::<u32>(), dash in "[-_ ]{0,2}", at in any::<prop::sample::Index>(),
        ) {
            let flip = |(n, c): (usize, char)| if capitals >> (n % 32) & 1 == 1 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            let mut spelt: String = word.chars().enumerate().map(flip).collect();
            spelt.insert_str(at.index(spelt.len() + 1), &dash);
            meaning_of_a_word(spelt.as_bytes());
            for profile in profiles() {
                prop_assert_eq!(profile.status.meaning(&spelt), profile.status.meaning(word), "{}", spelt);
            }
        }
    }
}
