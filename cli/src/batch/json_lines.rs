//! Rows in JSON Lines: a request on each line, which the contract reads as it stands there.

use std::io::{self, BufRead};

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::row::{Members, Name, Row};

/// The contract reads no longer text; what is longer is kept so far that it says so.
const LONGEST: usize = 8 * 1024 * 1024 + 1;

/// What a row says of itself.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default, rename = "correlationId", alias = "correlation_id")]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    inputs: Option<&'a RawValue>,
}

#[derive(Debug)]
pub(super) struct JsonLines<R> {
    reader: R,
    key: Option<String>,
    line: u64,
    index: u64,
}

impl<R: BufRead> JsonLines<R> {
    pub(super) fn new(reader: R, key: Option<String>) -> Self {
        JsonLines { reader, key, line: 0, index: 0 }
    }

    /// The next row; empty lines are none.
    pub(super) fn next(&mut self) -> io::Result<Option<Row>> {
        loop {
            let mut text = Vec::new();
            if !line(&mut self.reader, &mut text)? {
                return Ok(None);
            }
            self.line += 1;
            if self.line == 1 && text.starts_with(b"\xef\xbb\xbf") {
                text.drain(..3);
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let name = name(&text, self.key.as_deref());
            let row = Row { index: self.index, line: self.line, text, name, mistakes: Vec::new() };
            self.index += 1;
            return Ok(Some(row));
        }
    }
}

/// One line without its end; whether there was one.
fn line(reader: &mut impl BufRead, into: &mut Vec<u8>) -> io::Result<bool> {
    let mut any = false;
    loop {
        let chunk = match reader.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        let room = LONGEST.saturating_sub(into.len()).min(part.len());
        into.extend_from_slice(part.get(..room).unwrap_or_default());
        let used = end.map_or(chunk.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            if into.last() == Some(&b'\r') {
                into.pop();
            }
            return Ok(true);
        }
    }
}

fn name(text: &[u8], key: Option<&str>) -> Name {
    let place = || Name::Place(Sha256::digest(text).into());
    // What cannot be read so is refused by the contract, and has no more of a name than its place.
    if text.trim_ascii().first() != Some(&b'{') {
        return place();
    }
    let Ok(head) = serde_json::from_slice::<Head<'_>>(text) else { return place() };
    if let Some(own) = head.correlation_id {
        return serde_json::from_str(own.get()).map_or(Name::None, Name::Own);
    }
    let Some(key) = key else { return place() };
    let inputs = head.inputs.and_then(|inputs| serde_json::from_str::<Members<'_>>(inputs.get()).ok());
    let value = inputs.and_then(|Members(inputs)| inputs.into_iter().find(|(name, _)| name == key));
    value.map_or(Name::Key(Vec::new()), |(_, value)| Name::Key(value.get().as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8], key: Option<&str>) -> Vec<Row> {
        let mut lines = JsonLines::new(io::BufReader::with_capacity(7, text), key.map(str::to_owned));
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    #[test]
    fn each_line_is_a_row_whatever_ends_it_and_whatever_the_file_begins_with() {
        let found = rows(b"\xef\xbb\xbf{\"a\":1}\r\n\n  \n{\"b\":\"\xc3\xa9\"}\n{torn", None);
        let seen: Vec<_> = found.iter().map(|row| (row.index, row.line, row.text.as_slice())).collect();
        assert_eq!(
            seen,
            [(0, 1, b"{\"a\":1}".as_slice()), (1, 4, b"{\"b\":\"\xc3\xa9\"}"), (2, 5, b"{torn")]
        );
    }

    #[test]
    fn a_row_is_named_by_its_own_id_then_by_its_key_then_by_its_place() {
        let text = br#"{"correlationId":"c-1","inputs":{"k":1}}
{"correlation_id":null,"inputs":{"k":1.50}}
{"inputs":{}}
{"correlationId":7}
["c-1"]
{"correlationId":"a","correlationId":"b"}"#;
        let named: Vec<_> = rows(text, Some("k")).into_iter().map(|row| row.name).collect();
        let key = |text: &str| Name::Key(text.as_bytes().to_vec());
        assert_eq!(named[..4], [Name::Own("c-1".into()), key("1.50"), key(""), Name::None]);
        assert!(named[4..].iter().all(|name| matches!(name, Name::Place(_))));
        assert!(matches!(rows(text, None)[1].name, Name::Place(_)));
    }

    #[test]
    fn a_line_that_no_gateway_takes_is_one_row_and_takes_no_more_room_than_that() {
        let mut text = vec![b'x'; 3 * LONGEST];
        text.extend_from_slice(b"\n{}");
        let found = rows(&text, None);
        assert_eq!((found.len(), found[0].text.len(), found[1].line), (2, LONGEST, 2));
    }
}
