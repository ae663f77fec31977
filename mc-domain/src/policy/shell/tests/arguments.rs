//! What arguments, variables and piped names make of an allowed command.

use super::*;

#[test]
fn piped_arguments_are_judged_or_not_allowed() {
    all_are(
        Standing::Denied,
        &[
            "echo . -exec rm -rf {} + | xargs find",
            "echo '. -exec rm -rf {} +' | xargs find",
            "echo -rf / | xargs rm",
            "echo -rf / | xargs -n 2 rm",
            "echo -rf / | xargs --max-args=2 rm",
            "(echo x; echo -rf /) | xargs rm",
            "{ echo -rf /; } | xargs rm",
            "echo -rf / | cat | xargs rm",
            "xargs rm <<< '-rf /'",
            "xargs rm < <(echo -rf /)",
            "echo /etc/shadow | xargs cat",
            "echo .env | xargs cat",
            "echo .env | xargs nice cat",
        ],
    );
    all_are(
        Standing::Unlisted,
        &[
            "echo --output=config/x | xargs git log",
            "xargs cat < docs/list",
            "cat docs/list | xargs cat",
            "xargs cat",
            "ls -a | xargs cat",
            "ls | xargs ls",
            "find src -printf '.env\\n' | xargs cat",
            "find src -name x -printf .env | xargs cat",
            "find src -regex x | xargs cat",
            "find . -name '.env*' | xargs cat",
            "find . -type f | xargs cat",
            "find -type f | xargs cat",
            "find src -name '.e*' | xargs cat",
            "find src -name '*.rs' | xargs cat < docs/list",
            "find src -name '*.rs' | grep -o x | xargs cat",
            "find src -name '*.rs' | tail -c 5 | xargs cat",
            "find src -name '*.rs' | cut -d/ -f2 | xargs cat",
            "find src -name '*.rs' | sh -c 'xargs cat'",
            "find src -name '*.rs' | xargs -I {} sh -c 'cat {}'",
            "find scripts -type f | xargs uniq",
            "find src -type f | xargs -n1 sort -o",
            "find src; cat docs/x | xargs cat",
            "grep -rl KEY . | xargs cat",
            "grep -l --label=.env x - | xargs cat",
            "xargs -a docs/list cat",
        ],
    );
    all_are(
        Standing::Allowed,
        &[
            "find src -name '*.rs' | xargs wc -l",
            "find src docs -type f -name '*.md' -print0 | xargs -0 grep -n TODO",
            "find src -name '*.rs' | sort -u | head -n 20 | xargs wc -l",
            "find src -name '*.rs' | grep -v tests | xargs cat",
            "grep -rl TODO src | xargs wc -l",
            "grep -l TODO src/*.rs | xargs -n1 head -n 3",
            "find . -name '*.rs' | xargs ls -la",
            "find src -not -name '.*' | xargs wc -l",
        ],
    );
}

#[test]
fn only_harmless_variables_are_allowed() {
    all_are(
        Standing::Unlisted,
        &[
            "env GIT_EXTERNAL_DIFF=src/evil.sh git diff",
            "env LD_PRELOAD=src/x.so ls",
            "env PATH=src/evil ls",
            "env -i PATH=src/evil ls",
            "nice env -u A PATH=src ls",
            "CC=src/evil.sh cargo build",
            "RUSTC_WRAPPER=x cargo build",
            "NODE_PATH=src/evil node scripts/x.js",
            "NODE_OPTIONS=--require=src/x.js npm test",
            "GIT_DIR=src/x git status",
            "PATH+=:src ls",
            "lang=x path=. ls",
            "CC=x",
        ],
    );
    all_are(
        Standing::Allowed,
        &[
            "LANG=C LC_ALL=C sort docs/a.txt",
            "TZ=UTC date",
            "NO_COLOR=1 cargo test",
            "RUST_BACKTRACE=1 RUST_LOG=debug cargo test",
            "CI=1 NODE_ENV=test npm test",
            "env CI=true COLUMNS=80 TERM=dumb cargo test",
        ],
    );
}

