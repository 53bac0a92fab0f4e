//! Rows of a database of one's own: a help desk, a shop's reviews, a survey tool that has no interface. A query
//! says which rows, one of its columns grows, and the rest are named after the fields of a post.
//!
//! # Wanted
//! * Nothing is written. PostgreSQL is asked inside a transaction that is read only, SQLite opened so; the query
//!   stands inside another one, so a second statement cannot hide behind a semicolon. Give it an account that
//!   may read and nothing else all the same: a function that a query calls may do what it likes.
//! * Every row is found once, also where many share one value of the growing column. Rows are asked for in
//!   the order of that column and of `id`, from the last pair on; a look that came to the end begins the next
//!   one at the last value itself, and rows given before are passed over.
//! * Values go to the database as bound parameters, never as text of the query.
//!
//! # A row that appears late
//! A number or a time is given to a row when it is written, and others see it when its transaction ends. So in
//! PostgreSQL a row with a lower number may appear after one with a higher. Each sweep therefore begins a little
//! below the highest value known: `look_back`, by default 1,000 numbers or 10 minutes. Who writes in longer
//! transactions raises it. What it brings again is known by `id` and words, here and in the store. SQLite has
//! one writer at a time; there it is nothing.
//!
//! # Accepted
//! * An edit is seen where the growing column moves with it (`updated_at`), a deletion where a column says so.
//! * Rows whose growing column is null are never found.
//!
//! ```toml
//! [[sources]]
//! id = "tickets"
//! kind = "sql"
//! params = { server = "/run/postgresql", database = "desk", user = "earmark", column = "updated_at", column_type = "timestamp",
//!            query = "SELECT id, updated_at, subject, body, customer FROM tickets",
//!            fields = { title = "subject", text = "body", author = "customer", created_at = "updated_at" } }
//! ```

use std::collections::HashMap;
use std::path::PathBuf;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::params::Params;
use super::record::{self, Shape};
use super::{Batch, Built, Kind, Parsed, Position, Retry, Settings, Source, SourceError, Terms, Tools};
use crate::domain::duration;
use crate::domain::post::PostKind;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::net::stream::Tls;
use crate::runtime::secret;

mod glue;
mod postgres;
mod sqlite;
mod statement;

use postgres::{Postgres, Server};
use statement::{Back, Grows, Statement};

/// The kind `sql`.
pub const KIND: Kind = Kind {
    name: "sql",
    about: "rows of a query against PostgreSQL or SQLite that has a growing column",
    check,
    build,
    parse: None,
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    needs: "an account of the database that may read, or the file",
    paging: "500 rows a look",
    least_every: 5,
    sees: "rows that a query gives, in the order of a column that grows",
    cannot: "edits and deletions that the growing column does not move with; rows whose column is null",
    ..Terms::OWN
};

/// Rows given before that are remembered, the most; beyond it the store knows them.
const MOST_SEEN: usize = 20_000;

