//! Telegram: groups, channels and private chats of a bot, by the Bot API. A bot hears what is said after it was
//! added, in groups all of it only with its privacy mode off, and cannot ask for anything older.
//!
//! # Wanted
//! * No update is lost between Telegram and the store. Telegram forgets an update once `getUpdates` is called
//!   with a higher `offset`. That offset is our cursor, and the cursor moves in the transaction that stores what
//!   the updates brought: an update is confirmed by the look after the one that took it in, never before. So
//!   this needs no inbox, though its sender offers nothing twice: until the store has it, it is not confirmed.
//! * An edit is a version of its message; a reply knows whom it answers; a forward says whose words it holds.
//! * The token stands in every address, so no message shows an address.
//!
//! # Accepted
//! * Telegram keeps updates for 24 hours. After a longer silence of ours the time before is a gap.
//! * After a week without an update the next number is a random one, which may lie below our offset and would
//!   be taken as confirmed. So after six quiet days we ask without an offset, and are given what is unconfirmed.
//! * One reader a bot: a second one, or a webhook, is answered 409, which is told in words.
//! * That a message was deleted bots are not told (but for accounts of a business).
//! * A group that becomes a supergroup goes on under another number; the cursor remembers the move.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::api::{Credential, Node};
use super::fetch::{Ask, from_status};
use super::params::Params;
use super::terms::{Access, Budget, Over};
use super::{
    Answer, Batch, Built, Kind, Nothing, Parsed, Position, Retry, Settings, Source, SourceError, Terms, Tools,
};
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::domain::source::{Gap, GapCause};

mod message;

/// The kind `telegram`.
pub const KIND: Kind = Kind {
    name: "telegram",
    about: "groups, channels and chats that a bot of yours is in",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Key,
    needs: "the token of a bot (@BotFather), its privacy mode off, and the bot in the group or channel",
    // No limit is named for reading; this is far above what a busy group needs, at 100 updates a request.
    budgets: &[Budget::per_minute(60, Over::Credential)],
    least_every: 1,
    paging: "100 updates a request, kept for 24 hours",
    sees: "messages, channel posts, captions, replies, forwards and edits from the day on which the bot was added",
    cannot: "anything before that; deletions; what came while nobody asked for more than 24 hours; bots' messages",
    document: "https://telegram.org/tos/bot-developers",
    ..Terms::OPEN
};

/// For so long Telegram keeps what nobody has asked for.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// After this long without an update its numbers may begin anew (see above).
const QUIET: SignedDuration = SignedDuration::from_hours(6 * 24);
/// Updates in one answer, the most.
const PAGE: usize = 100;
/// What is asked for; Telegram remembers it, and sends no reactions and votes.
const WANTED: [&str; 7] = [
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
];

