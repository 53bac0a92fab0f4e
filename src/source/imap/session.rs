//! A conversation with an IMAP server: signed in, looking and never touching. `EXAMINE` opens a folder for
//! reading only, and `BODY.PEEK` leaves no mark, so a mail stays unread for the people whose mailbox it is.
//!
//! What a server says after a refused log-in may repeat the name that was given, so only its code is shown.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};

use super::wire::{Line, Wire, Word};
use crate::net::{
    self,
    stream::{self, Tls},
};
use crate::source::{Retry, SourceError, text};

/// A command and all of its answer may take so many times the patience for a part of it.
const WHOLE: u32 = 6;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first byte.
    Implicit,
    /// TLS before anybody signs in.
    StartTls,
    /// None: inside one's own machine or network.
    None,
}

/// Where the mailbox is.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its name.
    pub host: String,
    /// 993, or 143 without TLS from the first byte.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// Whether it may stand in a private network.
    pub allow_private: bool,
    /// The longest silence.
    pub patience: Duration,
}

/// Whose it is.
pub struct Account {
    /// As the server knows it.
    pub user: String,
    /// A password, or a token.
    pub secret: SecretString,
    /// Whether it is a token (XOAUTH2).
    pub token: bool,
}

/// What a server may ask at one log-in; both mechanisms need one or two.
const MOST_QUESTIONS: usize = 4;

/// A folder, opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Folder {
    /// Numbers of mails mean nothing once this changes.
    pub validity: u32,
    /// The number that the next mail will get, where the server says so.
    pub next: Option<u32>,
}

/// A mail as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// Its number.
    pub uid: u32,
    /// Its first bytes.
    pub bytes: Bytes,
}

/// The end of a command.
struct Done {
    lines: Vec<Line>,
    ok: bool,
    text: String,
}

/// A conversation.
pub struct Session {
    wire: Wire,
    shown: String,
    patience: Duration,
    can: BTreeSet<String>,
    number: u32,
    idle: Option<String>,
    /// It told of mails in passing, beside the answer to something else.
    news: bool,
}

