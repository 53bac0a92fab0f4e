//! A real mailbox: Dovecot, as Debian has it, on ports and over a folder of its own, read by the kind `imap`.
//! What the fake believes about IMAP is thereby believed by somebody else as well.
//!
//! Proven: TLS from the first byte and STARTTLS, both with a certificate that must verify; a refused log-in;
//! tokens (XOAUTH2) that Dovecot asks about where they come from; words told by `IDLE`; a folder built anew, whose mails keep their names; and that a mail stays unread:
//! Dovecot moves a file from `new` to `cur` as soon as somebody opens the folder to change it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use earmark::source::{
    Batch, Built, Position, Retry, Settings, Source, SourceError, Tools, fetch::Fetcher, kind,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::child::{Server, eventually, free_port, program, run};
use super::exim::certificates;
use crate::support::fake_site::{FakeSite, Page};

const PASSWORD: &str = "correct horse battery staple";

struct Dovecot {
    folder: PathBuf,
    plain: u16,
    secure: u16,
    _server: Server,
}

impl Dovecot {
    /// With `tokens`, the address behind which tokens are asked about, it takes those in place of passwords.
    fn start(folder: &Path, tokens: Option<&str>) -> Self {
        let (plain, secure) = (free_port(), free_port());
        for part in ["run", "state", "mail/care/new", "mail/care/cur", "mail/care/tmp"] {
            fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        certificates(folder);
        fs::write(folder.join("users"), format!("care:{{PLAIN}}{PASSWORD}::::::\n")).expect("a file");
        run(Command::new("chown").args(["-R", "mail:mail"]).arg(folder.join("mail")));
        let settings = folder.join("dovecot.conf");
        fs::write(&settings, settings_of(folder, plain, secure, tokens.is_some())).expect("a file");
        let asked = format!(
            "introspection_mode = get\nintrospection_url = {}\nforce_introspection = yes\nusername_attribute = username\n\
             active_attribute = active\nactive_value = true\n",
            tokens.unwrap_or_default()
        );
        fs::write(folder.join("tokens.conf"), asked).expect("a file");
        let mut command = Command::new(program("dovecot").expect("it was asked for"));
        command.arg("-F").arg("-c").arg(&settings);
        let mut server = Server::start("dovecot", &mut command, &folder.join("said.log"));
        server.answers_at(plain);
        server.answers_at(secure);
        Self { folder: folder.to_owned(), plain, secure, _server: server }
    }

    fn new_folder(&self) -> PathBuf {
        self.folder.join("mail/care/new")
    }

    fn deliver(&self, number: u32) {
        let text = format!(
            "From: Ann <ann@globex.example>\r\nTo: care@acme.example\r\nSubject: Frage {number}\r\n\
             Message-ID: <{number}@globex.example>\r\nDate: Wed, 4 Mar 2026 11:00:00 +0100\r\n\r\n\
             Die App ist kaputt.\r\n\r\nAm 04.03.2026 um 09:41 schrieb Acme <care@acme.example>:\r\n> Guten Tag\r\n"
        );
        let name = format!("1772618400.M{number}P1.localhost");
        let file = self.folder.join("mail/care/tmp").join(&name);
        fs::write(&file, text).expect("a file");
        run(Command::new("chown").arg("mail:mail").arg(&file));
        fs::rename(&file, self.new_folder().join(&name)).expect("a delivery");
    }

    fn reader(&self, more: Value) -> Reader {
        let secret = self.folder.join("password");
        fs::write(&secret, PASSWORD).expect("a file");
        let mut params = json!({ "server": "localhost", "port": self.secure, "allow_private": true, "user": "care",
            "password": { "file": secret }, "authority": self.folder.join("authority.pem"), "days": 3_650 });
        params.as_object_mut().expect("a table").extend(more.as_object().expect("a table").clone());
        if more.get("token").is_some() {
            params.as_object_mut().expect("a table").remove("password");
        }
        let kind = kind("imap").expect("it is listed");
        let settings = Settings { id: "care".into(), params };
        let problems = (kind.check)(&settings);
        assert!(problems.is_empty(), "{problems}");
        let client = earmark::net::Client::new(&earmark::net::Settings::new("")).expect("a client");
        let Ok(Built::Pull(source)) = (kind.build)(&settings, &Tools { fetch: Fetcher::new(client).into() })
        else {
            panic!("a pulled source")
        };
        Reader { source, position: Position::default(), found: Vec::new() }
    }
}

struct Reader {
    source: Box<dyn Source>,
    position: Position,
    found: Vec<String>,
}

impl Reader {
    async fn look(&mut self) -> Result<Batch, SourceError> {
        let batch = self.source.poll(&self.position, Timestamp::now()).await?;
        self.position = batch.position.clone();
        self.found.extend(batch.posts.iter().map(|post| post.id.clone()));
        Ok(batch)
    }
}

fn settings_of(folder: &Path, plain: u16, secure: u16, tokens: bool) -> String {
    let folder = folder.display();
    let (mechanisms, driver, file) =
        if tokens { ("xoauth2", "oauth2", "tokens.conf") } else { ("plain login", "passwd-file", "users") };
    format!(
        r"base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = yes
auth_mechanisms = {mechanisms}
auth_failure_delay = 0 secs
mail_location = maildir:{folder}/mail/%n
maildir_stat_dirs = yes
first_valid_uid = 1
passdb {{
  driver = {driver}
  args = {folder}/{file}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/mail/%n
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {secure}
    ssl = yes
  }}
}}
"
    )
}

