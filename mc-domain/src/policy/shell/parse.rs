//! Reads a command line as a POSIX shell would, as far as judging it needs: words, what joins them, and the scripts
//! that are hidden in words.
//!
//! Nothing is expanded. What depends on an expansion is marked, and what cannot be read becomes a problem of the whole
//! script; whoever judges allows neither.

/// The most characters of a command.
pub(super) const MAX_COMMAND_CHARS: usize = 16_384;
/// The most simple commands of one script, and the most alternatives of one word.
const MAX_PARTS: usize = 512;
/// How deep scripts may be nested in words.
const MAX_DEPTH: usize = 12;

/// A word with its quotes taken off; what is expanded at run time is left out of the text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Word {
    pub text: String,
    /// It has a variable in it, or something else that only the run knows.
    pub variable: bool,
    /// The scripts whose output becomes part of it.
    pub scripts: Vec<Script>,
    /// It has a wildcard outside quotes.
    pub wildcard: bool,
    /// It has a quote or a backslash, so it is no reserved word.
    pub quoted: bool,
}

impl Word {
    pub fn is_dynamic(&self) -> bool {
        self.variable || !self.scripts.is_empty()
    }
}

/// A redirection: its operator without the file descriptor, and its target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Redirect {
    pub operator: String,
    pub target: Word,
}

/// A simple command: its words and redirections, without its pipeline.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Command {
    pub words: Vec<Word>,
    pub redirects: Vec<Redirect>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Command(Command),
    /// The next command reads what this one writes.
    Pipe,
    /// Any other end of a command.
    End,
    Open,
    Close,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Script {
    pub items: Vec<Item>,
    /// The bodies of the here-documents that it reads.
    pub here: Vec<String>,
    /// Why it cannot be read to its end.
    pub problem: Option<&'static str>,
}

/// Reads a script. Of one that is too long the beginning is read, so that what is denied there is still denied.
pub(super) fn parse(text: &str, depth: usize) -> Script {
    let chars: Vec<char> = text.chars().take(MAX_COMMAND_CHARS + 1).collect();
    let too_long = chars.len() > MAX_COMMAND_CHARS;
    let mut script = Parser { chars, at: 0, parts: 0 }.script(None, depth);
    if too_long {
        script.problem = Some("the command is too long");
    }
    script
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    parts: usize,
}

/// A script while it is being read.
#[derive(Default)]
struct Draft {
    script: Script,
    command: Command,
    open: usize,
    /// Delimiters of here-documents whose bodies come after the line, and whether leading tabs go.
    awaited: Vec<(String, bool)>,
}

impl Draft {
    fn end_command(&mut self, parser: &mut Parser) {
        if self.command != Command::default() {
            parser.parts += 1;
            self.script.items.push(Item::Command(std::mem::take(&mut self.command)));
        }
    }

    fn end(&mut self, parser: &mut Parser, item: Item) {
        self.end_command(parser);
        self.script.items.push(item);
    }

    fn problem(&mut self, problem: &'static str) {
        self.script.problem.get_or_insert(problem);
    }

    /// Words that open and close a group only where a command begins.
    fn add_word(&mut self, parser: &mut Parser, word: Word) {
        let begins = self.command.words.is_empty() && !word.quoted && !word.is_dynamic();
        match word.text.as_str() {
            "{" if begins => self.script.items.push(Item::Open),
            "}" if begins => self.end(parser, Item::Close),
            _ => self.command.words.push(word),
        }
    }
}

impl Parser {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = text.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// Reads commands up to the end, or up to the bracket that closes a substitution.
    fn script(&mut self, until: Option<char>, depth: usize) -> Script {
        let mut draft = Draft::default();
        if depth > MAX_DEPTH {
            draft.problem("the command is nested too deep");
            self.at = self.chars.len();
        }
        loop {
            if self.parts > MAX_PARTS {
                draft.problem("the command has too many parts");
                self.at = self.chars.len();
            }
            match self.peek(0) {
                None => break,
                Some(')') if draft.open == 0 && until == Some(')') => {
                    self.at += 1;
                    draft.end_command(self);
                    return draft.script;
                }
                Some(_) => self.token(&mut draft, depth),
            }
        }
        draft.end_command(self);
        if until.is_some() || draft.open > 0 {
            draft.problem("a bracket is not closed");
        }
        if !draft.awaited.is_empty() {
            draft.problem("a here-document has no end");
        }
        draft.script
    }

    fn token(&mut self, draft: &mut Draft, depth: usize) {
        match self.peek(0) {
            Some('\\') if self.peek(1) == Some('\n') => self.at += 2,
            Some('\n') => self.line_end(draft),
            Some(c) if c.is_whitespace() => self.at += 1,
            Some('(') => {
                self.at += 1;
                draft.open += 1;
                draft.end(self, Item::Open);
            }
            Some(')') => {
                self.at += 1;
                match draft.open.checked_sub(1) {
                    Some(open) => draft.open = open,
                    None => draft.problem("a bracket is closed that was not opened"),
                }
                draft.end(self, Item::Close);
            }
            // A comment is judged like what it hides: not every shell takes it for one.
            Some('#') => {
                self.at += 1;
                draft.end(self, Item::End);
            }
            _ if self.redirect(draft, depth) => {}
            Some('|') => {
                let item = if self.eat("||") { Item::End } else { Item::Pipe };
                if item == Item::Pipe && !self.eat("|&") {
                    self.at += 1;
                }
                draft.end(self, item);
            }
            Some(';' | '&') => {
                self.at += 1;
                draft.end(self, Item::End);
            }
            _ => self.words(draft, depth),
        }
    }

