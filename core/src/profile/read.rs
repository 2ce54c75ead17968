//! From the tree of a file to a profile, with every mistake named by its key.

use std::time::Duration;

use serde_json::{Map, Value};

use super::values::{LONGEST_BODY, Reader, Section};
use super::{
    Encoding, ErrorPlaces, GrantKind, HmacAlgorithm, HmacContract, IdForm, InvokeContract, Limits,
    PollContract, Profile, SchemaContract, SignatureContract, StatusWords, TokenContract, TokenTemplate,
    UrlTemplate,
};
use crate::callback::TOLERANCE;
use crate::contract::pointer::join;
use crate::contract::{ActionIdRule, InputsRule};
use crate::document::{self, unknown};
use crate::error::Result;
use crate::invocation::Status;

/// Names that a URL's hole may not have as a host: they are values.
const VALUES: [&str; 4] = ["region", "action_id", "invocation_id", "correlation_id"];

pub(super) fn read(text: &str, origin: &str) -> Result<Profile> {
    let (tree, mistakes) = document::read("the profile", text, Some(origin));
    let empty = Map::new();
    let root = tree.as_object().unwrap_or(&empty);
    let mut reader = Reader { mistakes, hosts: Vec::new() };
    let profile = reader.profile(&Section { path: String::new(), fields: root });
    match profile {
        Some(profile) if reader.mistakes.is_empty() => Ok(profile),
        _ => Err(reader.mistakes.into_error()),
    }
}

/// `None` always means that a mistake was named, or that nothing was said.
impl Reader {
    fn profile(&mut self, root: &Section<'_>) -> Option<Profile> {
        let sections = [
            "hosts", "regions", "token", "invoke", "poll", "status", "limits", "errors", "schema", "callback",
        ];
        let known: Vec<&str> = ["name", "about", "source"].into_iter().chain(sections).collect();
        unknown(root.fields, &known, "", &mut self.mistakes);
        let name = self.needed(root, "name", Self::name);
        let hosts = self.hosts(root);
        let regions = self.pairs(root, "regions", Self::text);
        let synchronous = self.mode(root);
        let token = self.section(root, "token", true).and_then(|section| self.token(&section));
        let invoke =
            self.section(root, "invoke", true).and_then(|section| self.invoke(&section, synchronous));
        let (poll, status) = self.poll_and_status(root, synchronous);
        let limits = self.limits(root);
        let errors = self.errors(root);
        let schema = match self.section(root, "schema", false) {
            Some(section) => self.schema(&section),
            None => None,
        };
        let callback = self.callback(root);
        let (about, source) = (self.said(root, "about", Self::text), self.said(root, "source", Self::text));
        Some(Profile {
            name: name?,
            about,
            source,
            hosts,
            regions,
            token: token?,
            invoke: invoke?,
            poll,
            status,
            limits,
            errors,
            schema,
            callback,
        })
    }

    fn hosts(&mut self, root: &Section<'_>) -> Vec<(String, UrlTemplate)> {
        let hosts = self.pairs(root, "hosts", Self::host);
        self.hosts = hosts.iter().map(|(name, _)| name.clone()).collect();
        if !self.hosts.iter().any(|name| name == "base") {
            self.hosts.push("base".to_owned());
        }
        for name in VALUES.iter().filter(|name| self.hosts.iter().any(|host| host == *name)) {
            self.mistakes.add(
                &join("/hosts", name),
                "reserved",
                "is not a name for a host: it stands for a value",
            );
        }
        hosts
    }

    /// Whether the answer to the POST is the result; none where the profile does not say.
    fn mode(&mut self, root: &Section<'_>) -> Option<bool> {
        let section = self.section(root, "invoke", false)?;
        self.needed(&section, "mode", |reader, path, value| {
            reader.word(path, value, &[("accepted", false), ("synchronous", true)])
        })
    }