/// Whether Dovecot can be started here; says why not.
fn can_start() -> bool {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root may start Dovecot");
        return false;
    }
    let there = program("dovecot").is_some() && program("openssl").is_some();
    if !there {
        println!("skipped: no dovecot-imapd or openssl on this machine; make test-packages offers them");
    }
    there
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("it is ours");
    folder
}

#[test]
fn a_real_mailbox_is_read_and_left_as_it_was() {
    if !can_start() {
        return;
    }
    let folder = folder();
    let dovecot = Dovecot::start(folder.path(), None);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(read(&dovecot));
}

#[test]
fn a_real_mailbox_opens_to_a_token_and_says_when_it_does_not() {
    if !can_start() {
        return;
    }
    let folder = folder();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let given_by = runtime.block_on(FakeSite::start());
    // As an authorization server answers whoever asks about a token (RFC 7662); this Dovecot compares its words as
    // texts, and asks with a client that has no name.
    for (token, said) in [
        ("good-token", json!({ "active": "true", "username": "care" })),
        ("spent-token", json!({ "active": "false" })),
        ("other-token", json!({ "active": "true", "username": "bo" })),
    ] {
        let path = format!("/about?token={token}&client_id=&client_secret=");
        given_by.put(&path, Page::of("application/json", said.to_string()));
    }
    let dovecot = Dovecot::start(folder.path(), Some(&given_by.url("/about?token=")));
    dovecot.deliver(1);
    runtime.block_on(tokens(&dovecot));
    let asked = given_by.asked();
    assert!(asked.iter().any(|asked| asked.path.contains("good-token")), "Dovecot asked about it: {asked:?}");
}

