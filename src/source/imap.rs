//! A mailbox: feedback, survey answers and alerts that people or programs forward. Read only: a folder is
//! examined, never selected, and mails are peeked at, so nothing is marked as read, moved or deleted.
//!
//! # Wanted
//! * Every mail that lies in the folder is found once. The cursor is `UIDVALIDITY` with the numbers (UIDs)
//!   read; it moves with the mails' effects. After an absence the newest come first ([`cursor`]).
//! * A folder that is built anew (another `UIDVALIDITY`) is read anew. A post's name is the mail's
//!   `Message-ID`, so nobody hears of a mail twice; the same holds for a copy in two folders of one source.
//! * New mails are told by the server where it can (`IDLE`): the connection stays, and a look waits for the
//!   word. Elsewhere it looks every `interval`.
//! * What the writer of a mail says is told from what they answer to ([`quoted`]).
//!
//! # Accepted
//! * A mail that somebody moves or deletes before it was read was never there: a mailbox has no record of it.
//! * A first look goes back `days` days and no further.
//! * Of a mail longer than 1 MiB the first MiB is read: words come before attachments.
//! * A mail that the server itself cannot give is rejected and passed over.
//!
//! ```toml
//! [[sources]]
//! id = "feedback"
//! kind = "imap"
//! params = { server = "imap.acme.example", user = "feedback@acme.example", password = { credential = "imap" } }
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use mail_parser::mailbox::mbox::MessageIterator;

use super::params::Params;
use super::{
    Answer, Batch, Built, Kind, Nothing, Parsed, Position, Reject, Retry, Settings, Source, SourceError,
    Terms, Tools,
};
use crate::domain::post::PostKind;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::domain::source::SkipReason;
use crate::net::stream::Tls;
use crate::runtime::secret;

mod cursor;
mod mail;
mod quoted;
mod sasl;
mod session;
pub mod wire;

use cursor::Cursor;
use mail::{Named, Shape};
use session::{Account, Folder, Protection, Server, Session};

/// The kind `imap`.
pub const KIND: Kind = Kind {
    name: "imap",
    about: "a mailbox: forwarded feedback, survey answers, alerts; nothing in it is marked",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    needs: "an account of the mailbox: password, or token (XOAUTH2)",
    paging: "50 mails a look, 1 MiB of each",
    least_every: 10,
    sees: "mails of one folder, without what they quote and without signatures; answers of machines are left out",
    cannot: "mails moved or deleted before a look; attachments; on a first look what is older than `days`",
    ..Terms::OWN
};

/// Mails taken in at once.
const BATCH: usize = 50;
/// Mails asked for in one command.
const AT_ONCE: usize = 10;
/// The most that is read of a mail.
const MOST_MAIL: usize = 1 << 20;
/// How long a look waits to be told of a mail. Short, so that a reload need not wait for it.
const LISTEN: Duration = Duration::from_secs(5);
/// Servers hang up on whoever is silent for half an hour (RFC 2177).
const SAY_AGAIN: SignedDuration = SignedDuration::from_mins(25);

struct Wanted {
    server: Server,
    user: String,
    password: Option<SecretRef>,
    token: Option<SecretRef>,
    authority: Option<PathBuf>,
    folder: String,
    days: i64,
    interval: SignedDuration,
    shape: Shape,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let host = params.text("server").unwrap_or_default().to_owned();
    if host.is_empty() && settings.params.get("server").is_none() {
        params.fault("server", "is missing", "write server = \"imap.acme.example\"");
    } else if host.contains(['/', ':', ' ', '@']) {
        params.fault(
            "server",
            format!("\"{host}\" is no host"),
            "write the name alone; the port goes into port",
        );
    }
    let protection =
        [("implicit", Protection::Implicit), ("starttls", Protection::StartTls), ("none", Protection::None)];
    let protection = params.word("tls", &protection).unwrap_or(Protection::Implicit);
    let allow_private = params.flag("allow_private");
    if protection == Protection::None && !allow_private {
        params.fault(
            "tls",
            "a password would go unprotected through the open internet",
            "write tls = \"starttls\", or allow_private = true where the server stands in your own network",
        );
    }
    let usual = if protection == Protection::Implicit { 993 } else { 143 };
    let port = number(&mut params, "port", usual, 1..=65_535);
    let user = params.text("user").unwrap_or_default().to_owned();
    if user.is_empty() && settings.params.get("user").is_none() {
        params.fault("user", "is missing", "write user = \"feedback@acme.example\"");
    }
    let (password, token) = (params.secret("password"), params.secret("token"));
    match (settings.params.get("password").is_some(), settings.params.get("token").is_some()) {
        (false, false) => params.fault(
            "password",
            "is missing",
            "write password = { credential = \"name\" }, or token = { file = \"path\" } for XOAUTH2",
        ),
        (true, true) => params.fault("token", "there is a password too", "leave one of them out"),
        _ => {}
    }
    let authority = params.text("authority").map(PathBuf::from);
    let folder = params.text("folder").unwrap_or("INBOX").to_owned();
    if folder.contains(char::is_control) {
        params.fault("folder", "a name has no control characters", "write it as your mail program shows it");
    }
    let days = number(&mut params, "days", 30, 0..=3_650);
    let interval = params.wait("interval", 60, 10);
    let patience = params.wait("timeout", 20, 1);
    let patience = Duration::from_secs(patience.as_secs().clamp(1, 300).unsigned_abs());
    let kinds = PostKind::ALL.map(|kind| (kind.as_str(), kind));
    let kind = params.word("kind", &kinds).unwrap_or(PostKind::Ticket);
    let names = [("name", Named::Name), ("address", Named::Address), ("none", Named::Nobody)];
    let author = params.word("author", &names).unwrap_or(Named::Name);
    let site = params.text("site").unwrap_or_default().to_lowercase();
    let shape = Shape { source: settings.id.clone(), kind, site, author };
    let port = u16::try_from(port).unwrap_or(993);
    let server = Server { host, port, protection, allow_private, patience };
    (Wanted { server, user, password, token, authority, folder, days, interval, shape }, params.finish())
}

