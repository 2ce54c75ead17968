//! Writes the body, once: what is measured here is what is sent, and the writing stops at the limit.

use std::io::{self, Write};
use std::ops::Range;

use super::request::{Held, InputValue};

/// A buffer that refuses to grow beyond a limit.
struct Capped {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a body is made of. A field that is not given is left out.
pub(super) struct Parts<'a> {
    pub(super) action_id: Option<&'a str>,
    pub(super) inputs: &'a [(&'a str, &'a InputValue)],
    pub(super) correlation_id: Option<&'a str>,
    pub(super) callback_url: Option<&'a str>,
}

impl Parts<'_> {
    /// The body and the place of the inputs in it; none where it would be longer than `limit` bytes.
    pub(super) fn write(&self, limit: usize) -> Option<(Vec<u8>, Range<usize>)> {
        let mut out = Capped { bytes: Vec::new(), limit };
        let inputs = self.write_to(&mut out).ok()?;
        Some((out.bytes, inputs))
    }

    fn write_to(&self, out: &mut Capped) -> io::Result<Range<usize>> {
        out.write_all(b"{")?;
        if let Some(id) = self.action_id {
            out.write_all(b"\"actionId\":")?;
            text(out, id)?;
            out.write_all(b",")?;
        }
        out.write_all(b"\"inputs\":")?;
        let start = out.bytes.len();
        out.write_all(b"{")?;
        for (position, (key, value)) in self.inputs.iter().enumerate() {
            if position > 0 {
                out.write_all(b",")?;
            }
            text(out, key)?;
            out.write_all(b":")?;
            match &value.0 {
                Held::Boolean(true) => out.write_all(b"true")?,
                Held::Boolean(false) => out.write_all(b"false")?,
                Held::Number(digits) => out.write_all(digits.as_bytes())?,
                Held::Text(value) if !value.lone_surrogate => text(out, &value.text)?,
                // Of these only null is ever sent: the others are violations, and stand here as null for the policy.
                Held::Null | Held::NonFinite(_) | Held::Nested(_) | Held::Text(_) => {
                    out.write_all(b"null")?
                }
            }
        }
        out.write_all(b"}")?;
        let inputs = start..out.bytes.len();
        for (name, value) in [("correlationId", self.correlation_id), ("callbackUrl", self.callback_url)] {
            if let Some(value) = value {
                write!(out, ",\"{name}\":")?;
                text(out, value)?;
            }
        }
        out.write_all(b"}")?;
        Ok(inputs)
    }
}

fn text(out: &mut Capped, text: &str) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}
