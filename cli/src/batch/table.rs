//! Rows in a table: CSV with a header. Each row becomes the request that it stands for, in JSON, and whatever cannot be
//! made of a cell is said of that row alone.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};
use cxone_actions::Violation;
use sha2::{Digest, Sha256};

use super::cell::written;
use super::reading::{Kind, Mapped, Reading};
use super::row::{ACTION, CORRELATION, Name, Row, json_text};

/// A row beyond this is a quote that nobody closed.
const LONGEST: u64 = 16 << 20;

/// The columns that are fields of a request and not inputs.
const FIELDS: [(&str, [&str; 2]); 4] = [
    ("actionId", ACTION),
    ("correlationId", CORRELATION),
    ("callbackUrl", ["callbackUrl", "callback_url"]),
    ("traceparent", ["traceparent", "traceparent"]),
];

/// What type an input has that nobody gave one: of this action, this input.
pub(super) type Typing<'a> = dyn Fn(&str, &str) -> Option<Kind> + 'a;

/// What a column is for.
#[derive(Debug)]
struct Plan {
    /// The field's name and its column.
    fields: Vec<(&'static str, usize)>,
    inputs: Vec<(String, usize, Option<Kind>)>,
    key: Option<usize>,
    columns: Vec<String>,
}

pub(super) struct Table<'a, R> {
    reader: csv::Reader<Metered<R>>,
    spent: Rc<Cell<u64>>,
    /// Lines end as on Windows.
    crlf: Rc<Cell<Option<bool>>>,
    read: Rc<Cell<(u64, u8)>>,
    plan: Plan,
    reading: Reading,
    typing: &'a Typing<'a>,
    record: ByteRecord,
    index: u64,
}

/// Gives out no more for one row than a row may have.
struct Metered<R> {
    inner: R,
    spent: Rc<Cell<u64>>,
    crlf: Rc<Cell<Option<bool>>>,
    /// How many bytes there were, and the last of them.
    read: Rc<Cell<(u64, u8)>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let spent = self.spent.get();
        if spent > LONGEST {
            return Err(io::Error::other(format!(
                "a row is longer than {LONGEST} bytes: is a quote not closed?"
            )));
        }
        let count = self.inner.read(into)?;
        let read = into.get(..count).unwrap_or_default();
        let bytes = u64::try_from(count).unwrap_or(u64::MAX);
        self.spent.set(spent.saturating_add(bytes));
        let (before, last) = self.read.get();
        self.read.set((before.saturating_add(bytes), read.last().copied().unwrap_or(last)));
        if self.crlf.get().is_none() {
            let end = read.iter().position(|byte| *byte == b'\n');
            self.crlf
                .set(end.map(|end| end.checked_sub(1).and_then(|before| read.get(before)) == Some(&b'\r')));
        }
        Ok(count)
    }
}

impl<'a, R: Read> Table<'a, R> {
    /// Reads the header.
    ///
    /// # Errors
    /// Everything in the header that cannot be meant, all at once; the text of the first that is an error of the system.
    pub(super) fn new(reader: R, reading: &Reading, typing: &'a Typing<'a>) -> Result<Self, Vec<String>> {
        let (spent, crlf, read) =
            (Rc::new(Cell::new(0)), Rc::new(Cell::new(None)), Rc::new(Cell::new((0, b'\n'))));
        let mut reader =
            ReaderBuilder::new().delimiter(reading.format.delimiter()).flexible(true).from_reader(Metered {
                inner: reader,
                spent: spent.clone(),
                crlf: crlf.clone(),
                read: read.clone(),
            });
        let header =
            reader.byte_headers().map_err(|error| vec![format!("the header cannot be read: {error}")])?;
        let plan = Plan::of(header, reading)?;
        let (reading, record) = (reading.clone(), ByteRecord::new());
        Ok(Table { reader, spent, crlf, read, plan, reading, typing, record, index: 0 })
    }

    /// The next row.
    pub(super) fn next(&mut self) -> io::Result<Option<Row>> {
        self.spent.set(0);
        let began = self.reader.position().line();
        let more = self.reader.read_byte_record(&mut self.record).map_err(|error| {
            io::Error::other(format!("the row that begins at line {began} cannot be read: {error}"))
        })?;
        if !more {
            return Ok(None);
        }
        let line = self.line(began);
        let row = self.row(line);
        self.index += 1;
        Ok(Some(row))
    }

