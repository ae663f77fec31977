//! Parameters as people read them before they decide: one value a line, every digit as it was sent, nothing invisible.

/// Two spaces for each level.
const INDENT: &str = "  ";

/// JSON with a line for each value. Numbers and texts stay as they are written; what would show as nothing, or turn the
/// direction of the text around, is written as an escape.
pub(super) fn pretty(json: &str) -> String {
    let mut printer = Printer::default();
    json.chars().for_each(|c| printer.take(c));
    printer.text
}

#[derive(Default)]
struct Printer {
    text: String,
    depth: usize,
    is_in_text: bool,
    is_escaped: bool,
    /// Whether an array or object was opened just before.
    is_opened: bool,
}

impl Printer {
    fn take(&mut self, c: char) {
        if self.is_in_text {
            return self.take_in_text(c);
        }
        if c.is_ascii_whitespace() {
            return;
        }
        let was_opened = std::mem::take(&mut self.is_opened);
        match c {
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                if !was_opened {
                    self.break_line();
                }
                self.text.push(c);
                return;
            }
            _ if was_opened => self.break_line(),
            _ => {}
        }
        match c {
            '{' | '[' => {
                self.text.push(c);
                self.depth += 1;
                self.is_opened = true;
            }
            ',' => {
                self.text.push(c);
                self.break_line();
            }
            ':' => self.text.push_str(": "),
            c => {
                self.is_in_text = c == '"';
                self.text.push(c);
            }
        }
    }

    fn take_in_text(&mut self, c: char) {
        match c {
            _ if is_unseen(c) => {
                let mut units = [0; 2];
                let units = c.encode_utf16(&mut units);
                units.iter().for_each(|unit| self.text.push_str(&format!("\\u{unit:04x}")));
            }
            c => self.text.push(c),
        }
        self.is_in_text = c != '"' || self.is_escaped;
        self.is_escaped = c == '\\' && !self.is_escaped;
    }

    fn break_line(&mut self) {
        self.text.push('\n');
        for _ in 0..self.depth {
            self.text.push_str(INDENT);
        }
    }
}

/// Whether a character shows as nothing, or changes how others show.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_a_line_and_every_digit() {
        let json = r#"{"tool":"pay","amount":1234567890123456789012.50,"to":["a, b","say \"{\""],"none":{},"empty":[]}"#;
        let expected = r#"{
  "tool": "pay",
  "amount": 1234567890123456789012.50,
  "to": [
    "a, b",
    "say \"{\""
  ],
  "none": {},
  "empty": []
}"#;
        assert_eq!(pretty(json), expected);
        assert_eq!(pretty(expected), expected);
    }

    #[test]
    fn nothing_invisible_stays_so() {
        assert_eq!(pretty("\"pay\u{202e}eno\u{200b}\u{e0041}\""), r#""pay\u202eeno\u200b\udb40\udc41""#);
    }
}
