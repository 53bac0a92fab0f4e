//! The single values: store, retention, pages, mail server, model, contact.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use url::Url;

use super::{Check, DAY, DECADE, HOUR};
use crate::config::load::Variables;
use crate::config::{ClassifierKind, Retention, SentimentSettings, Web};
use crate::domain::channel::{EmailServer, MailSecurity};
use crate::domain::problem::Problem;

/// Texts that can be remembered at most: some hundred bytes each.
const LARGEST_CACHE: u64 = 1_000_000;

impl Check<'_> {
    /// As written, else where systemd, else where the desktop's rules put an account's state.
    pub(super) fn store_path(&self, env: &Variables) -> Option<PathBuf> {
        if let Some(said) = &self.raw.store_path {
            if said.value.is_empty() {
                self.book.push(said.at.fault("is empty").remedy("name a folder, or leave the key out"));
            }
            return Some(self.path(&said.value));
        }
        let var = |name: &str| env.get(name).filter(|value| !value.is_empty());
        // systemd gives several folders, parted by colons, when the unit names several.
        let systemd = var("STATE_DIRECTORY").and_then(|all| all.split(':').next()).map(PathBuf::from);
        let state = var("XDG_STATE_HOME").map(|home| PathBuf::from(home).join("earmark"));
        let home = var("HOME").map(|home| PathBuf::from(home).join(".local/state/earmark"));
        let found = systemd.or(state).or(home).map(|path| self.path(&path.display().to_string()));
        if found.is_none() {
            self.book.push(
                Problem::new(
                    "store.path",
                    "is missing, and neither STATE_DIRECTORY nor HOME is set to put the store into",
                )
                .remedy("name a folder, as path = \"/var/lib/earmark\""),
            );
        }
        found
    }

    pub(super) fn retention(&self) -> Retention {
        Retention {
            text: self.span(&self.raw.retention_text, HOUR, DECADE).unwrap_or(DAY * 400),
            rows: self.span(&self.raw.retention_rows, DAY, DECADE).unwrap_or(DAY * 90),
        }
    }

    pub(super) fn contact(&self) -> Option<String> {
        let said = self.raw.contact.as_ref()?;
        let good = match Url::parse(&said.value) {
            Ok(url) if url.scheme() == "mailto" => is_address(url.path()),
            Ok(url) => matches!(url.scheme(), "http" | "https") && url.host().is_some(),
            Err(_) => false,
        };
        if good && !said.value.contains(char::is_whitespace) {
            return Some(said.value.clone());
        }
        let remedy = if is_address(&said.value) {
            format!("write \"mailto:{}\"", said.value)
        } else {
            "write \"mailto:web@acme.example\" or the address of a page, \"https://acme.example/bots\""
                .to_owned()
        };
        self.book.push(said.at.fault("this is no way to reach you").remedy(remedy));
        None
    }

    pub(super) fn web(&self) -> Web {
        let raw = &self.raw.web;
        let token = self.secret(&raw.token);
        let listen = self.listen();
        if let (Some(address), Some(said)) = (listen, &raw.listen)
            && self.book.place("web.token").is_empty()
            && !address.ip().is_loopback()
        {
            self.book.push(
                said.at
                    .fault(format!(
                        "{address} can be reached from other machines, and there is no token to read with"
                    ))
                    .remedy("set web.token, or listen on 127.0.0.1 behind a proxy that asks who comes")
                    .warning(),
            );
        }
        Web { listen, public_url: self.public_url(), token }
    }

    fn listen(&self) -> Option<SocketAddr> {
        let said = self.raw.web.listen.as_ref()?;
        if said.value == "none" {
            return None;
        }
        let address = said.value.parse().ok();
        if address.is_none() {
            let remedy = if let Some(port) = said.value.strip_prefix("localhost:") {
                format!("write \"127.0.0.1:{port}\"")
            } else if said.value.parse::<IpAddr>().is_ok() {
                "add the port, as \"127.0.0.1:7272\"".to_owned()
            } else {
                "write an address and a port, as \"127.0.0.1:7272\" or \"[::1]:7272\", or \"none\"".to_owned()
            };
            self.book
                .push(said.at.fault(format!("{:?} is no address to listen on", said.value)).remedy(remedy));
        }
        address
    }

    fn public_url(&self) -> Option<String> {
        let said = self.raw.web.public_url.as_ref()?;
        let fault = |what: &str| {
            let remedy = "write for example \"https://earmark.acme.example\"";
            self.book.push(said.at.fault(what).remedy(remedy));
        };
        let url = match Url::parse(&said.value) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => url,
            _ => {
                fault("this is no address that begins with https:// or http://");
                return None;
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            fault("an address that goes into every mail must hold no name or password");
            return None;
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            fault("only scheme, host and port can stand here: earmark answers at the top of its host");
            return None;
        }
        let private = url.host_str().is_some_and(is_loopback);
        if url.scheme() == "http" && !private {
            self.book.push(
                said.at
                    .fault("links that let their reader act would travel unprotected")
                    .remedy("put a proxy with TLS before it and write https://")
                    .warning(),
            );
        }
        Some(url.as_str().trim_end_matches('/').to_owned())
    }

    pub(super) fn email(&self) -> Option<EmailServer> {
        let raw = self.raw.email.as_ref()?;
        let securities = [
            ("starttls", MailSecurity::Starttls),
            ("tls", MailSecurity::Tls),
            ("plain", MailSecurity::Plain),
        ];
        let wished =
            raw.security.as_ref().and_then(|said| self.word("way to protect mail", said, &securities));
        let (host, port) = self.mail_host()?;
        let security = wished.unwrap_or(match port {
            Some(465) => MailSecurity::Tls,
            Some(25) if is_loopback(&host) => MailSecurity::Plain,
            _ => MailSecurity::Starttls,
        });
        if let (MailSecurity::Plain, Some(said)) = (security, &raw.security)
            && !is_loopback(&host)
        {
            self.book.push(
                said.at
                    .fault(format!(
                        "mail to {host} would travel unprotected, customers' words and password with it"
                    ))
                    .remedy("write \"starttls\" or \"tls\"; \"plain\" is for a server on this machine"),
            );
        }
        let from = raw.from.as_ref()?;
        if !is_address(&from.value) {
            self.book.push(
                from.at
                    .fault(format!("{:?} is no mail address", from.value))
                    .remedy("write the bare address, as \"earmark@acme.example\""),
            );
        }
        let password = self.secret(&raw.password);
        // A password that is at fault was written all the same.
        if let (Some(said), true) = (&raw.username, self.book.place("email.password").is_empty()) {
            self.book.push(said.at.fault("there is a name to log in with and no password").remedy(
                "add password = { credential = \"smtp\" }, or leave the name out if the server asks for none",
            ));
        }
        let username = raw.username.as_ref().map(|said| said.value.clone());
        Some(EmailServer {
            host,
            port: port.unwrap_or(match security {
                MailSecurity::Starttls => 587,
                MailSecurity::Tls => 465,
                MailSecurity::Plain => 25,
            }),
            security,
            username: username.or_else(|| password.as_ref().map(|_| from.value.clone())),
            from: from.value.clone(),
            password,
        })
    }

    /// `host`, `host:port`, `[::1]:port`.
    fn mail_host(&self) -> Option<(String, Option<u16>)> {
        let said = self.raw.email.as_ref()?.server.as_ref()?;
        let written = said.value.as_str();
        let (host, port) = match written.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse::<u16>()))
            }
            _ => (written, None),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let named =
            !bare.is_empty() && bare.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let good = named || bare.parse::<IpAddr>().is_ok();
        match port.transpose() {
            Ok(port) if good && port != Some(0) => Some((bare.to_owned(), port)),
            _ => {
                self.book.push(
                    said.at
                        .fault(format!("{written:?} is no mail server"))
                        .remedy("write host and port, as \"smtp.acme.example:587\""),
                );
                None
            }
        }
    }

    pub(super) fn sentiment(&self) -> SentimentSettings {
        let raw = &self.raw.sentiment;
        let kinds = [("bert", ClassifierKind::Bert), ("word_list", ClassifierKind::WordList)];
        let classifier = raw.classifier.as_ref().and_then(|said| self.word("classifier", said, &kinds));
        let floor = raw.floor.as_ref().map_or(f64::from(SentimentSettings::FLOOR), |said| {
            if !(0.0..=1.0).contains(&said.value) {
                self.book.push(
                    said.at.fault(format!("{} is out of range", said.value)).remedy("allowed is 0 to 1"),
                );
            }
            said.value
        });
        let threads = raw.threads.as_ref().map_or(1, |said| {
            if said.value > 256 {
                self.book.push(
                    said.at
                        .fault(format!("{} is out of range", said.value))
                        .remedy("allowed is 0 (as many as there are cores) to 256"),
                );
            }
            usize::try_from(said.value).unwrap_or(0)
        });
        let cache = raw.cache.as_ref().map_or(SentimentSettings::CACHE, |said| {
            if said.value > LARGEST_CACHE {
                self.book.push(
                    said.at
                        .fault(format!("{} is out of range", said.value))
                        .remedy(format!("allowed is 0 (nothing is remembered) to {LARGEST_CACHE}")),
                );
            }
            usize::try_from(said.value).unwrap_or(0)
        });
        SentimentSettings {
            classifier: classifier.unwrap_or(ClassifierKind::Bert),
            model: raw.model.as_ref().map(|said| self.path(&said.value)),
            #[expect(clippy::cast_possible_truncation, reason = "0 to 1, two or three digits")]
            floor: floor as f32,
            threads,
            cache,
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Enough to catch a slip; the mail server has the last word.
fn is_address(text: &str) -> bool {
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"');
    text.rsplit_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && !local.contains('@') && !host.is_empty() && !host.starts_with('.')
    }) && !text.contains(strange)
}
