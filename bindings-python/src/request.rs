//! Hands on a Python request: as it is where it is plain, and else written straight to the JSON text of the envelope.
//!
//! The promise: every value is written exactly or not at all. Integers keep all their digits and floats their shortest
//! exact form, subclasses go by value; what JSON cannot say becomes a [`Finding`] with its place, `null` stands in the text, and the core words
//! the refusal. Nothing is coerced, dropped or looked up twice.

use cxone_actions::ActionRequest;
use cxone_actions::contract::{Finding, FindingCode, InputValue};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple, PyType};

/// Deeper than any profile allows, and far from the end of the stack.
const MAX_DEPTH: usize = 50;

/// A request that is far from any limit of its size.
const PLAIN_BYTES: usize = 64 * 1024;

/// How Python spells the fields of a request, and how the wire does.
const FIELDS: [(&str, &str); 5] = [
    ("action_id", "actionId"),
    ("inputs", "inputs"),
    ("correlation_id", "correlationId"),
    ("callback_url", "callbackUrl"),
    ("traceparent", "traceparent"),
];

/// `request` is a tuple of the five fields, or a mapping that has them as keys.
pub(crate) fn read(request: &Bound<'_, PyAny>) -> PyResult<ActionRequest> {
    let mut writer = Writer::default();
    match request.cast::<PyTuple>() {
        Ok(fields) => match plain(fields) {
            Some(request) => return Ok(request),
            None => writer.fields(fields)?,
        },
        Err(_) => writer.value(request)?,
    }
    Ok(ActionRequest::from_border(&writer.text, &writer.findings))
}