    /// Where the record began that was read just now. `began`: where its reader stood before, which is ahead of empty lines
    /// and, where lines end as on Windows, of the second half of an end. Behind a row that nothing ends it stands in its line.
    fn line(&self, began: u64) -> u64 {
        let inside = self.record.iter().flatten().filter(|byte| **byte == b'\n').count();
        let last = self.reader.position().line().saturating_sub(u64::try_from(inside).unwrap_or(0));
        let (bytes, end) = self.read.get();
        let nothing_ends_it = self.reader.position().byte() == bytes && !matches!(end, b'\n' | b'\r');
        if nothing_ends_it || self.crlf.get() == Some(true) {
            last
        } else {
            began.max(last.saturating_sub(1))
        }
    }

    fn row(&self, line: u64) -> Row {
        let mut mistakes = Vec::new();
        let (given, wanted) = (self.record.len(), self.plan.columns.len());
        if given != wanted {
            let message = format!("the row must have {wanted} fields as the header has, got {given}");
            mistakes.push(violation("", "fields", message));
        }
        let mut cell = |column: usize| -> Option<&str> {
            match std::str::from_utf8(self.record.get(column)?) {
                Ok(text) => Some(text),
                Err(_) => {
                    let name = self.plan.columns.get(column).map_or("", String::as_str);
                    let message = format!("column `{name}` must be UTF-8 text; save the file as UTF-8");
                    mistakes.push(violation("", "encoding", message));
                    None
                }
            }
        };
        let mut text = String::from("{");
        let (mut action, mut own) = (self.reading.action.clone(), None);
        for (field, column) in &self.plan.fields {
            let Some(value) = cell(*column).filter(|value| !value.is_empty()) else { continue };
            match *field {
                "actionId" => action = Some(value.to_owned()),
                "correlationId" => own = Some(value.to_owned()),
                _ => member(&mut text, field, &json_text(value)),
            }
        }
        if let Some(action) = &action {
            member(&mut text, "actionId", &json_text(action));
        }
        if let Some(own) = &own {
            member(&mut text, "correlationId", &json_text(own));
        }
        let mut inputs = String::from("{");
        let mut wrong = Vec::new();
        for (input, column, kind) in &self.plan.inputs {
            let Some(value) = cell(*column) else { continue };
            let kind = kind.or_else(|| (self.typing)(action.as_deref()?, input)).unwrap_or(Kind::String);
            match written(value, kind, self.reading.empty) {
                Ok(Some(json)) => member(&mut inputs, input, &json),
                Ok(None) => {}
                Err(what) => {
                    let column = self.plan.columns.get(*column).map_or("", String::as_str);
                    let message = format!("`inputs.{input}` {what}, in column `{column}`");
                    wrong.push(violation(&format!("/inputs/{}", escaped(input)), "type", message));
                }
            }
        }
        inputs.push('}');
        member(&mut text, "inputs", &inputs);
        text.push('}');
        let name = match (own, self.plan.key) {
            (Some(own), _) => Name::Own(own),
            (None, Some(column)) => Name::Key(self.record.get(column).unwrap_or_default().to_vec()),
            (None, None) => Name::Place(self.digest()),
        };
        mistakes.append(&mut wrong);
        Row { index: self.index, line, text: text.into_bytes(), name, mistakes }
    }
}

impl<R> Table<'_, R> {
    /// Of the cells, whatever types they are given.
    fn digest(&self) -> [u8; 32] {
        let cells = self.record.iter().fold(Sha256::new(), |digest, cell| {
            digest.chain_update(cell.len().to_le_bytes()).chain_update(cell)
        });
        cells.finalize().into()
    }
}