    fn token(&mut self, section: &Section<'_>) -> Option<TokenContract> {
        let known = ["url", "discover", "trusted", "grant", "client_auth", "scope"];
        unknown(section.fields, &known, &section.path, &mut self.mistakes);
        let grants = [
            ("client_credentials", GrantKind::ClientCredentials),
            ("password", GrantKind::Password),
            ("access_key", GrantKind::AccessKey),
        ];
        let grant = self.needed(section, "grant", |reader, path, value| reader.word(path, value, &grants));
        let auths = [("post", "post"), ("basic", "basic"), ("query", "query")];
        let client_auth =
            self.said(section, "client_auth", |reader, path, value| reader.word(path, value, &auths));
        let trusted = self.said(section, "trusted", Self::trusted).unwrap_or_default();
        let endpoint = match (section.has("url"), section.has("discover")) {
            (true, false) => self.needed(section, "url", |r, p, v| r.url(p, v, &[])).map(TokenTemplate::At),
            (false, true) => self
                .needed(section, "discover", |r, p, v| r.url(p, v, &[]))
                .map(|url| TokenTemplate::Discover(url, trusted)),
            (true, true) => {
                self.mistakes.add(
                    &section.at("discover"),
                    "conflict",
                    "excludes `token.url`; say one of them",
                );
                None
            }
            (false, false) => {
                self.mistakes.add(&section.at("url"), "required", "is missing; it is where tokens come from");
                None
            }
        };
        let scope = self.said(section, "scope", Self::text);
        Some(TokenContract {
            endpoint: endpoint?,
            grant: grant?,
            client_auth: client_auth.unwrap_or("post").to_owned(),
            scope,
        })
    }

    fn invoke(&mut self, section: &Section<'_>, synchronous: Option<bool>) -> Option<InvokeContract> {
        let known = [
            "mode",
            "url",
            "body",
            "accepted",
            "id",
            "id_form",
            "action_id",
            "inputs",
            "outputs",
            "failed",
            "correlation_header",
            "idempotency_header",
            "unprocessed",
            "headers",
        ];
        unknown(section.fields, &known, &section.path, &mut self.mistakes);
        self.unfit(section, synchronous, &["id", "id_form"], &["outputs", "failed"]);
        let url = self.needed(section, "url", |r, p, v| r.url(p, v, &["action_id", "correlation_id"]));
        let body = self.needed(section, "body", Self::body);
        let ids = [("uuid", ActionIdRule::Uuid), ("name", ActionIdRule::Name)];
        let action_id = self.needed(section, "action_id", |r, p, v| r.word(p, v, &ids));
        let inputs = [("primitives", InputsRule::Primitives), ("any", InputsRule::Any)];
        let inputs = self.needed(section, "inputs", |r, p, v| r.word(p, v, &inputs));
        let accepted = self.needed(section, "accepted", |r, p, v| {
            let statuses = r.statuses(p, v, 200..=299)?;
            if statuses.is_empty() { r.wrong(p, "empty", "must not be empty") } else { Some(statuses) }
        });
        let id = match synchronous {
            Some(false) => self.needed(section, "id", Self::pointer),
            _ => self.said(section, "id", Self::pointer).or_else(|| Some(String::new())),
        };
        let forms = [("name", IdForm::Name), ("uuid", IdForm::Uuid)];
        let id_form = self.said(section, "id_form", |r, p, v| r.word(p, v, &forms));
        let named = [
            self.said(section, "correlation_header", Self::header),
            self.said(section, "idempotency_header", Self::header),
        ];
        let outputs = self.said(section, "outputs", Self::pointer);
        let failed = self.said(section, "failed", Self::pointer);
        let unprocessed = self.said(section, "unprocessed", |r, p, v| r.statuses(p, v, 400..=599));
        let headers = self.headers(section);
        Some(InvokeContract {
            url: url?,
            body: body?,
            action_id: action_id?,
            inputs: inputs?,
            accepted: accepted?,
            id: id?,
            id_form: id_form.unwrap_or(IdForm::Name),
            outputs: outputs.unwrap_or_default(),
            failed,
            unprocessed: unprocessed.unwrap_or_default(),
            correlation_headers: named.into_iter().flatten().collect(),
            headers,
        })
    }

