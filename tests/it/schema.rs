//! The two engines hold the same tables, because their migrations say the same.

use std::collections::BTreeSet;
use std::path::Path;

use mediaport::platform::db::{Db, Location, Schema};
use mediaport::platform::secret::Secret;
use mediaport::platform::tasks::Tasks;

use crate::support::TestDatabase;

fn migrations(engine: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn schema_of(location: Location) -> Schema {
    let tasks = Tasks::default();
    Db::open(&location, &tasks).await.unwrap().schema().await.unwrap()
}

/// Names what one schema says and the other does not.
fn differences(one: &Schema, other: &Schema) -> Vec<String> {
    let mut lines = Vec::new();
    for (table, columns) in &one.columns {
        let twins = other.columns.get(table).cloned().unwrap_or_default();
        for column in columns.iter().filter(|column| !twins.contains(column)) {
            let twin = twins.iter().find(|twin| twin.name == column.name);
            lines.push(format!("{table}.{} is {column:?} here and {twin:?} there", column.name));
        }
    }
    for (name, index) in &one.indexes {
        let twin = other.indexes.get(name);
        if twin != Some(index) {
            lines.push(format!("the index {name} is {index:?} here and {twin:?} there"));
        }
    }
    lines
}

#[test]
fn both_engines_have_migrations_of_the_same_names() {
    assert_eq!(migrations("sqlite"), migrations("postgres"));
}

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_and_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::create_empty_on_server().await;

    let embedded = schema_of(Location::File(folder.path().join("test.db"))).await;
    let server = schema_of(Location::Server(Secret::from(database.url()))).await;

    database.remove();
    assert!(embedded.columns.len() > 10, "the schema has its tables");
    assert_eq!(differences(&embedded, &server), Vec::<String>::new(), "embedded engine here, server there");
    assert_eq!(differences(&server, &embedded), Vec::<String>::new(), "server here, embedded engine there");
}