impl Plan {
    fn of(header: &ByteRecord, reading: &Reading) -> Result<Plan, Vec<String>> {
        let mut wrong = Vec::new();
        let mut columns: Vec<String> = Vec::new();
        for (n, cell) in header.iter().enumerate() {
            match std::str::from_utf8(cell) {
                Ok("") => wrong.push(format!("column {} has no name in the header", n + 1)),
                Ok(name) if columns.iter().any(|other| other == name) => {
                    wrong.push(format!("`{name}` is the name of more than one column"));
                }
                Ok(_) => {}
                Err(_) => {
                    wrong.push(format!("the name of column {} must be UTF-8; save the file as UTF-8", n + 1));
                }
            }
            columns.push(String::from_utf8_lossy(cell).into_owned());
        }
        if columns.is_empty() {
            wrong.push("it has no header".to_owned());
        }
        let at = |name: &str| columns.iter().position(|column| column == name);
        let mut missing = |flag: &str, name: &str| {
            let distance = |column: &String| strsim::damerau_levenshtein(column, name);
            let near = columns.iter().filter(|column| distance(column) <= 1 + name.len() / 4);
            let near = near.min_by_key(|column| distance(column));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            wrong.push(format!("`{flag}` names a column `{name}` that the header does not have{near}"));
        };
        let mut fields = Vec::new();
        for (field, names) in FIELDS {
            let mut found = names.iter().filter_map(|name| at(name));
            if let Some(column) = found.next() {
                fields.push((field, column));
            }
        }
        let is_field = |column: usize| fields.iter().any(|(_, of)| *of == column);
        let inputs = if reading.map.is_empty() {
            let others = columns.iter().enumerate().filter(|(column, _)| !is_field(*column));
            others.map(|(column, name)| (name.clone(), column, None)).collect()
        } else {
            let mut inputs = Vec::new();
            for Mapped { input, column, kind } in &reading.map {
                match at(column) {
                    Some(column) => inputs.push((input.clone(), column, *kind)),
                    None => missing("--map", column),
                }
            }
            inputs
        };
        let key = reading.key.as_ref().and_then(|key| {
            let column = at(key);
            if column.is_none() {
                missing("--key", key);
            }
            column
        });
        for (n, (input, ..)) in inputs.iter().enumerate() {
            if inputs.iter().take(n).any(|(other, ..)| other == input) {
                wrong.push(format!("`--map` gives the input `{input}` more than once"));
            }
        }
        if reading.action.is_none() && !fields.iter().any(|(field, _)| *field == "actionId") {
            wrong.push("no action is named: give `--action`, or a column `actionId`".to_owned());
        }
        if wrong.is_empty() { Ok(Plan { fields, inputs, key, columns }) } else { Err(wrong) }
    }
}

fn member(object: &mut String, name: &str, json: &str) {
    if object.len() > 1 {
        object.push(',');
    }
    object.push_str(&json_text(name));
    object.push(':');
    object.push_str(json);
}

fn violation(path: &str, code: &str, message: String) -> Violation {
    Violation { path: path.to_owned(), code: code.to_owned(), message }
}