impl Session {
    /// Connects and signs in.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn open(server: &Server, tls: &Tls, account: &Account) -> Result<Self, SourceError> {
        let Server { host, port, protection, allow_private, patience } = server;
        let shown = format!("{host}:{port}");
        let plain = stream::connect(host, *port, *allow_private, *patience).await.map_err(from_net)?;
        let wire = if *protection == Protection::Implicit {
            let secure = tls.over(host, plain, *patience).await.map_err(from_net)?;
            Wire::new(Box::new(secure), shown.clone(), *patience)
        } else {
            Wire::new(Box::new(plain), shown.clone(), *patience)
        };
        let mut session = Self {
            wire,
            shown: shown.clone(),
            patience: *patience,
            can: BTreeSet::new(),
            number: 0,
            idle: None,
            news: false,
        };
        let greeting = session.wire.line().await.map_err(from_net)?;
        if greeting.after("* BYE").is_some() {
            return Err(session.fault("sends us away", Retry::Soon));
        }
        let signed_in = greeting.after("* PREAUTH").is_some();
        if !signed_in && greeting.after("* OK").is_none() {
            return Err(session.fault("speaks no IMAP", Retry::Never));
        }
        if *protection == Protection::StartTls {
            session = session.start_tls(host, tls).await?;
        }
        session.capabilities().await?;
        if !signed_in {
            session.sign_in(account).await?;
            session.capabilities().await?;
        }
        Ok(session)
    }

    async fn start_tls(mut self, host: &str, tls: &Tls) -> Result<Self, SourceError> {
        let done = self.command("STARTTLS").await?;
        if !done.ok {
            return Err(
                self.fault("offers no STARTTLS; with tls = \"implicit\" port 993 is asked", Retry::Never)
            );
        }
        let bare = self.wire.into_stream().map_err(from_net)?;
        let secure = tls.over(host, bare, self.patience).await.map_err(from_net)?;
        self.wire = Wire::new(Box::new(secure), self.shown.clone(), self.patience);
        Ok(self)
    }

    async fn capabilities(&mut self) -> Result<(), SourceError> {
        let done = self.command("CAPABILITY").await?;
        let said = done.lines.iter().filter_map(|line| line.after("* CAPABILITY"));
        self.can = said
            .flat_map(|words| words.to_uppercase().split(' ').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        Ok(())
    }

    async fn sign_in(&mut self, account: &Account) -> Result<(), SourceError> {
        let (user, secret) = (&account.user, account.secret.expose_secret());
        let done = if account.token {
            if !self.can.contains("AUTH=XOAUTH2") {
                return Err(self.fault("takes no token (XOAUTH2); write password", Retry::Never));
            }
            let word = format!("user={user}\u{1}auth=Bearer {secret}\u{1}\u{1}");
            self.authenticate("XOAUTH2", &word).await?
        } else if self.can.contains("AUTH=PLAIN") {
            self.authenticate("PLAIN", &format!("\0{user}\0{secret}")).await?
        } else if self.can.contains("LOGINDISABLED") {
            return Err(self.fault(
                "takes no password on an unprotected connection; write tls = \"starttls\"",
                Retry::Never,
            ));
        } else if self.can.contains("AUTH=XOAUTH2") && !self.can.contains("AUTH=LOGIN") {
            let what = "takes a token (XOAUTH2) and no password; write token in place of password";
            return Err(self.fault(what, Retry::Never));
        } else {
            let (Some(user), Some(secret)) = (quoted(user), quoted(secret)) else {
                return Err(self.fault("takes only plain letters in a name and a password", Retry::Never));
            };
            self.command(&format!("LOGIN {user} {secret}")).await?
        };
        if done.ok {
            return Ok(());
        }
        let code = code(&done.text);
        // Too many at once, or a part of the server that is down: neither is the account's fault.
        let passes = matches!(code, Some("UNAVAILABLE" | "LIMIT" | "INUSE" | "SERVERBUG"));
        let what = match (code, account.token) {
            (Some(code), _) if passes => format!("takes nobody in now [{code}]"),
            (_, true) => {
                let why = done.lines.iter().find_map(challenge);
                let why = why.map_or_else(String::new, |why| format!(" ({why})"));
                format!(
                    "refused the token{why}: renew it where it comes from; it must be for this account, and for IMAP"
                )
            }
            (Some(code), false) => format!("refused name or password [{code}]"),
            (None, false) => "refused name or password".to_owned(),
        };
        Err(self.fault(&what, if passes { Retry::Soon } else { Retry::Never }))
    }

    async fn authenticate(&mut self, mechanism: &str, word: &str) -> Result<Done, SourceError> {
        let word = STANDARD.encode(word);
        if self.can.contains("SASL-IR") {
            return self.finish_authentication(format!("AUTHENTICATE {mechanism} {word}"), None).await;
        }
        self.finish_authentication(format!("AUTHENTICATE {mechanism}"), Some(word)).await
    }

    async fn finish_authentication(
        &mut self,
        command: String,
        mut word: Option<String>,
    ) -> Result<Done, SourceError> {
        let tag = self.begin(&command).await?;
        let mut asked = Vec::new();
        loop {
            let line = self.line().await?;
            if line.after("+").is_some() {
                if asked.len() == MOST_QUESTIONS {
                    return Err(self.fault("asks for ever more at the log-in", Retry::Soon));
                }
                asked.push(line);
                // The second question is the reason of a refusal, which wants an empty answer.
                let answer = word.take().unwrap_or_default();
                self.wire.send(format!("{answer}\r\n").as_bytes()).await.map_err(from_net)?;
            } else if let Some(mut done) = self.ended(&tag, &line) {
                done.lines.append(&mut asked);
                return Ok(done);
            }
        }
    }

    /// Opens a folder for reading only.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn examine(&mut self, folder: &str) -> Result<Folder, SourceError> {
        let name = quoted(&utf7(folder)).unwrap_or_default();
        let done = self.command(&format!("EXAMINE {name}")).await?;
        self.news = false;
        if !done.ok {
            let what = format!("does not open the folder \"{folder}\": {}", shortly(&done.text));
            return Err(self.fault(&what, Retry::Never));
        }
        let number = |name: &str| {
            done.lines.iter().filter_map(|line| line.after("* OK")).find_map(|text| {
                let rest = text.strip_prefix('[')?.split(']').next()?.strip_prefix(name)?;
                rest.trim().parse::<u32>().ok()
            })
        };
        let Some(validity) = number("UIDVALIDITY ") else {
            return Err(self.fault("gives its mails no lasting numbers (UIDVALIDITY)", Retry::Never));
        };
        Ok(Folder { validity, next: number("UIDNEXT ") })
    }

    /// Numbers of mails, ascending.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn search(&mut self, what: &str) -> Result<Vec<u32>, SourceError> {
        let done = self.command(&format!("UID SEARCH {what}")).await?;
        if !done.ok {
            return Err(self.fault(&format!("does not search: {}", shortly(&done.text)), Retry::Soon));
        }
        let mut found: Vec<u32> = done
            .lines
            .iter()
            .filter_map(|line| line.after("* SEARCH"))
            .flat_map(|numbers| {
                numbers.split(' ').filter_map(|number| number.parse().ok()).collect::<Vec<u32>>()
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The first bytes of mails, at most `most` of each; none where the server says that it cannot give them.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn fetch(&mut self, uids: &[u32], most: usize) -> Result<Option<Vec<Raw>>, SourceError> {
        let numbers: Vec<String> = uids.iter().map(u32::to_string).collect();
        let done =
            self.command(&format!("UID FETCH {} (UID BODY.PEEK[]<0.{most}>)", numbers.join(","))).await?;
        let found: Vec<Raw> =
            done.lines.iter().filter_map(raw).filter(|raw| uids.contains(&raw.uid)).collect();
        Ok((done.ok || !found.is_empty()).then_some(found))
    }

    /// Whether it tells of new mails by itself.
    pub fn can_idle(&self) -> bool {
        self.can.contains("IDLE")
    }

    /// Whether it was asked to.
    pub fn is_idle(&self) -> bool {
        self.idle.is_some()
    }

    /// Asks to be told of new mails.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn begin_idle(&mut self) -> Result<(), SourceError> {
        let tag = self.begin("IDLE").await?;
        loop {
            let line = self.line().await?;
            if line.after("+").is_some() {
                self.idle = Some(tag);
                return Ok(());
            }
            if self.ended(&tag, &line).is_some() {
                self.can.remove("IDLE");
                return Ok(());
            }
        }
    }

    /// Waits at most so long to be told of anything; whether something came since the folder was opened.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn told(&mut self, wait: Duration) -> Result<bool, SourceError> {
        if self.news {
            return Ok(true);
        }
        let heard = tokio::time::timeout(wait, async {
            loop {
                let line = self.wire.line_within(wait * 2).await.map_err(from_net)?;
                if line.after("* BYE").is_some() {
                    return Err(self.fault("ended the conversation", Retry::Soon));
                }
                // "still here" is no news.
                if line.after("* OK").is_none() {
                    return Ok(());
                }
            }
        })
        .await;
        heard.map_or(Ok(false), |heard| heard.map(|()| true))
    }

    /// No more telling: commands follow.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn end_idle(&mut self) -> Result<(), SourceError> {
        let Some(tag) = self.idle.take() else { return Ok(()) };
        self.wire.send(b"DONE\r\n").await.map_err(from_net)?;
        self.answer(&tag).await.map(drop)
    }

    async fn begin(&mut self, command: &str) -> Result<String, SourceError> {
        self.number += 1;
        let tag = format!("e{}", self.number);
        self.wire.send(format!("{tag} {command}\r\n").as_bytes()).await.map_err(from_net)?;
        Ok(tag)
    }

    async fn command(&mut self, command: &str) -> Result<Done, SourceError> {
        let tag = self.begin(command).await?;
        self.answer(&tag).await
    }

    async fn answer(&mut self, tag: &str) -> Result<Done, SourceError> {
        let late = net::Error::Timeout { url: self.shown.clone() };
        let patience = self.patience * WHOLE;
        let answered = async {
            let mut lines = Vec::new();
            loop {
                let line = self.line().await?;
                if let Some(done) = self.ended(tag, &line) {
                    return Ok(Done { lines, ..done });
                }
                lines.push(line);
            }
        };
        tokio::time::timeout(patience, answered).await.unwrap_or_else(|_| Err(from_net(late)))
    }

    async fn line(&mut self) -> Result<Line, SourceError> {
        let line = self.wire.line().await.map_err(from_net)?;
        self.news |= line.after("*").is_some_and(|said| said.to_ascii_uppercase().ends_with(" EXISTS"));
        match line.after("* BYE") {
            Some(_) => Err(self.fault("ended the conversation", Retry::Soon)),
            None => Ok(line),
        }
    }

    fn ended(&self, tag: &str, line: &Line) -> Option<Done> {
        let rest = line.after(tag)?;
        let (word, text) = rest.split_once(' ').unwrap_or((&rest, ""));
        Some(Done { lines: Vec::new(), ok: word.eq_ignore_ascii_case("OK"), text: text.to_owned() })
    }

    fn fault(&self, what: &str, retry: Retry) -> SourceError {
        SourceError { what: format!("{} {what}", self.shown), retry, position: None }
    }
}