async fn tokens(dovecot: &Dovecot) {
    let file = dovecot.folder.join("token");
    let put = |token: &str| fs::write(&file, format!("{token}\n")).expect("a file");
    let reader = |more: Value| {
        let mut params = json!({ "token": { "file": file } });
        params.as_object_mut().expect("a table").extend(more.as_object().expect("a table").clone());
        dovecot.reader(params)
    };
    let plain = json!({ "port": dovecot.plain, "tls": "starttls" });
    for more in [json!({}), plain] {
        put("good-token");
        assert_eq!(reader(more.clone()).look().await.expect("it is let in").posts.len(), 1);
        for token in ["spent-token", "other-token"] {
            put(token);
            let mut reader = reader(more.clone());
            let error = reader.look().await.expect_err(token);
            assert_eq!(error.retry, Retry::Never, "{token}: {error}");
            let parts = ["refused the token (401)", "renew it where it comes from"];
            assert!(parts.iter().all(|part| error.what.contains(part)), "{token}: {error}");
            assert!(!error.what.contains(token) && !error.what.contains("auth="), "{error}");
            // Renewed beside us, it is read anew.
            put("good-token");
            assert_eq!(reader.look().await.expect("it is renewed").posts.len(), 1);
        }
    }
    let error = dovecot.reader(json!({})).look().await.expect_err("it takes no passwords");
    assert!(error.retry == Retry::Never && error.what.contains("takes a token (XOAUTH2)"), "{error}");
}

async fn read(dovecot: &Dovecot) {
    (1..=3).for_each(|number| dovecot.deliver(number));
    let mut reader = dovecot.reader(json!({}));
    let first = reader.look().await.expect("it is let in");
    assert_eq!(reader.found, ["1@globex.example", "2@globex.example", "3@globex.example"]);
    assert_eq!((first.more, first.posts[0].text.as_str()), (false, "Die App ist kaputt."));
    assert_eq!(reader.look().await.expect("nothing new").posts.len(), 0);

    dovecot.deliver(4);
    let fresh = reader.look().await.expect("it is told");
    assert_eq!(fresh.posts.len(), 1, "the server's word, within one look");
    assert_eq!(fs::read_dir(dovecot.new_folder()).expect("a folder").count(), 4, "all are unread still");

    let port = json!({ "port": dovecot.plain, "tls": "starttls" });
    assert_eq!(dovecot.reader(port).look().await.expect("STARTTLS").posts.len(), 4);
    let other = json!({ "authority": dovecot.folder.join("server.pem"), "server": "127.0.0.1" });
    let error = dovecot.reader(other).look().await.expect_err("the certificate is of another name");
    assert!(error.what.contains("no TLS: its certificate"), "{error}");
    let error = dovecot.reader(json!({ "user": "nobody" })).look().await.expect_err("no such account");
    assert!(error.retry == Retry::Never && error.what.contains("[AUTHENTICATIONFAILED]"), "{error}");
    let error = dovecot.reader(json!({ "folder": "Entwürfe" })).look().await.expect_err("no such folder");
    assert!(error.retry == Retry::Never && error.what.contains("Entwürfe"), "{error}");

    built_anew(dovecot, reader).await;
}

/// Its lists are lost: the server makes new numbers.
async fn built_anew(dovecot: &Dovecot, reader: Reader) {
    let Reader { source, position, found } = reader;
    drop(source);
    eventually("the lists are gone", || {
        let mail = dovecot.folder.join("mail/care");
        for entry in fs::read_dir(&mail).expect("a folder").flatten() {
            if entry.file_name().to_string_lossy().starts_with("dovecot") {
                let _ = fs::remove_file(entry.path());
            }
        }
        (!mail.join("dovecot-uidlist").exists()).then_some(())
    });
    dovecot.deliver(5);
    let mut reader = Reader { position: position.clone(), ..dovecot.reader(json!({})) };
    let before: Value = serde_json::from_str(position.cursor.as_deref().expect("a cursor")).expect("JSON");
    reader.look().await.expect("it is read anew");
    let after: Value =
        serde_json::from_str(reader.position.cursor.as_deref().expect("a cursor")).expect("JSON");
    if before["validity"] == after["validity"] {
        // Made within one second of the old ones, by whose clock they are numbered.
        println!("the new lists have the old validity");
        return;
    }
    assert_eq!(reader.found.len(), 5);
    assert!(found.iter().all(|id| reader.found.contains(id)), "the same names: {:?}", reader.found);
}
