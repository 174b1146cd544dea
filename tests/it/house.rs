//! The rules of the house that no compiler knows: who may import whom, where SQL stands, what templates may hold.

use std::path::{Path, PathBuf};

use mediaport::connectors;
use mediaport::features::ORDER;
use regex_lite::Regex;

/// Longest source file in lines; past it, two things live in one place. Tests repeat themselves more.
const LONGEST_FILE: usize = 400;
const LONGEST_TEST_FILE: usize = 500;

/// A file of the repository.
struct File {
    /// Its path from the root of the repository.
    path: String,
    text: String,
}

impl File {
    /// Gives the path's parts without the ending: `src/features/audit/store.rs` is `features audit store`.
    fn module(&self) -> Vec<&str> {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut parts: Vec<&str> = inside.split('/').collect();
        if parts.last() == Some(&"mod") {
            parts.pop();
        }
        parts
    }

    /// Gives the feature that owns the file.
    fn feature(&self) -> Option<&str> {
        match self.module()[..] {
            ["features", name, ..] if name != "services" => Some(name),
            _ => None,
        }
    }

    /// Tells whether the file draws pages or answers the HTTP API, which may read any feature.
    fn is_outermost(&self) -> bool {
        matches!(self.module()[..], ["features", _, "pages" | "api" | "operations", ..])
    }

    /// Gives lines with their numbers, comments left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Gives every line where `pattern` matches, with the number.
    fn lines_with(&self, pattern: &Regex) -> Vec<(usize, &str)> {
        self.code().filter(|(_, line)| pattern.is_match(line)).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &str, ending: &str) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                files.push(File { path: name, text: std::fs::read_to_string(&path).unwrap() });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// A module path that a file names, such as `features accounts`, and the line where it stands.
struct Import {
    line: usize,
    path: Vec<String>,
}

/// Finds every path below `crate` or `super` in a file, groups in braces included, up to the first name that is no module.
fn imports(file: &File) -> Vec<Import> {
    let start = Regex::new(r"\b(crate|super(?:::super)*)::").unwrap();
    let code: String = file
        .text
        .lines()
        .map(|line| if line.trim_start().starts_with("//") { "\n".to_owned() } else { format!("{line}\n") })
        .collect();
    let mut found = Vec::new();
    for hit in start.find_iter(&code) {
        let line = code[..hit.start()].lines().count().max(1);
        let mut base: Vec<String> = Vec::new();
        if hit.as_str().starts_with("super") {
            let module = file.module();
            let up = hit.as_str().matches("super").count();
            base = module[..module.len().saturating_sub(up)].iter().map(|part| (*part).to_owned()).collect();
        }
        follow(&code[hit.end()..], base, &mut |path| found.push(Import { line, path }));
    }
    found
}

/// Reads one path or a group of them and reports each.
fn follow(code: &str, base: Vec<String>, report: &mut impl FnMut(Vec<String>)) {
    if let Some(group) = code.strip_prefix('{') {
        for item in items_of(group).into_iter().filter(|item| !item.trim().is_empty()) {
            follow(item.trim(), base.clone(), report);
        }
        return;
    }
    let end = code.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_').unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    let mut path = base;
    if name.is_empty() || rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '!') {
        return report(path); // a type, a constant or a macro
    }
    path.push(name.to_owned());
    match rest.strip_prefix("::") {
        Some(deeper) if path.len() < 2 => follow(deeper, path, report),
        _ => report(path),
    }
}