fn from_net(error: net::Error) -> SourceError {
    let retry = if error.may_pass() { Retry::Soon } else { Retry::Never };
    SourceError { what: error.to_string(), retry, position: None }
}

/// Why a token was refused, as the question says that follows it: `{"status":"401","schemes":"bearer"}`, packed.
fn challenge(line: &Line) -> Option<String> {
    let said: serde_json::Value =
        serde_json::from_slice(&STANDARD.decode(line.after("+")?.trim()).ok()?).ok()?;
    let status = said.get("status")?;
    let status = status.as_str().map_or_else(|| status.to_string(), str::to_owned);
    // A word of its own, and no text of anybody's.
    let word = status.len() <= 40 && status.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    word.then_some(status)
}

/// The mail in a line of an answer to `FETCH`, if it holds one.
fn raw(line: &Line) -> Option<Raw> {
    let words = line.words();
    let is = |word: &Word, name: &str| matches!(word, Word::Atom(atom) if atom.eq_ignore_ascii_case(name));
    if !words.get(2).is_some_and(|word| is(word, "FETCH")) {
        return None;
    }
    let (mut uid, mut bytes) = (None, None);
    for pair in words.windows(2) {
        match (&pair[0], &pair[1]) {
            (name, Word::Atom(number)) if is(name, "UID") => uid = number.parse().ok(),
            (name, Word::Text(text)) if is(name, "BODY[]<0>") || is(name, "BODY[]") => {
                bytes = Some(text.clone())
            }
            (name, Word::Atom(nil)) if is(name, "BODY[]<0>") && nil == "NIL" => bytes = Some(Bytes::new()),
            _ => {}
        }
    }
    Some(Raw { uid: uid?, bytes: bytes? })
}