    fn words(&mut self, draft: &mut Draft, depth: usize) {
        let (word, braces) = self.word(draft, depth);
        let words = if braces { alternatives(word) } else { vec![word] };
        for word in words {
            draft.add_word(self, word);
        }
    }

    /// A new line ends the command and begins the bodies of the here-documents it announced.
    fn line_end(&mut self, draft: &mut Draft) {
        self.at += 1;
        let goes_on = draft.command == Command::default() && draft.script.items.last() == Some(&Item::Pipe);
        if !goes_on {
            draft.end(self, Item::End);
        }
        for (delimiter, tabs) in std::mem::take(&mut draft.awaited) {
            match self.here_document(&delimiter, tabs) {
                Some(body) => draft.script.here.push(body),
                None => draft.problem("a here-document has no end"),
            }
        }
    }

    fn here_document(&mut self, delimiter: &str, tabs: bool) -> Option<String> {
        let mut body = String::new();
        while self.at < self.chars.len() {
            let end = self.chars[self.at..]
                .iter()
                .position(|c| *c == '\n')
                .map_or(self.chars.len(), |end| self.at + end);
            let line: String = self.chars[self.at..end].iter().collect();
            self.at = (end + 1).min(self.chars.len());
            let shown = if tabs { line.trim_start_matches('\t') } else { &line };
            if shown == delimiter {
                return Some(body);
            }
            body.push_str(shown);
            body.push('\n');
        }
        None
    }

    /// Reads a redirection, if one begins here.
    fn redirect(&mut self, draft: &mut Draft, depth: usize) -> bool {
        const OPERATORS: [&str; 12] =
            ["&>>", "&>", "<<<", "<<-", "<<", "<>", "<&", "<", ">>", ">|", ">&", ">"];
        let start = self.at;
        while self.peek(0).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let process = matches!(self.peek(0), Some('<' | '>')) && self.peek(1) == Some('(');
        let operator = OPERATORS.iter().find(|operator| !process && self.eat(operator));
        let Some(operator) = operator else {
            self.at = start;
            return false;
        };
        while self.peek(0).is_some_and(|c| c == ' ' || c == '\t') {
            self.at += 1;
        }
        let (target, braces) = self.word(draft, depth);
        if target == Word::default() || braces {
            draft.problem("a redirection has no clear target");
        }
        match *operator {
            "<<" | "<<-" => draft.awaited.push((target.text, *operator == "<<-")),
            operator => draft.command.redirects.push(Redirect { operator: operator.to_owned(), target }),
        }
        true
    }

