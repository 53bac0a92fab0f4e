//! SQLite: a file on this machine, opened for reading only.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use serde_json::{Map, Value};

use crate::source::{Retry, SourceError, text};

/// How long to wait for whoever writes.
const BUSY: Duration = Duration::from_secs(5);
/// The longest a query may take.
const LONGEST: Duration = Duration::from_secs(90);

/// The rows of a statement, each an object.
///
/// # Errors
/// What went wrong and whether trying again helps.
pub async fn rows(path: &Path, statement: String, values: Vec<Value>) -> Result<Vec<Value>, SourceError> {
    let shown = path.display().to_string();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| fault(&shown, &error))?;
    let handle = connection.get_interrupt_handle();
    let work = tokio::task::spawn_blocking(move || ask(&connection, &statement, values));
    tokio::pin!(work);
    let done = match tokio::time::timeout(LONGEST, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            handle.interrupt();
            work.await
        }
    };
    match done {
        Ok(rows) => rows.map_err(|error| fault(&shown, &error)),
        Err(_) => Err(SourceError {
            what: format!("{shown} could not be read to the end"),
            retry: Retry::Soon,
            position: None,
        }),
    }
}

fn ask(connection: &Connection, statement: &str, values: Vec<Value>) -> rusqlite::Result<Vec<Value>> {
    connection.busy_timeout(BUSY)?;
    let mut prepared = connection.prepare(statement)?;
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let values = rusqlite::params_from_iter(values.into_iter().map(cell));
    let mut rows = prepared.query(values)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        let mut object = Map::new();
        for (index, name) in names.iter().enumerate() {
            object.insert(name.clone(), value(row.get_ref(index)?));
        }
        read.push(Value::Object(object));
    }
    Ok(read)
}

/// As what it was read: SQLite compares numbers with numbers and texts with texts.
fn cell(value: Value) -> Cell {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Cell::Integer(whole),
            None => number.as_f64().map_or(Cell::Null, Cell::Real),
        },
        Value::String(text) => Cell::Text(text),
        Value::Bool(yes) => Cell::Integer(yes.into()),
        Value::Null | Value::Array(_) | Value::Object(_) => Cell::Null,
    }
}

fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
    }
}

fn fault(shown: &str, error: &rusqlite::Error) -> SourceError {
    // Its words name tables and columns of the query, and no row.
    let words = text::one_line(&error.to_string());
    let passes = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::OperationInterrupted
                | ErrorCode::SchemaChanged
        )
    );
    let retry = if passes { Retry::Soon } else { Retry::Never };
    SourceError {
        what: format!("{shown} cannot be asked: {}", text::cut(&words, 300)),
        retry,
        position: None,
    }
}