#[test]
fn an_option_is_known_in_every_spelling() {
    all_are(
        Standing::Unlisted,
        &[
            "date --se=tomorrow",
            "date -us tomorrow",
            "sort --co=src/evil.sh docs/a",
            "sort --comp src/evil.sh docs/a",
            "sort --files0-from=docs/list",
            "sort -T scripts docs/a",
            "sort -rT scripts docs/a",
            "sort -to docs/x -o scripts/evil.js",
            "sort -o docs/x -o scripts/evil.js docs/a",
            "sort -ro scripts/evil.js docs/a",
            "sort --out scripts/evil.js docs/a",
            "uniq -f 1 docs/a scripts/evil.js",
            "uniq docs/a docs/b scripts/evil.js",
            "uniq -- docs/a scripts/evil.js",
            "wc --files0-from=docs/list",
            "find -files0-from docs/list",
            "git checkout -b x -f",
            "git checkout -b x -qf",
            "git checkout -b x --forc",
            "git branch --force main x",
            "git add -f src/x",
            "jq -rf docs/x docs/y",
            "jq -L src . docs/a.json",
            "jq -L config . docs/a.json",
            "cargo build --target-dir scripts",
            "npm test --script-shell=src/x",
        ],
    );
    all_are(
        Standing::Allowed,
        &[
            "date -Iseconds",
            "date -u +%s",
            "date -d 'last friday'",
            "date --iso-8601=seconds",
            "sort -t: -k2,2n docs/a",
            "sort -t / -k2 docs/a",
            "sort --check docs/a",
            "sort --output=docs/b docs/a",
            "sort -uo docs/b docs/a",
            "uniq -f 1 docs/a",
            "uniq -c docs/a docs/b",
            "cut -d/ -f2 docs/a",
            "git diff --text",
            "git checkout -b fix/force",
            "git log --follow src/a.rs",
            "git log --format=%h --grep=config",
            "git commit --message='Read .env first'",
            "git commit -am 'Read config'",
            "cargo test config",
            "cargo build --target wasm32-unknown-unknown --release",
            "git log -S config -n 5 -- src",
            "git diff -U3 --stat HEAD~1",
            "cargo test -p mc-domain -- --nocapture",
            "head -n 5 -q docs/a.md",
        ],
    );
}

#[test]
fn values_of_options_are_held_against_the_lists() {
    all_are(
        Standing::Denied,
        &[
            "date -f /etc/passwd",
            "date --file=/etc/passwd",
            "date --fi=/etc/passwd",
            "date -f.env",
            "date -r ../x",
            "sort --o=config/app.toml x",
            "sort --files0-from=.env",
            "wc --files0-from=.env",
            "grep --file=.env src/a",
            "grep --fil .env src/a",
            "grep -f.env src/a",
            "grep -rf .env src",
            "grep -rf.env src",
            "grep --reg=x .env",
            "jq --rawfile a .env . docs/a",
            "jq --slurpfile a config/a.json .",
            "cargo build --target-dir config",
            "cargo build --target-dir=src/../config",
            "cargo test --manifest-path config/Cargo.toml",
            "npm run build --prefix=config",
            "npm run build -C config",
            "find -L .env",
            "find -H config -type f",
        ],
    );
    all_are(
        Standing::Unlisted,
        &[
            "git commit --file=.env",
            "git commit -F.env",
            "git commit -F .env",
            "git commit -aF .env",
            "git commit -t.env",
            "git add --pathspec-from-file=.env",
            "git add --pathspec=.env",
            "git log -L1,5:.env",
            "git diff HEAD:.env HEAD:src/a",
            "git log -p -- ':(top).env'",
            "find -files0-from .env",
        ],
    );
    all_are(
        Standing::Allowed,
        &[
            "grep -e .env src/a.rs",
            "grep -f docs/patterns src/a.rs",
            "grep -A 3 -B3 fn src/a.rs",
            "grep --exclude-dir .git -n TODO src/a.rs",
            "jq --arg name config '.[$name]' docs/a.json",
            "git commit -F docs/message.txt",
            "git add src/config.ts",
            "npm run build -- --mode test",
        ],
    );
}

