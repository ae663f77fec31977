//! The deny-list: a command and the flags or modes that make it dangerous, however they are spelled.

/// Long names of the flags that deny rules speak of.
const LONG_FLAGS: [(char, &str); 2] = [('r', "recursive"), ('f', "force")];

/// Whether `rule`, such as `rm -rf`, names the command.
pub(super) fn matches(rule: &str, name: &str, arguments: &[&str]) -> bool {
    let mut parts = rule.split_whitespace();
    let command = parts.next().unwrap_or_default();
    names(command, name) && parts.all(|part| has(part, name, arguments))
}

/// A `*` of the rule stands for any text, as in `mkfs*`.
fn names(command: &str, name: &str) -> bool {
    let command = command.to_ascii_lowercase();
    let (start, end) = command.split_once('*').unwrap_or((&command, ""));
    match command.contains('*') {
        true => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
        false => command == name,
    }
}

fn has(part: &str, name: &str, arguments: &[&str]) -> bool {
    match part.strip_prefix('-') {
        Some(flags) if !flags.starts_with('-') => flags.chars().all(|flag| has_flag(flag, arguments)),
        _ if name.eq_ignore_ascii_case("chmod") => arguments.iter().any(|mode| is_mode(mode, part)),
        _ => arguments.iter().any(|argument| argument.eq_ignore_ascii_case(part)),
    }
}

/// A flag alone, among others, in either case, or by its long name, which may be cut short.
fn has_flag(flag: char, arguments: &[&str]) -> bool {
    let long = LONG_FLAGS.iter().find(|(short, _)| *short == flag).map(|(_, long)| *long);
    arguments.iter().any(|argument| match argument.strip_prefix("--") {
        Some(name) => {
            !name.is_empty() && long.is_some_and(|long| long.starts_with(&name.to_ascii_lowercase()))
        }
        None => argument
            .strip_prefix('-')
            .is_some_and(|flags| flags.chars().any(|given| given.eq_ignore_ascii_case(&flag))),
    })
}

/// Whether a mode gives everybody everything: `777`, `0777`, `a+rwx`, `ugo=rwx`, `u+rwx,g+rwx,o+rwx`.
fn is_mode(mode: &str, wanted: &str) -> bool {
    if !mode.is_empty() && mode.bytes().all(|b| matches!(b, b'0'..=b'7')) {
        return mode == wanted || (mode.len() > 3 && mode.ends_with(wanted));
    }
    wanted == "777" && opens_to_all(mode)
}

fn opens_to_all(mode: &str) -> bool {
    let mut open = [false; 3];
    for clause in mode.split(',') {
        let Some((who, rights)) = clause.split_once(['+', '=']) else { continue };
        let all = who.is_empty() || who.contains('a');
        if ['r', 'w'].iter().all(|right| rights.contains(*right)) && rights.contains(['x', 'X']) {
            for (at, class) in ['u', 'g', 'o'].into_iter().enumerate() {
                open[at] |= all || who.contains(class);
            }
        }
    }
    open.iter().all(|class| *class)
}