fn number(
    params: &mut Params<'_>,
    key: &'static str,
    default: i64,
    range: std::ops::RangeInclusive<i64>,
) -> i64 {
    let Some(value) = params.value(key) else { return default };
    let number = value.as_i64().filter(|number| range.contains(number));
    if number.is_none() {
        let remedy =
            format!("write a whole number from {} to {}, without quotes", range.start(), range.end());
        params.fault(key, format!("{value} is out of range"), remedy);
    }
    number.unwrap_or(default)
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, _: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let tls = Tls::new(wanted.authority.as_deref().map(Path::new))?;
    let imap = Imap { wanted, tls, session: None, told_at: Timestamp::UNIX_EPOCH, caught_up: false };
    // A pointer to nowhere should show at the start and not in the night.
    imap.account()?;
    Ok(Built::Pull(Box::new(imap)))
}

/// The post of a saved mail, or those of a saved folder (mbox).
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let shape = wanted(settings).0.shape;
    let mut parsed = Parsed::default();
    let body = answer.body;
    if body.trim_ascii().is_empty() {
        return Nothing::NoPostsInside.into();
    }
    if body.starts_with(b"From ") {
        for (index, message) in MessageIterator::new(body).flatten().enumerate() {
            take(&mut parsed, &shape, message.contents(), &format!("mail {}", index + 1));
        }
    } else if matches!(body.trim_ascii_start().first(), Some(b'<' | b'{' | b'[')) {
        return Nothing::ForeignInterface.into();
    } else {
        take(&mut parsed, &shape, body, "");
    }
    let automatic = parsed.rejects.iter().all(|reject| reject.reason == SkipReason::Automatic);
    if parsed.posts.is_empty() && automatic {
        parsed.nothing = Some(Nothing::NoPostsInside);
    }
    parsed.settled()
}

fn take(parsed: &mut Parsed, shape: &Shape, raw: &[u8], at: &str) {
    match mail::post(shape, raw) {
        Ok(post) => parsed.posts.push(post),
        Err(mail::Skipped { reason, why }) => {
            parsed.rejects.push(Reject { reason, at: at.to_owned(), why: why.to_owned() });
        }
    }
}

struct Imap {
    wanted: Wanted,
    tls: Tls,
    session: Option<Session>,
    /// When the server was last asked to tell.
    told_at: Timestamp,
    /// Nothing was left to read after the last look.
    caught_up: bool,
}

impl Imap {
    /// Read at each log-in: tokens are renewed beside us.
    fn account(&self) -> Result<Account, String> {
        let Wanted { user, password, token, .. } = &self.wanted;
        let pointer =
            token.as_ref().or(password.as_ref()).ok_or("there is neither a password nor a token")?;
        Ok(Account { user: user.clone(), secret: secret::fetch(pointer)?, token: token.is_some() })
    }

    async fn open(&mut self) -> Result<Session, SourceError> {
        let account =
            self.account().map_err(|what| SourceError { what, retry: Retry::Never, position: None })?;
        Session::open(&self.wanted.server, &self.tls, &account).await
    }

