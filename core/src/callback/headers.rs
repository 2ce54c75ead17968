//! The headers of one callback, from whatever server took it.

/// Name and value of each, in any case; of several with one name the first counts.
pub(super) struct Headers<'a>(pub(super) Vec<(&'a str, &'a [u8])>);

impl Headers<'_> {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok().map(str::trim)
    }
}