/// As a JSON pointer has it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::super::reading::{Empty, Format};
    use super::*;

    fn reading() -> Reading {
        Reading { format: Format::Csv, action: Some("a".into()), map: vec![], key: None, empty: Empty::Omit }
    }

    fn rows(text: &[u8], reading: &Reading) -> Vec<Row> {
        let mut table =
            Table::new(text, reading, &|_, input| Kind::of_word(input.split('_').next()?)).unwrap();
        std::iter::from_fn(|| table.next().unwrap()).collect()
    }

    fn texts(text: &[u8], reading: &Reading) -> Vec<(u64, String)> {
        rows(text, reading).into_iter().map(|row| (row.line, String::from_utf8(row.text).unwrap())).collect()
    }

    #[test]
    fn quotes_line_breaks_and_marks_of_any_program_are_read_as_they_are_meant() {
        let text = b"\xef\xbb\xbfname,note\r\n\"Smith, \"\"Jo\"\"\",\"two\r\nlines\"\r\n\r\nplain,\"\"\r\n";
        assert_eq!(
            texts(text, &reading()),
            [
                (2, r#"{"actionId":"a","inputs":{"name":"Smith, \"Jo\"","note":"two\r\nlines"}}"#.to_owned()),
                (5, r#"{"actionId":"a","inputs":{"name":"plain"}}"#.to_owned()),
            ]
        );
    }

    #[test]
    fn cells_become_what_their_type_says_digit_by_digit_and_what_cannot_is_named() {
        let text = "integer_a,number_b,boolean_c,json_d,e\n12345678901234567890,1.50,TRUE,\"[1, null]\",007\n\
                    007,1e400,yes,{,x\n,,,,\n1 ,+1,,\"\"\"a\"\"\",";
        let found = rows(text.as_bytes(), &reading());
        let inputs = |n: usize| String::from_utf8(found[n].text.clone()).unwrap();
        assert_eq!(
            inputs(0),
            r#"{"actionId":"a","inputs":{"integer_a":12345678901234567890,"number_b":1.50,"boolean_c":true,"json_d":[1, null],"e":"007"}}"#
        );
        let wrong = |n: usize| found[n].mistakes.iter().map(|wrong| wrong.path.as_str()).collect::<Vec<_>>();
        assert_eq!(wrong(1), ["/inputs/integer_a", "/inputs/boolean_c", "/inputs/json_d"]);
        assert!(
            found[1]
                .mistakes
                .iter()
                .all(|wrong| !wrong.message.contains("yes") && !wrong.message.contains("007"))
        );
        assert_eq!((inputs(2).as_str(), wrong(2).len()), (r#"{"actionId":"a","inputs":{}}"#, 0));
        assert_eq!(wrong(3), ["/inputs/integer_a", "/inputs/number_b"]);
        for (empty, expected) in
            [(Empty::Text, r#"{"e":""}"#), (Empty::Null, r#"{"integer_a":null,"e":null}"#)]
        {
            let text = texts(b"integer_a,e\n,\n", &Reading { empty, ..reading() });
            let text = if text.is_empty() { String::new() } else { text[0].1.clone() };
            assert_eq!(text, format!(r#"{{"actionId":"a","inputs":{expected}}}"#));
        }
    }

    #[test]
    fn fields_of_a_request_are_no_inputs_and_a_mapping_takes_only_what_it_names() {
        let text = b"correlation_id,actionId,n,other\nc-1,b,1,x\n,,2,y\n";
        assert_eq!(
            texts(text, &reading()).into_iter().map(|(_, text)| text).collect::<Vec<_>>(),
            [
                r#"{"actionId":"b","correlationId":"c-1","inputs":{"n":"1","other":"x"}}"#,
                r#"{"actionId":"a","inputs":{"n":"2","other":"y"}}"#
            ]
        );
        let mapped = Reading {
            map: vec!["priority=n:integer".parse().unwrap()],
            key: Some("other".into()),
            ..reading()
        };
        let found = rows(text, &mapped);
        assert_eq!(found[0].name, Name::Own("c-1".into()));
        assert_eq!(found[1].name, Name::Key(b"y".to_vec()));
        assert_eq!(found[1].text, br#"{"actionId":"a","inputs":{"priority":2}}"#);
    }

    #[test]
    fn a_row_of_another_length_or_of_other_bytes_is_named_and_the_rest_go_on() {
        let found = rows(b"x,y\n1\n1,2,3\n\xff,2\n1,2\n", &reading());
        let said: Vec<_> = found.iter().map(|row| (row.line, row.mistakes.len())).collect();
        assert_eq!(said, [(2, 1), (3, 1), (4, 1), (5, 0)]);
        let lines = |text: &[u8]| rows(text, &reading()).iter().map(|row| row.line).collect::<Vec<_>>();
        assert_eq!(lines(b"x\n\n1\n\"a\nb\"\n\n2\n"), [3, 4, 7]);
        assert_eq!(lines(b"x\n\n1\n\n2"), [3, 5]);
        assert_eq!(lines(b"\xef\xbb\xbfx\n\n\n\"a\nb\""), [4]);
        assert_eq!(lines(b"x\n1\n2"), [2, 3]);
        assert_eq!(lines(b"x\r\n\r\n1\r\n\"a\nb\"\r\n\r\n2"), [3, 4, 7]);
        assert!(found[0].mistakes[0].message.contains("must have 2 fields as the header has, got 1"));
        assert!(found[2].mistakes[0].message.contains("column `x` must be UTF-8"));
    }

    #[test]
    fn everything_wrong_with_a_header_is_said_at_once() {
        let reading = Reading {
            action: None,
            map: vec!["p=Piority".parse().unwrap(), "p=Priority".parse().unwrap()],
            key: Some("id".into()),
            ..reading()
        };
        let wrong = Table::new(b"Priority,,x,x\n".as_slice(), &reading, &|_, _| None).err().unwrap();
        assert_eq!(
            wrong,
            [
                "column 2 has no name in the header",
                "`x` is the name of more than one column",
                "`--map` names a column `Piority` that the header does not have; did you mean `Priority`?",
                "`--key` names a column `id` that the header does not have",
                "no action is named: give `--action`, or a column `actionId`",
            ]
        );
    }

    #[test]
    fn a_quote_that_nobody_closes_is_an_error_and_not_a_row_as_long_as_the_file() {
        let text = Read::chain(b"x\n1\n\"2".as_slice(), io::repeat(b'z').take(3 * LONGEST));
        let mut table = Table::new(text, &reading(), &|_, _| None).unwrap();
        assert!(table.next().unwrap().is_some());
        let error = table.next().unwrap_err().to_string();
        assert!(error.contains("begins at line 3") && error.contains("is a quote not closed?"), "{error}");
    }
}
