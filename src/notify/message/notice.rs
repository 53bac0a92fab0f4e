//! Messages about the daemon itself, to its operator.

use jiff::Timestamp;
use serde_json::json;

use super::{Reader, page, words};
use crate::domain::notification::{Notice, Notification};
use crate::notify::Message;

/// The message that carries a notice.
pub fn notice(notice: &Notice, row: &Notification, reader: &Reader, now: Timestamp) -> Message {
    let (kind, subject, paragraphs) = sentences(notice, reader, now);
    let subject = words::one_line(&subject, 69);
    let paragraphs: Vec<String> = paragraphs.iter().map(|text| words::clean(text)).collect();
    let mut text = paragraphs.iter().map(|text| words::wrap(text, 76, "")).collect::<Vec<_>>().join("\n\n");
    text.push('\n');
    Message {
        key: row.key.clone(),
        html: page::plain(&subject, &paragraphs),
        json: json!({
            "type": format!("notice.{kind}"),
            "timestamp": row.created_at,
            "data": { "notice": notice, "to": { "owner": reader.id, "name": reader.name }, "text": paragraphs.join(" ") },
        }),
        subject,
        text,
        thread: None,
        opens_thread: true,
        urgent: row.urgent,
        at: row.created_at,
    }
}

fn sentences(notice: &Notice, reader: &Reader, now: Timestamp) -> (&'static str, String, Vec<String>) {
    let said = |error: &str| words::one_line(error, 400);
    match notice {
        Notice::SourceSick { source, since, error } => (
            "source_sick",
            format!("earmark: source {source} gives nothing"),
            vec![
                format!(
                    "The source {source} has given nothing since {} ({}). Nothing said there is heard \
                     until it works again.",
                    words::moment(*since, &reader.zone, now),
                    words::zone_name(&reader.zone)
                ),
                format!("Last it said: {}.", said(error)),
                "It is asked on, more slowly, and you are told when it works. What was missed is listed \
                 under coverage in every digest; see earmark status."
                    .into(),
            ],
        ),
        Notice::SourceInPart { source, since, said: trouble } => (
            "source_in_part",
            format!("earmark: source {source} is read in part only"),
            vec![
                format!(
                    "A part of the source {source} cannot be read since {} ({}). Nothing said there is heard until it \
                     is; the rest is read as ever.",
                    words::moment(*since, &reader.zone, now),
                    words::zone_name(&reader.zone)
                ),
                format!("{}.", said(trouble)),
                "You are told when all of it is read again. What was missed is listed under coverage in every digest; \
                 see earmark status."
                    .into(),
            ],
        ),
        Notice::SourceWell { source } => (
            "source_well",
            format!("earmark: source {source} works again"),
            vec![format!(
                "The source {source} works again. Whether something was missed meanwhile stands under \
                 coverage in the next digest."
            )],
        ),
        Notice::SourceQuiet { source, since, awaited } => (
            "source_quiet",
            format!("earmark: source {source} is strangely quiet"),
            vec![
                format!(
                    "The source {source} answers, and has given nothing new since {} ({}). By its own habit \
                     some {} would have come since.",
                    words::moment(*since, &reader.zone, now),
                    words::zone_name(&reader.zone),
                    crate::domain::words::count(*awaited, "post")
                ),
                "Look at the place itself: it may have moved, want a sign-in, or have changed what it serves. If \
                 nobody speaks there any more, nothing is wrong. You are told when it speaks again."
                    .into(),
            ],
        ),
        Notice::SourceSpeaks { source } => (
            "source_speaks",
            format!("earmark: source {source} speaks again"),
            vec![format!("The source {source} gives new posts again.")],
        ),
        Notice::ChannelFailed { channel, error } => (
            "channel_failed",
            format!("earmark: channel {channel} does not deliver"),
            vec![
                format!(
                    "A message could not be delivered over the channel {channel}. Its reader was told over \
                     the next channel, or the next in line was told instead; a digest or a notice is lost."
                ),
                format!("The other side said: {}.", said(error)),
                "You hear of this at most once an hour. earmark check --live asks every channel.".into(),
            ],
        ),
        Notice::OutboxStuck { waiting, since } => (
            "outbox_stuck",
            format!("earmark: {waiting} messages are due and do not leave"),
            vec![
                format!(
                    "{waiting} messages are due since {} ({}) and have not left. Owners may not have heard of \
                     what waits for them.",
                    words::moment(*since, &reader.zone, now),
                    words::zone_name(&reader.zone)
                ),
                "See earmark status for what the tasks say, earmark check --live for the channels, and the log."
                    .into(),
            ],
        ),
        Notice::DiskLow { free_bytes } => (
            "disk_low",
            "earmark: the disk is nearly full".into(),
            vec![
                format!(
                    "The disk that the store lies on has {} MB left. Once it is full, nothing new can be \
                     recorded; sources are then asked again and senders are told to retry.",
                    free_bytes / 1_000_000
                ),
                "A shorter [retention] and earmark store compact give room back. You hear of this at most \
                 once a day."
                    .into(),
            ],
        ),
        Notice::RuleError { rule, error } => (
            "rule_error",
            format!("earmark: {rule} failed on a mention"),
            vec![
                format!("The rule {} failed on a mention and was passed over.", words::one_line(rule, 80)),
                format!("It said: {}.", said(error)),
                "The mention is stored and has an owner; nobody was woken by this rule. Try the condition \
                 with earmark check."
                    .into(),
            ],
        ),
    }
}
