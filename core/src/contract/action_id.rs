//! What identifies an action, in one form: policy, trail and metrics compare it as text.

use uuid::Uuid;

use super::ActionIdRule;

impl ActionIdRule {
    /// The canonical form of an action's id; none where it is not one.
    pub(crate) fn canonical(self, text: &str) -> Option<String> {
        match self {
            ActionIdRule::Uuid => canonical_uuid(text),
            // It is put into a URL's path: nothing that could mean another path.
            ActionIdRule::Name => ((1..=128).contains(&text.len())
                && text != "."
                && text != ".."
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')))
            .then(|| canonical_uuid(text).unwrap_or_else(|| text.to_owned())),
        }
    }

    /// The code of a violation, and what follows the name of the field.
    pub(crate) fn rule(self) -> (&'static str, &'static str) {
        match self {
            ActionIdRule::Uuid => {
                ("uuid", "must be a UUID of 36 characters, such as `a1b2c3d4-e5f6-7890-abcd-ef1234567890`")
            }
            ActionIdRule::Name => ("pattern", "must be 1 to 128 of the characters A-Z a-z 0-9 . _ -"),
        }
    }
}

/// A UUID of 36 characters in lower case; none for its other spellings (braces, `urn:`, without hyphens), which the
/// gateway may take for another action or none.
fn canonical_uuid(text: &str) -> Option<String> {
    let uuid = Uuid::try_parse(text).ok()?;
    (text.len() == uuid::fmt::Hyphenated::LENGTH).then(|| uuid.hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_action_id_and_it_becomes_lower_case() {
        let id = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
        assert_eq!(canonical_uuid(id).as_deref(), Some(id));
        assert_eq!(canonical_uuid(&id.to_uppercase()).as_deref(), Some(id));
        for other in [
            "",
            "a1b2c3d4e5f67890abcdef1234567890",
            "{a1b2c3d4-e5f6-7890-abcd-ef1234567890}",
            "urn:uuid:a1b2c3d4-e5f6-7890-abcd-ef1234567890",
            "a1b2c3d4-e5f6-7890-abcd-ef123456789g",
            "a1b2c3d4-e5f6-7890-abcd-ef1234567890 ",
            "a1b2c3d4e5f6-7890-abcd-ef-1234567890",
            "ａ1b2c3d4-e5f6-7890-abcd-ef12345678",
        ] {
            assert_eq!(canonical_uuid(other), None, "{other}");
        }
    }

    #[test]
    fn a_name_holds_nothing_that_could_mean_another_path() {
        for name in ["custom_-_1f2e", "static.x-1", "a"] {
            assert_eq!(ActionIdRule::Name.canonical(name).as_deref(), Some(name));
        }
        for other in ["", ".", "..", "a/b", "a b", "a?b", "é", "%2e", &"a".repeat(129)] {
            assert_eq!(ActionIdRule::Name.canonical(other), None, "{other}");
        }
    }
}
