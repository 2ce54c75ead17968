//! What holds of everything that a caller may hand over as an invocation.
//!
//! It is an id that fits into a URL, or a token of this gateway that holds such ids; anything else is refused before a
//! request. Each law takes bytes, as cargo-fuzz makes them up, and asserts.

use super::Gateway;
use crate::error::{Error, ErrorKind, Executed};
use crate::ledger::Identity;
use crate::profile::{IdForm, Profile};
use crate::wire::laws::profiles;

fn gateway(profile: &Profile) -> Gateway {
    Gateway::new("https://gateway.example", profile)
}

/// What is read can be asked for, and reads the same once it is written again.
pub fn invocation_of_a_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for profile in profiles() {
        let gateway = gateway(profile);
        match gateway.read(text) {
            Ok(who) => {
                fits(profile, &who);
                let again = gateway.token(&who).map(|token| gateway.read(&token));
                assert!(again.is_some_and(|again| again.is_ok_and(|again| same(&again, &who))));
            }
            Err(error) => is_refused(&error),
        }
    }
}

fn fits(profile: &Profile, who: &Identity) {
    let id = who.invocation_id.as_deref().unwrap_or_default();
    assert!(profile.invoke.id_form.accepts(id), "`{id}`");
    assert!(profile.invoke.id_form != IdForm::Name || id.bytes().all(|byte| byte.is_ascii_graphic()));
    if let Some(action) = &who.action_id {
        assert_eq!(
            profile.invoke.action_id.canonical(action).as_ref(),
            Some(action),
            "as policy and trail say it"
        );
    }
    if let Some(correlation) = &who.correlation_id {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        assert!((1..=128).contains(&correlation.len()) && correlation.bytes().all(known), "`{correlation}`");
    }
}

fn same(one: &Identity, other: &Identity) -> bool {
    (&one.action_id, &one.correlation_id, &one.invocation_id)
        == (&other.action_id, &other.correlation_id, &other.invocation_id)
}

fn is_refused(error: &Error) {
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Validation, Executed::No));
    assert!(error.violations().iter().all(|violation| violation.path == "/invocation"));
    assert!(error.message().len() <= 256 && error.hint().is_some(), "{error}");
}

#[cfg(test)]
mod tests {
    use super::super::{PREFIX, URL_SAFE_NO_PAD, fingerprint};
    use super::*;
    use base64::Engine;
    use proptest::prelude::*;

    const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

    fn who() -> impl Strategy<Value = Identity> {
        (prop::option::of(UUID), prop::option::of("[A-Za-z0-9._:-]{1,128}"), UUID).prop_map(
            |(action, correlation, id)| Identity {
                action_id: action,
                action_name: None,
                correlation_id: correlation,
                invocation_id: Some(id),
            },
        )
    }

    proptest! {
        #[test]
        fn any_text_keeps_the_laws(text in ".{0,300}", data: Vec<u8>) {
            invocation_of_a_text(text.as_bytes());
            invocation_of_a_text(&data);
            invocation_of_a_text(format!("{PREFIX}{text}").as_bytes());
        }

        #[test]
        fn a_token_gives_back_who_it_is_about_and_says_no_more(who in who()) {
            for profile in profiles() {
                let gateway = gateway(profile);
                let token = gateway.token(&who).unwrap();
                prop_assert!(token.len() <= 1024 && token.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(same(&gateway.read(&token).unwrap(), &who));
            }
        }

        #[test]
        fn a_token_with_one_character_changed_is_refused(who in who(), at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let gateway = gateway(&Profile::load("gateway").unwrap());
            let token = gateway.token(&who).unwrap();
            // Without its prefix it is no token any more.
            let at = PREFIX.len() + at.index(token.len() - PREFIX.len());
            let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
            prop_assume!(changed != token);
            prop_assert!(gateway.read(&changed).is_err(), "{}", changed);
        }

        #[test]
        fn a_token_of_another_gateway_or_profile_is_refused(who in who(), host in "[a-z]{1,20}") {
            let here = gateway(&Profile::load("gateway").unwrap());
            let there = Gateway::new(&format!("https://{host}.example.com"), &Profile::load("gateway").unwrap());
            let other = gateway(&Profile::load("genesys-flow").unwrap());
            for other in [there, other] {
                let error = here.read(&other.token(&who).unwrap()).unwrap_err();
                prop_assert_eq!(&error.violations()[0].code, "other_gateway");
            }
        }

        /// The checksum is no signature: whoever knows the form can write a token, and it is checked like any input.
        #[test]
        fn a_token_that_somebody_wrote_holds_nothing_that_a_request_may_not(
            action in ".{0,40}", correlation in ".{0,40}", id in ".{0,40}",
        ) {
            for profile in profiles() {
                let content = serde_json::json!({ "g": gateway(profile).fingerprint, "a": action, "c": correlation, "i": id });
                let text = URL_SAFE_NO_PAD.encode(content.to_string());
                invocation_of_a_text(format!("{PREFIX}{text}.{}", fingerprint(text.as_bytes())).as_bytes());
            }
        }
    }
}
