//! `sql` over real databases: SQLite in a file, and PostgreSQL where this machine has it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use earmark::source::{
    Batch, Built, Position, Retry, Settings, Source, SourceError, Tools, fetch::Fetcher, kind, sql,
};
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::certificates::{Authority, Signed, can_be_made};

struct Reader {
    source: Box<dyn Source>,
    position: Position,
    /// Id and text, as given.
    found: Vec<(String, String)>,
}

impl Reader {
    fn new(params: Value) -> Self {
        let kind = kind("sql").expect("it is listed");
        let settings = Settings { id: "s".into(), params };
        let problems = (kind.check)(&settings);
        assert!(problems.is_empty(), "{problems}");
        let client = earmark::net::Client::new(&earmark::net::Settings::new("")).unwrap();
        let Ok(Built::Pull(source)) = (kind.build)(&settings, &Tools { fetch: Fetcher::new(client).into() })
        else {
            panic!("a pulled source")
        };
        Self { source, position: Position::default(), found: Vec::new() }
    }

    async fn look(&mut self) -> Result<Batch, SourceError> {
        let batch = self.source.poll(&self.position, Timestamp::now()).await?;
        self.position = batch.position.clone();
        self.found.extend(batch.posts.iter().map(|post| (post.id.clone(), post.text.clone())));
        Ok(batch)
    }

    /// All there is; how many looks it took.
    async fn all(&mut self) -> usize {
        let mut looks = 1;
        while self.look().await.expect("it works").more {
            looks += 1;
        }
        looks
    }

    fn ids(&mut self) -> Vec<String> {
        std::mem::take(&mut self.found).into_iter().map(|(id, _)| id).collect()
    }
}

fn numbers(range: std::ops::RangeInclusive<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn tickets(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE tickets (no INTEGER PRIMARY KEY, at TEXT, subject TEXT, body TEXT, customer TEXT, lang TEXT, gone INTEGER DEFAULT 0)",
        )
        .unwrap();
    database
}

fn say(database: &Connection, no: u32, at: &str, body: &str) {
    database
        .execute(
            "INSERT OR REPLACE INTO tickets (no, at, subject, body, customer, lang) VALUES (?1, ?2, 'Order', ?3, 'ann', 'de')",
            (no, at, body),
        )
        .unwrap();
}

fn params(path: &Path, more: Value) -> Value {
    let mut params = json!({ "path": path, "query": "SELECT * FROM tickets;", "column": "no",
        "fields": { "id": "no", "title": "subject", "text": "body", "author": "customer", "created_at": "at", "deleted": "gone" } });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

#[tokio::test]
async fn rows_of_a_file_become_posts_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    let database = tickets(&path);
    (1..=7).for_each(|no| say(&database, no, "2026-03-04 10:00:00", &format!("words {no}")));
    let mut reader = Reader::new(params(&path, json!({ "batch": 3 })));
    let first = reader.look().await.unwrap();
    let post = &first.posts[0];
    assert_eq!(
        (post.id.as_str(), post.title.as_deref(), post.text.as_str()),
        ("1", Some("Order"), "words 1")
    );
    assert_eq!(
        (post.author.as_deref(), post.lang.as_deref(), post.kind.as_str()),
        (Some("ann"), Some("de"), "ticket")
    );
    assert_eq!(post.created_at.map(|at| at.to_string()).as_deref(), Some("2026-03-04T10:00:00Z"));
    assert!(first.more && first.fetched_through.is_none());
    assert_eq!(reader.all().await, 2);
    assert_eq!(reader.ids(), numbers(1..=7));
    assert_eq!(reader.look().await.unwrap().posts.len(), 0);
    say(&database, 8, "2026-03-04 10:00:00", "words 8");
    say(&database, 9, "2026-03-04 10:00:00", "");
    database.execute("UPDATE tickets SET subject = NULL WHERE no = 9", ()).unwrap();
    let batch = reader.look().await.unwrap();
    assert_eq!(reader.ids(), ["8"]);
    assert_eq!(batch.rejects.iter().map(|reject| reject.at.as_str()).collect::<Vec<_>>(), ["row 9"]);
}

