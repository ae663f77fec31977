//! The part of YAML that docker-compose.yml is written in: mappings by indentation, lists, one value a line.

use std::collections::BTreeMap;

/// What a compose file says: each value under its path, such as `services.api.command`. The entries of a list are one line
/// each under the same path.
#[derive(Debug)]
pub struct Compose(BTreeMap<String, Vec<String>>);

impl Compose {
    pub fn parse(text: &str) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut path: Vec<(usize, String)> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
            let indent = line.len() - line.trim_start().len();
            assert!(!line.contains('\t') && indent % 2 == 0, "{line}");
            let (entry, is_listed) = match line.trim().strip_prefix("- ") {
                Some(entry) => (entry, true),
                None => (line.trim(), false),
            };
            path.retain(|(depth, _)| *depth < indent);
            let key = |path: &[(usize, String)]| {
                path.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(".")
            };
            if is_listed {
                values.entry(key(&path)).or_default().push(unquoted(entry));
                continue;
            }
            let (name, value) = entry.split_once(':').unwrap_or_else(|| panic!("no value: {line}"));
            path.push((indent, name.to_owned()));
            let listed = values.entry(key(&path)).or_default();
            assert!(listed.is_empty(), "said twice: {line}");
            let value = value.trim();
            match value.starts_with('[') {
                true => listed.extend(serde_json::from_str::<Vec<String>>(value).unwrap()),
                false if value.is_empty() => {}
                false => listed.push(unquoted(value)),
            }
        }
        Self(values)
    }

    /// The one value under a path.
    #[track_caller]
    pub fn one(&self, path: &str) -> &str {
        match self.all(path) {
            [value] => value,
            values => panic!("{path} is {values:?}"),
        }
    }

    /// All values under a path.
    pub fn all(&self, path: &str) -> &[String] {
        self.0.get(path).map(Vec::as_slice).unwrap_or_default()
    }

    /// The names one level below a path.
    pub fn below(&self, path: &str) -> Vec<&str> {
        let prefix = format!("{path}.");
        let names = self.0.keys().filter_map(|key| key.strip_prefix(&prefix));
        names.filter(|name| !name.contains('.')).collect()
    }

    /// The variables of a service, as they are written.
    pub fn environment(&self, service: &str) -> BTreeMap<&str, &str> {
        let path = format!("services.{service}.environment");
        self.below(&path).into_iter().map(|name| (name, self.one(&format!("{path}.{name}")))).collect()
    }
}

fn unquoted(value: &str) -> String {
    value.trim_matches('"').to_owned()
}

/// A value with `${NAME:-default}` replaced by what the variable is, or by the default.
pub fn interpolated(value: &str, variables: &BTreeMap<String, String>) -> String {
    let mut done = String::new();
    let mut rest = value;
    while let Some((before, reference)) = rest.split_once("${") {
        let (inside, after) = reference.split_once('}').unwrap();
        let (name, default) = inside.split_once(":-").expect("every variable has a default");
        let given = variables.get(name).filter(|value| !value.is_empty());
        done.push_str(before);
        done.push_str(given.map_or(default, String::as_str));
        rest = after;
    }
    done + rest
}

/// The variables that values refer to.
pub fn references(text: &str) -> Vec<&str> {
    let found = text.split("${").skip(1);
    found.map(|found| &found[..found.find([':', '}']).unwrap()]).collect()
}

/// The lines of an `.env` file.
pub fn variables(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
