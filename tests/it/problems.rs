//! The stable words of refusals and their documentation.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use mediaport::app::problems;

fn read(path: impl Into<PathBuf>) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path.into())).unwrap()
}

#[test]
fn the_documentation_lists_every_word_with_status_and_meaning() {
    let mut table = String::from("| status | code | means |\n| --- | --- | --- |\n");
    for code in problems::all() {
        writeln!(table, "| {} | `{}` | {} |", code.status.as_u16(), code.name, code.means).unwrap();
    }
    assert!(read("docs/api.md").contains(&table), "docs/api.md should have this table:\n\n{table}");
}

#[test]
fn every_declared_word_is_listed_once() {
    let codes = problems::all();
    let names: BTreeSet<_> = codes.iter().map(|code| code.name).collect();
    assert_eq!(names.len(), codes.len(), "two words are the same");

    let declared = declarations(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert_eq!(declared, codes.len(), "a feature declares a word and does not have it in its CODES");
}

fn declarations(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                return declarations(&path);
            }
            let is_code = path.extension().is_some_and(|ending| ending == "rs");
            if !is_code {
                return 0;
            }
            std::fs::read_to_string(path).unwrap().matches(": Code =").count()
        })
        .sum()
}