/// Splits the inside of a group at its own commas.
fn items_of(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (index, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&group[start..index]);
                return items;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&group[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    items
}

/// The floor of a module: it sees its own and those below. What is on no floor may be seen by nobody but the roof.
fn floor(module: &str) -> Option<u8> {
    match module {
        "platform" => Some(0),
        "formats" => Some(1),
        "connectors" => Some(2),
        "features" => Some(3),
        "config" | "telemetry" => Some(4),
        "app" => Some(5),
        "cli" | "lib" | "main" => Some(6),
        _ => None,
    }
}

#[test]
fn imports_point_down_the_floors_only() {
    let mut problems = Vec::new();
    for file in files_below("src", "rs") {
        let own = floor(file.module()[0]).unwrap_or_else(|| panic!("{} stands on no floor", file.path));
        for import in imports(&file) {
            let Some(other) = import.path.first() else { continue };
            if floor(other).is_some_and(|other| other > own) {
                problems.push(format!(
                    "{}:{} imports {}, which lies above it: platform < formats < connectors < features < config < app",
                    file.path,
                    import.line,
                    import.path.join("::")
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn features_see_only_features_before_them() {
    let place = |name: &str| ORDER.iter().position(|known| *known == name);
    let mut problems = Vec::new();
    for file in files_below("src/features", "rs").into_iter().filter(|file| !file.is_outermost()) {
        let Some(own) = file.feature() else { continue };
        let own_place = place(own).unwrap_or_else(|| panic!("{} is not in features::ORDER", file.path));
        for import in imports(&file) {
            let [floor, other, ..] = &import.path[..] else { continue };
            if floor == "features" && place(other).is_some_and(|other| other > own_place) {
                problems.push(format!(
                    "{}:{} imports the feature {other}, which comes after {own} in features::ORDER",
                    file.path, import.line
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_import_rules_see_through_groups_and_parents() {
    let file = File {
        path: "src/features/audit/store.rs".to_owned(),
        text: "use crate::{on, text_enum};\nuse crate::features::{\n    accounts::{self, User},\n    Services,\n};\n\
               use super::super::media::find;\nuse super::model::Entry;\n// use crate::app;\n"
            .to_owned(),
    };

    let found: Vec<String> =
        imports(&file).iter().map(|import| format!("{}:{}", import.line, import.path.join("::"))).collect();

    assert_eq!(
        found,
        [
            "1:on",
            "1:text_enum",
            "2:features::accounts",
            "2:features",
            "6:features::media",
            "7:features::audit::model"
        ]
    );
}

#[test]
fn transactions_begin_in_the_database_module_only() {
    let begin = Regex::new(r#"\.begin(_with)?\(|Transaction::begin|"BEGIN( IMMEDIATE)?""#).unwrap();
    let mut problems = Vec::new();
    for file in files_below("src", "rs").iter().filter(|file| !file.path.starts_with("src/platform/db/")) {
        for (line, _) in file.lines_with(&begin) {
            problems.push(format!("{}:{line} begins a transaction: use Db::read or Db::write", file.path));
        }
    }
    assert_none(&problems);
}

#[test]
fn sql_stands_in_stores_only() {
    let sql = Regex::new(r#""\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP)\s"#).unwrap();
    let opens = Regex::new(r#""\s*$"#).unwrap();
    let goes_on = Regex::new(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s").unwrap();
    let may = |file: &File| {
        matches!(
            file.module()[..],
            ["platform", ..] | ["features", _] | ["features", _, "store" | "tests", ..]
        )
    };
    let mut problems = Vec::new();
    for file in files_below("src", "rs").iter().filter(|file| !may(file)) {
        let mut before = "";
        for (line, text) in file.code() {
            if sql.is_match(text) || (opens.is_match(before) && goes_on.is_match(text)) {
                problems
                    .push(format!("{}:{line} holds SQL: it belongs into the feature's store.rs", file.path));
            }
            before = text;
        }
    }
    assert_none(&problems);
}

#[test]
fn templates_hold_no_unescaped_value_and_nothing_inline() {
    let rules = [
        (r"\|\s*safe\b", "prints without escaping"),
        (r#"escape(\(|\s*=\s*)"none""#, "prints without escaping"),
        (r"\s[a-z:-]+=\{\{", "has an attribute without quotes around its value"),
        (r"\sstyle\s*=", "has an inline style, which the content policy refuses"),
        (r"<style\b", "has an inline style sheet, which the content policy refuses"),
        (r"\shx-on\b|\shx-on:", "has a script in hx-on, which the content policy refuses"),
        (r#"\son[a-z]+\s*=\s*["']"#, "has a script in an attribute, which the content policy refuses"),
        (r"(?i)javascript:", "has a script in an address"),
        (r"\shx-vals\s*=\s*.*\{\{", "prints into hx-vals, which is parsed again as JSON"),
    ];
    let rules = rules.map(|(pattern, sin)| (Regex::new(pattern).unwrap(), sin));
    let script = Regex::new(r"<script\b[^>]*>").unwrap();
    let mut problems = Vec::new();
    for file in files_below("templates", "html") {
        for (index, line) in file.text.lines().enumerate() {
            for (_, sin) in rules.iter().filter(|(pattern, _)| pattern.is_match(line)) {
                problems.push(format!("{}:{} {sin}", file.path, index + 1));
            }
            if script.find_iter(line).any(|tag| !tag.as_str().contains(" src=")) {
                problems.push(format!(
                    "{}:{} has an inline script, which the content policy refuses",
                    file.path,
                    index + 1
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_destination_type_has_template_documentation_and_contract() {
    let read = |path: PathBuf| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let documentation = read("docs/endpoints.md".into());
    let mut problems = Vec::new();
    for connector in connectors::ALL {
        let (key, label) = (connector.key(), connector.label());
        if !documentation.lines().any(|line| line.starts_with("## ") && line.contains(label)) {
            problems.push(format!("docs/endpoints.md has no section with {label:?} in its heading"));
        }
        if read(format!("templates/endpoints/types/{key}.html").into()).is_empty() {
            problems.push(format!(
                "templates/endpoints/types/{key}.html is missing: it shows the fields of the type"
            ));
        }
        if !read(format!("tests/it/connectors/{key}.rs").into()).contains("contract!") {
            problems.push(format!("tests/it/connectors/{key}.rs does not put the type under the contract"));
        }
    }
    assert_none(&problems);
}

#[test]
fn no_source_file_is_too_long() {
    let mut problems = Vec::new();
    for file in files_below("src", "rs") {
        let lines = file.text.lines().count();
        let most = if file.module().contains(&"tests") { LONGEST_TEST_FILE } else { LONGEST_FILE };
        if lines > most {
            problems.push(format!(
                "{} has {lines} lines, more than {most}: two things live in one place",
                file.path
            ));
        }
    }
    assert_none(&problems);
}
