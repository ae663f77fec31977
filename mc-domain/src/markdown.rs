//! Text of others in a Markdown document of ours: it stays text, whatever it says.
//!
//! Two contexts are all there are: [`inline`] where a line is meant, [`quoted`] for what may have several. CommonMark lets
//! a backslash take the meaning from any punctuation (section 2.4), so what is escaped here is read as it was written.
//! Nothing that begins a heading, a list, a table, a link, an image, HTML, a fence, a formula or a note of GitHub's and of
//! other dialects is left unescaped.

#[cfg(test)]
mod tests;

use crate::text::visible;

/// What somebody wrote, on one line: white space of any kind is one space, what cannot be seen is shown by its number.
///
/// ```
/// use mc_domain::markdown::inline;
///
/// assert_eq!(inline("# Done\n<b>now</b>"), r"\# Done \<b\>now\</b\>");
/// assert_eq!(inline("1. first_name"), r"1\. first\_name");
/// ```
pub fn inline(text: &str) -> String {
    let shown = visible(text);
    let mut line = String::with_capacity(shown.len() + 8);
    for word in shown.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        let (begins, starts_at) = (line.is_empty(), line.len());
        escape(&mut line, word, begins);
        break_address(&mut line, starts_at);
    }
    line
}

/// What somebody wrote, as a quotation: a paragraph for each, its lines where they were broken.
///
/// ```
/// use mc_domain::markdown::quoted;
///
/// assert_eq!(quoted("Look:\n- one\n\n```"), "> Look:\\\n> \\- one\n>\n> \\`\\`\\`");
/// ```
pub fn quoted(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(inline).collect();
    let mut quotation = String::with_capacity(text.len() + 4 * lines.len());
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            quotation.push('\n');
        }
        quotation.push('>');
        if !line.is_empty() {
            quotation.push(' ');
            quotation.push_str(line);
        }
        // A line that another follows is broken there, as a line of a list would be joined otherwise.
        if !line.is_empty() && lines.get(number + 1).is_some_and(|next| !next.is_empty()) {
            quotation.push('\\');
        }
    }
    quotation
}

/// `begins` says that the word comes first on its line, where more has a meaning.
fn escape(line: &mut String, word: &str, begins: bool) {
    let ordered = begins && word.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['.', ')']);
    for (at, c) in word.char_indices() {
        let anywhere = matches!(
            c,
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '$' | '^'
        );
        let at_the_start = begins && at == 0 && matches!(c, '-' | '+' | '=' | ':' | '!' | '%' | '/');
        let after_digits =
            ordered && matches!(c, '.' | ')') && word[..at].bytes().all(|byte| byte.is_ascii_digit());
        if anywhere || at_the_start || after_digits {
            line.push('\\');
        }
        line.push(c);
    }
}

/// Many readers of Markdown make a link of a bare address; a backslash in it keeps them from that.
fn break_address(line: &mut String, starts_at: usize) {
    let word = line[starts_at..].to_ascii_lowercase();
    for (mark, offset) in [("://", 0), ("www.", 3), ("mailto:", 6), ("xmpp:", 4)] {
        if let Some(at) = word.find(mark) {
            let at = starts_at + at + offset;
            // What begins a line with it is escaped already; a second backslash would be read.
            let backslashes = line[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
            if backslashes % 2 == 0 {
                line.insert(at, '\\');
            }
            return;
        }
    }
}
