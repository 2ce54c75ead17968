//! URLs with holes in them.
//!
//! The promise: what fills a hole stays inside of its segment, whatever it is, because it is percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986 §2.3: everything else is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of a template: text as it stands, or the name of what is put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Hole(String),
}

/// `{name}` is a hole; a brace that opens none is a mistake, of which the rule is given.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece>, &'static str> {
    const UNCLOSED: &str = "has a brace without its other half; a hole is written `{name}`";
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or(UNCLOSED)?;
        if before.contains('}') || name.is_empty() || name.contains('{') {
            return Err(UNCLOSED);
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Hole(name.to_owned()));
        rest = behind;
    }
    if rest.contains('}') {
        return Err(UNCLOSED);
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// A URL with holes, the first piece of which says the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate(pub(super) Vec<Piece>);

impl UrlTemplate {
    /// The names of the holes, in their order.
    pub(crate) fn holes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Hole(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    pub(super) fn has_in_its_path(&self, name: &str) -> bool {
        let path =
            self.0.iter().take_while(|piece| !matches!(piece, Piece::Text(text) if text.contains('?')));
        path.into_iter().any(|piece| matches!(piece, Piece::Hole(hole) if hole == name))
    }

    /// The hole that says the host, where the URL does not say it itself.
    pub(crate) fn host_hole(&self) -> Option<&str> {
        match self.0.first() {
            Some(Piece::Hole(name)) => Some(name),
            _ => None,
        }
    }

    /// The template with each hole that `known` knows filled as it is, without encoding.
    pub(crate) fn resolve(&self, known: impl Fn(&str) -> Option<String>) -> UrlTemplate {
        let fill = |piece: &Piece| match piece {
            Piece::Hole(name) => known(name).map_or_else(|| piece.clone(), Piece::Text),
            Piece::Text(_) => piece.clone(),
        };
        UrlTemplate(self.0.iter().map(fill).collect())
    }

    /// The URL as text, each hole percent-encoded; a hole without a value stays empty.
    pub(crate) fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut url = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => url.push_str(text),
                Piece::Hole(name) => {
                    let value = values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
                    url.extend(utf8_percent_encode(value, RESERVED));
                }
            }
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_a_hole_of_a_url_stays_inside_of_its_segment() {
        let template = UrlTemplate(pieces("https://h/{action_id}/x?c={correlation_id}").unwrap());
        let url = template.fill(&[("action_id", "a/../b?é#"), ("correlation_id", "c&d=e f")]);
        assert_eq!(url, "https://h/a%2F..%2Fb%3F%C3%A9%23/x?c=c%26d%3De%20f");
    }

    #[test]
    fn a_brace_without_its_other_half_is_a_mistake() {
        for broken in ["{a", "a}", "{}", "{a{b}}", "}{", "{a}}"] {
            assert!(pieces(broken).is_err(), "{broken}");
        }
        assert_eq!(pieces("").unwrap(), []);
    }
}
