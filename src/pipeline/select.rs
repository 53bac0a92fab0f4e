//! Which posts of a batch become mentions, and which do not and why. Pure.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use super::plan::{Plan, SourcePlan, UNCLAIMED};
use crate::domain::id::{MentionId, TopicId};
use crate::domain::mention::{Mention, Span};
use crate::domain::post::Post;
use crate::domain::source::SkipReason;
use crate::store::{PostName, Recalled};

/// A mention in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// What would be recorded.
    pub mention: Mention,
    /// The revision it would have: 1 for one never seen.
    pub revision: u32,
}

/// What becomes of one post.
#[derive(Debug, Clone, PartialEq)]
pub enum Selected {
    /// It is seen through these topics.
    Mentions(Vec<Candidate>),
    /// It is gone, and so must these be.
    Gone(Vec<MentionId>),
    /// It is not taken in.
    Skipped(SkipReason),
}

/// How a post is asked for.
pub fn name_of(post: &Post) -> PostName {
    PostName { id: post.id.clone(), version: post.version.clone(), aliases: post.aliases.clone() }
}

/// Cuts a batch so that no piece holds a post twice, by id or alias, and none is longer than
/// `longest`. Never gives an empty piece.
pub fn pieces(posts: Vec<Post>, longest: usize) -> Vec<Vec<Post>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Post> = Vec::new();
    let mut names: HashSet<String> = HashSet::new();
    for post in posts {
        let own: Vec<String> =
            std::iter::once(format!("id:{}", post.id)).chain(post.aliases.iter().cloned()).collect();
        if piece.len() >= longest || own.iter().any(|name| names.contains(name)) {
            pieces.push(std::mem::take(&mut piece));
            names.clear();
        }
        names.extend(own);
        piece.push(post);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// How many posts from the front are all different as far as the store knows: two that share no
/// name may still be known as one, by a name of an earlier day. At least one, if there is one.
pub fn single(posts: &[Post], known: &[Option<Recalled>]) -> usize {
    let mut seen = HashSet::new();
    let ids = posts.iter().zip(known).map(|(post, known)| known.as_ref().map_or(&post.id, |known| &known.id));
    ids.take_while(|id| seen.insert(*id)).count()
}

/// Decides on one post. `erased`: those of its mentions whose text was taken out. `kept_out`: it was forgotten
/// whole, or its author or address was on request.
pub fn select(
    plan: &Plan,
    source: &SourcePlan,
    mut post: Post,
    mut known: Option<Recalled>,
    erased: &BTreeSet<MentionId>,
    kept_out: bool,
    now: Timestamp,
) -> Selected {
    match (kept_out, post.deleted, &known) {
        (true, false, _) => return Selected::Skipped(SkipReason::Forgotten),
        // That it is gone is known.
        (true, true, None) => return Selected::Skipped(SkipReason::Duplicate),
        _ => {}
    }
    let mut forgotten = Vec::new();
    if let Some(known) = &mut known {
        let whole = !known.mentions.is_empty();
        known.mentions.retain(|(topic, id, _)| {
            let is_erased = erased.contains(id);
            if is_erased {
                forgotten.push(topic.clone());
            }
            !is_erased
        });
        if whole && known.mentions.is_empty() {
            let said = if post.deleted { SkipReason::Duplicate } else { SkipReason::Forgotten };
            return Selected::Skipped(said);
        }
        if post.deleted {
            return Selected::Gone(known.mentions.iter().map(|(_, id, _)| *id).collect());
        }
        if known.version_known {
            return Selected::Skipped(SkipReason::Duplicate);
        }
        // Kept under the id it was first seen with, whatever the site calls it today.
        post.id.clone_from(&known.id);
    } else if post.deleted {
        return Selected::Skipped(SkipReason::Deleted);
    } else if post.created_at.is_some_and(|at| now.duration_since(at) > plan.keep_text) {
        return Selected::Skipped(SkipReason::TooOld);
    }
    let mut topics = topics_of(plan, source, &post, known.as_ref());
    topics.retain(|(topic, _)| !forgotten.contains(topic));
    if topics.is_empty() {
        return Selected::Skipped(SkipReason::Unmatched);
    }
    let candidates = topics.into_iter().map(|(topic, spans)| {
        let earlier = known.iter().flat_map(|known| &known.mentions).find(|(of, _, _)| *of == topic);
        Candidate {
            revision: earlier.map_or(1, |(_, _, revision)| revision + 1),
            mention: Mention {
                id: earlier.map_or_else(|| MentionId::new(now), |(_, id, _)| *id),
                post: post.clone(),
                topic,
                spans,
            },
        }
    });
    Selected::Mentions(candidates.collect())
}

/// Topics whose query claims it, the one its source is bound to, those it was seen through before
/// an edit took their words away, and else, from our own systems, `unclaimed`.
fn topics_of(
    plan: &Plan,
    source: &SourcePlan,
    post: &Post,
    known: Option<&Recalled>,
) -> Vec<(TopicId, Vec<Span>)> {
    let mut topics: Vec<(TopicId, Vec<Span>)> =
        plan.matcher.find(post).into_iter().map(|found| (found.topic, found.spans)).collect();
    let known = known.iter().flat_map(|known| &known.mentions).map(|(topic, _, _)| topic);
    for topic in source.topic.iter().chain(known) {
        if !topics.iter().any(|(of, _)| of == topic) {
            topics.push((topic.clone(), Vec::new()));
        }
    }
    if topics.is_empty() && source.ours {
        topics.push((UNCLAIMED.into(), Vec::new()));
    }
    topics
}
