//! A web server with a feed: nginx, as Debian has it, with validators, compression, and an old
//! address that has moved for good.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::child::{Server, free_port, program};

/// The server. The feed is at `/feed.xml`, and `/old.xml` leads there.
pub struct Nginx {
    folder: PathBuf,
    pub port: u16,
    _server: Server,
}

/// One line of its access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub path: String,
    pub status: u16,
    /// `If-None-Match`; empty if it was not sent.
    pub if_none_match: String,
    /// `If-Modified-Since`; empty if it was not sent.
    pub if_modified_since: String,
    /// `Content-Encoding` of the answer.
    pub encoding: String,
    pub agent: String,
}

impl Nginx {
    /// Whether it is there.
    pub fn program() -> Option<PathBuf> {
        program("nginx")
    }

    /// Starts it over a folder of its own, as whoever runs the test, with `feed` to serve.
    pub fn start(folder: &Path, feed: &str) -> Self {
        let port = free_port();
        for part in ["site", "temp"] {
            fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        fs::write(folder.join("nginx.conf"), settings(port)).expect("a file");
        let mut command = Command::new(Self::program().expect("it was asked for"));
        command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "error.log"]);
        publish(folder, feed);
        let mut server = Server::start("nginx", &mut command, &folder.join("said.log"));
        server.answers_at(port);
        Self { folder: folder.to_owned(), port, _server: server }
    }

    /// Puts another feed in the place of the one before, at once.
    pub fn publish(&self, feed: &str) {
        publish(&self.folder, feed);
    }

    /// What it was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        let log = fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        // A line that is being written is read the next time.
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        whole
            .lines()
            .map(|line| {
                let fields: Vec<&str> = line.split('\t').map(|field| field.trim_matches('-')).collect();
                Asked {
                    path: fields[0].into(),
                    status: fields[1].parse().expect("a status"),
                    if_none_match: fields[2].into(),
                    if_modified_since: fields[3].into(),
                    encoding: fields[4].into(),
                    agent: fields[5].into(),
                }
            })
            .collect()
    }
}

fn publish(folder: &Path, feed: &str) {
    fs::write(folder.join("feed.new"), feed).expect("a file");
    fs::rename(folder.join("feed.new"), folder.join("site/feed.xml")).expect("the same file system");
}

/// One process and no change of account, so that nothing outlives the test and a private temporary
/// folder can be read.
fn settings(port: u16) -> String {
    format!(
        r#"daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 64; }}
http {{
    types {{ application/rss+xml xml; }}
    log_format asked escape=none "$uri\t$status\t$http_if_none_match-\t$http_if_modified_since-\t$sent_http_content_encoding-\t$http_user_agent";
    access_log access.log asked;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    gzip on;
    gzip_types application/rss+xml;
    gzip_min_length 1;
    server {{
        listen 127.0.0.1:{port};
        root site;
        location = /old.xml {{ return 301 /feed.xml; }}
    }}
}}
"#
    )
}