#[test]
fn what_reads_below_a_directory_stays_clear_of_files_that_are_never_read() {
    all_are(
        Standing::Unlisted,
        &[
            "find . -name '.env*' -exec cat {} +",
            "find -name '*.toml' -exec cat {} +",
            "find . -type f -exec grep KEY {} ;",
            "find src -name '.env*' -exec cat {} +",
            "find src -name '.[e]nv' -exec cat {} +",
            "find src -iname '*ENV' -exec cat {} +",
            "find src -path '*/.env' -exec cat {} +",
            "find src -regex '.*env' -exec cat {} +",
            "find src -name '*.lock' -execdir cat {} +",
            "find src -name '*.rs' -exec sh -c 'cat {}' \\;",
            "find src -name '*.rs' -exec timeout 5 bash -c 'cat {}' \\;",
            "grep -r KEY .",
            "grep -rn KEY",
            "grep -R KEY ./",
            "grep -rh . config/..",
            "grep -rh . src/..",
            "grep --recursive KEY",
            "grep --rec KEY .",
            "grep --dereference KEY .",
            "grep -d recurse KEY .",
            "grep --directories=recurse KEY .",
            "grep -r KEY *",
            "grep -r KEY src workspace",
            "grep -r \"\" --include=.env .",
            "grep -r \"\" --include=.env src",
            "grep -r \"\" --incl='.e*' src",
            "grep -re KEY",
        ],
    );
    all_are(
        Standing::Allowed,
        &[
            "grep -rn KEY src",
            "grep -rn KEY src docs scripts",
            "grep -r KEY src/*",
            "grep -rn --include='*.rs' KEY src",
            "grep -rn --exclude=.env KEY src",
            "grep -e KEY -r src",
            "grep KEY src/a.rs",
            "find src -name '*.rs'",
            "find . -name '*.rs' -type f",
            "find . -name '.env*'",
            "find . -name package-lock.json",
            "find . -name '*.rs' -exec ls -l {} +",
            "find src -name '*.rs' -exec wc -l {} +",
            "find src docs -type f -exec grep -n TODO {} +",
            "find src ! -name '.*' -exec cat {} +",
        ],
    );
    assert_eq!(standing("grep -r KEY config"), Standing::Denied);
    assert_eq!(standing("grep -r KEY src .aws"), Standing::Denied);
}

#[test]
fn filters_that_load_modules_are_not_allowed() {
    all_are(
        Standing::Unlisted,
        &[
            "jq -n 'import \"config/app\" as $x; $x'",
            "jq -n 'import\"config/app\"as $x; $x'",
            "jq -n 'include \"config/app\"; x'",
            "jq -n '# a\ninclude \"config/app\"; x'",
            "jq -n '\"config/app\" | modulemeta'",
            "jq -n 'env'",
        ],
    );
    all_are(
        Standing::Allowed,
        &[
            "jq .include docs/a.json",
            "jq '.import[0]' docs/a.json",
            "jq '.included' docs/a.json",
            "jq . docs/a.json",
        ],
    );
}

#[test]
fn a_long_command_is_denied_for_what_it_begins_with() {
    let padded = |command: &str| format!("{command} #{}", "a".repeat(20_000));
    assert_eq!(standing(&padded("rm -rf /")), Standing::Denied);
    assert_eq!(standing(&padded("ls; sudo ls")), Standing::Denied);
    assert_eq!(standing(&padded("bash -c 'rm -rf x'")), Standing::Denied);
    assert_eq!(standing(&padded("ls")), Standing::Unlisted);
    assert_eq!(standing(&format!("bash -c 'rm -rf x {}'", "a".repeat(20_000))), Standing::Denied);
}

#[test]
fn denied_words_are_known_in_either_case() {
    all_are(
        Standing::Denied,
        &[
            "RM -RF x",
            "Rm -R -F x",
            "rm -RF x",
            "rm --RECURSIVE --Force x",
            "SUDO ls",
            "MKFS.ext4 x",
            "CHMOD 777 x",
        ],
    );
    let files = Document::default().files;
    let shell = ShellRules { allow: vec!["git".into()], deny: vec!["GIT Push".into(), "MK*".into()] };
    assert_eq!(judge(&shell, &files, "git push x").standing, Standing::Denied);
    assert_eq!(judge(&shell, &files, "mkfs x").standing, Standing::Denied);
    assert_eq!(judge(&shell, &files, "git pull").standing, Standing::Allowed);
}

#[test]
fn what_a_shell_reads_is_judged_as_a_command() {
    let Document { shell, files, .. } = Document::default();
    let judged = |command: &str, input: &str| judge_input(&shell, &files, command, input).standing;
    assert_eq!(judged("bash", "rm -rf /"), Standing::Denied);
    assert_eq!(judged("ls; python", "sudo x"), Standing::Denied);
    assert_eq!(judged("bash", "ls"), Standing::Unlisted);
    assert_eq!(judged("xargs cat", "docs/a"), Standing::Unlisted);
    assert_eq!(judged("grep sudo", "sudo ls"), Standing::Allowed);
    assert_eq!(judged("bash", ""), Standing::Allowed);
}