    /// Keys that the other mode knows.
    fn unfit(
        &mut self,
        section: &Section<'_>,
        synchronous: Option<bool>,
        accepted: &[&str],
        at_once: &[&str],
    ) {
        let Some(synchronous) = synchronous else { return };
        let (keys, mode) = if synchronous { (accepted, "accepted") } else { (at_once, "synchronous") };
        for key in keys.iter().filter(|key| section.has(key)) {
            let rule = format!("belongs to `mode = \"{mode}\"`");
            self.mistakes.add(&section.at(key), "unused", &rule);
        }
    }

    fn poll_and_status(
        &mut self,
        root: &Section<'_>,
        synchronous: Option<bool>,
    ) -> (Option<PollContract>, StatusWords) {
        match synchronous {
            Some(true) => {
                self.unfit(root, synchronous, &["poll", "status"], &[]);
                (None, StatusWords::default())
            }
            Some(false) => {
                let poll = self.section(root, "poll", true).and_then(|section| self.poll(&section));
                let status = self.section(root, "status", true).map(|section| self.status(&section));
                (poll, status.unwrap_or_default())
            }
            // What is there is read, so that its mistakes are said beside the mode's.
            None => {
                let poll = self.section(root, "poll", false).and_then(|section| self.poll(&section));
                let status = self.section(root, "status", false).map(|section| self.status(&section));
                (poll, status.unwrap_or_default())
            }
        }
    }

    fn poll(&mut self, section: &Section<'_>) -> Option<PollContract> {
        let known = ["url", "id", "status", "outputs", "error", "visible_within"];
        unknown(section.fields, &known, &section.path, &mut self.mistakes);
        let url = self.needed(section, "url", |r, p, v| r.url(p, v, &["invocation_id"]));
        if let Some(url) = &url
            && !url.holes().any(|hole| hole == "invocation_id")
        {
            self.mistakes.add(&section.at("url"), "required", "must contain `{invocation_id}`");
        }
        let status = self.needed(section, "status", Self::pointer);
        let outputs = self.needed(section, "outputs", Self::pointer);
        let error = self.needed(section, "error", Self::pointer);
        let id = self.said(section, "id", Self::pointer);
        let visible_within = self.said(section, "visible_within", Self::seconds);
        Some(PollContract {
            url: url?,
            id,
            status: status?,
            outputs: outputs?,
            error: error?,
            visible_within: visible_within.unwrap_or(Duration::from_secs(10)),
        })
    }

    fn status(&mut self, section: &Section<'_>) -> StatusWords {
        let lists = [
            ("completed", Some(Status::Completed)),
            ("failed", Some(Status::Failed)),
            ("cancelled", Some(Status::Cancelled)),
            ("pending", None),
        ];
        unknown(section.fields, &lists.map(|(key, _)| key), &section.path, &mut self.mistakes);
        let mut words = StatusWords::default();
        for (key, status) in lists {
            let list = match key {
                "completed" => self.needed(section, key, Self::some_texts),
                _ => self.said(section, key, Self::texts),
            };
            for word in list.unwrap_or_default() {
                if !words.add(&word, status) {
                    let rule = format!("has `{word}`, which another list has too");
                    self.mistakes.add(&section.at(key), "duplicate", &rule);
                }
            }
        }
        words
    }

    fn limits(&mut self, root: &Section<'_>) -> Limits {
        let empty = Map::new();
        let section = self
            .section(root, "limits", false)
            .unwrap_or(Section { path: "/limits".to_owned(), fields: &empty });
        let known = ["body_bytes", "request_timeout", "http1_only", "rate", "rate_counts"];
        unknown(section.fields, &known, &section.path, &mut self.mistakes);
        let counts = [("invokes", false), ("requests", true)];
        Limits {
            body_bytes: self.said(&section, "body_bytes", Self::size).unwrap_or(LONGEST_BODY),
            request_timeout: self.said(&section, "request_timeout", Self::seconds),
            http1_only: self.said(&section, "http1_only", Self::flag).unwrap_or(false),
            rate: self.said(&section, "rate", Self::rate),
            rate_counts_polls: self
                .said(&section, "rate_counts", |r, p, v| r.word(p, v, &counts))
                .unwrap_or(false),
        }
    }

