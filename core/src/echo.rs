//! What a gateway was sent it may print: in the forms in which it does, it is found and taken out.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::wire::clean;

/// Shorter texts say nothing of their own, and taking them out would tear words.
const SHORTEST: usize = 4;
/// RFC 3986 §2.3: everything else is percent-encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `field` without `text` in any of its forms; what stood there becomes `…`.
pub(crate) fn take_out(field: &mut String, text: &str) {
    if text.len() < SHORTEST {
        return;
    }
    for form in forms(text) {
        if field.contains(&form) {
            *field = field.replace(&form, "…");
        }
        if let Some(begins) = begins_in(field, &form) {
            field.truncate(begins);
            field.push('…');
        }
    }
}

/// As it is, as errors show it, as JSON text in three ways, in a URL, in a form, in HTML; the longest first, because one
/// may be part of another.
fn forms(text: &str) -> Vec<String> {
    let json = Value::from(text).to_string();
    let inside = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
    let ascii = inside.chars().fold(String::new(), |mut ascii, c| {
        match c {
            c if c.is_ascii() => ascii.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    ascii.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
        ascii
    });
    let in_url = utf8_percent_encode(text, RESERVED).to_string();
    let in_form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let html = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")];
    let html = html.iter().fold(text.to_owned(), |html, (c, entity)| html.replace(c, entity));
    let mut forms = vec![
        text.to_owned(),
        clean(text),
        inside.replace('/', "\\/"),
        ascii,
        inside,
        in_url,
        in_form,
        html.replace('\'', "&#39;"),
        html.replace('\'', "&#x27;"),
    ];
    forms.sort_unstable_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// Where `text` begins at the end of `field`, which was cut off in the middle of it.
fn begins_in(field: &str, text: &str) -> Option<usize> {
    let longest = text.len().min(field.len());
    let mut cuts = (SHORTEST..=longest).rev().filter_map(|length| text.get(..length));
    cuts.find(|cut| field.ends_with(cut)).map(|cut| field.len() - cut.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_found_in_every_form_in_which_gateways_print() {
        let value = "O\"Brien/&'Søn<1>";
        let printed = [
            value.to_owned(),
            serde_json::to_string(value).unwrap(),
            r#"O\"Brien/&'S\u00f8n<1>"#.to_owned(),
            r#"O\"Brien\/&'Søn<1>"#.to_owned(),
            "O%22Brien%2F%26%27S%C3%B8n%3C1%3E".to_owned(),
            "O&quot;Brien/&amp;&#39;Søn&lt;1&gt;".to_owned(),
            "O&quot;Brien/&amp;&#x27;Søn&lt;1&gt;".to_owned(),
        ];
        for form in printed {
            let mut said = format!("no customer {form} here");
            take_out(&mut said, value);
            assert!(!said.contains("Brien") && said.contains('…'), "{form}: {said}");
        }
        let mut cut = "no customer O\"Bri".to_owned();
        take_out(&mut cut, value);
        assert_eq!(cut, "no customer …");
        let mut short = "for id 7".to_owned();
        take_out(&mut short, "7");
        assert_eq!(short, "for id 7");
    }
}