struct Wanted {
    server: Option<Server>,
    password: Option<SecretRef>,
    authority: Option<PathBuf>,
    path: Option<PathBuf>,
    statement: Statement,
    begin: Option<Value>,
    back: Back,
    interval: SignedDuration,
    shape: Shape,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let path = params.text("path").map(PathBuf::from);
    let server = server(&mut params);
    match (server.is_some(), path.is_some()) {
        (false, false) => params.fault(
            "path",
            "there is no database",
            "write path = \"file.db\" for SQLite, or server, database and user for PostgreSQL",
        ),
        (true, true) => params.fault("path", "there is a server too", "leave one of them out"),
        _ => {}
    }
    let password = params.secret("password");
    let authority = params.text("authority").map(PathBuf::from);
    let query = params.text("query").unwrap_or_default().trim().trim_end_matches(';').trim_end().to_owned();
    let first = query.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_lowercase();
    if query.is_empty() {
        params.fault("query", "is missing", "write query = \"SELECT id, body FROM tickets\"");
    } else if !matches!(&*first, "select" | "with" | "values" | "table") {
        params.fault("query", format!("\"{first}\" does not read"), "begin with SELECT or WITH");
    }
    let column = params.text("column").unwrap_or_default().to_owned();
    if column.is_empty() {
        params.fault("column", "is missing", "name the column that grows: column = \"id\"");
    }
    let grows = [("integer", Grows::Integer), ("timestamp", Grows::Time), ("text", Grows::Text)];
    let grows = params.word("column_type", &grows).unwrap_or(Grows::Integer);
    let back = back(&mut params, grows, server.is_some());
    let begin = params.value("begin").cloned();
    if begin.as_ref().is_some_and(|begin| !(begin.is_string() || begin.is_i64())) {
        params.fault("begin", "is neither a number nor a text", "write the first value that is wanted");
    }
    let batch = params.value("batch");
    let most = batch.map_or(Some(500), Value::as_u64).filter(|most| (1..=500).contains(most));
    if most.is_none() {
        params.fault("batch", "is out of range", "write a whole number from 1 to 500");
    }
    let interval = params.wait("interval", 60, 5);
    let shape = Shape::read(&settings.id, PostKind::Ticket, &mut params);
    let id = shape.fields.get("id").map_or("id", String::as_str).to_owned();
    if id.starts_with('/') {
        params.fault("fields.id", "is no column", "the id must be a column of the query");
    }
    let statement = Statement { query, column, id, most: most.unwrap_or(500) };
    (Wanted { server, password, authority, path, statement, begin, back, interval, shape }, params.finish())
}

fn server(params: &mut Params<'_>) -> Option<Server> {
    let host = params.text("server").map(str::to_owned);
    let port = params.value("port").map_or(Some(5_432), Value::as_u64);
    let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    if port.is_none() {
        params.fault("port", "is no port", "write a whole number from 1 to 65535, without quotes");
    }
    let database = params.text("database").map(str::to_owned);
    let user = params.text("user").map(str::to_owned);
    let tls = params.word("tls", &[("required", true), ("none", false)]);
    let allow_private = params.flag("allow_private");
    let Some(host) = host else {
        if database.is_some() || user.is_some() {
            params.fault(
                "server",
                "is missing",
                "write its name, or the folder of its socket (\"/run/postgresql\")",
            );
        }
        return None;
    };
    let local = host.starts_with('/');
    if tls == Some(false) && !local && !allow_private {
        params.fault(
            "tls",
            "a password and all rows would go unprotected through the open internet",
            "leave it out, or write allow_private = true where the server stands in your own network",
        );
    }
    for (key, missing) in [("database", database.is_none()), ("user", user.is_none())] {
        if missing {
            params.fault(key, "is missing", format!("write {key} = \"name\""));
        }
    }
    Some(Server {
        tls: tls.unwrap_or(true) && !local,
        port: port.unwrap_or(5_432),
        database: database.unwrap_or_default(),
        user: user.unwrap_or_default(),
        allow_private,
        host,
    })
}

fn back(params: &mut Params<'_>, grows: Grows, is_postgres: bool) -> Back {
    let given = params.value("look_back");
    let read = match (grows, given) {
        (_, None) if !is_postgres => Some(Back::None),
        (Grows::Integer, None) => Some(Back::Numbers(1_000)),
        (Grows::Time, None) => Some(Back::Time(SignedDuration::from_mins(10))),
        (Grows::Text, None) => Some(Back::None),
        (Grows::Integer, Some(value)) => value.as_i64().filter(|number| *number >= 0).map(Back::Numbers),
        (Grows::Time, Some(value)) => {
            value.as_str().and_then(|text| duration::parse(text).ok()).map(Back::Time)
        }
        (Grows::Text, Some(_)) => None,
    };
    if read.is_none() {
        let remedy = match grows {
            Grows::Integer => "write how many numbers, such as 1000",
            Grows::Time => "write how long, such as \"10m\"",
            Grows::Text => "texts have no distance; leave it out",
        };
        params.fault("look_back", "is not of the column's type", remedy);
    }
    read.unwrap_or(Back::None)
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, _: &Tools) -> Result<Built, String> {
    let Wanted { server, password, authority, path, statement, begin, back, interval, shape } =
        wanted(settings).0;
    let database = match (server, path) {
        (Some(server), _) => {
            let password = password.as_ref().map(secret::fetch).transpose()?;
            let tls = server.tls.then(|| Tls::new(authority.as_deref())).transpose()?;
            Database::Postgres(Box::new(Postgres::new(server, password, tls)))
        }
        (None, Some(path)) => Database::Sqlite(path),
        (None, None) => return Err("there is no database".into()),
    };
    Ok(Built::Pull(Box::new(Sql { database, statement, begin, back, interval, shape, seen: HashMap::new() })))
}

