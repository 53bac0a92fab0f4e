//! A mail server: Exim, as Debian has it, on a port and over a folder of its own. It takes mail
//! only under TLS and from whoever logged in, puts it into one Maildir an account, and answers 550
//! for accounts it does not have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::child::{Server, eventually, free_port, program, run};
use super::mail::{self, Mail};

/// Name and password that it lets in.
pub const SENDER: &str = "earmark@acme.example";
pub const PASSWORD: &str = "correct horse battery staple";
/// The only accounts of `acme.example`.
const ACCOUNTS: &str = "care : desk : cco";

/// The server.
pub struct Exim {
    folder: PathBuf,
    pub port: u16,
    _server: Server,
}

impl Exim {
    /// Whether it is there.
    pub fn program() -> Option<PathBuf> {
        program("exim4")
    }

    /// Starts it. Only root may, and it delivers as the account that Debian made for it, because
    /// it never delivers as root.
    pub fn start(folder: &Path) -> Self {
        let port = free_port();
        for part in ["spool", "log", "mail"] {
            fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        certificates(folder);
        run(Command::new("chown").args(["-R", "Debian-exim:"]).arg(folder));
        let settings = folder.join("exim.conf");
        fs::write(&settings, settings_of(folder, port)).expect("a file");
        let mut command = Command::new(Self::program().expect("it was asked for"));
        command.arg("-C").arg(&settings).arg("-bdf");
        let mut server = Server::start("exim", &mut command, &folder.join("said.log"));
        server.answers_at(port);
        Self { folder: folder.to_owned(), port, _server: server }
    }

    /// The authority to trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log/main")).unwrap_or_default()
    }

    /// Waits until an account has that many mails, and reads them, the oldest first.
    pub fn mails_of(&self, account: &str, count: usize) -> Vec<Mail> {
        let new = self.folder.join("mail").join(account).join("new");
        eventually(&format!("{count} mails for {account}"), || {
            let found = fs::read_dir(&new).map_or(0, Iterator::count);
            (found >= count).then_some(())
        });
        let mails = mail::read(&new);
        assert_eq!(mails.len(), count, "mails for {account}");
        mails
    }
}

/// An authority of our own and a certificate it signed for `localhost`.
pub fn certificates(folder: &Path) {
    let request = |name: &str, key: &str, file: &str, more: &[&str]| {
        run(Command::new("openssl")
            .current_dir(folder)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", &format!("/CN={name}"), "-keyout", key, "-out", file])
            .args(more));
    };
    request("Authority of a test", "authority.key", "authority.pem", &[]);
    let more = [
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-CA",
        "authority.pem",
        "-CAkey",
        "authority.key",
    ];
    request("localhost", "server.key", "server.pem", &more);
}

fn settings_of(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        r"primary_hostname = localhost
spool_directory = {folder}/spool
log_file_path = {folder}/log/%s
pid_file_path = {folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.key
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = recipient
host_lookup =
rfc1413_query_timeout = 0s
helo_accept_junk_hosts = *
keep_environment =
add_environment =

begin acl
recipient:
  deny    message = only under TLS
          !encrypted = *
  deny    message = log in first
          !authenticated = *
  accept  domains = acme.example
          local_parts = {ACCOUNTS}
  deny    message = <$local_part@$domain>: no such mailbox here

begin routers
here:
  driver = accept
  domains = acme.example
  local_parts = {ACCOUNTS}
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = {folder}/mail/$local_part_data
  maildir_format
  create_directory
  user = Debian-exim

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and {{{{eq{{$auth2}}{{{SENDER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
"
    )
}
