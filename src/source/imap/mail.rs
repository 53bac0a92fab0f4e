//! A mail as a post. Charsets, encoded words and the tree of parts are `mail-parser`'s business; what is a
//! machine's answer, who is named as the author and what counts as said is ours.

use jiff::Timestamp;
use mail_parser::{HeaderName, HeaderValue, Message, MessageParser, MimeHeaders as _, PartType};

use super::quoted;
use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::domain::source::SkipReason;
use crate::source::{record, text};

/// How mails become posts.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The configured source.
    pub source: SourceId,
    /// What they are.
    pub kind: PostKind,
    /// Where they stand; empty: nowhere in particular.
    pub site: String,
    /// Who is named as the author.
    pub author: Named,
}

/// Who is named as the author: an address is more than most readers of a mention need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// The name shown, else what stands before the `@`.
    Name,
    /// The whole address.
    Address,
    /// Nobody.
    Nobody,
}

/// A mail that became no post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Why, from the closed list.
    pub reason: SkipReason,
    /// Why, for people.
    pub why: &'static str,
}

const fn malformed(why: &'static str) -> Skipped {
    Skipped { reason: SkipReason::Malformed, why }
}

const fn automatic(why: &'static str) -> Skipped {
    Skipped { reason: SkipReason::Automatic, why }
}

/// The post of a mail, whole or cut after its first part.
///
/// # Errors
/// Why it is none.
pub fn post(shape: &Shape, raw: &[u8]) -> Result<Post, Skipped> {
    let message = MessageParser::default().parse(raw).ok_or(malformed("it is no mail"))?;
    if message.headers().is_empty() || (message.from().is_none() && message.subject().is_none()) {
        return Err(malformed("it has neither a sender nor a subject"));
    }
    if let Some(why) = machine(&message) {
        return Err(automatic(why));
    }
    let title = message.subject().map(text::one_line).filter(|title| !title.is_empty());
    let (whole, words) = words(&message, title.as_deref().is_some_and(says_forwarded), 0);
    if words.is_empty() && (!whole.is_empty() || title.is_none()) {
        return Err(malformed("it has no words of its own"));
    }
    let id =
        message.message_id().map(str::trim).filter(|id| !id.is_empty() && id.len() <= 512).map(str::to_owned);
    // The same mail has the same name wherever and under whichever number it lies.
    let id = id.unwrap_or_else(|| {
        let head =
            format!("{:?} {:?} {title:?}", message.date().map(|date| date.to_timestamp()), address(&message));
        format!("hash:{}", record::version(Some(&head), &whole, false))
    });
    Ok(Post {
        source: shape.source.clone(),
        site: shape.site.clone(),
        version: record::version(title.as_deref(), &words, false),
        aliases: Vec::new(),
        kind: shape.kind,
        url: None,
        author: author(&message, shape.author),
        created_at: sent_at(&message),
        lang: language(&message),
        parent: parent(&message).filter(|parent| *parent != id),
        reach: None,
        deleted: false,
        title,
        text: words,
        id,
    })
}

