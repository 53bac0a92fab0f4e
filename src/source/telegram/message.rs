//! A message of Telegram as a post. Its number counts within its chat, so its name is both.

use std::collections::BTreeMap;

use serde_json::Value;

use super::post;
use crate::domain::post::{Post, PostKind};
use crate::source::api::Node;
use crate::source::{Parsed, Settings, record, text};

/// Whether a value is a message.
pub fn is_message(node: &Node<'_>) -> bool {
    node.id("message_id").is_some() && node.get("chat").is_some_and(|chat| chat.id("id").is_some())
}

/// Notes groups that go on under another number.
pub fn migrations(update: &Value, moved: &mut BTreeMap<String, String>) {
    for message in update.as_object().into_iter().flat_map(|update| update.values()) {
        let node = Node::root(message);
        let Some(chat) = node.get("chat").and_then(|chat| chat.id("id")) else { continue };
        if let Some(to) = node.id("migrate_to_chat_id") {
            moved.insert(chat, to);
        } else if let Some(from) = node.id("migrate_from_chat_id") {
            moved.insert(from, chat);
        }
    }
}

/// Takes messages that the accounts of a business deleted.
pub fn gone(parsed: &mut Parsed, settings: &Settings, node: &Node<'_>, chosen: &impl Fn(&Node<'_>) -> bool) {
    let Some(chat) = node.get("chat").filter(|chat| chosen(chat)) else { return };
    let Some(name) = chat.id("id") else { return };
    for number in node.list("message_ids").unwrap_or_default() {
        let Some(number) = number.value().as_i64() else { continue };
        let version = record::version(None, "", true);
        let gone = Post { deleted: true, version, ..post(settings, format!("{name}/{number}")) };
        parsed.posts.push(gone);
    }
}