#[tokio::test]
async fn many_rows_of_one_time_edits_and_removals_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    let database = tickets(&path);
    (1..=10).for_each(|no| say(&database, no, "2026-03-04 10:00:00", "words"));
    let more = json!({ "column": "at", "column_type": "timestamp", "batch": 4 });
    let mut reader = Reader::new(params(&path, more.clone()));
    reader.all().await;
    assert_eq!(reader.ids(), numbers(1..=10));
    // In the second that is known already, between those that are.
    database.execute("DELETE FROM tickets WHERE no = 5", ()).unwrap();
    reader.all().await;
    assert!(reader.ids().is_empty());
    say(&database, 11, "2026-03-04 10:00:00", "late");
    say(&database, 2, "2026-03-04 10:00:01", "edited");
    database.execute("UPDATE tickets SET gone = 1, at = '2026-03-04 10:00:02' WHERE no = 3", ()).unwrap();
    reader.all().await;
    assert_eq!(reader.ids(), ["11", "2", "3"]);
    // Another process, from the same position: what it gives again the store knows.
    let mut next = Reader { position: reader.position.clone(), ..Reader::new(params(&path, more)) };
    next.all().await;
    assert_eq!(next.ids(), ["3"]);
}

#[tokio::test]
async fn nothing_is_written_and_faults_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    let database = tickets(&path);
    say(&database, 1, "2026-03-04 10:00:00", "words");
    for query in [
        "SELECT * FROM tickets) AS q; DELETE FROM tickets; SELECT * FROM (SELECT 1",
        "SELECT * FROM nothing_of_that_name",
        "WITH x AS (SELECT 1) DELETE FROM tickets",
    ] {
        let error = Reader::new(params(&path, json!({ "query": query }))).look().await.expect_err(query);
        assert_eq!(error.retry, Retry::Never, "{error}");
    }
    let left: u32 = database.query_row("SELECT count(*) FROM tickets", (), |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
    let error =
        Reader::new(params(&path, json!({ "column": "when" }))).look().await.expect_err("no such column");
    assert!(error.what.contains("when"), "{error}");
    let absent = folder.path().join("absent.db");
    let error = Reader::new(params(&absent, json!({}))).look().await.expect_err("no such file");
    assert!(error.what.contains("absent.db") && !absent.exists(), "{error}");

    let check = |params: Value| (sql::KIND.check)(&Settings { id: "s".into(), params }).to_string();
    let good = params(&path, json!({}));
    assert_eq!(check(good.clone()), "");
    for (more, said) in [
        (json!({ "query": "DELETE FROM tickets" }), "does not read"),
        (json!({ "server": "db.acme.example", "database": "d", "user": "u" }), "leave one of them out"),
        (json!({ "column_type": "number" }), "is not known here"),
        (json!({ "look_back": "5m" }), "is not of the column's type"),
        (json!({ "batch": 0 }), "out of range"),
        (json!({ "colum": "x" }), "did you mean \"column\""),
        (json!({ "password": "hunter2" }), "never stands in the configuration"),
    ] {
        let mut params = good.clone();
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert!(check(params.clone()).contains(said), "{more}: {}", check(params));
    }
    let open = json!({ "server": "db.acme.example", "database": "d", "user": "u", "tls": "none", "query": "SELECT 1", "column": "x" });
    assert!(check(open).contains("unprotected"));
    assert!(check(json!({})).contains("there is no database"));
}

/// A PostgreSQL of the test's own, over a folder of its own, on a socket there and a port.
struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
    run: PathBuf,
}

impl Postgres {
    /// None where this machine has none, or where nobody may run it.
    fn start() -> Option<Self> {
        Self::with(None)
    }

