//! Which mentions belong to one matter: those that share topic and the values of `group_by`. Which
//! trigger found them is no part of it: an angry post, one the model cannot read and the storm that
//! follows are one matter of its topic for whoever has to answer, which gets worse, and not three
//! to be acknowledged one by one. Triggers that shall not meet are grouped by different things.
//!
//! The key is kept for good, so what would lead to an author stands in it only as a hash: it stays
//! when a post is forgotten.

use sha2::{Digest, Sha256};

use crate::domain::escalation::GroupKey;
use crate::domain::mention::Mention;
use crate::domain::trigger::{GroupBy, TriggerRule};

/// The group of a mention under a trigger.
pub(super) fn group_key(rule: &TriggerRule, mention: &Mention) -> GroupKey {
    let post = &mention.post;
    let mut parts = vec![mention.topic.as_str().to_owned()];
    for by in &rule.group_by {
        parts.push(match by {
            // A matter has one topic, named already.
            GroupBy::Topic => continue,
            GroupBy::Source => format!("source {}", post.source),
            GroupBy::Site => format!("site {}", post.site),
            // Two authors whose names are not known are not one author: such a post stands alone.
            GroupBy::Author => match &post.author {
                Some(author) => format!("author {}", hash(&[&post.site, author])),
                None => format!("post {}", hash(&[post.source.as_str(), &post.id])),
            },
            GroupBy::Thread => {
                let thread = post.parent.as_ref().unwrap_or(&post.id);
                format!("thread {}", hash(&[post.source.as_str(), thread]))
            }
        });
    }
    // JSON, because no name can then run into the next.
    GroupKey(serde_json::Value::from(parts).to_string())
}

fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
