//! One value of a profile, read as what it has to be.

use std::time::Duration;

use serde_json::{Map, Value};

use super::template::{self, Piece};
use super::{RateLimit, UrlTemplate, url_rule};
use crate::contract::BodyTemplate;
use crate::contract::pointer::join;
use crate::document::{Mistakes, article, sort};

/// How long a body may be where the profile says nothing: as much of a request as is read at all.
pub(super) const LONGEST_BODY: usize = 8 * 1024 * 1024;

/// One table of the file.
pub(super) struct Section<'a> {
    pub(super) path: String,
    pub(super) fields: &'a Map<String, Value>,
}

impl Section<'_> {
    pub(super) fn at(&self, key: &str) -> String {
        join(&self.path, key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.contains_key(key)
    }
}

pub(super) struct Reader {
    pub(super) mistakes: Mistakes,
    /// The names of the hosts, known before the URLs are read.
    pub(super) hosts: Vec<String>,
}

/// `None` always means that a mistake was named, or that nothing was said.
impl Reader {
    /// A table of the file; where it must be there, its absence is a mistake.
    pub(super) fn section<'a>(&mut self, of: &Section<'a>, key: &str, needed: bool) -> Option<Section<'a>> {
        let path = of.at(key);
        match of.fields.get(key) {
            Some(Value::Object(fields)) => Some(Section { path, fields }),
            Some(other) => {
                if !self.mistakes.knows(&path) {
                    let rule = format!("must be a table, got {}", article(sort(other)));
                    self.mistakes.add(&path, "type", &rule);
                }
                None
            }
            None => {
                if needed {
                    self.mistakes.add(&path, "required", &format!("is missing: a table `[{key}]`"));
                }
                None
            }
        }
    }

    pub(super) fn said<T>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        read: impl FnOnce(&mut Self, &str, &Value) -> Option<T>,
    ) -> Option<T> {
        read(self, &section.at(key), section.fields.get(key)?)
    }

    pub(super) fn needed<T>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        read: impl FnOnce(&mut Self, &str, &Value) -> Option<T>,
    ) -> Option<T> {
        if !section.has(key) {
            self.mistakes.add(&section.at(key), "required", "is missing");
        }
        self.said(section, key, read)
    }

    /// The members of a table whose keys are the user's own.
    pub(super) fn pairs<T>(
        &mut self,
        of: &Section<'_>,
        key: &str,
        read: impl Fn(&mut Self, &str, &Value) -> Option<T>,
    ) -> Vec<(String, T)> {
        let Some(section) = self.section(of, key, false) else { return Vec::new() };
        let mut pairs = Vec::new();
        for (name, value) in section.fields {
            pairs.extend(read(self, &section.at(name), value).map(|value| (name.clone(), value)));
        }
        pairs
    }

    pub(super) fn wrong<T>(&mut self, path: &str, code: &str, rule: &str) -> Option<T> {
        self.mistakes.add(path, code, rule);
        None
    }

    pub(super) fn text(&mut self, path: &str, value: &Value) -> Option<String> {
        match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::String(_) => self.wrong(path, "empty", "must not be empty"),
            other => self.wrong(path, "type", &format!("must be a string, got {}", article(sort(other)))),
        }
    }

    pub(super) fn texts(&mut self, path: &str, value: &Value) -> Option<Vec<String>> {
        self.list(path, value, "strings", Self::text)
    }

    /// A list that cannot do without an entry.
    pub(super) fn some_texts(&mut self, path: &str, value: &Value) -> Option<Vec<String>> {
        let texts = self.texts(path, value)?;
        if texts.is_empty() { self.wrong(path, "empty", "must not be empty") } else { Some(texts) }
    }

    /// Hosts that a configuration may name: `example.com`, or `*.example.com` for all below it.
    pub(super) fn trusted(&mut self, path: &str, value: &Value) -> Option<Vec<String>> {
        self.list(path, value, "hosts", |reader, path, item| {
            let text = reader.text(path, item)?;
            let host = text.strip_prefix("*.").unwrap_or(&text);
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
            let fits = (host.contains('.') || host == "localhost")
                && host.chars().all(plain)
                && !host.starts_with('.');
            if fits {
                Some(text)
            } else {
                reader.wrong(path, "host", "must be a host such as `*.example.com`")
            }
        })
    }

    pub(super) fn pointers(&mut self, path: &str, value: &Value) -> Option<Vec<String>> {
        self.list(path, value, "JSON pointers", Self::pointer)
    }

    pub(super) fn header_names(&mut self, path: &str, value: &Value) -> Option<Vec<String>> {
        self.list(path, value, "header names", Self::header)
    }

    fn list<T>(
        &mut self,
        path: &str,
        value: &Value,
        of: &str,
        read: impl Fn(&mut Self, &str, &Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            return self.wrong(
                path,
                "type",
                &format!("must be a list of {of}, got {}", article(sort(value))),
            );
        };
        let items = items.iter().enumerate();
        // Each is read, so that every mistake is said.
        let read: Vec<Option<T>> =
            items.map(|(place, item)| read(self, &join(path, &place.to_string()), item)).collect();
        read.into_iter().collect()
    }

    pub(super) fn word<T: Copy>(&mut self, path: &str, value: &Value, words: &[(&str, T)]) -> Option<T> {
        let said = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if let Some((_, meaning)) = said {
            return Some(*meaning);
        }
        let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.wrong(path, "word", &format!("must be {}", names.join(" or ")))
    }

    /// A name goes into resume tokens and the trail.
    pub(super) fn name(&mut self, path: &str, value: &Value) -> Option<String> {
        let name = self.text(path, value)?;
        let plain =
            name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if plain { Some(name) } else { self.wrong(path, "pattern", "must be 1 to 64 of A-Z a-z 0-9 . _ -") }
    }

    pub(super) fn flag(&mut self, path: &str, value: &Value) -> Option<bool> {
        value.as_bool().or_else(|| self.wrong(path, "type", "must be true or false"))
    }

    pub(super) fn size(&mut self, path: &str, value: &Value) -> Option<usize> {
        let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
        size.filter(|size| (1..=LONGEST_BODY).contains(size)).or_else(|| {
            self.wrong(path, "range", &format!("must be a number of bytes from 1 to {LONGEST_BODY}"))
        })
    }

    pub(super) fn seconds(&mut self, path: &str, value: &Value) -> Option<Duration> {
        let seconds = value.as_f64().filter(|seconds| *seconds > 0.0 && *seconds <= 86_400.0);
        seconds
            .map(Duration::from_secs_f64)
            .or_else(|| self.wrong(path, "range", "must be a number of seconds above 0, at most a day"))
    }

    pub(super) fn rate(&mut self, path: &str, value: &Value) -> Option<RateLimit> {
        value
            .as_str()
            .and_then(RateLimit::parse)
            .or_else(|| self.wrong(path, "rate", "must be sends per time, as in `300/60s`"))
    }

    pub(super) fn statuses(
        &mut self,
        path: &str,
        value: &Value,
        range: std::ops::RangeInclusive<u16>,
    ) -> Option<Vec<u16>> {
        self.list(path, value, "HTTP statuses", |reader, path, item| {
            let status = item.as_u64().and_then(|status| u16::try_from(status).ok());
            status.filter(|status| range.contains(status)).or_else(|| {
                let rule = format!("must be an HTTP status from {} to {}", range.start(), range.end());
                reader.wrong(path, "range", &rule)
            })
        })
    }

    pub(super) fn pointer(&mut self, path: &str, value: &Value) -> Option<String> {
        let escaped = |text: &str| {
            text.match_indices('~')
                .all(|(at, _)| text.as_bytes().get(at + 1).is_some_and(|next| matches!(next, b'0' | b'1')))
        };
        match value {
            Value::String(text) if (text.is_empty() || text.starts_with('/')) && escaped(text) => {
                Some(text.clone())
            }
            _ => self.wrong(path, "pointer", "must be a JSON pointer (RFC 6901), such as `/status`"),
        }
    }

    pub(super) fn header(&mut self, path: &str, value: &Value) -> Option<String> {
        const OURS: [&str; 8] = [
            "authorization",
            "accept",
            "content-type",
            "content-length",
            "user-agent",
            "host",
            "connection",
            "transfer-encoding",
        ];
        let name = self.text(path, value)?;
        if http::HeaderName::try_from(&name).is_err() {
            return self.wrong(path, "header", "must be a header's name");
        }
        if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            return self.wrong(path, "reserved", "is a header that the library sets itself");
        }
        Some(name)
    }

    pub(super) fn body(&mut self, path: &str, value: &Value) -> Option<BodyTemplate> {
        match BodyTemplate::read(value) {
            Ok(body) => Some(body),
            Err(wrong) => {
                for (below, rule) in wrong {
                    self.mistakes.add(&format!("{path}{below}"), "body", &rule);
                }
                None
            }
        }
    }

    /// What a host stands for: scheme and authority, perhaps a path, `{region}` in it or not.
    pub(super) fn host(&mut self, path: &str, value: &Value) -> Option<UrlTemplate> {
        let template = self.template(path, value)?;
        if let Some(hole) = template.holes().find(|hole| *hole != "region") {
            let rule = format!("has a hole `{{{hole}}}` that nothing fills; known here: `{{region}}`");
            return self.wrong(path, "hole", &rule);
        }
        let text = template.fill(&[("region", "region")]);
        if text.ends_with('/') {
            return self.wrong(path, "url", "must not end with a slash");
        }
        self.is_safe(path, &text).then_some(template)
    }

    /// A URL that begins with a host of `[hosts]`, with `{base}`, or with its own.
    pub(super) fn url(&mut self, path: &str, value: &Value, values: &[&str]) -> Option<UrlTemplate> {
        let template = self.template(path, value)?;
        let mut known: Vec<&str> = values.to_vec();
        known.push("region");
        for (place, piece) in template.0.iter().enumerate() {
            let Piece::Hole(hole) = piece else { continue };
            let is_host = self.hosts.iter().any(|host| host == hole);
            if !(known.contains(&hole.as_str()) && place > 0 || is_host && place == 0) {
                let hosts = self.hosts.iter().map(|host| format!("`{{{host}}}` at the beginning"));
                let all: Vec<_> = hosts.chain(known.iter().map(|k| format!("`{{{k}}}`"))).collect();
                let rule =
                    format!("has a hole `{{{hole}}}` that nothing fills there; known: {}", all.join(", "));
                return self.wrong(path, "hole", &rule);
            }
        }
        if template.has_in_its_path("correlation_id") {
            // The caller's own: `..` is one, and as a segment it would mean another path.
            let rule =
                "has `{correlation_id}` in its path; put it behind a `?`, into a header or into the body";
            return self.wrong(path, "hole", rule);
        }
        match template.0.first() {
            Some(Piece::Text(start)) if !names_its_host(start, template.0.get(1)) => {
                self.wrong(path, "url", "must name its whole host before the first hole of a value")
            }
            Some(Piece::Text(_)) => {
                let values: Vec<_> = known.iter().map(|name| (*name, "v")).collect();
                let text = template.fill(&values);
                self.is_safe(path, &text).then_some(template)
            }
            _ if matches!(template.0.get(1), Some(Piece::Text(text)) if text.starts_with('/')) => {
                Some(template)
            }
            _ => self.wrong(path, "url", "must go on with a path after its host: `{base}/…`"),
        }
    }

    fn template(&mut self, path: &str, value: &Value) -> Option<UrlTemplate> {
        let text = self.text(path, value)?;
        match template::pieces(&text) {
            Ok(pieces) => Some(UrlTemplate(pieces)),
            Err(rule) => self.wrong(path, "hole", rule),
        }
    }

    fn is_safe(&mut self, path: &str, url: &str) -> bool {
        let rule = url_rule(url);
        if let Some(rule) = rule {
            self.mistakes.add(path, "url", rule);
        }
        rule.is_none()
    }
}

/// Whether nothing but a region can have a say in where the URL leads.
fn names_its_host(start: &str, next: Option<&Piece>) -> bool {
    let behind_scheme = start.split_once("://").map_or("", |(_, rest)| rest);
    behind_scheme.contains('/') || next.is_none_or(|piece| *piece == Piece::Hole("region".to_owned()))
}
