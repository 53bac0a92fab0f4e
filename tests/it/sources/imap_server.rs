//! A mail server of our own making: speaks as much IMAP as a reader needs, lets nobody change anything, and
//! fails on demand.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;

/// Opens the one mailbox.
pub const PASSWORD: &str = "correct horse";

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Before a word.
    HangUp,
    /// With a word.
    Bye,
    /// Another protocol.
    NoImap,
    /// The log-in, with this code.
    Refuse(&'static str),
    /// The folder is gone.
    NoFolder,
    /// The connection ends inside a mail.
    CutMail,
    /// Half a line, and then silence.
    Drip,
    /// A line without end.
    Endless,
    /// The mail of that number is broken on the server's disk.
    CannotGive(u32),
}

struct Inner {
    validity: u32,
    mails: Vec<(u32, Vec<u8>)>,
    next: u32,
    fault: Option<Fault>,
    forbidden: Vec<String>,
}

/// The server; clones are the same one.
#[derive(Clone)]
pub struct ImapServer {
    pub port: u16,
    inner: Arc<Mutex<Inner>>,
    delivered: Arc<Notify>,
    idle: Arc<Notify>,
}

impl ImapServer {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let inner = Inner { validity: 7, mails: Vec::new(), next: 1, fault: None, forbidden: Vec::new() };
        let inner = Arc::new(Mutex::new(inner));
        let server = Self { port, inner, delivered: Arc::default(), idle: Arc::default() };
        let all = server.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (read, write) = socket.into_split();
                let server = all.clone();
                tokio::spawn(async move {
                    Talk { server, write, reader: BufReader::new(read), seen: 0 }.run().await
                });
            }
        });
        server
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while holding it")
    }

    /// A mail comes.
    pub fn deliver(&self, mail: Vec<u8>) {
        {
            let mut inner = self.lock();
            let uid = inner.next;
            inner.next += 1;
            inner.mails.push((uid, mail));
        }
        self.delivered.notify_waiters();
    }

    /// The folder is built anew, with other numbers.
    pub fn rebuild(&self) {
        let mut inner = self.lock();
        inner.validity += 1;
        for (uid, _) in &mut inner.mails {
            *uid += 1_000;
        }
        inner.next += 1_000;
    }

    /// From now on this goes wrong, also for whoever is connected.
    pub fn fail(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
        self.delivered.notify_waiters();
    }

    /// What was asked for that changes something, or is not understood.
    pub fn forbidden(&self) -> Vec<String> {
        self.lock().forbidden.clone()
    }

    /// Returns when somebody waits to be told.
    pub async fn until_idle(&self) {
        self.idle.notified().await;
    }
}

struct Talk {
    server: ImapServer,
    write: OwnedWriteHalf,
    reader: BufReader<OwnedReadHalf>,
    /// How many mails its caller knows of.
    seen: usize,
}

impl Talk {
    async fn say(&mut self, text: &str) -> Option<()> {
        self.write.write_all(text.as_bytes()).await.ok()
    }