struct Wanted {
    base: String,
    token: Option<SecretRef>,
    chats: Vec<String>,
    interval: SignedDuration,
    wait: u64,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base = params.text("base_url").unwrap_or("https://api.telegram.org").trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let token = params.secret("token");
    if token.is_none() && settings.params.get("token").is_none() {
        params.fault("token", "is missing", "write token = { credential = \"name\" }; @BotFather gives it");
    }
    let mut chats = Vec::new();
    match params.value("chats").map(|value| (value, value.as_array())) {
        None => {}
        Some((_, Some(list))) => {
            for chat in list {
                match (chat.as_i64(), chat.as_str()) {
                    (Some(id), _) => chats.push(id.to_string()),
                    (_, Some(name)) => chats.push(name.trim().trim_start_matches('@').to_lowercase()),
                    _ => {
                        params.fault("chats", format!("{chat} is no chat"), "write its number, or \"@name\"")
                    }
                }
            }
        }
        Some((value, None)) => {
            params.fault("chats", format!("{value} is no list"), "write chats = [\"@acme\", -1001234567890]");
        }
    }
    let interval = params.wait("interval", 2, 1);
    let wait = params.wait("wait", 10, 0).as_secs();
    if wait > 15 {
        params.fault("wait", "a request that waits for longer is cut off", "at most \"15s\"");
    }
    let wait = u64::try_from(wait).unwrap_or(0).min(15);
    let allow_private = params.flag("allow_private");
    (Wanted { base, token, chats, interval, wait, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let pointer = wanted.token.as_ref().ok_or("there is no token")?;
    let token = Credential::fetch(pointer)?;
    if token.expose().contains(['/', '?', '#', ' ']) {
        return Err("the token is none: it looks like 123456:letters".into());
    }
    Ok(Built::Pull(Box::new(Telegram { settings: settings.clone(), wanted, token, tools: tools.clone() })))
}

/// The posts of an answer to `getUpdates`, of single updates, or of bare messages.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let chats = wanted(settings).0.chats;
    match updates(answer) {
        Ok(value) => read(&value, settings, |chat| is_chosen(&chats, &BTreeMap::new(), chat)),
        Err(nothing) => nothing.into(),
    }
}

/// The value of an answer, errors apart; those of this place come with a status and in the body alike.
fn updates(answer: &Answer<'_>) -> Result<Value, Nothing> {
    let value = answer.json()?;
    match value.get("ok").and_then(Value::as_bool) {
        Some(false) => Err(Nothing::ErrorAnswer),
        Some(true) => Ok(value),
        None if value.get("error_code").is_some() => Err(Nothing::ErrorAnswer),
        None => Ok(value),
    }
}

fn read(value: &Value, settings: &Settings, chosen: impl Fn(&Node<'_>) -> bool) -> Parsed {
    let root = Node::root(value);
    let result = if root.has("ok") { root.get("result") } else { Some(root) };
    let Some(result) = result else { return Nothing::NoPostsInside.into() };
    let mut parsed = Parsed::default();
    let list: Vec<Node<'_>> =
        if result.value().is_array() { result.items().collect() } else { vec![result.clone()] };
    let mut known = list.is_empty() || result.value().is_boolean();
    for one in &list {
        known |= read_one(&mut parsed, settings, one, &chosen);
    }
    if !known {
        return Nothing::ForeignInterface.into();
    }
    parsed.settled()
}

/// Takes what one update, or a bare message, brings; whether it is one.
fn read_one(
    parsed: &mut Parsed,
    settings: &Settings,
    one: &Node<'_>,
    chosen: &impl Fn(&Node<'_>) -> bool,
) -> bool {
    if message::is_message(one) {
        message::take(parsed, settings, one, None, chosen);
        return true;
    }
    let Some(update) = one.id("update_id") else {
        // What the Bot API gives beside messages: chats, users, the state of a webhook.
        return ["id", "user", "url", "file_id", "status"].iter().any(|key| one.has(key));
    };
    let mut brought = Vec::new();
    for key in WANTED {
        match one.get(key) {
            Some(gone) if key == "deleted_business_messages" => {
                message::gone(parsed, settings, &gone, chosen);
            }
            Some(message) => brought.push(message),
            None => {}
        }
    }
    if brought.is_empty() {
        // A sort of update younger than this file: what looks like a message is one.
        let names = one.value().as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        let others = names.filter(|key| !key.contains("callback") && !WANTED.contains(key));
        brought = others.filter_map(|key| one.get(key)).filter(message::is_message).collect();
    }
    for message in brought {
        message::take(parsed, settings, &message, Some(&update), chosen);
    }
    true
}

/// Whether a chat is among those wanted: by number, by name, or as what one of them became.
fn is_chosen(chats: &[String], moved: &BTreeMap<String, String>, chat: &Node<'_>) -> bool {
    if chats.is_empty() {
        return true;
    }
    let is = |name: &str| chats.iter().any(|chosen| chosen == name);
    let id = chat.id("id").unwrap_or_default();
    is(&id)
        || chat.text("username").is_some_and(|name| is(&name.to_lowercase()))
        || moved.iter().any(|(from, to)| *to == id && is(from))
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// The lowest number that was not taken in.
    offset: Option<i64>,
    /// When it was last asked, and answered.
    at: Option<Timestamp>,
    /// When an update last came.
    heard: Option<Timestamp>,
    /// Groups that go on under another number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    moved: BTreeMap<String, String>,
}

struct Telegram {
    settings: Settings,
    wanted: Wanted,
    token: Credential,
    tools: Tools,
}

impl Telegram {
    async fn updates(&self, offset: Option<i64>) -> Result<Value, SourceError> {
        let Wanted { base, wait, allow_private, .. } = &self.wanted;
        let url = format!("{base}/bot{}/getUpdates", self.token.expose());
        let shown = format!("{base}/bot…/getUpdates");
        let mut body = json!({ "limit": PAGE, "timeout": wait, "allowed_updates": WANTED });
        if let Some(offset) = offset {
            body["offset"] = offset.into();
        }
        let ask = Ask {
            shown: Some(&shown),
            body: Some(("application/json", body.to_string().into())),
            account: Some(self.token.account()),
            allow_private: *allow_private,
            ..Ask::get(&url, &TERMS)
        };
        let answer = self.tools.fetch.ask_any(&ask).await?;
        let borrowed = answer.borrowed();
        match updates(&borrowed) {
            Ok(value) if value.get("result").is_some_and(Value::is_array) => Ok(value),
            Err(Nothing::ErrorAnswer) => Err(refused(&shown, &borrowed)),
            Ok(_) => Err(fault(format!("{shown} {}", Nothing::ForeignInterface.words()), Retry::Soon)),
            Err(nothing) => Err(fault(format!("{shown} {}", nothing.words()), Retry::Soon)),
        }
    }
}

fn fault(what: String, retry: Retry) -> SourceError {
    SourceError { what, retry, position: None }
}

/// What an error means. Its body says more than its status.
fn refused(shown: &str, answer: &Answer<'_>) -> SourceError {
    let said: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    let code = said.get("error_code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let code = code.unwrap_or(answer.status);
    let header = answer.header("retry-after").and_then(|wait| wait.trim().parse().ok());
    let wait = said.pointer("/parameters/retry_after").and_then(Value::as_i64).or(header);
    let wait = wait.filter(|wait| *wait > 0).map(SignedDuration::from_secs);
    let words = said.get("description").and_then(Value::as_str).unwrap_or_default();
    match code {
        401 | 404 => fault(
            format!("{shown} answered {code}: the token is not, or no longer, that of a bot"),
            Retry::Never,
        ),
        409 if words.contains("webhook") => {
            let what = format!(
                "{shown} answered 409: a webhook is set for this bot; call deleteWebhook, or use another bot"
            );
            fault(what, Retry::Never)
        }
        409 => {
            let what = format!(
                "{shown} answered 409: somebody else reads this bot's updates; give each reader a bot of its own"
            );
            fault(what, Retry::Soon)
        }
        _ => fault(format!("{shown} answered {code}"), from_status(code, wait)),
    }
}

#[async_trait]
impl Source for Telegram {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept: Option<Cursor> =
            position.cursor.as_deref().and_then(|cursor| serde_json::from_str(cursor).ok());
        let mut cursor = kept.unwrap_or_default();
        let quiet = cursor.heard.or(cursor.at).is_some_and(|heard| now.duration_since(heard) >= QUIET);
        let value = self.updates(cursor.offset.filter(|_| !quiet)).await?;
        let list = value.get("result").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for update in list {
            message::migrations(update, &mut cursor.moved);
        }
        let (chats, moved) = (&self.wanted.chats, &cursor.moved);
        let parsed = read(&value, &self.settings, |chat| is_chosen(chats, moved, chat));
        let mut batch = Batch {
            posts: parsed.posts,
            rejects: parsed.rejects,
            more: list.len() >= PAGE,
            fetched_through: Some(now),
            ..Batch::default()
        };
        if let Some(at) = cursor.at.filter(|at| now.duration_since(*at) > KEPT) {
            let until = now.checked_sub(KEPT).unwrap_or(now);
            let detail = "nobody asked for updates, and Telegram keeps them for 24 hours".to_owned();
            let source = self.settings.id.clone();
            batch.gaps.push(Gap { source, from: Some(at), until, cause: GapCause::Overrun, detail });
        }
        if let Some(last) = list.iter().filter_map(|update| update.get("update_id")?.as_i64()).max() {
            cursor.offset = Some(last.saturating_add(1));
            cursor.heard = Some(now);
        }
        cursor.at = Some(now);
        let written = serde_json::to_string(&cursor).expect("names and numbers always serialise");
        batch.position = Position { cursor: Some(written), memo: None };
        Ok(batch)
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }
}

/// One post of a chat, as far as all of them are alike.
fn post(settings: &Settings, id: String) -> Post {
    Post {
        source: settings.id.clone(),
        site: "t.me".into(),
        version: String::new(),
        aliases: Vec::new(),
        kind: crate::domain::post::PostKind::Post,
        url: None,
        author: None,
        created_at: None,
        title: None,
        text: String::new(),
        lang: None,
        parent: None,
        reach: None,
        deleted: false,
        id,
    }
}
