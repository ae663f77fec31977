//! A Dockerfile as a list of instructions.

/// An instruction, on one line, and what follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Instruction {
    pub word: String,
    pub rest: String,
}

/// The stages of a Dockerfile, each with its instructions, `FROM` first.
pub fn stages(text: &str) -> Vec<Vec<Instruction>> {
    let mut stages: Vec<Vec<Instruction>> = Vec::new();
    for line in joined(text) {
        let (word, rest) = line.split_once(' ').unwrap();
        let instruction = Instruction { word: word.to_owned(), rest: rest.trim().to_owned() };
        match word {
            "FROM" => stages.push(vec![instruction]),
            _ => stages.last_mut().expect("a stage begins with FROM").push(instruction),
        }
    }
    stages
}

/// Lines without comments, those that end in a backslash with the next one.
fn joined(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty()) {
        match line.trim().strip_suffix('\\') {
            Some(part) => open.push_str(part),
            None => {
                open.push_str(line.trim());
                lines.push(std::mem::take(&mut open));
            }
        }
    }
    assert_eq!(open, "", "the last line goes on");
    lines
}

/// What follows each instruction of that word in a stage.
pub fn all<'a>(stage: &'a [Instruction], word: &str) -> Vec<&'a str> {
    stage.iter().filter(|found| found.word == word).map(|found| found.rest.as_str()).collect()
}

/// The words of an instruction that is a list in JSON.
pub fn words(list: &str) -> Vec<String> {
    serde_json::from_str(list).expect("a list of words, which no shell takes apart")
}
