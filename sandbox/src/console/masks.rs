//! What the console does not show, beyond what is not remembered of any request: members of JSON that hold a secret,
//! tokens wherever they turn up, and the way to a callback, which is as good as a password.

use crate::seen::{MASK, Masks, SECRET_PARAMETERS};

/// Members of a JSON object, beside the parameters of the same meaning, whose text is not shown.
const SECRET_MEMBERS: [&str; 8] = [
    "accessToken",
    "refreshToken",
    "clientSecret",
    "id_token",
    "idToken",
    "authorization",
    "Authorization",
    "callbackUrl",
];
/// A token of a sandbox: this, and 32 hexadecimal digits.
const TOKEN: &str = "sandbox-";
const TOKEN_DIGITS: usize = 32;

/// The same text without its secrets. It need not be JSON, nor whole.
pub(super) fn text(masks: &Masks, text: String) -> String {
    tokens(members(masks.text(text)))
}

fn is_secret(member: &str) -> bool {
    SECRET_PARAMETERS.contains(&member) || SECRET_MEMBERS.contains(&member)
}

/// Masks the text that follows the name of a secret member. A scan, so that what is not secret stays as it was written,
/// and what is no JSON can be read too.
fn members(text: String) -> String {
    if !text.contains('"') {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut follows_secret = false;
    while let Some((before, after)) = rest.split_once('"') {
        // Between the name and its value stands a colon and nothing else.
        let is_value = follows_secret && before.trim() == ":";
        let end = end_of_text(after);
        let (inside, remaining) = after.split_at(end);
        shown.push_str(before);
        shown.push('"');
        shown.push_str(if is_value { MASK } else { inside });
        if let Some(closed) = remaining.strip_prefix('"') {
            shown.push('"');
            rest = closed;
        } else {
            rest = remaining;
        }
        follows_secret = !is_value && is_secret(inside);
    }
    shown.push_str(rest);
    shown
}

/// Where the quote is that ends a JSON text, or the end of all.
fn end_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return place,
            _ => {}
        }
    }
    text.len()
}

fn tokens(text: String) -> String {
    if !text.contains(TOKEN) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(TOKEN) {
        shown.push_str(before);
        match after.get(..TOKEN_DIGITS).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            Some(_) => {
                shown.push_str(MASK);
                rest = after.get(TOKEN_DIGITS..).unwrap_or_default();
            }
            None => {
                shown.push_str(TOKEN);
                rest = after;
            }
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_masked_and_every_other_byte_stays() {
        let masks = Masks::new(["c4nary"]);
        let cases = [
            (r#"{"a": 1.50, "b":"x\"y"}"#, r#"{"a": 1.50, "b":"x\"y"}"#),
            (r#"{"access_token" : "a\"b", "expires_in":3}"#, r#"{"access_token" : "***", "expires_in":3}"#),
            (r#"{"x":{"callbackUrl":"http://127.0.0.1/abc"}}"#, r#"{"x":{"callbackUrl":"***"}}"#),
            (r#"{"say":"access_token","b":"c"}"#, r#"{"say":"access_token","b":"c"}"#),
            (r#"{"password":"cut off"#, r#"{"password":"***"#),
            ("Bearer sandbox-0123456789abcdef0123456789abcdef.", "Bearer ***."),
            ("sandbox-0123456789abcdef", "sandbox-0123456789abcdef"),
            ("sandbox-é", "sandbox-é"),
            ("a c4nary sings", "a *** sings"),
            ("", ""),
        ];
        for (given, expected) in cases {
            assert_eq!(text(&masks, given.to_owned()), expected);
        }
    }
}
