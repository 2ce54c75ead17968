//! Writes the body, once: what is measured here is what is sent, and the writing stops at the limit.

use std::io::{self, Write};
use std::ops::Range;

use super::json::write_text;
use super::request::{Held, InputValue};
use super::template::{BodyTemplate, Member};

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

/// The inputs of a body.
pub(super) enum Inputs<'a> {
    /// To be written.
    Given(&'a [(&'a str, &'a InputValue)]),
    /// As they stood in a body before.
    Written(&'a [u8]),
}

/// What a body is made of. A field that is not given is left out.
pub(super) struct Parts<'a> {
    pub(super) action_id: Option<&'a str>,
    pub(super) inputs: Inputs<'a>,
    pub(super) correlation_id: Option<&'a str>,
    pub(super) callback_url: Option<&'a str>,
}

impl Parts<'_> {
    /// The body and the place of the inputs in it; none where it would be longer than `limit` bytes.
    pub(super) fn write(&self, template: &BodyTemplate, limit: usize) -> Option<(Vec<u8>, Range<usize>)> {
        let mut out = Capped { bytes: Vec::with_capacity(self.about().min(limit)), limit };
        let mut inputs = 0..0;
        match template {
            BodyTemplate::Inputs => inputs = self.inputs(&mut out).ok()?,
            BodyTemplate::Object(members) => self.object(members, &mut out, &mut inputs).ok()?,
        }
        Some((out.bytes, inputs))
    }

    /// How many bytes it will have, or a few more: it is kept until nobody waits any more.
    fn about(&self) -> usize {
        const NAMES: usize = 64;
        let given = |(key, value): &(&str, &InputValue)| {
            let value = match &value.0 {
                Held::Text(text) => text.text.len(),
                Held::Number(digits) => digits.len(),
                Held::Nested(raw) => raw.get().len(),
                Held::Null | Held::Boolean(_) | Held::NonFinite(_) => 5,
            };
            key.len() + value + r#""":"",""#.len()
        };
        let inputs = match self.inputs {
            Inputs::Given(inputs) => inputs.iter().map(given).sum(),
            Inputs::Written(text) => text.len(),
        };
        let ids = [self.action_id, self.correlation_id, self.callback_url];
        ids.into_iter().flatten().map(str::len).sum::<usize>() + inputs + NAMES
    }

    fn object(
        &self,
        members: &[(String, Member)],
        out: &mut Capped,
        inputs: &mut Range<usize>,
    ) -> io::Result<()> {
        out.write_all(b"{")?;
        let mut first = true;
        for (name, member) in members.iter().filter(|(_, member)| !self.is_absent(member)) {
            if !std::mem::take(&mut first) {
                out.write_all(b",")?;
            }
            write_text(out, name)?;
            out.write_all(b":")?;
            match member {
                Member::Inputs => *inputs = self.inputs(out)?,
                Member::Literal(json) => out.write_all(json.as_bytes())?,
                Member::Object(members) => self.object(members, out, inputs)?,
                Member::ActionId => write_text(out, self.action_id.unwrap_or_default())?,
                Member::CorrelationId => write_text(out, self.correlation_id.unwrap_or_default())?,
                Member::CallbackUrl => write_text(out, self.callback_url.unwrap_or_default())?,
            }
        }
        out.write_all(b"}")
    }

    fn is_absent(&self, member: &Member) -> bool {
        match member {
            Member::ActionId => self.action_id.is_none(),
            Member::CorrelationId => self.correlation_id.is_none(),
            Member::CallbackUrl => self.callback_url.is_none(),
            Member::Inputs | Member::Literal(_) | Member::Object(_) => false,
        }
    }

    fn inputs(&self, out: &mut Capped) -> io::Result<Range<usize>> {
        let start = out.bytes.len();
        let inputs = match self.inputs {
            Inputs::Given(inputs) => inputs,
            Inputs::Written(inputs) => {
                out.write_all(inputs)?;
                return Ok(start..out.bytes.len());
            }
        };
        out.write_all(b"{")?;
        for (position, (key, value)) in inputs.iter().enumerate() {
            if position > 0 {
                out.write_all(b",")?;
            }
            write_text(out, key)?;
            out.write_all(b":")?;
            match &value.0 {
                Held::Boolean(true) => out.write_all(b"true")?,
                Held::Boolean(false) => out.write_all(b"false")?,
                Held::Number(digits) => out.write_all(digits.as_bytes())?,
                Held::Text(value) if !value.lone_surrogate => write_text(out, &value.text)?,
                Held::Nested(raw) => out.write_all(raw.get().as_bytes())?,
                // Of these only null is ever sent: the others are violations, and stand here as null for the policy.
                Held::Null | Held::NonFinite(_) | Held::Text(_) => out.write_all(b"null")?,
            }
        }
        out.write_all(b"}")?;
        Ok(start..out.bytes.len())
    }
}
