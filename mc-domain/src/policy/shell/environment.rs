//! Variables in front of a command: most of them change what it is, loads or runs, so only harmless ones are allowed.

use crate::policy::reason::Verdict;

/// Variables that change at most how much a program says, in which language, and how fast it is; and two that stand
/// for any name in examples.
const HARMLESS: [&str; 27] = [
    "BAR",
    "CARGO_INCREMENTAL",
    "CARGO_TERM_COLOR",
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "DEBUG",
    "FOO",
    "FORCE_COLOR",
    "LANG",
    "LANGUAGE",
    "LINES",
    "NODE_ENV",
    "NO_COLOR",
    "PORT",
    "PROPTEST_CASES",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONUNBUFFERED",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "RUST_MIN_STACK",
    "RUST_TEST_THREADS",
    "TERM",
    "TZ",
    "VERBOSE",
];

/// Judges one variable by its name, with or without `=` and its value.
///
/// ```
/// use mc_domain::policy::{reason::Standing, shell::variable};
///
/// assert_eq!(variable("RUST_LOG=debug").standing, Standing::Allowed);
/// assert_eq!(variable("LD_PRELOAD=./x.so").standing, Standing::Unlisted);
/// ```
pub fn variable(assignment: &str) -> Verdict {
    let name = assignment.split(['=', '+']).next().unwrap_or_default();
    let harmless = HARMLESS.contains(&name) || name.starts_with("LC_");
    match harmless {
        true => Verdict::allowed(),
        false => {
            let name: String = name.chars().take(100).collect();
            Verdict::unlisted("environment", format!("{name} may change what commands do"))
        }
    }
}
