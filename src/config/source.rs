//! Where values come from, and the collection of everything that is wrong with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Problems;
use super::catalogue::{NUMBER_ALIASES, SETTINGS, Setting};

const FILES: &[&str] = &["./mediaport.toml", "/etc/mediaport/mediaport.toml"];

/// Texts by dotted key, and problems.
pub(super) struct Source {
    values: BTreeMap<&'static str, String>,
    problems: Vec<String>,
}

impl Source {
    /// Reads this process's file and environment.
    pub(super) fn of_process() -> Self {
        let variables =
            std::env::vars().filter(|(name, _)| name.starts_with("MEDIAPORT_")).collect::<Vec<_>>();
        let named = variables
            .iter()
            .find(|(name, _)| name == "MEDIAPORT_CONFIG")
            .map(|(_, path)| PathBuf::from(path));
        let file = named.or_else(|| FILES.iter().map(PathBuf::from).find(|path| path.exists()));
        Self::of(file.as_deref(), variables)
    }

    /// Reads a file and these variables; the variables win.
    pub(super) fn of(file: Option<&Path>, variables: Vec<(String, String)>) -> Self {
        let mut source = Self { values: BTreeMap::new(), problems: Vec::new() };
        if let Some(path) = file {
            source.read_file(path);
        }
        for (name, value) in variables {
            source.read_variable(&name, value);
        }
        source
    }

    fn read_file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.problem(format!("{}: {error}", path.display())),
        };
        match text.parse::<toml::Table>() {
            Ok(table) => self.read_table("", &table),
            Err(error) => self.problem(format!("{}: {}", path.display(), error.message())),
        }
    }

    fn read_table(&mut self, prefix: &str, table: &toml::Table) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(inner) => self.read_table(&key, inner),
                toml::Value::String(text) => self.set(&key, text.clone()),
                toml::Value::Array(items) => {
                    let items: Vec<String> = items.iter().map(plain).collect();
                    self.set(&key, items.join(","));
                }
                other => self.set(&key, other.to_string()),
            }
        }
    }

    fn read_variable(&mut self, name: &str, value: String) {
        if name == "MEDIAPORT_CONFIG" {
            return;
        }
        let (base, value) = match name.strip_suffix("_FILE").filter(|_| key_of(name).is_none()) {
            Some(base) => match std::fs::read_to_string(&value) {
                Ok(text) => (base, text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => return self.problem(format!("{name}: cannot read {value}: {error}")),
            },
            None => (name, value),
        };
        // Variables that are none of ours may belong to scripts around us; a typing error is worth a warning only.
        match key_of(base) {
            Some(key) => self.set(key, value),
            None => eprintln!("mediaport: the variable {name} is not a setting and is ignored"),
        }
    }

    fn set(&mut self, key: &str, value: String) {
        match setting(key) {
            Some(known) => {
                self.values.insert(known.key, value);
            }
            None => self.problem(format!("{key} is not a setting")),
        }
    }

    /// Adds a problem.
    pub(super) fn problem(&mut self, line: impl Into<String>) {
        self.problems.push(line.into());
    }

    /// Gives the text of a setting, or its default.
    pub(super) fn text(&self, key: &str) -> String {
        self.values.get(key).cloned().unwrap_or_else(|| default(key).to_owned())
    }

    /// Gives a parsed setting; a value that does not parse is a problem, and the default stands in for it.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &str, wanted: &str) -> T {
        let text = self.text(key);
        if let Ok(value) = text.trim().parse() {
            return value;
        }
        self.problem(format!("{key}: {text:?} is not {wanted}"));
        match default(key).parse() {
            Ok(value) => value,
            Err(_) => unreachable!("the default of {key} parses"),
        }
    }

    /// Gives a list of parsed items, separated by commas.
    pub(super) fn list<T: FromStr>(&mut self, key: &str, wanted: &str) -> Vec<T> {
        let mut items = Vec::new();
        for item in self.text(key).split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.parse() {
                Ok(value) => items.push(value),
                Err(_) => self.problem(format!("{key}: {item:?} is not one of {wanted}")),
            }
        }
        items
    }

    /// Gives `config` when nothing was wrong.
    pub(super) fn finish<T>(self, config: T) -> Result<T, Problems> {
        if self.problems.is_empty() { Ok(config) } else { Err(Problems(self.problems)) }
    }
}

fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

fn default(key: &str) -> &'static str {
    setting(key).map_or("", |setting| setting.default)
}

fn key_of(variable: &str) -> Option<&'static str> {
    let named =
        SETTINGS.iter().find(|setting| setting.alias == Some(variable) || setting.variable() == variable);
    let alias = NUMBER_ALIASES.iter().find(|(name, _)| *name == variable).map(|(_, key)| *key);
    named.map(|setting| setting.key).or(alias)
}
