//! PostgreSQL. What it says of an error may hold values of rows, so only errors about the query itself, whose
//! words are the configuration's, are shown in full.

use std::error::Error as _;
use std::time::Duration;

use bytes::BytesMut;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{NoTls, TlsConnect};
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{Client, Config};

use super::glue::Protect;
use super::statement;
use crate::net::{self, stream, stream::Tls};
use crate::source::{Retry, SourceError, text};

/// The longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest a query may take; the server is told the same.
const LONGEST: Duration = Duration::from_secs(90);

/// Where the database is.
#[derive(Debug, Clone)]
pub struct Server {
    /// A name, or the folder of its socket.
    pub host: String,
    /// Also part of the socket's name.
    pub port: u16,
    /// Which database.
    pub database: String,
    /// As whom.
    pub user: String,
    /// Whether the connection must be protected.
    pub tls: bool,
    /// Whether it may stand in a private network.
    pub allow_private: bool,
}

/// A database, asked over one connection that is made when there is none.
pub struct Postgres {
    server: Server,
    password: Option<SecretString>,
    tls: Option<Tls>,
    client: Option<Client>,
}

impl Postgres {
    /// Connects later.
    pub fn new(server: Server, password: Option<SecretString>, tls: Option<Tls>) -> Self {
        Self { server, password, tls, client: None }
    }

    /// The rows of a statement, each an object.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn rows(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Value>, SourceError> {
        let mut client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.connect().await?,
        };
        let asked = tokio::time::timeout(LONGEST, ask(&mut client, statement, values)).await;
        let rows = match asked {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => return Err(self.fault(&error)),
            Err(_) => return Err(self.says("did not answer in time", Retry::Soon)),
        };
        self.client = Some(client);
        let read = rows.iter().map(|row| serde_json::from_str(row));
        read.collect::<Result<Vec<Value>, _>>()
            .map_err(|_| self.says("gives rows that are no JSON", Retry::Never))
    }

    async fn connect(&self) -> Result<Client, SourceError> {
        let Server { host, port, database, user, allow_private, .. } = &self.server;
        let mut config = Config::new();
        config.user(user.as_str()).dbname(database.as_str()).application_name("earmark");
        config.ssl_mode(if self.tls.is_some() { SslMode::Require } else { SslMode::Disable });
        if let Some(password) = &self.password {
            config.password(password.expose_secret());
        }
        if host.starts_with('/') {
            let socket = format!("{host}/.s.PGSQL.{port}");
            let stream = UnixStream::connect(&socket).await;
            let stream =
                stream.map_err(|error| self.says(&format!("cannot be reached: {error}"), Retry::Soon))?;
            return self.begin(&config, stream, NoTls).await;
        }
        let stream =
            stream::connect(host, *port, *allow_private, PATIENCE).await.map_err(|error| from_net(&error))?;
        match &self.tls {
            Some(tls) => {
                let protect = Protect { tls: tls.clone(), host: host.clone(), patience: PATIENCE };
                self.begin(&config, stream, protect).await
            }
            None => self.begin(&config, stream, NoTls).await,
        }
    }

    async fn begin<S, T>(&self, config: &Config, stream: S, tls: T) -> Result<Client, SourceError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: TlsConnect<S>,
        T::Stream: Send + 'static,
    {
        let connected = tokio::time::timeout(PATIENCE, config.connect_raw(stream, tls)).await;
        let (client, connection) = connected
            .map_err(|_| self.says("did not answer in time", Retry::Soon))?
            .map_err(|error| self.fault(&error))?;
        // It ends with its client, and what it says of its end the next question says too.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(client)
    }

    fn says(&self, what: &str, retry: Retry) -> SourceError {
        let Server { host, port, .. } = &self.server;
        SourceError { what: format!("the database at {host}:{port} {what}"), retry, position: None }
    }

    fn fault(&self, error: &tokio_postgres::Error) -> SourceError {
        let Some(said) = error.as_db_error() else {
            // Of its own words, those of the connection; they hold no row.
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            let cause = text::one_line(&cause);
            if cause.contains("does not support TLS") {
                let what = "offers no TLS; turn ssl on there, or write tls = \"none\" where it stands in your own network";
                return self.says(what, Retry::Never);
            }
            return self.says(&format!("cannot be asked: {}", text::cut(&cause, 400)), Retry::Soon);
        };
        let (code, words) = (said.code().code(), text::one_line(said.message()));
        let words = text::cut(&words, 300);
        match code.get(..2).unwrap_or_default() {
            // By the server's own list of who may come from where, which it puts in words without a row's value.
            "28" if code == "28000" => {
                let hint = if self.tls.is_none() && words.contains("no encryption") {
                    "; it lets nobody in without TLS: leave tls out"
                } else {
                    ""
                };
                self.says(&format!("lets nobody in this way: {words}{hint}"), Retry::Never)
            }
            "28" => self.says("refused name or password", Retry::Never),
            "3D" => self.says(&format!("has no database of that name ({code})"), Retry::Never),
            "42" => self.says(&format!("does not take the query: {words} ({code})"), Retry::Never),
            "25" => self.says(&format!("may only be read, and the query writes ({code})"), Retry::Never),
            "22" => {
                self.says(&format!("cannot compare or compute a value of the query ({code})"), Retry::Never)
            }
            _ => self.says(&format!("answered with an error ({code})"), Retry::Soon),
        }
    }
}

async fn ask(
    client: &mut Client,
    statement: &str,
    values: &[Value],
) -> Result<Vec<String>, tokio_postgres::Error> {
    let transaction = client.build_transaction().read_only(true).start().await?;
    transaction.batch_execute("SET LOCAL TIME ZONE 'UTC'; SET LOCAL statement_timeout = '80s'").await?;
    let values: Vec<Words> = values.iter().map(|value| Words(statement::text(value))).collect();
    let bound: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    let rows = transaction.query(statement, &bound).await?;
    let read = rows.iter().map(|row| row.try_get::<_, String>(0)).collect();
    transaction.rollback().await?;
    read
}

/// A value in words, for the server to read as what the column is.
#[derive(Debug)]
struct Words(String);

impl ToSql for Words {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

fn from_net(error: &net::Error) -> SourceError {
    let retry = if error.may_pass() { Retry::Soon } else { Retry::Never };
    SourceError { what: error.to_string(), retry, position: None }
}