enum Database {
    Postgres(Box<Postgres>),
    Sqlite(PathBuf),
}

/// How far the rows were read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// The highest value known.
    top: Option<Value>,
    /// The last row of a sweep that has not come to its end: its column and its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<(Value, Value)>,
}

struct Sql {
    database: Database,
    statement: Statement,
    begin: Option<Value>,
    back: Back,
    interval: SignedDuration,
    shape: Shape,
    /// Rows given, and in which version.
    seen: HashMap<String, String>,
}

impl Sql {
    async fn rows(&mut self, cursor: &Cursor) -> Result<Vec<Value>, SourceError> {
        let values: Vec<Value> = match (&cursor.after, &cursor.top) {
            (Some((column, id)), _) => vec![column.clone(), id.clone()],
            (None, Some(top)) => vec![self.back.from(top)],
            (None, None) => self.begin.iter().cloned().collect(),
        };
        match &mut self.database {
            Database::Postgres(postgres) => {
                postgres.rows(&self.statement.postgres(values.len()), &values).await
            }
            Database::Sqlite(path) => sqlite::rows(path, self.statement.sqlite(values.len()), values).await,
        }
    }
}

#[async_trait]
impl Source for Sql {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept = position.cursor.as_deref().and_then(|cursor| serde_json::from_str::<Cursor>(cursor).ok());
        let mut cursor = kept.unwrap_or_default();
        let rows = self.rows(&cursor).await?;
        let more = rows.len() as u64 >= self.statement.most;
        if let Some(last) = rows.last() {
            let part = |name: &str| {
                let value = last.get(name).filter(|value| !value.is_null()).cloned();
                value.ok_or_else(|| SourceError {
                    what: format!("the query gives no column \"{name}\", or a row in which it is null"),
                    retry: Retry::Never,
                    position: None,
                })
            };
            let (column, id) = (part(&self.statement.column)?, part(&self.statement.id)?);
            // A sweep that began below may end below, where it was cut.
            if self.back == Back::None
                || cursor.top.as_ref().is_none_or(|top| statement::is_above(&column, top))
            {
                cursor.top = Some(column.clone());
            }
            cursor.after = Some((column, id));
        }
        if !more {
            cursor.after = None;
        }
        let mut parsed = Parsed::default();
        for row in &rows {
            let name = row.get(&self.statement.id).map(statement::text).unwrap_or_default();
            parsed.take(&format!("row {name}"), record::post(&self.shape, row, None));
        }
        if self.seen.len() + parsed.posts.len() > MOST_SEEN {
            self.seen.clear();
        }
        let seen = &mut self.seen;
        parsed.posts.retain(|post| {
            seen.insert(post.id.clone(), post.version.clone()).as_ref() != Some(&post.version)
        });
        let written = serde_json::to_string(&cursor).expect("JSON values always serialise");
        Ok(Batch {
            posts: parsed.posts,
            rejects: parsed.rejects,
            position: Position { cursor: Some(written), memo: None },
            more,
            fetched_through: (!more).then_some(now),
            ..Batch::default()
        })
    }

    fn interval(&self) -> SignedDuration {
        self.interval
    }
}