/// Why nobody wrote it. Notices that a machine sends by itself (a survey's answer, an alert) are what such a
/// mailbox is for; a machine's answer to a mail is not (RFC 3834).
fn machine(message: &Message<'_>) -> Option<&'static str> {
    let header = |name: &str| message.header_raw(name).map(|value| value.trim().to_lowercase());
    if let Some(content) = message.content_type()
        && content.c_type.eq_ignore_ascii_case("multipart")
        && content.c_subtype.as_deref().is_some_and(|sort| sort.eq_ignore_ascii_case("report"))
    {
        return Some("it is a report of a mail server (multipart/report)");
    }
    let submitted = header("Auto-Submitted").unwrap_or_default();
    if submitted.starts_with("auto-replied") {
        return Some("a machine answered (Auto-Submitted)");
    }
    let headline = message.subject().unwrap_or_default().to_lowercase();
    let away = [
        "automatic reply",
        "auto reply",
        "autoreply",
        "out of office",
        "automatische antwort",
        "abwesenheitsnotiz",
        "réponse automatique",
        "respuesta automática",
        "risposta automatica",
        "automatisch antwoord",
    ];
    let is_away = away.iter().any(|start| headline.starts_with(start));
    let suppressed = header("X-Auto-Response-Suppress").is_some();
    let answers = header("X-Autoreply").is_some_and(|value| value != "no")
        || header("X-Autorespond").is_some()
        || header("Precedence").is_some_and(|value| matches!(&*value, "auto_reply" | "auto-reply"));
    if answers || (is_away && (suppressed || submitted.starts_with("auto-"))) {
        return Some("a machine answered");
    }
    let sender = address(message).unwrap_or_default().to_lowercase();
    let local = sender.split('@').next().unwrap_or_default();
    let nobody = header("Return-Path").is_some_and(|path| path == "<>");
    (matches!(local, "mailer-daemon" | "mail-daemon") || (nobody && local == "postmaster"))
        .then_some("it is a bounce")
}

/// All words, and the writer's own with those they forward.
fn words(message: &Message<'_>, forwarded: bool, depth: usize) -> (String, String) {
    let parts = || message.text_body.iter().filter_map(|part| message.parts.get(*part as usize));
    let mut whole = Vec::new();
    for part in parts() {
        match &part.body {
            PartType::Text(words) => whole.push(words.to_string()),
            PartType::Html(html) => {
                whole.push(quoted::from_html(&text::from_html(&quoted::marked(html), None)));
            }
            _ => {}
        }
    }
    // As often as not the empty plain text beside an HTML one is a program's oversight.
    if whole.iter().all(|words| words.trim().is_empty()) {
        let html = message.html_body.iter().filter_map(|part| message.parts.get(*part as usize));
        for part in html {
            if let PartType::Html(html) = &part.body {
                whole.push(quoted::from_html(&text::from_html(&quoted::marked(html), None)));
            }
        }
    }
    let whole = whole.join("\n");
    let mut own = quoted::own_words(text::cut(&whole, text::MOST_TEXT), forwarded);
    for part in message.attachments.iter().filter_map(|part| message.parts.get(*part as usize)) {
        // A mail forwarded as an attachment; deeper nests are nobody's.
        if let PartType::Message(inner) = &part.body
            && depth < 3
        {
            let headline = inner.subject().map(text::one_line).unwrap_or_default();
            own = [own, headline, words(inner, false, depth + 1).1].join("\n\n");
        }
    }
    (text::plain(&whole), text::plain(&own))
}

fn says_forwarded(headline: &str) -> bool {
    let headline = headline.to_lowercase();
    ["fw:", "fwd:", "wg:", "tr:", "rv:", "enc:", "doorst:", "[fwd:", "i:"]
        .iter()
        .any(|start| headline.starts_with(start))
}

fn address<'a>(message: &'a Message<'_>) -> Option<&'a str> {
    message.from()?.first()?.address()
}

fn author(message: &Message<'_>, named: Named) -> Option<String> {
    let from = message.from()?.first()?;
    let name = match named {
        Named::Nobody => return None,
        Named::Address => from.address()?,
        // Some programs write the address as the name too.
        Named::Name => {
            let name = from.name().map(str::trim).filter(|name| !name.is_empty());
            name.or(from.address())?.split('@').next()?
        }
    };
    let name = text::one_line(name);
    let name = name.trim_matches(['\'', '"', ' ']).trim_start_matches('@');
    (!name.is_empty()).then(|| text::cut(name, 256).to_owned())
}

fn sent_at(message: &Message<'_>) -> Option<Timestamp> {
    let date = message.date().filter(|date| date.is_valid())?;
    Timestamp::from_second(date.to_timestamp()).ok()
}

fn language(message: &Message<'_>) -> Option<String> {
    let tag = message.header_raw("Content-Language")?.split(',').next()?.trim().to_ascii_lowercase();
    let fits =
        (2..=35).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits.then_some(tag)
}

/// The mail that it answers: `In-Reply-To`, else the last of `References`.
fn parent(message: &Message<'_>) -> Option<String> {
    let ids = |name: HeaderName<'static>| -> Vec<String> {
        match message.header(name) {
            Some(HeaderValue::Text(id)) => vec![id.to_string()],
            Some(HeaderValue::TextList(ids)) => ids.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    };
    let answered = ids(HeaderName::InReplyTo).into_iter().next();
    let id = answered.or_else(|| ids(HeaderName::References).pop())?;
    let id = id.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    (!id.is_empty() && id.len() <= 512).then_some(id)
}
