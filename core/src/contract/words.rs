//! The wording of violations: the name in backticks, what must be, what came, never a value.

/// What may stand at a place of a request.
pub(crate) fn expected(path: &str) -> &'static str {
    match path {
        "" => "an object",
        "/inputs" => "an object of strings, numbers, booleans and nulls",
        "/actionId" | "/correlationId" | "/callbackUrl" | "/traceparent" => "a string",
        _ => "a string, a number, a boolean or null",
    }
}

pub(crate) fn non_finite(name: &str, got: &str) -> String {
    format!("{name} must be a finite number, got {got}")
}

pub(crate) fn lone_surrogate(name: &str) -> String {
    format!("{name} must be valid Unicode, got half of a surrogate pair")
}

pub(crate) fn nul(name: &str) -> String {
    format!("{name} must not hold the character U+0000")
}

pub(crate) fn wrong_type(path: &str, name: &str, got: &str) -> String {
    let article = if got.starts_with(['a', 'o']) { "an " } else { "a " };
    format!("{name} must be {}, got {}{got}", expected(path), if got == "null" { "" } else { article })
}
