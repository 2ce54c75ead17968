//! The line of a record as it stands in the file, up to its hash.
//!
//! It is what `serde_json` writes of a [`Record`], byte for byte, and written by hand because every send waits for it: nearly
//! all of a record is texts without a character to escape, which is seen of a whole text faster than of each character.

use std::io;

use super::record::{Record, Text};
use crate::contract::json::write_text;

/// Writes the record as one JSON object.
pub(super) fn write(record: &Record<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    let mut members = Members(line);
    members.0.extend_from_slice(b"{\"v\":");
    serde_json::to_writer(&mut *members.0, &record.v)?;
    members.value("seq", &record.seq)?;
    members.text("ts", &record.ts)?;
    members.text("host", &record.host)?;
    members.value("pid", &record.pid)?;
    members.text("run", &record.run)?;
    members.text("event", &record.event)?;
    members.text("actor", &record.actor)?;
    members.text_if("action_id", record.action_id.as_ref())?;
    members.text_if("action_name", record.action_name.as_ref())?;
    members.text_if("correlation_id", record.correlation_id.as_ref())?;
    members.text_if("invocation_id", record.invocation_id.as_ref())?;
    members.value_if("attempt", record.attempt.as_ref())?;
    members.value_if("http_status", record.http_status.as_ref())?;
    members.text_if("status", record.status.as_ref())?;
    members.text_if("kind", record.kind.as_ref())?;
    members.text_if("executed", record.executed.as_ref())?;
    members.texts_if("input_keys", record.input_keys.as_deref())?;
    members.text_if("input_digest", record.input_digest.as_ref())?;
    members.value_if("bytes", record.bytes.as_ref())?;
    members.value_if("timings", record.timings.as_ref())?;
    members.value_if("due", record.due.as_ref())?;
    members.text_if("note", record.note.as_ref())?;
    members.text_if("key", record.key.as_ref())?;
    members.text("prev", &record.prev)?;
    members.text_if("hash", record.hash.as_ref())?;
    members.0.push(b'}');
    Ok(())
}

/// The members of an object behind its first one.
struct Members<'a>(&'a mut Vec<u8>);

impl Members<'_> {
    fn name(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.name(name);
        write_text(self.0, text)
    }

    fn text_if(&mut self, name: &str, text: Option<&Text<'_>>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.text(name, text.as_str()))
    }

    fn texts_if(&mut self, name: &str, texts: Option<&[Text<'_>]>) -> io::Result<()> {
        let Some(texts) = texts else { return Ok(()) };
        self.name(name);
        self.0.push(b'[');
        for (n, text) in texts.iter().enumerate() {
            if n > 0 {
                self.0.push(b',');
            }
            write_text(self.0, text.as_str())?;
        }
        self.0.push(b']');
        Ok(())
    }

    fn value(&mut self, name: &str, value: &impl serde::Serialize) -> io::Result<()> {
        self.name(name);
        serde_json::to_writer(&mut *self.0, value).map_err(io::Error::from)
    }

    fn value_if(&mut self, name: &str, value: Option<&impl serde::Serialize>) -> io::Result<()> {
        value.map_or(Ok(()), |value| self.value(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Timings;
    use super::super::{Entry, Event};
    use super::*;
    use crate::error::Executed;
    use crate::trail::record::Origin;

    fn is_as_serde_json_writes_it(record: &Record<'_>) {
        let mut line = Vec::new();
        write(record, &mut line).unwrap();
        assert_eq!(String::from_utf8(line).unwrap(), serde_json::to_string(record).unwrap());
    }

    #[test]
    fn a_line_is_what_serde_json_writes_of_the_record() {
        let texts =
            ["", "plain", "quo\"ted", "back\\slash", "tab\tnew\nline\u{1}\u{1f}", "\u{7f}é…🦀\u{2028}"];
        for text in texts {
            let keys = [text.to_owned(), "two".to_owned()];
            for (keys, some) in [(&keys[..], Some(text)), (&keys[..1], None), (&[], Some(text))] {
                let origin = Origin {
                    host: text.into(),
                    pid: 7,
                    run: text.into(),
                    actor: text.into(),
                    key: some.map(|text| super::super::key::Key::new(text.as_bytes())),
                };
                let entry = Entry {
                    action_id: some,
                    action_name: some,
                    correlation_id: Some(text),
                    invocation_id: some,
                    attempt: some.map(|_| u32::MAX),
                    http_status: some.map(|_| 202),
                    status: some,
                    kind: some,
                    executed: some.map(|_| Executed::Unknown),
                    input_keys: some.map(|_| keys),
                    input_digest: some,
                    bytes: some.map(|_| u64::MAX),
                    timings: some.map(|_| Timings {
                        queue_ms: Some(0.0),
                        attempt_ms: Some(0.001),
                        invoke_ms: None,
                        duration_ms: Some(123_456.789),
                    }),
                    due: some.is_some(),
                    note: some,
                    ..Entry::new(Event::Terminal)
                };
                let mut record = Record::new(&origin, &entry, u64::MAX, text, text, some);
                is_as_serde_json_writes_it(&record);
                record.hash = Some(Text(text.into()));
                is_as_serde_json_writes_it(&record);
            }
        }
    }
}