/// The code of an answer: `[NONEXISTENT] no such folder`.
fn code(text: &str) -> Option<&str> {
    let code = text.strip_prefix('[')?.split([']', ' ']).next()?;
    let fits = !code.is_empty()
        && code.len() <= 40
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits.then_some(code)
}

fn shortly(said: &str) -> String {
    text::cut(&text::one_line(said), 160).to_owned()
}

/// A quoted string; none where one cannot say it.
fn quoted(text: &str) -> Option<String> {
    let fits = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    fits.then(|| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A folder's name as IMAP writes it: what is not ASCII in a base64 of its own (RFC 3501, 5.1.3).
fn utf7(name: &str) -> String {
    let mut written = String::new();
    let mut beyond: Vec<u8> = Vec::new();
    let flush = |beyond: &mut Vec<u8>, written: &mut String| {
        if !beyond.is_empty() {
            let code = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&*beyond).replace('/', ",");
            written.push_str(&format!("&{code}-"));
            beyond.clear();
        }
    };
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut beyond, &mut written);
            written.push(c);
            if c == '&' {
                written.push('-');
            }
        } else {
            let mut units = [0; 2];
            beyond.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut beyond, &mut written);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_written_as_the_protocol_has_them() {
        assert_eq!(utf7("INBOX/Entwürfe & mehr"), "INBOX/Entw&APw-rfe &- mehr");
        assert_eq!(utf7("台北"), "&U,BTFw-");
        assert_eq!(quoted("a\"b\\c").as_deref(), Some("\"a\\\"b\\\\c\""));
        assert_eq!(quoted("a\r\nb"), None);
        assert_eq!(code("[AUTHENTICATIONFAILED] no"), Some("AUTHENTICATIONFAILED"));
        assert_eq!((code("no"), code("[<b>] no")), (None, None));
    }
}