    /// The same; with a certificate it lets nobody in over the network without TLS.
    fn with(signed: Option<&Signed>) -> Option<Self> {
        let found = |name: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
            let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
            folders.extend(versions.map(|version| version.path().join("bin")));
            folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
        };
        let (Some(initdb), Some(control)) = (found("initdb"), found("pg_ctl")) else {
            println!("skipped: no PostgreSQL on this machine");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let root = nix::unistd::geteuid().is_root();
        if root {
            // It refuses to run as root.
            std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
            let owned = Command::new("chown").arg("nobody").arg(folder.path()).status();
            assert!(owned.is_ok_and(|status| status.success()));
        }
        let run = |program: &Path, arguments: &[&str]| {
            let mut command = if root {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", "nobody", "--clear-groups", "--regid", "nogroup"]).arg(program);
                command
            } else {
                Command::new(program)
            };
            let said = folder.path().join("said.log");
            let said = std::fs::File::options().create(true).append(true).open(said).unwrap();
            let status = command
                .args(arguments)
                .current_dir(folder.path())
                .env("HOME", folder.path())
                .stdin(Stdio::null())
                .stdout(said.try_clone().unwrap())
                .stderr(said)
                .status();
            status.is_ok_and(|status| status.success())
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = folder.path().join("data");
        let (data, socket) = (data.to_str().unwrap(), folder.path().to_str().unwrap());
        std::fs::write(folder.path().join("password"), "correct horse").unwrap();
        let password = folder.path().join("password");
        let made = run(
            &initdb,
            &[
                "-D",
                data,
                "-U",
                "earmark",
                "-A",
                "scram-sha-256",
                "--pwfile",
                password.to_str().unwrap(),
                "-N",
                "-E",
                "UTF8",
            ],
        );
        let mut options = format!("-p {port} -k {socket} -c listen_addresses=127.0.0.1 -c fsync=off");
        if let Some(Signed { certificate, key }) = signed.filter(|_| made) {
            let (own, hba) = (folder.path().join("server.key"), folder.path().join("data/pg_hba.conf"));
            std::fs::copy(certificate, folder.path().join("server.pem")).unwrap();
            std::fs::copy(key, &own).unwrap();
            std::fs::set_permissions(&own, PermissionsExt::from_mode(0o600)).unwrap();
            std::fs::write(hba, "hostssl all all 127.0.0.1/32 scram-sha-256\n").unwrap();
            if root {
                assert!(
                    Command::new("chown")
                        .arg("nobody")
                        .arg(&own)
                        .status()
                        .is_ok_and(|status| status.success())
                );
            }
            options += &format!(
                " -c ssl=on -c ssl_cert_file={socket}/server.pem -c ssl_key_file={socket}/server.key"
            );
        }
        if !made
            || !run(&control, &["-D", data, "-w", "-o", &options, "-l", &format!("{socket}/log"), "start"])
        {
            let said = std::fs::read_to_string(folder.path().join("said.log")).unwrap_or_default();
            println!("skipped: PostgreSQL does not start here: {said}");
            return None;
        }
        Some(Self { folder, port, run: control })
    }

    async fn client(&self) -> tokio_postgres::Client {
        let words = format!(
            "host=127.0.0.1 port={} user=earmark password='correct horse' dbname=postgres",
            self.port
        );
        let (client, connection) =
            tokio_postgres::connect(&words, tokio_postgres::NoTls).await.expect("it answers");
        tokio::spawn(connection);
        client
    }

    fn params(&self, more: Value) -> Value {
        let mut params = json!({ "server": "127.0.0.1", "port": self.port, "tls": "none", "allow_private": true,
            "database": "postgres", "user": "earmark", "password": { "file": self.folder.path().join("password") },
            "query": "SELECT * FROM tickets", "column": "id", "batch": 3,
            "fields": { "text": "body", "author": "/who/name", "created_at": "at" } });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut command = Command::new("setpriv");
        if nix::unistd::geteuid().is_root() {
            command.args(["--reuid", "nobody", "--clear-groups", "--regid", "nogroup"]).arg(&self.run);
        } else {
            command = Command::new(&self.run);
        }
        let _ = command
            .args(["-D", self.folder.path().join("data").to_str().unwrap(), "-m", "immediate", "stop"])
            .stdout(Stdio::null())
            .status();
    }
}

#[tokio::test]
async fn rows_of_a_real_postgresql_are_found_also_when_they_appear_late() {
    let Some(server) = Postgres::start() else { return };
    let mut writer = server.client().await;
    writer
        .batch_execute(
            "CREATE TABLE tickets (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), body text, who jsonb, price numeric);
             INSERT INTO tickets (body, who, price, at)
               SELECT 'words ' || n, '{\"name\": \"ann\"}', 1.50, '2026-03-04 11:00:00.123456+01' FROM generate_series(1, 7) n",
        )
        .await
        .unwrap();
    let mut reader = Reader::new(server.params(json!({})));
    let first = reader.look().await.unwrap();
    let post = &first.posts[0];
    assert_eq!((post.id.as_str(), post.text.as_str(), post.author.as_deref()), ("1", "words 1", Some("ann")));
    assert_eq!(post.created_at.map(|at| at.to_string()).as_deref(), Some("2026-03-04T10:00:00.123456Z"));
    reader.all().await;
    assert_eq!(reader.ids(), numbers(1..=7));

    // Number 8 is given to a transaction that ends after that of number 9.
    let slow = writer.transaction().await.unwrap();
    slow.execute("INSERT INTO tickets (body) VALUES ('slow')", &[]).await.unwrap();
    server.client().await.execute("INSERT INTO tickets (body) VALUES ('quick')", &[]).await.unwrap();
    reader.all().await;
    assert_eq!(reader.ids(), ["9"]);
    slow.commit().await.unwrap();
    reader.all().await;
    assert_eq!(reader.ids(), ["8"]);

    // By time, with ties at a microsecond, over the socket.
    let socket = server.folder.path();
    let more = json!({ "server": socket, "column": "at", "column_type": "timestamp", "tls": null, "allow_private": false });
    let mut params = server.params(more);
    params.as_object_mut().unwrap().remove("tls");
    let mut reader = Reader::new(params);
    reader.all().await;
    let mut ids = reader.ids();
    assert_eq!(ids[..7], numbers(1..=7));
    ids.sort();
    assert_eq!(ids, numbers(1..=9));
    writer.execute("UPDATE tickets SET body = 'edited', at = now() WHERE id = 2", &[]).await.unwrap();
    reader.all().await;
    assert_eq!(reader.found, [("2".to_owned(), "edited".to_owned())]);

    faults(&server).await;
}

async fn faults(server: &Postgres) {
    let fails = |more: Value| {
        let mut reader = Reader::new(server.params(more));
        async move { reader.look().await.expect_err("it fails") }
    };
    let wrong = server.folder.path().join("wrong");
    std::fs::write(&wrong, "hunter2").unwrap();
    for (more, retry, said) in [
        (json!({ "password": { "file": wrong } }), Retry::Never, "refused name or password"),
        (json!({ "database": "nothing" }), Retry::Never, "no database of that name"),
        (json!({ "query": "SELECT * FROM nothing" }), Retry::Never, "\"nothing\" does not exist"),
        (
            json!({ "query": "SELECT nextval('tickets_id_seq') AS id, 'x' AS body" }),
            Retry::Never,
            "may only be read",
        ),
        (
            json!({ "query": "SELECT 1 AS id) AS q; DROP TABLE tickets; SELECT * FROM (SELECT 1 AS id" }),
            Retry::Never,
            "42601",
        ),
        (json!({ "tls": "required" }), Retry::Never, "offers no TLS; turn ssl on there"),
        (json!({ "allow_private": false, "tls": "required" }), Retry::Never, "private network"),
        (json!({ "port": 1 }), Retry::Soon, "cannot be reached"),
    ] {
        let error = fails(more.clone()).await;
        assert!(error.retry == retry && error.what.contains(said), "{more}: {error:?}");
        assert!(!error.what.contains("hunter2") && !error.what.contains("horse"), "{error}");
    }
    let count = server.client().await.query_one("SELECT count(*) FROM tickets", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 9);
}

#[tokio::test]
async fn a_real_postgresql_is_asked_under_tls_and_only_where_its_certificate_holds() {
    if !can_be_made() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new(folder.path(), "ours"), Authority::new(folder.path(), "other"));
    let good = ours.sign("good", "DNS:localhost", 2);
    let Some(server) = Postgres::with(Some(&good)) else { return };
    // Which connection it is the server itself says: its own view of it is what is read.
    let params = |more: Value| {
        let query = "SELECT 1 AS id, version || ' ' || cipher AS body, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let mut params = server
            .params(json!({ "server": "localhost", "query": query, "authority": ours.file(),
            "fields": { "text": "body" } }));
        params.as_object_mut().unwrap().remove("tls");
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    for more in [json!({}), json!({ "tls": "required" })] {
        let mut reader = Reader::new(params(more));
        reader.all().await;
        assert!(reader.found[0].1.starts_with("TLSv1.3 TLS_"), "{:?}", reader.found);
        // The connection is kept for the next look.
        assert!(reader.look().await.is_ok());
    }
    for (more, retry, parts) in [
        (
            json!({ "authority": other.file() }),
            Retry::Soon,
            ["signed by nobody whom this machine trusts", "`authority`"],
        ),
        (json!({ "server": "127.0.0.1" }), Retry::Soon, ["for another name", "localhost"]),
        (json!({ "tls": "none" }), Retry::Never, ["no encryption", "leave tls out"]),
    ] {
        let error = Reader::new(params(more.clone())).look().await.expect_err("it is refused");
        assert!(
            error.retry == retry && parts.iter().all(|part| error.what.contains(part)),
            "{more}: {error:?}"
        );
        assert!(!error.what.contains("horse"), "{error}");
    }
    let mut without = params(json!({}));
    without.as_object_mut().unwrap().remove("authority");
    let error = Reader::new(without).look().await.expect_err("this machine does not know the authority");
    assert!(error.what.contains("signed by nobody"), "{error}");

    // A certificate that runs out is refused at the next connection.
    let expired = ours.sign("expired", "DNS:localhost", -1);
    let Some(server) = Postgres::with(Some(&expired)) else { return };
    let late = server.params(json!({ "server": "localhost", "tls": "required", "authority": ours.file() }));
    let error = Reader::new(late).look().await.expect_err("it has expired");
    assert!(error.what.contains("has expired; it must be renewed there"), "{error}");
}
