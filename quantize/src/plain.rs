//! Text from files, for terminals.
//!
//! Names in a model or a blob are anybody's bytes: a line feed in one looks like a line of ours, and an escape sequence
//! moves the cursor, or worse. Every importer and `inspect` make names plain where they read them, so that all messages and
//! reports are; what is printed is made plain once more, line feeds apart, for what came in by another way.

/// `text` with its control characters as pictures of them: a line feed becomes `␊`, an escape `␛`.
pub(crate) fn name(text: &str) -> String {
    text.chars().map(picture).collect()
}

/// [`name`], but lines stay lines.
pub(crate) fn lines(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '\n' | '\t') { c } else { picture(c) }).collect()
}

/// The picture of a control character, and every other character itself.
fn picture(c: char) -> char {
    match u32::from(c) {
        code @ 0..=0x1F => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7F => '\u{2421}',
        // Controls of eight bits, and those that turn the direction of what follows.
        0x80..=0x9F | 0x202A..=0x202E | 0x2066..=0x2069 => char::REPLACEMENT_CHARACTER,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_visible_and_nothing_else_changes() {
        assert_eq!(name("a\nb\x1b[31m\x07\x7f\u{9b}\u{202e}é␊"), "a␊b␛[31m␇␡\u{fffd}\u{fffd}é␊");
        assert_eq!(lines("a\n\tb\x1b\r"), "a\n\tb␛␍");
        let all: String = (0..=0x10FFFFu32).filter_map(char::from_u32).collect();
        assert!(!name(&all).chars().any(char::is_control));
    }
}
