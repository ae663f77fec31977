#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::policy::{document::Document, reason::Standing};

fn standing(access: Access, path: &str) -> Standing {
    judge(&Document::default().files, access, path).standing
}

#[test]
fn listed_paths_are_allowed() {
    for path in [
        "src/main.rs",
        "./src//a/../b.rs",
        "docs/api.md",
        "scripts/x.py",
        "workspace/notes.txt",
        "src/config.ts",
        "src/config/routes.ts",
        "src/checksum.go",
    ] {
        assert_eq!(standing(Access::Read, path), Standing::Allowed, "{path}");
    }
    for path in ["workspace/output/a.csv", "docs/api.md", "memory/m.md", "artifacts/a.zip", "src/lib.rs"] {
        assert_eq!(standing(Access::Write, path), Standing::Allowed, "{path}");
    }
    for path in [".", "src", "src/", "docs/guides"] {
        assert_eq!(standing(Access::List, path), Standing::Allowed, "{path}");
    }
}

#[test]
fn other_paths_need_an_approval() {
    for path in ["", " ", "README.md", "etc/passwd", "srcs/a"] {
        assert_eq!(standing(Access::Read, path), Standing::Unlisted, "{path}");
    }
    for path in ["workspace/notes.txt", "scripts/x.py", "Makefile", ".", "src"] {
        assert_eq!(standing(Access::Write, path), Standing::Unlisted, "{path}");
    }
}

#[test]
fn never_listed_and_leaving_paths_are_denied_whatever_allows_them() {
    let mut rules = Document::default().files;
    rules.read = vec!["**".into(), "*".into()];
    rules.write = vec!["*".into()];
    for path in [
        ".env",
        ".env.local",
        "src/.env",
        "src/.ENV",
        "docs/.env.production/x",
        ".ssh/id_rsa",
        "src/.ssh/config",
        ".ssh",
        ".aws/credentials",
        "config/app.toml",
        "config",
        "CONFIG/app.toml",
        "./config/../config/x",
        "Cargo.lock",
        "src/package-lock.json",
        "pnpm-lock.yaml",
        "yarn.lock",
        "go.sum",
        "src/go.sum",
        "android/gradle.lockfile",
        "src/packages.lock.json",
        "uv.lock",
        "poetry.lock",
        "..",
        "../x",
        "src/../../x",
        "/etc/passwd",
        "/",
        "~",
        "~/.bashrc",
        "~root/x",
        "src/..%2f..%2fx",
        "%2e%2e/x",
        "..\\x",
        "C:\\Windows",
        "file:///etc/passwd",
        "src/\0x",
        "a/b/../../../c",
    ] {
        for access in [Access::Read, Access::Write, Access::List] {
            assert_eq!(judge(&rules, access, path).standing, Standing::Denied, "{path}");
        }
    }
}

#[test]
fn absolute_paths_below_the_named_root_are_inside() {
    let mut rules = Document::default().files;
    rules.root = Some("/srv/site/".into());
    assert_eq!(judge(&rules, Access::Read, "/srv/site/src/a.rs").standing, Standing::Allowed);
    for path in ["/srv/site2/src/a.rs", "/srv/site/../x", "/srv/site/.env", "/srv"] {
        assert_eq!(judge(&rules, Access::Read, path).standing, Standing::Denied, "{path}");
    }
}

#[test]
fn an_unreadable_never_glob_denies_and_an_empty_list_allows_nothing() {
    let mut rules = Document::default().files;
    rules.read.clear();
    assert_eq!(judge(&rules, Access::Read, "src/a.rs").standing, Standing::Unlisted);
    rules.never = vec!["[".into()];
    assert_eq!(judge(&rules, Access::Read, "src/a.rs").standing, Standing::Denied);
}

proptest! {
    #[test]
    fn no_path_makes_it_panic(path in any::<String>()) {
        judge(&Document::default().files, Access::Write, &path);
    }

    #[test]
    fn dots_never_lead_out(parts in proptest::collection::vec(prop_oneof![Just(".."), Just("."), Just("src"), Just("")], 0..8)) {
        let path = parts.join("/");
        let inside = workspace_path(&Document::default().files, &path);
        prop_assert!(inside.is_none_or(|path| !path.split('/').any(|part| part == "..")));
    }
}
