//! Judges paths: never-listed files and paths that leave the workspace are denied, the rest is looked up in globs.
//!
//! Paths are judged by their text alone; whoever opens the file must still refuse symbolic links that lead out.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::{document::FileRules, reason::Verdict};

/// How many of the directories above a path are looked up; bounds the work.
const MAX_LEVELS: usize = 64;

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// See what a file holds.
    Read,
    /// See the name of a file among others.
    List,
    /// Create, change or delete a file.
    Write,
}

/// Judges one path.
///
/// ```
/// use mc_domain::policy::{document::Document, files::{Access, judge}, reason::Standing};
///
/// let rules = Document::default().files;
/// assert_eq!(judge(&rules, Access::Write, "docs/api.md").standing, Standing::Allowed);
/// assert_eq!(judge(&rules, Access::Write, "docs/../../etc/passwd").standing, Standing::Denied);
/// assert_eq!(judge(&rules, Access::Read, ".env.local").standing, Standing::Denied);
/// ```
pub fn judge(rules: &FileRules, access: Access, path: &str) -> Verdict {
    if path.trim().is_empty() {
        return Verdict::unlisted("path_missing", "no path is given, so it cannot be judged");
    }
    let Some(path) = workspace_path(rules, path) else {
        return Verdict::denied("leaves_workspace", format!("{path} leaves the workspace"));
    };
    if Never::new(rules).names(&path) {
        return never_file(&path);
    }
    let (globs, verb) = match access {
        Access::Read | Access::List => (&rules.read, "read"),
        Access::Write => (&rules.write, "written"),
    };
    let listed = globs.iter().any(|glob| allows(glob, access, &path));
    if listed {
        return Verdict::allowed();
    }
    let globs = if globs.is_empty() { "nothing".to_owned() } else { globs.join(", ") };
    Verdict::unlisted(
        "file_unlisted",
        format!("{path} may not be {verb} without an approval; allowed: {globs}"),
    )
}

/// Judges a path by the never-list alone.
pub(super) fn never(rules: &FileRules, path: &str) -> Verdict {
    let inside = workspace_path(rules, path).filter(|path| !path.is_empty());
    match inside.filter(|path| Never::new(rules).names(path)) {
        Some(path) => never_file(&path),
        None => Verdict::allowed(),
    }
}

fn never_file(path: &str) -> Verdict {
    Verdict::denied("never_file", format!("{path} is a file that agents never touch"))
}

/// The path from the workspace's root without `.` and `..`, the root as an empty text; nothing when it leaves.
pub fn workspace_path(rules: &FileRules, path: &str) -> Option<String> {
    let path = decoded(path.trim());
    let path = path.strip_prefix("file://").unwrap_or(&path);
    let drive = path.as_bytes().get(1) == Some(&b':') && path.starts_with(|c: char| c.is_ascii_alphabetic());
    if drive || path.starts_with('~') || path.chars().any(char::is_control) {
        return None;
    }
    let path = if path.starts_with('/') { below_root(rules, path)? } else { path.to_owned() };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Denies a path that leaves the workspace.
pub(super) fn leaving(rules: &FileRules, path: &str) -> Verdict {
    match workspace_path(rules, path) {
        Some(_) => Verdict::allowed(),
        None => Verdict::denied("leaves_workspace", format!("{path} leaves the workspace")),
    }
}

/// The never-list, ready to be asked.
pub(super) struct Never {
    globs: GlobSet,
    /// The directories that its globs begin with, in lower case; an empty one where that can be any.
    places: Vec<String>,
    /// Names that its globs have for hidden files.
    hidden: Vec<String>,
    /// A glob that cannot be read is no reason to let everything through.
    unreadable: bool,
}

impl Never {
    pub(super) fn new(rules: &FileRules) -> Self {
        let globs: Vec<Glob> = rules.never.iter().filter_map(|glob| never_glob(glob)).collect();
        let unreadable = globs.len() < rules.never.len();
        let globs = globs.into_iter().fold(GlobSetBuilder::new(), |mut set, glob| {
            set.add(glob);
            set
        });
        let globs = globs.build();
        let places = rules.never.iter().map(|glob| place(glob)).collect();
        let parts = rules.never.iter().flat_map(|glob| glob.split('/')).filter(|part| part.starts_with('.'));
        let hidden = parts.map(|part| part.replace(['*', '?'], "")).collect();
        Self { unreadable: unreadable || globs.is_err(), globs: globs.unwrap_or_default(), places, hidden }
    }

    /// Whether some of what it names is known to be below a directory: everything is below the workspace's root.
    pub(super) fn is_below(&self, directory: &str) -> bool {
        let directory = directory.to_ascii_lowercase();
        let below = |place: &String| match place.strip_prefix(&directory) {
            Some(rest) => directory.is_empty() || rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        self.unreadable || self.places.iter().any(below)
    }

    /// Names of hidden files among what it names.
    pub(super) fn hidden(&self) -> impl Iterator<Item = &str> {
        self.hidden.iter().map(String::as_str)
    }

    /// Whether it names the path, a directory above it, or all that is in it.
    pub(super) fn names(&self, path: &str) -> bool {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]).take(MAX_LEVELS);
        let inside = format!("{path}/_");
        let mut names = above.chain([path, inside.as_str()]).filter(|name| !name.is_empty());
        self.unreadable || names.any(|name| self.globs.is_match(name))
    }
}

/// The leading directories of a glob that have no wildcard.
fn place(glob: &str) -> String {
    let parts = glob.split('/').take_while(|part| !part.contains(['*', '?', '[', '{']));
    parts.collect::<Vec<_>>().join("/").to_ascii_lowercase()
}

/// What `/` and the like are written as to slip past; other escapes stay.
fn decoded(path: &str) -> String {
    let mut path = path.replace('\\', "/");
    for (escape, plain) in
        [("%2e", "."), ("%2E", "."), ("%2f", "/"), ("%2F", "/"), ("%5c", "/"), ("%5C", "/"), ("%7e", "~")]
    {
        path = path.replace(escape, plain);
    }
    path
}

fn below_root(rules: &FileRules, path: &str) -> Option<String> {
    let root = rules.root.as_deref()?.trim_end_matches('/');
    let rest = path.strip_prefix(root)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
}

/// A directory may be listed when what is in it may be read; the root shows names only.
fn allows(glob: &str, access: Access, path: &str) -> bool {
    let listing = access == Access::List;
    let inside = format!("{path}/_");
    let matches = |glob: Glob| {
        let glob = glob.compile_matcher();
        glob.is_match(path) || (listing && glob.is_match(&inside))
    };
    glob == "*" || (listing && path.is_empty()) || allow_glob(glob).is_some_and(matches)
}

/// A glob of an allow-list; nothing when it is malformed.
pub(super) fn allow_glob(glob: &str) -> Option<Glob> {
    GlobBuilder::new(glob).literal_separator(true).build().ok()
}

/// A glob of the never-list, of any case: some file systems do not tell `.ENV` from `.env`.
fn never_glob(glob: &str) -> Option<Glob> {
    GlobBuilder::new(glob).literal_separator(true).case_insensitive(true).build().ok()
}

#[cfg(test)]
#[path = "files/tests.rs"]
mod tests;
