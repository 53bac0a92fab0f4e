//! Channel kind `email`: SMTP, one message a recipient, so that one dead address does not silence
//! a team.
//!
//! # Threads
//! Every message has a `Message-ID` of its own, derived from its key, so that a repetition bears
//! the same. All messages of an escalation point (`In-Reply-To`, `References`) at one root
//! `<escalation@domain>` that is never itself sent: whoever joins at the third step then threads
//! as well as whoever had the first. Thunderbird threads by that; Gmail also wants the same
//! subject, which `message` sees to.
//!
//! # What foreign text cannot do
//! Every header value is made one line of printable characters before it is set, bodies are MIME
//! parts, and the recipient comes from the configuration alone.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::message::words::{one_line, redact_addresses};
use super::{Channel, Kind, Message, Retry, SendError, Settings, Tools, params};
use crate::domain::channel::{EmailServer, MailSecurity};
use crate::domain::problem::{Problem, Problems};
use crate::runtime::secret;

/// This kind.
pub const KIND: Kind =
    Kind { name: "email", about: "sends mail through the server of [email]; params: to", check, build };

/// Per command. A whole delivery is bounded by `deliver::SEND_LIMIT` besides.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
/// Small: a flood must not take all of a server's connections.
const CONNECTIONS: u32 = 2;

#[derive(Debug, Deserialize)]
struct Params {
    to: Vec<String>,
}

fn check(settings: &Settings, tools: &Tools) -> Problems {
    let mut problems = params::unknown_keys(&settings.params, &["to"]);
    let remedy = "write to = [\"care@acme.example\"]";
    match params::read::<Params>(&settings.params) {
        Err(problem) => problems.push(problem.remedy(remedy)),
        Ok(Params { to }) => {
            if to.is_empty() {
                problems.push(Problem::new("to", "names nobody").remedy(remedy));
            }
            for (index, text) in to.iter().enumerate() {
                if let Err(error) = text.parse::<Address>() {
                    problems.push(
                        Problem::new(format!("to[{index}]"), format!("\"{text}\" is no address: {error}"))
                            .remedy("write it as name@host"),
                    );
                }
                if to[..index].iter().any(|other| other.eq_ignore_ascii_case(text)) {
                    problems.push(
                        Problem::new(format!("to[{index}]"), format!("\"{text}\" stands there twice"))
                            .remedy("leave one out"),
                    );
                }
            }
        }
    }
    match &tools.email {
        None => problems.push(
            Problem::new("", "there is no mail server to send through")
                .remedy("add [email] with server = \"smtp.acme.example:587\" and from = \"…\""),
        ),
        Some(server) => {
            if let Err(error) = server.from.parse::<Mailbox>() {
                problems.push(
                    Problem::new("", format!("[email] from = \"{}\" is no address: {error}", server.from))
                        .remedy("write from = \"earmark@acme.example\""),
                );
            }
            if server.security == MailSecurity::Plain && !is_this_machine(&server.host) {
                problems.push(
                    Problem::new("", format!("[email] would talk to {} in clear", server.host)).remedy(
                        "use port 587 (STARTTLS) or 465 (TLS); plain is for a server on this machine",
                    ),
                );
            }
        }
    }
    problems
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn build(settings: &Settings, tools: &Tools) -> Result<Box<dyn Channel>, String> {
    let Params { to } = params::read(&settings.params).map_err(|problem| problem.to_string())?;
    let server = tools.email.clone().ok_or("there is no [email]")?;
    let from: Mailbox = server.from.parse().map_err(|error| format!("[email] from: {error}"))?;
    if server.security == MailSecurity::Plain && !is_this_machine(&server.host) {
        return Err(format!("[email] would talk to {} in clear", server.host));
    }
    let tls = || {
        TlsParameters::new(server.host.clone())
            .map_err(|error| format!("TLS to {} cannot be set up: {error}", server.host))
    };
    let tls = match server.security {
        MailSecurity::Plain => Tls::None,
        MailSecurity::Starttls => Tls::Required(tls()?),
        MailSecurity::Tls => Tls::Wrapper(tls()?),
    };
    let password = server.password.as_ref().map(secret::fetch).transpose()?;
    Ok(Box::new(Email { to, from, server, tls, password, transport: Arc::default() }))
}

struct Email {
    to: Vec<String>,
    from: Mailbox,
    server: EmailServer,
    tls: Tls,
    password: Option<SecretString>,
    /// Made at the first use: its pool wants a running runtime, which a mere check has not.
    transport: Arc<OnceLock<AsyncSmtpTransport<Tokio1Executor>>>,
}

impl Email {
    fn transport(&self) -> &AsyncSmtpTransport<Tokio1Executor> {
        self.transport.get_or_init(|| {
            let mut builder =
                AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(self.server.host.as_str())
                    .port(self.server.port)
                    .tls(self.tls.clone())
                    .timeout(Some(COMMAND_LIMIT))
                    .pool_config(PoolConfig::new().max_size(CONNECTIONS).min_idle(0));
            if let Some(password) = &self.password {
                let name = self.server.username.clone().unwrap_or_else(|| self.from.email.to_string());
                builder = builder
                    .credentials(Credentials::new(name, password.expose_secret().to_owned()))
                    .authentication(vec![Mechanism::Plain, Mechanism::Login]);
            }
            builder.build()
        })
    }

    fn place(&self) -> String {
        format!("{}:{}", self.server.host, self.server.port)
    }

    fn refuse(&self, error: &lettre::transport::smtp::Error) -> SendError {
        let place = self.place();
        let code = error.status().map(|code| code.to_string());
        // Servers repeat the address they refuse.
        let said = redact_addresses(&one_line(&said(error), 200));
        let (what, retry) = match code.as_deref() {
            Some("530" | "534" | "535" | "538") => (
                format!("{place} refused the log-in ({said}); check username and password of [email]"),
                Retry::Never,
            ),
            Some(_) if error.is_permanent() => (format!("{place} refused the message: {said}"), Retry::Never),
            Some(_) => (format!("{place} did not take the message now: {said}"), Retry::Soon),
            // The server lacks something we insist on (STARTTLS, a log-in): trying the same again
            // within minutes seldom helps, but an upgrade under way on its side does.
            None if error.is_tls() || is_distrust(error) => {
                let remedy = "its certificate must bear that name and come from an authority that this machine \
                              trusts (SSL_CERT_FILE names others)";
                (format!("no protected connection to {place}: {said}; {remedy}"), Retry::Soon)
            }
            None if error.is_client() => (format!("{place} cannot be used: {said}"), Retry::Never),
            None => (format!("{place} could not be reached: {said}"), Retry::Soon),
        };
        SendError { what, retry }
    }

    fn compose(&self, message: &Message, recipient: &str) -> Result<lettre::Message, SendError> {
        let never = |what: String| SendError { what, retry: Retry::Never };
        let to: Address =
            recipient.parse().map_err(|_| never("the recipient is no mail address".to_owned()))?;
        let domain = self.from.email.domain();
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&message.subject, 200))
            .date(SystemTime::from(message.at))
            .message_id(Some(format!("<{}@{domain}>", atom(&message.key))))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            // Out-of-office answers of older Exchange servers.
            .raw_header(header("X-Auto-Response-Suppress", "All"))
            .raw_header(header("X-Earmark-Key", &message.key));
        if let Some(thread) = &message.thread {
            let root = format!("<{}@{domain}>", atom(thread));
            builder = builder.in_reply_to(root.clone()).references(root);
        }
        if message.urgent {
            builder = builder.raw_header(header("Importance", "high"));
        }
        builder
            .multipart(MultiPart::alternative_plain_html(message.text.clone(), message.html.clone()))
            .map_err(|error| never(format!("the message could not be put together: {error}")))
    }
}

