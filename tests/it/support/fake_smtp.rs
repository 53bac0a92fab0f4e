//! A mail server on a local port that keeps what it is sent and misbehaves on demand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Where in the talk a fault can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Connect,
    Ehlo,
    Auth,
    MailFrom,
    RcptTo,
    Data,
    Body,
}

/// What the server does in place of taking it.
#[derive(Clone)]
pub enum Fault {
    /// Answers this line.
    Say(&'static str),
    /// Hangs up.
    Drop,
    /// Waits until released, then goes on as if nothing had been.
    Hold(Arc<Notify>),
}

/// One message that reached the end of its body, taken or not.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: Vec<String>,
    pub data: String,
    pub login: Option<String>,
    pub taken: bool,
}

impl Mail {
    /// The value of a header, unfolded; none when it is not there.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let start = format!("{}:", name.to_lowercase());
        head.split("\r\n")
            .find(|line| line.to_lowercase().starts_with(&start))
            .map(|line| line[start.len()..].trim().to_owned())
    }

    pub fn header_names(&self) -> Vec<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        head.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.to_lowercase())
            .collect()
    }
}

type Script = Box<dyn FnMut(Stage, &str) -> Option<Fault> + Send>;

struct State {
    mails: Vec<Mail>,
    script: Script,
    logins: Vec<String>,
}

/// The server; ends with the test's runtime.
#[derive(Clone)]
pub struct FakeSmtp {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl FakeSmtp {
    /// Takes everything.
    pub async fn kind() -> Self {
        Self::scripted(|_, _| None).await
    }

    /// Asks `script` at every stage, with the client's line.
    pub async fn scripted(script: impl FnMut(Stage, &str) -> Option<Fault> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state =
            Arc::new(Mutex::new(State { mails: Vec::new(), script: Box::new(script), logins: Vec::new() }));
        let server = Self { address, state };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let talking = serving.clone();
                // A client that hangs up in the middle is no fault of the test.
                tokio::spawn(async move { drop(talking.talk(stream).await) });
            }
        });
        server
    }

    /// Every message whose body arrived, in order.
    pub fn mails(&self) -> Vec<Mail> {
        self.state.lock().expect("no panic while held").mails.clone()
    }

    /// Those that it took.
    pub fn taken(&self) -> Vec<Mail> {
        self.mails().into_iter().filter(|mail| mail.taken).collect()
    }

    /// `user:password` of every log-in tried.
    pub fn logins(&self) -> Vec<String> {
        self.state.lock().expect("no panic while held").logins.clone()
    }

    fn ask(&self, stage: Stage, line: &str) -> Option<Fault> {
        (self.state.lock().expect("no panic while held").script)(stage, line)
    }

    /// The script's answer, or `usual`; false: hang up. The second: whether `usual` was said.
    async fn answer(
        &self,
        stage: Stage,
        line: &str,
        usual: &str,
        out: &mut (impl AsyncWriteExt + Unpin),
    ) -> std::io::Result<Option<bool>> {
        let said = match self.ask(stage, line) {
            None => usual,
            Some(Fault::Say(text)) => text,
            Some(Fault::Drop) => return Ok(None),
            Some(Fault::Hold(until)) => {
                until.notified().await;
                usual
            }
        };
        out.write_all(format!("{said}\r\n").as_bytes()).await?;
        Ok(Some(said == usual))
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut out) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        if self.answer(Stage::Connect, "", "220 smtp.acme.example ready", &mut out).await?.is_none() {
            return Ok(());
        }
        let (mut to, mut login) = (Vec::new(), None);
        while let Some(line) = lines.next_line().await? {
            let verb = line.to_uppercase();
            let (stage, usual) = match &verb {
                v if v.starts_with("EHLO") => {
                    (Stage::Ehlo, "250-smtp.acme.example\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN")
                }
                v if v.starts_with("AUTH PLAIN") => {
                    let bytes = STANDARD.decode(line[10..].trim()).unwrap_or_default();
                    let text = String::from_utf8_lossy(&bytes).trim_start_matches('\0').replace('\0', ":");
                    self.state.lock().expect("no panic while held").logins.push(text.clone());
                    login = Some(text);
                    (Stage::Auth, "235 welcome")
                }
                v if v.starts_with("MAIL FROM") => (Stage::MailFrom, "250 ok"),
                v if v.starts_with("RCPT TO") => (Stage::RcptTo, "250 ok"),
                v if v.starts_with("DATA") => (Stage::Data, "354 go on"),
                v if v.starts_with("QUIT") => {
                    out.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                v if v.starts_with("RSET") => {
                    to.clear();
                    out.write_all(b"250 ok\r\n").await?;
                    continue;
                }
                _ => {
                    out.write_all(b"250 ok\r\n").await?;
                    continue;
                }
            };
            let Some(usual) = self.answer(stage, &line, usual, &mut out).await? else { return Ok(()) };
            match stage {
                Stage::RcptTo if usual => {
                    to.push(line[8..].split(['<', '>']).nth(1).unwrap_or_default().to_owned());
                }
                Stage::Data if usual => {
                    let mut data = String::new();
                    loop {
                        // A client that is gone before the end of its message has sent none.
                        let Some(line) = lines.next_line().await? else { return Ok(()) };
                        if line == "." {
                            break;
                        }
                        data.push_str(line.strip_prefix('.').unwrap_or(&line));
                        data.push_str("\r\n");
                    }
                    let mut mail =
                        Mail { to: std::mem::take(&mut to), data, login: login.clone(), taken: false };
                    let said = self.answer(Stage::Body, &mail.data, "250 taken", &mut out).await?;
                    mail.taken = said == Some(true);
                    self.state.lock().expect("no panic while held").mails.push(mail);
                    if said.is_none() {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