    /// Reads one word, and tells whether it has braces with alternatives.
    fn word(&mut self, draft: &mut Draft, depth: usize) -> (Word, bool) {
        let mut word = Word::default();
        let mut braces = false;
        while let Some(c) = self.peek(0) {
            let process = matches!(c, '<' | '>') && self.peek(1) == Some('(');
            if !process && (c.is_whitespace() || matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')')) {
                break;
            }
            self.at += 1;
            match c {
                '\\' => self.escaped(&mut word, draft),
                '\'' => self.single_quoted(&mut word, draft),
                '"' => self.double_quoted(&mut word, draft, depth),
                '$' => self.dollar(&mut word, draft, depth),
                '`' => self.backticks(&mut word, draft, depth),
                '<' | '>' => {
                    self.at += 1;
                    word.scripts.push(self.script(Some(')'), depth + 1));
                }
                c => {
                    word.wildcard |= matches!(c, '*' | '?' | '[');
                    braces |= c == '{' && self.has_alternatives();
                    word.text.push(c);
                }
            }
        }
        (word, braces)
    }

    fn has_alternatives(&self) -> bool {
        let rest = self.chars[self.at..].iter().take_while(|c| !c.is_whitespace()).take(MAX_COMMAND_CHARS);
        let mut last = ' ';
        for c in rest {
            match c {
                ',' => return true,
                '.' if last == '.' => return true,
                '}' => return false,
                c => last = *c,
            }
        }
        false
    }

    fn escaped(&mut self, word: &mut Word, draft: &mut Draft) {
        word.quoted = true;
        match self.peek(0) {
            Some('\n') => self.at += 1,
            Some(c) => {
                self.at += 1;
                word.text.push(c);
            }
            None => draft.problem("the command ends in a backslash"),
        }
    }

    fn single_quoted(&mut self, word: &mut Word, draft: &mut Draft) {
        word.quoted = true;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '\'' => return,
                c => word.text.push(c),
            }
        }
        draft.problem("a quote is not closed");
    }

    fn double_quoted(&mut self, word: &mut Word, draft: &mut Draft, depth: usize) {
        word.quoted = true;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '"' => return,
                '\\' => match self.peek(0) {
                    Some('\n') => self.at += 1,
                    Some(c @ ('$' | '`' | '"' | '\\')) => {
                        self.at += 1;
                        word.text.push(c);
                    }
                    _ => word.text.push('\\'),
                },
                '$' if !matches!(self.peek(0), Some('\'' | '"')) => self.dollar(word, draft, depth),
                '`' => self.backticks(word, draft, depth),
                c => word.text.push(c),
            }
        }
        draft.problem("a quote is not closed");
    }

    /// Reads what follows a `$`: a variable, a command to be run, or a quoted text.
    fn dollar(&mut self, word: &mut Word, draft: &mut Draft, depth: usize) {
        match self.peek(0) {
            Some('(') => {
                self.at += 1;
                word.scripts.push(self.script(Some(')'), depth + 1));
            }
            Some('{') => {
                self.at += 1;
                self.braced(word, draft, depth);
            }
            Some('\'') => {
                self.at += 1;
                self.ansi_quoted(word, draft);
            }
            Some('"') => {
                self.at += 1;
                self.double_quoted(word, draft, depth);
            }
            Some(c) if c.is_ascii_alphanumeric() || "_@*#?-$!".contains(c) => {
                word.variable = true;
                self.at += 1;
                let named = c.is_ascii_alphabetic() || c == '_';
                while named && self.peek(0).is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                    self.at += 1;
                }
            }
            // `$[…]` is an old arithmetic expansion; anything else stays a dollar.
            Some('[') => word.variable = true,
            _ => word.text.push('$'),
        }
    }

    /// `${…}`, which may hide scripts in its defaults.
    fn braced(&mut self, word: &mut Word, draft: &mut Draft, depth: usize) {
        word.variable = true;
        let mut ignored = Word::default();
        if depth > MAX_DEPTH {
            return draft.problem("the command is nested too deep");
        }
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '}' => {
                    word.scripts.append(&mut ignored.scripts);
                    return;
                }
                '\\' => self.escaped(&mut ignored, draft),
                '\'' => self.single_quoted(&mut ignored, draft),
                '"' => self.double_quoted(&mut ignored, draft, depth + 1),
                '$' => self.dollar(&mut ignored, draft, depth + 1),
                '`' => self.backticks(&mut ignored, draft, depth),
                _ => {}
            }
        }
        word.scripts.append(&mut ignored.scripts);
        draft.problem("a bracket is not closed");
    }

    /// `$'…'`: its escapes can spell any word, so it is read and still not trusted.
    fn ansi_quoted(&mut self, word: &mut Word, draft: &mut Draft) {
        (word.variable, word.quoted) = (true, true);
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '\'' => return,
                '\\' => self.ansi_escape(word),
                c => word.text.push(c),
            }
        }
        draft.problem("a quote is not closed");
    }

    fn ansi_escape(&mut self, word: &mut Word) {
        let Some(c) = self.peek(0) else { return };
        let (skip, radix, digits) = match c {
            'x' => (1, 16, 2),
            'u' => (1, 16, 4),
            'U' => (1, 16, 8),
            '0'..='7' => (0, 8, 3),
            'n' | 't' | 'r' => {
                self.at += 1;
                return word.text.push(' ');
            }
            c => {
                self.at += 1;
                return word.text.push(c);
            }
        };
        self.at += skip;
        let mut code = 0;
        for _ in 0..digits {
            let Some(digit) = self.peek(0).and_then(|c| c.to_digit(radix)) else { break };
            code = code * radix + digit;
            self.at += 1;
        }
        word.text.extend(char::from_u32(code));
    }

    fn backticks(&mut self, word: &mut Word, draft: &mut Draft, depth: usize) {
        let mut inner = String::new();
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '`' => {
                    self.parts += 1;
                    word.scripts.push(parse(&inner, depth + 1));
                    return;
                }
                '\\' => match self.peek(0) {
                    Some(c @ ('$' | '`' | '\\')) => {
                        self.at += 1;
                        inner.push(c);
                    }
                    _ => inner.push('\\'),
                },
                c => inner.push(c),
            }
        }
        word.scripts.push(parse(&inner, depth + 1));
        draft.problem("a backtick is not closed");
    }
}

/// The words that `{a,b}` stands for, its first group only; they are marked, as the rest is not worked out.
fn alternatives(word: Word) -> Vec<Word> {
    let with = |text: String| Word { text, variable: true, ..word.clone() };
    let group = word.text.split_once('{').and_then(|(before, rest)| Some((before, rest.rsplit_once('}')?)));
    let Some((before, (inner, after))) = group else { return vec![with(word.text.clone())] };
    inner.split(',').take(MAX_PARTS).map(|part| with(format!("{before}{part}{after}"))).collect()
}

/// The name of a program without the folders before it, in lower case.
pub(super) fn base_name(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase()
}