/// Takes a message. One without words (a picture, somebody joining) is no post and no fault.
pub fn take(
    parsed: &mut Parsed,
    settings: &Settings,
    node: &Node<'_>,
    update: Option<&str>,
    chosen: &impl Fn(&Node<'_>) -> bool,
) {
    let (Some(number), Some(chat)) = (node.id("message_id"), node.get("chat")) else {
        parsed.reject(node.at(), "has no message_id or no chat");
        return;
    };
    let Some(name) = chat.id("id") else {
        parsed.reject(node.at(), "its chat has no id");
        return;
    };
    let Some(mut words) = words(node).filter(|_| chosen(&chat)) else { return };
    let copied = node.flag("is_automatic_forward");
    if let Some(from) = forwarded_from(node).filter(|_| !copied) {
        words = format!("Forwarded from {from}:\n{words}");
    }
    let id = format!("{name}/{number}");
    let parent = parent(node, &name);
    let broadcast = chat.text("type") == Some("channel");
    let mut aliases = Vec::new();
    if broadcast || copied {
        // A channel's post comes again in the group where people talk about it.
        aliases.push(format!("post:{}", origin(node).filter(|_| copied).unwrap_or_else(|| id.clone())));
    }
    if let Some(update) = update {
        // Numbers of updates begin anew now and then; with their time they are names.
        let date = node.number("date").unwrap_or_default();
        aliases.push(format!("update:{date}/{update}"));
    }
    parsed.posts.push(Post {
        version: record::version(None, &words, false),
        aliases,
        kind: if parent.is_some() { PostKind::Comment } else { PostKind::Post },
        url: link(&chat, &name, &number),
        author: author(node, &chat),
        created_at: node.number("date").filter(|date| *date > 0).and_then(|_| node.time("date")),
        text: words,
        parent,
        ..post(settings, id)
    });
}

fn words(node: &Node<'_>) -> Option<String> {
    for (words, entities) in [("text", "entities"), ("caption", "caption_entities")] {
        if let Some(said) = node.text(words) {
            return Some(text::plain(&with_links(said, node, entities))).filter(|said| !said.is_empty());
        }
    }
    let poll = node.get("poll")?;
    let question = poll.words("question")?;
    let options = poll.list("options").unwrap_or_default();
    let options = options.iter().filter_map(|option| option.words("text"));
    Some(std::iter::once(question).chain(options).collect::<Vec<_>>().join("\n"))
}

/// The words with the addresses behind them, and with what they quote marked. Places are counted in UTF-16.
fn with_links(said: &str, node: &Node<'_>, entities: &str) -> String {
    let units: Vec<u16> = said.encode_utf16().collect();
    let mut inserts: Vec<(usize, String)> = Vec::new();
    for entity in node.list(entities).unwrap_or_default() {
        let place = |key: &str| entity.number(key).and_then(|number| usize::try_from(number).ok());
        let (Some(from), Some(length)) = (place("offset"), place("length")) else { continue };
        let Some(end) = from.checked_add(length).filter(|end| *end <= units.len()) else { continue };
        match entity.text("type") {
            Some("text_link") => inserts.extend(entity.link("url").map(|url| (end, format!(" ({url})")))),
            Some("blockquote" | "expandable_blockquote") => {
                inserts.push((from, "> ".into()));
                let breaks = (from..end).filter(|at| units[*at] == u16::from(b'\n'));
                inserts.extend(breaks.map(|at| (at + 1, "> ".into())));
            }
            _ => {}
        }
    }
    inserts.sort_by_key(|(at, _)| *at);
    let mut written = String::with_capacity(said.len());
    let mut from = 0;
    for (at, insert) in inserts {
        written.push_str(&String::from_utf16_lossy(&units[from..at]));
        written.push_str(&insert);
        from = at;
    }
    written.push_str(&String::from_utf16_lossy(&units[from..]));
    written
}

/// Whose words a forward holds. Interfaces before 2024 say it in other fields.
fn forwarded_from(node: &Node<'_>) -> Option<String> {
    let person = |node: Node<'_>| name_of(&node);
    if let Some(origin) = node.get("forward_origin") {
        let user = origin.get("sender_user").and_then(person);
        let chat =
            || origin.get("sender_chat").or_else(|| origin.get("chat")).and_then(|chat| chat.author("title"));
        return user.or_else(|| origin.author("sender_user_name")).or_else(chat).or(Some("somebody".into()));
    }
    let user = node.get("forward_from").and_then(person).or_else(|| node.author("forward_sender_name"));
    user.or_else(|| node.get("forward_from_chat")?.author("title"))
}

/// The channel's post that a group has a copy of.
fn origin(node: &Node<'_>) -> Option<String> {
    let (chat, number) = match node.get("forward_origin") {
        Some(origin) => (origin.get("chat")?.id("id")?, origin.id("message_id")?),
        None => (node.get("forward_from_chat")?.id("id")?, node.id("forward_from_message_id")?),
    };
    Some(format!("{chat}/{number}"))
}

/// The message that it answers. The first message of a forum's topic is answered by all in it, and by none.
fn parent(node: &Node<'_>, chat: &str) -> Option<String> {
    if let Some(answered) = node.get("reply_to_message") {
        let number = answered.id("message_id")?;
        let chat = answered.get("chat").and_then(|chat| chat.id("id")).unwrap_or_else(|| chat.to_owned());
        return (!answered.has("forum_topic_created")).then(|| format!("{chat}/{number}"));
    }
    let answered = node.get("external_reply")?;
    Some(format!("{}/{}", answered.get("chat")?.id("id")?, answered.id("message_id")?))
}

/// The person, else the channel or group that speaks for itself.
fn author(node: &Node<'_>, chat: &Node<'_>) -> Option<String> {
    let speaker =
        node.get("sender_chat").and_then(|chat| chat.author("username").or_else(|| chat.author("title")));
    let person = || node.get("from").and_then(|from| name_of(&from));
    let signed = || node.author("author_signature");
    if chat.text("type") == Some("channel") {
        return signed().or(speaker).or_else(person).or_else(|| chat.author("title"));
    }
    speaker.or_else(person).or_else(signed)
}

fn name_of(person: &Node<'_>) -> Option<String> {
    person.author("username").or_else(|| {
        let names: Vec<String> =
            ["first_name", "last_name"].iter().filter_map(|key| person.author(key)).collect();
        (!names.is_empty()).then(|| names.join(" "))
    })
}

/// Where a person can read it: public chats for everybody, others for their members, private ones nowhere.
fn link(chat: &Node<'_>, id: &str, number: &str) -> Option<String> {
    if chat.text("type") == Some("private") {
        return None;
    }
    if let Some(name) = chat.text("username") {
        let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        return fits.then(|| format!("https://t.me/{name}/{number}"));
    }
    let inner = id.strip_prefix("-100")?;
    Some(format!("https://t.me/c/{inner}/{number}"))
}
