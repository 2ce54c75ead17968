//! Texts of strangers, shown to people. An actor or a correlation id is whatever a caller made it: on a terminal it must not
//! move the cursor, and nowhere may it turn the reading order or hide itself.

use std::fmt::Write as _;

/// The text with every character that is not seen for what it is written as its number, and cut to `most` characters.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let mut plain = String::with_capacity(text.len().min(4 * most));
    for (n, character) in text.chars().enumerate() {
        if n >= most {
            plain.push('…');
            break;
        }
        if is_unseen(character) {
            // Writing to a string cannot fail.
            let _ = write!(plain, "\\u{{{:x}}}", u32::from(character));
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Control characters, those that turn the direction of reading, and those without a width.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn nothing_in_a_text_moves_turns_or_hides_and_what_is_seen_stays() {
        for (text, shown) in [
            ("svc-billing", "svc-billing"),
            ("Zoë 山田 🙂", "Zoë 山田 🙂"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("a\nb\r", "a\\u{a}b\\u{d}"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("ad\u{200b}min", "ad\\u{200b}min"),
        ] {
            assert_eq!(plain(text, 80), shown);
        }
        assert_eq!(plain("abcdef", 3), "abc…");
    }
}