    async fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.reader.read_line(&mut line).await.ok()? > 0).then(|| line.trim_end().to_owned())
    }

    fn fault(&self) -> Option<Fault> {
        self.server.lock().fault
    }

    async fn run(mut self) -> Option<()> {
        match self.fault() {
            Some(Fault::HangUp) => return None,
            Some(Fault::Bye) => return self.say("* BYE too many\r\n").await,
            Some(Fault::NoImap) => return self.say("HTTP/1.1 400 Bad Request\r\n\r\n").await,
            Some(Fault::Drip) => {
                self.say("* O").await?;
                self.hear().await;
                return None;
            }
            Some(Fault::Endless) => {
                self.say("* OK ").await?;
                let words = "x".repeat(1 << 16);
                loop {
                    self.say(&words).await?;
                }
            }
            _ => {}
        }
        self.say("* OK ready\r\n").await?;
        loop {
            let line = self.hear().await?;
            let (tag, command) = line.split_once(' ')?;
            self.answer(tag, command).await?;
        }
    }

    async fn answer(&mut self, tag: &str, command: &str) -> Option<()> {
        let done = format!("{tag} OK done\r\n");
        if command == "CAPABILITY" {
            self.say(&format!("* CAPABILITY IMAP4rev1 IDLE LITERAL+\r\n{done}")).await
        } else if let Some(word) = command.strip_prefix("LOGIN ") {
            match self.fault() {
                Some(Fault::Refuse(code)) => {
                    self.say(&format!("{tag} NO [{code}] not you, feedback\r\n")).await
                }
                _ if word == format!("\"feedback\" \"{PASSWORD}\"") => self.say(&done).await,
                _ => self.say(&format!("{tag} NO [AUTHENTICATIONFAILED] no\r\n")).await,
            }
        } else if command == "EXAMINE \"INBOX\"" {
            if self.fault() == Some(Fault::NoFolder) {
                return self.say(&format!("{tag} NO [NONEXISTENT] no such folder\r\n")).await;
            }
            self.seen = self.server.lock().mails.len();
            let said = {
                let inner = self.server.lock();
                format!(
                    "* FLAGS (\\Seen)\r\n* {} EXISTS\r\n* OK [UIDVALIDITY {}] lasting\r\n* OK [UIDNEXT {}] next\r\n",
                    inner.mails.len(),
                    inner.validity,
                    inner.next
                )
            };
            self.say(&format!("{said}{tag} OK [READ-ONLY] done\r\n")).await
        } else if let Some(what) = command.strip_prefix("UID SEARCH ") {
            let found = self.search(what);
            self.say(&format!("* SEARCH{found}\r\n{done}")).await
        } else if let Some(what) = command.strip_prefix("UID FETCH ") {
            self.fetch(tag, what).await
        } else if command == "IDLE" {
            self.tell(tag).await
        } else {
            self.server.lock().forbidden.push(command.to_owned());
            self.say(&format!("{tag} BAD what?\r\n")).await
        }
    }

    fn search(&self, what: &str) -> String {
        let inner = self.server.lock();
        let range = what.strip_prefix("UID ").and_then(|range| range.split_once(':'));
        let (from, to) = match range {
            Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
            None => (0, u32::MAX),
        };
        assert!(range.is_some() || what.starts_with("SINCE 1-Feb-2026"), "{what}");
        inner
            .mails
            .iter()
            .filter(|(uid, _)| (from..=to).contains(uid))
            .map(|(uid, _)| format!(" {uid}"))
            .collect()
    }

    async fn fetch(&mut self, tag: &str, what: &str) -> Option<()> {
        let (uids, items) = what.split_once(' ')?;
        let most = items.strip_prefix("(UID BODY.PEEK[]<0.").and_then(|rest| rest.strip_suffix(">)"));
        let Some(most) = most.and_then(|most| most.parse::<usize>().ok()) else {
            self.server.lock().forbidden.push(what.to_owned());
            return self.say(&format!("{tag} BAD what?\r\n")).await;
        };
        let wanted: Vec<u32> = uids.split(',').map(|uid| uid.parse().unwrap()).collect();
        let fault = self.fault();
        if let Some(Fault::CannotGive(broken)) = fault
            && wanted.contains(&broken)
        {
            return self.say(&format!("{tag} NO [SERVERBUG] its file is broken\r\n")).await;
        }
        let mails: Vec<(u32, Vec<u8>)> =
            self.server.lock().mails.iter().filter(|(uid, _)| wanted.contains(uid)).cloned().collect();
        for (number, (uid, mail)) in (1..).zip(mails) {
            let mail = &mail[..mail.len().min(most)];
            self.say(&format!("* {number} FETCH (UID {uid} BODY[]<0> {{{}}}\r\n", mail.len())).await?;
            if fault == Some(Fault::CutMail) {
                self.write.write_all(&mail[..mail.len() / 2]).await.ok()?;
                return None;
            }
            self.write.write_all(mail).await.ok()?;
            self.say(")\r\n").await?;
        }
        self.say(&format!("{tag} OK done\r\n")).await
    }

    async fn tell(&mut self, tag: &str) -> Option<()> {
        let server = self.server.clone();
        let delivered = server.delivered.notified();
        tokio::pin!(delivered);
        delivered.as_mut().enable();
        // Whoever is connected when it begins to fail is sent away.
        if self.fault().is_some() {
            return None;
        }
        self.say("+ idling\r\n").await?;
        server.idle.notify_one();
        let mut line = String::new();
        let news = self.server.lock().mails.len() != self.seen;
        let told = news
            || tokio::select! {
                () = delivered => true,
                _ = self.reader.read_line(&mut line) => false,
            };
        if told {
            if self.fault().is_some() {
                return None;
            }
            let count = self.server.lock().mails.len();
            self.say(&format!("* {count} EXISTS\r\n")).await?;
            line = self.hear().await?;
        }
        assert_eq!(line.trim_end(), "DONE");
        self.say(&format!("{tag} OK done\r\n")).await
    }
}