#[async_trait]
impl Channel for Email {
    fn recipients(&self) -> Vec<String> {
        self.to.clone()
    }

    async fn send(&self, message: &Message, recipient: Option<&str>) -> Result<(), SendError> {
        let recipient = recipient
            .ok_or_else(|| SendError { what: "a mail needs a recipient".into(), retry: Retry::Never })?;
        let mail = self.compose(message, recipient)?;
        self.transport().send(mail).await.map(drop).map_err(|error| self.refuse(&error))
    }

    async fn probe(&self) -> Result<(), SendError> {
        match self.transport().test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError { what: format!("{} hung up", self.place()), retry: Retry::Soon }),
            Err(error) => Err(self.refuse(&error)),
        }
    }
}

/// A certificate that fails during STARTTLS comes as a fault of the connection, its reason deep inside.
fn is_distrust(error: &lettre::transport::smtp::Error) -> bool {
    let mut cause = error.source();
    while let Some(at) = cause {
        let inner = at.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = at.source();
    }
    false
}

/// The innermost cause says most; lettre's own words only name the layer.
fn said(error: &lettre::transport::smtp::Error) -> String {
    let code = error.status().map(|code| format!("{code} ")).unwrap_or_default();
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    format!("{code}{cause}")
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), one_line(value, 200))
}

/// Only what may stand left of the `@` of a `Message-ID` without quoting.
fn atom(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .take(120)
        .collect()
}
