//! Who was told what: mails, hooks, lines of files, each to be expected exactly once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{SECRET, World};
use crate::support::fake_smtp::{FakeSmtp, Fault, Mail, Stage};
use crate::support::sink::Hook;

/// A message that somebody got.
#[derive(Debug, Clone)]
pub struct Told {
    pub to: String,
    /// Subject and text in one line, however they were wrapped.
    pub words: String,
    /// Paths of the signed links: acknowledge, resolve.
    pub links: Vec<String>,
    pub mail: Option<Mail>,
}

impl Told {
    /// Fails unless `part` stands in it.
    pub fn says(&self, part: &str) -> &Self {
        assert!(self.words.contains(part), "{:?} is not said in:\n{}", part, self.words);
        self
    }
}

/// The mail server with what was read of it, and the sinks' and files' read marks.
pub(super) struct Post {
    smtp: FakeSmtp,
    /// Addresses that are refused for good.
    dead: Arc<Mutex<BTreeSet<String>>>,
    pub mails_read: BTreeSet<usize>,
    pub hooks_read: BTreeSet<usize>,
    pub lines_read: BTreeSet<(String, usize)>,
}

impl Post {
    pub async fn open() -> Self {
        let dead: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let refused = dead.clone();
        let smtp = FakeSmtp::scripted(move |stage, line| {
            let dead = refused.lock().expect("no panic while held");
            let hit = stage == Stage::RcptTo && dead.iter().any(|address| line.contains(address.as_str()));
            hit.then_some(Fault::Say("550 5.1.1 no such user"))
        })
        .await;
        let none = BTreeSet::new();
        Self { smtp, dead, mails_read: none.clone(), hooks_read: none, lines_read: BTreeSet::new() }
    }

    pub fn address(&self) -> SocketAddr {
        self.smtp.address
    }
}

impl World {
    /// From now on mail to this address is refused for good.
    pub fn bury(&self, address: &str) {
        self.post.dead.lock().expect("no panic while held").insert(address.into());
    }

    /// From now on the sink answers that.
    pub fn hooks_answer(&self, status: u16) {
        self.hook_answers.store(status, Ordering::SeqCst);
    }

    /// The oldest unread mail to `NAME@acme.example`, which says `part`.
    pub fn expect_mail_to(&mut self, name: &str, part: &str) -> Told {
        let address = format!("{name}@acme.example");
        let found = self.unread_mails().into_iter().find(|(_, mail)| mail.to.contains(&address));
        let Some((n, mail)) = found else {
            panic!("no mail to {address}; unread are:\n{}", self.unread().join("\n"))
        };
        self.post.mails_read.insert(n);
        let told = read_mail(&address, mail);
        told.says(part);
        told
    }

    /// The oldest unread hook, signed by us, which says `part`.
    pub fn expect_hook(&mut self, part: &str) -> Told {
        let hooks = self.taken_hooks();
        let found = (0..hooks.len()).find(|n| !self.post.hooks_read.contains(n));
        let Some(n) = found else { panic!("no hook; unread are:\n{}", self.unread().join("\n")) };
        self.post.hooks_read.insert(n);
        assert!(hooks[n].is_signed_with(SECRET), "the hook is not signed by us");
        let words = hooks[n].json().to_string();
        let told = Told { to: "hook".into(), words, links: vec![], mail: None };
        told.says(part);
        told
    }

    /// The oldest unread line of a file channel, which says `part`.
    pub fn expect_line(&mut self, file: &str, part: &str) -> Told {
        let found = self
            .lines(file)
            .into_iter()
            .find(|(n, _)| !self.post.lines_read.contains(&(file.to_owned(), *n)));
        let Some((n, line)) = found else { panic!("no line; unread are:\n{}", self.unread().join("\n")) };
        self.post.lines_read.insert((file.to_owned(), n));
        let whole: Value = serde_json::from_str(&line).expect("a line is JSON");
        let told = Told { to: file.into(), words: whole.to_string(), links: vec![], mail: None };
        told.says(part);
        told
    }

    /// Nothing unread lies anywhere.
    pub fn expect_nobody_told(&self) {
        let unread = self.unread();
        assert!(unread.is_empty(), "nobody should have been told, but:\n{}", unread.join("\n"));
    }

    /// Reads everything, where a test counts in another way who was told.
    pub fn read_all(&mut self) {
        self.post.mails_read.extend(0..self.post.smtp.taken().len());
        self.post.hooks_read.extend(0..self.taken_hooks().len());
        let lines = self.lines("ops").len();
        self.post.lines_read.extend((0..lines).map(|n| ("ops".to_owned(), n)));
    }

    /// Everything unread, a line each.
    pub(super) fn unread(&self) -> Vec<String> {
        let mut unread: Vec<String> = self
            .unread_mails()
            .into_iter()
            .map(|(_, mail)| {
                let told = read_mail(&mail.to.join(", "), mail);
                format!("mail to {}: {}", told.to, told.words.chars().take(300).collect::<String>())
            })
            .collect();
        let hooks = self.taken_hooks();
        unread.extend(
            hooks
                .iter()
                .enumerate()
                .filter(|(n, _)| !self.post.hooks_read.contains(n))
                .map(|(_, hook)| format!("hook: {}", hook.json())),
        );
        unread.extend(
            self.lines("ops")
                .into_iter()
                .filter(|(n, _)| !self.post.lines_read.contains(&("ops".into(), *n)))
                .map(|(_, line)| format!("line for ops: {line}")),
        );
        unread
    }

    fn unread_mails(&self) -> Vec<(usize, Mail)> {
        let mails = self.post.smtp.taken().into_iter().enumerate();
        mails.filter(|(n, _)| !self.post.mails_read.contains(n)).collect()
    }

    fn taken_hooks(&self) -> Vec<Hook> {
        self.sink.hooks().into_iter().filter(|hook| hook.answered < 300).collect()
    }

    fn lines(&self, file: &str) -> Vec<(usize, String)> {
        let text = std::fs::read_to_string(self.store_folder().join(format!("{file}.jsonl")));
        text.unwrap_or_default().lines().map(str::to_owned).enumerate().collect()
    }
}

fn read_mail(to: &str, mail: Mail) -> Told {
    let subject = mail.header("subject").unwrap_or_default();
    let text = plain_part(&mail.data);
    let links = text
        .split_whitespace()
        .filter_map(|word| word.find("/link/").map(|at| word[at..].to_owned()))
        .collect();
    let words = format!("{subject} {}", text.split_whitespace().collect::<Vec<_>>().join(" "));
    Told { to: to.into(), words, links, mail: Some(mail) }
}

/// The text/plain part with its transfer encoding taken off.
fn plain_part(data: &str) -> String {
    let Some(at) = data.find("Content-Type: text/plain") else { return data.to_owned() };
    let part = &data[at..];
    let (head, body) = part.split_once("\r\n\r\n").unwrap_or((part, ""));
    let body = body.split("\r\n--").find(|piece| !piece.starts_with(" ")).unwrap_or(body);
    if head.to_lowercase().contains("base64") {
        use base64::Engine as _;
        let packed: String = body.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed).unwrap_or_default();
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    if !head.to_lowercase().contains("quoted-printable") {
        return body.to_owned();
    }
    let body = body.replace("=\r\n", "");
    let (mut bytes, mut rest) = (Vec::new(), body.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        let pair = more.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'=') {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
