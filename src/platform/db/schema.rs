//! A description of the schema that is the same for both engines when their migrations agree.

use std::collections::BTreeMap;

use super::{DbResult, Engine, Tx};

/// Tables by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// Columns by table, in the order of their names.
    pub columns: BTreeMap<String, Vec<Column>>,
    /// Indexes by name.
    pub indexes: BTreeMap<String, Index>,
}

/// A column as both engines can describe it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// `text`, `integer`, `real`, `boolean` or `bytes`.
    pub shape: &'static str,
    /// Whether a row may leave it empty.
    pub nullable: bool,
}

/// An index that a migration created by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The table it serves.
    pub table: String,
    /// Whether it refuses equal rows.
    pub unique: bool,
}

const SQLITE_COLUMNS: &str = "
    SELECT m.name AS table_name, c.name AS column_name, LOWER(c.type) AS shape, c.\"notnull\" = 0 AND c.pk = 0 AS nullable
    FROM sqlite_schema m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'
    ORDER BY m.name, c.name";

const SQLITE_INDEXES: &str = "
    SELECT i.name AS index_name, m.name AS table_name, i.\"unique\" <> 0 AS is_unique
    FROM sqlite_schema m JOIN pragma_index_list(m.name) i
    WHERE m.type = 'table' AND i.origin = 'c' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";

const POSTGRES_COLUMNS: &str = "
    SELECT CAST(table_name AS TEXT) AS table_name, CAST(column_name AS TEXT) AS column_name,
           CAST(data_type AS TEXT) AS shape, is_nullable = 'YES' AS nullable
    FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx%'
    ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\"";

const POSTGRES_INDEXES: &str = "
    SELECT CAST(i.relname AS TEXT) AS index_name, CAST(t.relname AS TEXT) AS table_name, x.indisunique AS is_unique
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    WHERE t.relnamespace = CAST(current_schema() AS regnamespace) AND t.relname NOT LIKE '\\_sqlx%'
      AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = x.indexrelid)";

pub(super) async fn describe(tx: &mut Tx, engine: Engine) -> DbResult<Schema> {
    let (columns, indexes) = match engine {
        Engine::Sqlite => (SQLITE_COLUMNS, SQLITE_INDEXES),
        Engine::Postgres => (POSTGRES_COLUMNS, POSTGRES_INDEXES),
    };
    let mut schema = Schema::default();
    let rows: Vec<(String, String, String, bool)> =
        crate::on!(tx, conn => sqlx::query_as(columns).fetch_all(conn).await)?;
    for (table, name, shape, nullable) in rows {
        let column = Column { shape: shape_of(&shape, &name), name, nullable };
        schema.columns.entry(table).or_default().push(column);
    }
    let rows: Vec<(String, String, bool)> =
        crate::on!(tx, conn => sqlx::query_as(indexes).fetch_all(conn).await)?;
    for (name, table, unique) in rows {
        schema.indexes.insert(name, Index { table, unique });
    }
    Ok(schema)
}

/// SQLite's strict tables know no boolean: such columns are integers there and are named `is_…` or `has_…`.
fn shape_of(declared: &str, name: &str) -> &'static str {
    match declared {
        "text" => "text",
        "blob" | "bytea" => "bytes",
        "boolean" => "boolean",
        "real" | "double precision" => "real",
        _ if name.starts_with("is_") || name.starts_with("has_") => "boolean",
        _ => "integer",
    }
}
