//! On which line of a JSON text something stands.

use std::collections::BTreeMap;

/// The deepest that is looked for: deeper than any text that can be read as JSON here.
const DEEPEST: usize = 128;

/// The line, from 1, of what a JSON Pointer (RFC 6901) names in a JSON text: of its key, or of its value in a list. Where it
/// is not in the text, that of the closest thing around it which is.
pub(super) fn line_of(text: &str, pointer: &str) -> usize {
    let lines = lines(text);
    let mut around = pointer;
    loop {
        match (lines.get(around), around.rsplit_once('/')) {
            (Some(line), _) => return *line,
            (None, Some((outer, _))) => around = outer,
            (None, None) => return 1,
        }
    }
}

/// The line of everything in a JSON text, by its pointer. What cannot be read ends the list.
fn lines(text: &str) -> BTreeMap<String, usize> {
    let mut reader = Reader { text, at: 0, line: 1, found: BTreeMap::new() };
    let _ = reader.value(String::new(), 0);
    reader.found
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    found: BTreeMap<String, usize>,
}

impl Reader<'_> {
    fn value(&mut self, pointer: String, depth: usize) -> Option<()> {
        let next = self.next()?;
        self.found.entry(pointer.clone()).or_insert(self.line);
        match next {
            _ if depth > DEEPEST => None,
            b'{' => self.object(&pointer, depth),
            b'[' => self.list(&pointer, depth),
            b'"' => self.string().map(drop),
            _ => {
                let rest = &self.text[self.at..];
                let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}'));
                let bytes = end.unwrap_or(rest.len());
                self.at += bytes;
                // Nothing before a comma or a bracket is no value, and whoever went on from there would stand still.
                (bytes > 0).then_some(())
            }
        }
    }

    fn object(&mut self, pointer: &str, depth: usize) -> Option<()> {
        self.at += 1;
        while self.next()? == b'"' {
            let line = self.line;
            let key = self.string()?.replace('~', "~0").replace('/', "~1");
            let member = format!("{pointer}/{key}");
            self.found.insert(member.clone(), line);
            self.next().filter(|next| *next == b':')?;
            self.at += 1;
            self.value(member, depth + 1)?;
            if self.next()? == b',' {
                self.at += 1;
            }
        }
        self.end(b'}')
    }

    fn list(&mut self, pointer: &str, depth: usize) -> Option<()> {
        self.at += 1;
        let mut index = 0;
        while self.next()? != b']' {
            self.value(format!("{pointer}/{index}"), depth + 1)?;
            index += 1;
            if self.next()? == b',' {
                self.at += 1;
            }
        }
        self.end(b']')
    }

    fn end(&mut self, bracket: u8) -> Option<()> {
        self.next().filter(|next| *next == bracket)?;
        self.at += 1;
        Some(())
    }

    /// The text of a string, which begins here.
    fn string(&mut self) -> Option<String> {
        let from = self.at;
        let mut is_escaped = false;
        for (offset, byte) in self.text.as_bytes()[from + 1..].iter().enumerate() {
            match byte {
                b'"' if !is_escaped => {
                    self.at = from + offset + 2;
                    return serde_json::from_str(&self.text[from..self.at]).ok();
                }
                byte => is_escaped = *byte == b'\\' && !is_escaped,
            }
        }
        None
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => {}
                byte => return Some(byte),
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\n  \"shell\": {\n    \"allow\": [\n      \"ls \\\"x\\\"\",\n      7\n    ],\n    \"a/b\": {}\n  },\n\n  \
                        \"limits\": { \"one\": 1,\n    \"two\": 2 }\n}";

    #[test]
    fn keys_and_entries_are_found_on_their_lines() {
        for (pointer, line) in [
            ("", 1),
            ("/shell", 2),
            ("/shell/allow", 3),
            ("/shell/allow/0", 4),
            ("/shell/allow/1", 5),
            ("/shell/a~1b", 7),
            ("/limits/one", 10),
            ("/limits/two", 11),
        ] {
            assert_eq!(line_of(TEXT, pointer), line, "{pointer}");
        }
    }

    #[test]
    fn what_is_not_there_is_shown_at_what_is_around_it() {
        assert_eq!(line_of(TEXT, "/shell/allow/9"), 3);
        assert_eq!(line_of(TEXT, "/limits/three/deep"), 10);
        assert_eq!(line_of(TEXT, "/nowhere"), 1);
        assert_eq!(line_of(TEXT, "shell"), 1);
    }

    #[test]
    fn what_is_no_json_breaks_nothing() {
        for text in ["", "{", "{\"a", "[1,,2", "{\"a\" 1}", "[[[", "\"é", "{\"é\": [}"] {
            line_of(text, "/a/b");
        }
        line_of(&"[".repeat(100_000), "/0/0");
    }
}