    /// Waits for the server's word, where it gives one; whether there is a reason to look.
    async fn listen(&mut self, session: &mut Session, now: Timestamp) -> Result<bool, SourceError> {
        if !session.can_idle() || !self.caught_up {
            return Ok(true);
        }
        if !session.is_idle() {
            session.begin_idle().await?;
            self.told_at = now;
            if !session.is_idle() {
                return Ok(true);
            }
        }
        let silent = now.duration_since(self.told_at) >= SAY_AGAIN || now < self.told_at;
        if !session.told(LISTEN).await? && !silent {
            return Ok(false);
        }
        session.end_idle().await?;
        Ok(true)
    }

    async fn look(
        &mut self,
        session: &mut Session,
        kept: Option<Cursor>,
        now: Timestamp,
    ) -> Result<Batch, SourceError> {
        let Folder { validity, next } = session.examine(&self.wanted.folder).await?;
        let mut cursor = match kept.filter(|kept| kept.validity == validity) {
            Some(mut cursor) => {
                let top = match next {
                    Some(next) => next.saturating_sub(1),
                    None => newest(session, cursor.top).await?,
                };
                cursor.grow(top);
                cursor
            }
            None => {
                let wanted = session.search(&format!("SINCE {}", day(now, self.wanted.days))).await?;
                Cursor::begin(validity, next, &wanted)
            }
        };
        let mut parsed = Parsed::default();
        if let Some((from, to)) = cursor.next() {
            let there = session.search(&format!("UID {from}:{to}")).await?;
            let taken = cursor.take(there, BATCH);
            for some in taken.chunks(AT_ONCE) {
                self.fetch(session, some, &mut parsed).await?;
            }
        }
        let more = cursor.next().is_some();
        self.caught_up = !more;
        let written = serde_json::to_string(&cursor).expect("numbers always serialise");
        Ok(Batch {
            posts: parsed.posts,
            rejects: parsed.rejects,
            position: Position { cursor: Some(written), memo: None },
            more,
            fetched_through: (!more).then_some(now),
            ..Batch::default()
        })
    }

    async fn fetch(
        &self,
        session: &mut Session,
        uids: &[u32],
        parsed: &mut Parsed,
    ) -> Result<(), SourceError> {
        if let Some(raws) = session.fetch(uids, MOST_MAIL).await?
            && (raws.len() == uids.len() || uids.len() == 1)
        {
            for raw in raws {
                take(parsed, &self.wanted.shape, &raw.bytes, &format!("uid {}", raw.uid));
            }
            return Ok(());
        }
        // One that cannot be had must not keep the others away; one that is gone is none of ours.
        for uid in uids {
            match session.fetch(&[*uid], MOST_MAIL).await? {
                Some(raws) => {
                    for raw in raws {
                        take(parsed, &self.wanted.shape, &raw.bytes, &format!("uid {uid}"));
                    }
                }
                None => parsed.reject(&format!("uid {uid}"), "the server cannot give it"),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Imap {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept: Option<Cursor> =
            position.cursor.as_deref().and_then(|cursor| serde_json::from_str(cursor).ok());
        if kept.is_none() {
            self.caught_up = false;
        }
        // A connection that ended between two looks is no failure; one that ends in a fresh one is.
        if let Some(mut session) = self.session.take() {
            let looked = match self.listen(&mut session, now).await {
                Ok(true) => self.look(&mut session, kept.clone(), now).await,
                Ok(false) => {
                    Ok(Batch { position: position.clone(), fetched_through: Some(now), ..Batch::default() })
                }
                Err(error) => Err(error),
            };
            if let Ok(batch) = looked {
                self.session = Some(session);
                return Ok(batch);
            }
            self.caught_up = false;
        }
        let mut session = self.open().await?;
        let batch = self.look(&mut session, kept, now).await?;
        self.session = Some(session);
        Ok(batch)
    }

    fn interval(&self) -> SignedDuration {
        let listens = self.caught_up && self.session.as_ref().is_some_and(Session::can_idle);
        if listens { SignedDuration::from_secs(1) } else { self.wanted.interval }
    }
}

/// The highest number above one that is known, for servers that do not say what comes next.
async fn newest(session: &mut Session, top: u32) -> Result<u32, SourceError> {
    // `n:*` gives the last mail also where its number is lower.
    let found = session.search(&format!("UID {}:*", top.saturating_add(1))).await?;
    Ok(found.last().copied().unwrap_or(top).max(top))
}

/// The day so many days ago, and one more: servers count days in zones of their own.
fn day(now: Timestamp, days: i64) -> String {
    let ago = SignedDuration::from_hours(24 * days.saturating_add(1));
    let then = now.checked_sub(ago).unwrap_or(Timestamp::UNIX_EPOCH);
    then.to_zoned(TimeZone::UTC).strftime("%-d-%b-%Y").to_string()
}
