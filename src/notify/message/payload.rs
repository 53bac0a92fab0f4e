//! The JSON form of a message about an escalation, for machines. Fields are added, never renamed
//! or removed.

use serde_json::{Value, json};

use super::View;
use super::escalation::Said;
use crate::domain::mention::RecordedMention;
use crate::domain::notification::Reason;

pub(super) fn escalation(view: &View, said: &Said) -> Value {
    let escalation = &view.escalation;
    json!({
        "type": format!("escalation.{}", word(view.reason)),
        "timestamp": view.decided_at,
        "data": {
            "escalation": {
                "id": escalation.id,
                "severity": escalation.severity,
                "state": escalation.state.as_str(),
                "topic": escalation.topic,
                "topic_name": view.topic,
                "trigger": escalation.trigger,
                "why": escalation.why,
                "owner": escalation.owner,
                "accountable": escalation.accountable,
                "opened_at": escalation.opened_at,
                "mentions": escalation.mentions,
                "round": escalation.round,
                "step": escalation.taken,
                "next_step_at": view.next.as_ref().map(|next| next.at),
            },
            "reason": word(view.reason),
            "to": { "owner": view.reader.id, "name": view.reader.name },
            "urgent": view.urgent,
            "mentions": view.newest.iter().map(mention).collect::<Vec<_>>(),
            "links": {
                "acknowledge": view.act.as_ref().map(|act| &act.acknowledge),
                "resolve": view.act.as_ref().map(|act| &act.resolve),
                "page": view.page,
            },
            "text": said.lead,
        },
    })
}

fn mention(mention: &RecordedMention) -> Value {
    let (post, sentiment) = (mention.post(), mention.sentiment());
    json!({
        "id": mention.id(),
        "source": post.source,
        "site": post.site,
        "kind": post.kind,
        "url": post.url,
        "author": post.author,
        "title": post.title,
        "text": post.text,
        "lang": post.lang,
        "created_at": post.created_at,
        "recorded_at": mention.recorded_at,
        "erased_at": mention.erased_at,
        "erased_for": mention.erased_for,
        "owner": mention.owner,
        "routed_by": mention.routed_by,
        "sentiment": {
            "polarity": sentiment.polarity,
            "score": sentiment.score,
            "confidence": sentiment.confidence,
            "model": sentiment.model,
            "needs_answer": sentiment.needs_answer,
            "lang": sentiment.lang,
            "doubt": sentiment.doubt,
        },
    })
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Accountable => "accountable",
        Reason::Informed => "informed",
        Reason::Joined => "joined",
        Reason::Worse => "worse",
        Reason::AcknowledgementRanOut => "acknowledgement_ran_out",
        Reason::Reassigned => "reassigned",
        Reason::Overdue => "overdue",
        Reason::Expired => "expired",
        Reason::Digest => "digest",
        Reason::Notice => "notice",
    }
}
