//! Everything that a database holds, as text: to see that nothing changed, or that nothing leaked.

use futures_util::FutureExt;
use mediaport::on;
use mediaport::platform::db::{Column, Db, DbError, Engine, Schema};
use sqlx::AssertSqlSafe;

/// Gives each row of each table as one line, `table: value | value | …`, in order.
pub(crate) async fn dump(db: &Db) -> Vec<String> {
    let schema = db.schema().await.unwrap();
    let mut lines = Vec::new();
    for (table, sql) in queries(&schema, db.engine()) {
        let rows: Result<Vec<String>, DbError> = db
            .read(move |tx| {
                async move {
                    Ok(on!(tx, conn => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(conn).await)?)
                }
                .boxed()
            })
            .await;
        let mut rows: Vec<String> = rows.unwrap().iter().map(|row| format!("{table}: {row}")).collect();
        rows.sort();
        lines.append(&mut rows);
    }
    lines
}

fn queries(schema: &Schema, engine: Engine) -> Vec<(String, String)> {
    let text_of = |(table, columns): (&String, &Vec<Column>)| {
        let values: Vec<String> = columns.iter().map(|column| value_of(column, engine)).collect();
        (table.clone(), format!("SELECT {} FROM {table}", values.join(" || ' | ' || ")))
    };
    schema.columns.iter().map(text_of).collect()
}

fn value_of(column: &Column, engine: Engine) -> String {
    let name = &column.name;
    let text = match (column.shape, engine) {
        ("bytes", Engine::Sqlite) => format!("LOWER(HEX({name}))"),
        ("bytes", Engine::Postgres) => format!("ENCODE({name}, 'hex')"),
        _ => format!("CAST({name} AS TEXT)"),
    };
    format!("COALESCE({text}, '')")
}
