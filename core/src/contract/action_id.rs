//! What identifies an action, in one form: policy, trail and metrics compare it as text.

use uuid::Uuid;

/// A UUID of 36 characters in lower case; none for its other spellings (braces, `urn:`, without hyphens), which the
/// gateway may take for another action or none.
pub(crate) fn canonical_uuid(text: &str) -> Option<String> {
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
}