    fn errors(&mut self, root: &Section<'_>) -> ErrorPlaces {
        let Some(section) = self.section(root, "errors", false) else { return ErrorPlaces::default() };
        let known = ["code", "message", "request_id", "message_headers", "request_id_headers"];
        unknown(section.fields, &known, &section.path, &mut self.mistakes);
        ErrorPlaces {
            code: self.said(&section, "code", Self::pointers).unwrap_or_default(),
            message: self.said(&section, "message", Self::pointers).unwrap_or_default(),
            request_id: self.said(&section, "request_id", Self::pointers).unwrap_or_default(),
            message_headers: self.said(&section, "message_headers", Self::header_names).unwrap_or_default(),
            request_id_headers: self
                .said(&section, "request_id_headers", Self::header_names)
                .unwrap_or_default(),
        }
    }

    fn schema(&mut self, section: &Section<'_>) -> Option<SchemaContract> {
        unknown(section.fields, &["url", "name", "input", "output"], &section.path, &mut self.mistakes);
        let url = self.needed(section, "url", |r, p, v| r.url(p, v, &["action_id"]));
        if let Some(url) = &url
            && !url.holes().any(|hole| hole == "action_id")
        {
            self.mistakes.add(&section.at("url"), "required", "must contain `{action_id}`");
        }
        let input = self.needed(section, "input", Self::pointer);
        let (name, output) =
            (self.said(section, "name", Self::pointer), self.said(section, "output", Self::pointer));
        Some(SchemaContract { url: url?, name, input: input?, output })
    }

    fn callback(&mut self, root: &Section<'_>) -> SignatureContract {
        let Some(section) = self.section(root, "callback", false) else {
            return SignatureContract::default();
        };
        unknown(section.fields, &["signature"], &section.path, &mut self.mistakes);
        let signature = match section.fields.get("signature") {
            Some(Value::Object(_)) => self
                .section(&section, "signature", true)
                .and_then(|signature| self.hmac(&signature))
                .map(SignatureContract::Hmac),
            _ => self.said(&section, "signature", |r, p, v| {
                let words = [("standard-webhooks", ())];
                r.word(p, v, &words).map(|()| SignatureContract::StandardWebhooks)
            }),
        };
        signature.unwrap_or_default()
    }

    fn hmac(&mut self, section: &Section<'_>) -> Option<HmacContract> {
        let known = ["header", "algorithm", "encoding", "prefix", "timestamp_header", "tolerance"];
        unknown(section.fields, &known, &section.path, &mut self.mistakes);
        let header = self.needed(section, "header", Self::header);
        let algorithms = [("sha256", HmacAlgorithm::Sha256), ("sha512", HmacAlgorithm::Sha512)];
        let algorithm = self.said(section, "algorithm", |r, p, v| r.word(p, v, &algorithms));
        let encodings = [("hex", Encoding::Hex), ("base64", Encoding::Base64)];
        let encoding = self.said(section, "encoding", |r, p, v| r.word(p, v, &encodings));
        let prefix = self.said(section, "prefix", Self::text);
        let timestamp_header = self.said(section, "timestamp_header", Self::header);
        let tolerance = self.said(section, "tolerance", Self::seconds);
        if section.has("tolerance") && !section.has("timestamp_header") {
            let rule = "is about the time in `timestamp_header`, which is missing";
            self.mistakes.add(&section.at("tolerance"), "unused", rule);
        }
        Some(HmacContract {
            header: header?,
            algorithm: algorithm.unwrap_or(HmacAlgorithm::Sha256),
            encoding: encoding.unwrap_or(Encoding::Hex),
            prefix: prefix.unwrap_or_default(),
            timestamp_header,
            tolerance: tolerance.unwrap_or(TOLERANCE),
        })
    }

    fn headers(&mut self, section: &Section<'_>) -> Vec<(String, String)> {
        let headers = self.pairs(section, "headers", |reader, path, value| {
            let text = reader.text(path, value)?;
            if http::HeaderValue::try_from(&text).is_err() {
                reader.mistakes.add(path, "invalid", "must be a header's value: visible ASCII");
                return None;
            }
            Some(text)
        });
        for (name, _) in &headers {
            self.header(&join(&section.at("headers"), name), &Value::String(name.clone()));
        }
        headers
    }
}
