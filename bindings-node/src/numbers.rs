//! Which JSON text `JSON.parse` would read wrongly.

/// Whether there may be a number beyond ±(2^53−1) in JSON text: one of sixteen digits before its point, or with an exponent.
/// An integer of fifteen digits is a number exactly.
pub(crate) fn may_be_beyond(json: &str) -> bool {
    let mut bytes = json.bytes();
    let mut digits = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'0'..=b'9' => {
                digits += 1;
                if digits == 16 {
                    return true;
                }
            }
            b'.' => {
                if skip_fraction(&mut bytes) {
                    return true;
                }
                digits = 0;
            }
            b'e' | b'E' if digits > 0 => return true,
            _ => digits = 0,
        }
    }
    false
}

/// To behind the end of the string that has begun.
fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// To behind the digits of a fraction; whether there is an exponent behind them.
fn skip_fraction(bytes: &mut std::str::Bytes<'_>) -> bool {
    bytes.find(|byte| !byte.is_ascii_digit()).is_some_and(|byte| matches!(byte, b'e' | b'E'))
}