/// What most callers ask for needs no text to be said exactly: names and values of Python's own, of which nothing is to be
/// found fault with here. Nothing below runs code of the caller's, so nothing changes on the way. None where there is more.
fn plain(fields: &Bound<'_, PyTuple>) -> Option<ActionRequest> {
    let mut left = PLAIN_BYTES;
    let fields: [Bound<'_, PyAny>; 5] = fields.extract().ok()?;
    let [action, inputs, correlation_id, callback_url, traceparent] = fields;
    let mut request = ActionRequest::new(plain_text(&action, &mut left)?);
    if !inputs.is_none() {
        for (key, value) in inputs.cast_exact::<PyDict>().ok()?.iter() {
            let key = plain_text(&key, &mut left)?;
            request = request.input(key, plain_value(&value, &mut left)?);
        }
    }
    if !correlation_id.is_none() {
        request = request.correlation_id(plain_text(&correlation_id, &mut left)?);
    }
    if !callback_url.is_none() {
        request = request.callback_url(plain_text(&callback_url, &mut left)?);
    }
    if !traceparent.is_none() {
        request = request.traceparent(plain_text(&traceparent, &mut left)?);
    }
    Some(request)
}

fn plain_value(value: &Bound<'_, PyAny>, left: &mut usize) -> Option<InputValue> {
    if let Ok(number) = value.cast_exact::<PyInt>() {
        number.extract::<i64>().ok().map(InputValue::from)
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        Some(number.value()).filter(|number| number.is_finite()).map(InputValue::from)
    } else if let Ok(flag) = value.cast_exact::<PyBool>() {
        Some(flag.is_true().into())
    } else if value.is_none() {
        Some(().into())
    } else {
        plain_text(value, left).map(InputValue::from)
    }
}

fn plain_text<'a>(text: &'a Bound<'_, PyAny>, left: &mut usize) -> Option<&'a str> {
    let text = text.cast_exact::<PyString>().ok()?.to_str().ok()?;
    *left = left.checked_sub(text.len())?;
    Some(text)
}

#[derive(Default)]
struct Writer {
    text: Vec<u8>,
    findings: Vec<Finding>,
    /// The JSON pointer of the value that is being written.
    path: String,
    /// The containers around it, by identity.
    around: Vec<usize>,
}

impl Writer {
    fn fields(&mut self, fields: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.text.push(b'{');
        for (index, (field, (name, _))) in fields.iter().zip(FIELDS).enumerate() {
            self.member(index == 0, &PyString::new(fields.py(), name), &field)?;
        }
        self.text.push(b'}');
        Ok(())
    }

    fn value(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_none() {
            self.text.extend_from_slice(b"null");
        } else if let Ok(text) = value.cast::<PyString>() {
            self.string(text)?;
        } else if let Ok(flag) = value.cast::<PyBool>() {
            self.text.extend_from_slice(if flag.is_true() { b"true" } else { b"false" });
        } else if let Ok(number) = value.cast::<PyInt>() {
            self.integer(number)?;
        } else if let Ok(number) = value.cast::<PyFloat>() {
            self.float(number.value());
        } else if let Ok(mapping) = value.cast::<PyDict>() {
            // A snapshot: collecting garbage may run code that changes the mapping.
            self.inside(value, |writer| writer.mapping(&mapping.items()))?;
        } else if let Ok(list) = value.cast::<PyList>() {
            self.inside(value, |writer| writer.list(list.iter()))?;
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.inside(value, |writer| writer.list(tuple.iter()))?;
        } else if let Ok(mapping) = value.cast::<PyMapping>() {
            self.inside(value, |writer| writer.mapping(&mapping.items()?))?;
        } else {
            let name = type_name(value);
            let name = if is_enum(value)? { format!("{name}, an Enum") } else { name };
            self.finding(FindingCode::UnsupportedType, &name);
        }
        Ok(())
    }

    fn inside(
        &mut self,
        container: &Bound<'_, PyAny>,
        write: impl FnOnce(&mut Self) -> PyResult<()>,
    ) -> PyResult<()> {
        let identity = container.as_ptr() as usize;
        if self.around.contains(&identity) {
            self.finding(FindingCode::Cycle, "");
        } else if self.around.len() >= MAX_DEPTH {
            self.finding(FindingCode::TooDeep, "");
        } else {
            self.around.push(identity);
            write(self)?;
            self.around.pop();
        }
        Ok(())
    }

    fn mapping(&mut self, items: &Bound<'_, PyList>) -> PyResult<()> {
        self.text.push(b'{');
        let mut first = true;
        for item in items.iter() {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
            let Ok(key) = key.cast::<PyString>() else {
                self.findings.push(self.found(FindingCode::KeyType, &type_name(&key)));
                continue;
            };
            self.member(first, key, &value)?;
            first = false;
        }
        self.text.push(b'}');
        Ok(())
    }

    fn member(&mut self, first: bool, key: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if !first {
            self.text.push(b',');
        }
        self.string(key)?;
        self.text.push(b':');
        let key = key.to_string_lossy();
        let before = self.path.len();
        let wire =
            FIELDS.iter().find(|(name, _)| before == 0 && *name == key).map_or(&*key, |(_, wire)| wire);
        self.path.push('/');
        self.path.push_str(&wire.replace('~', "~0").replace('/', "~1"));
        // The two that are UUIDs more often than not. An input that is one is refused: what it means is the caller's to say.
        if before == 0 && matches!(wire, "actionId" | "correlationId") && is_uuid(value)? {
            self.string(&value.str()?)?;
        } else {
            self.value(value)?;
        }
        self.path.truncate(before);
        Ok(())
    }

    fn list<'py>(&mut self, values: impl Iterator<Item = Bound<'py, PyAny>>) -> PyResult<()> {
        self.text.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.text.push(b',');
            }
            let before = self.path.len();
            self.path.push_str(&format!("/{index}"));
            self.value(&value)?;
            self.path.truncate(before);
        }
        self.text.push(b']');
        Ok(())
    }

    /// Text with half a surrogate pair goes as it is, the half as an escape: the core finds it where it stands.
    fn string(&mut self, text: &Bound<'_, PyString>) -> PyResult<()> {
        if let Ok(text) = text.to_str() {
            // Writing to memory cannot fail.
            let _ = serde_json::to_writer(&mut self.text, text);
            return Ok(());
        }
        let units = text.call_method1(intern!(text.py(), "encode"), ("utf-16-le", "surrogatepass"))?;
        let units = units.cast::<PyBytes>()?.as_bytes().chunks_exact(2).map(|pair| match pair {
            [low, high] => u16::from_le_bytes([*low, *high]),
            _ => 0,
        });
        self.text.push(b'"');
        for unit in units {
            self.text.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
        }
        self.text.push(b'"');
        Ok(())
    }

    /// By value, whatever a subclass prints itself as.
    fn integer(&mut self, number: &Bound<'_, PyInt>) -> PyResult<()> {
        if let Ok(small) = number.extract::<i64>() {
            self.text.extend_from_slice(small.to_string().as_bytes());
            return Ok(());
        }
        let py = number.py();
        match PyType::new::<PyInt>(py).call_method1(intern!(py, "__repr__"), (number,)) {
            Ok(digits) => self.text.extend_from_slice(digits.cast::<PyString>()?.to_str()?.as_bytes()),
            // `sys.set_int_max_str_digits`: the interpreter refuses to print it.
            Err(error) if error.is_instance_of::<PyValueError>(py) => {
                self.finding(FindingCode::TooLargeInteger, "");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn float(&mut self, number: f64) {
        match serde_json::Number::from_f64(number) {
            Some(number) => self.text.extend_from_slice(number.to_string().as_bytes()),
            None if number.is_nan() => self.finding(FindingCode::NonFinite, "NaN"),
            None => self.finding(FindingCode::NonFinite, if number > 0.0 { "Infinity" } else { "-Infinity" }),
        }
    }

    fn finding(&mut self, code: FindingCode, got: &str) {
        self.findings.push(self.found(code, got));
        self.text.extend_from_slice(b"null");
    }

    fn found(&self, code: FindingCode, got: &str) -> Finding {
        Finding { path: self.path.clone(), code, got: got.to_owned() }
    }
}

fn is_uuid(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if value.is_instance_of::<PyString>() || value.is_none() {
        return Ok(false);
    }
    value.is_instance(UUID.import(value.py(), "uuid", "UUID")?)
}

fn is_enum(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static ENUM: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    value.is_instance(ENUM.import(value.py(), "enum", "Enum")?)
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map(|name| name.to_string()).unwrap_or_default()
}
