//! All topics compiled into one, and the way from a post to the topics that it speaks of.

use super::eval::{Node, Scene};
use super::explain::{self, Explained};
use super::needle::{Gathering, Needles};
use super::query::{self, Query};
use crate::domain::id::TopicId;
use crate::domain::mention::Span;
use crate::domain::post::Post;
use crate::domain::problem::{Problem, Problems};
use crate::domain::topic::Topic;

/// A mention keeps this many spans, the first ones: a post that repeats a word ten thousand times
/// has said it after a few.
pub const MAX_SPANS: usize = 256;

/// A topic that claims a post, and where its terms stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub topic: TopicId,
    /// In the order of the text, each place once for a term; empty when field terms alone decided.
    pub spans: Vec<Span>,
}

/// All topics, ready to meet posts.
pub struct Matcher {
    topics: Vec<Compiled>,
    needles: Needles,
    /// Topics to look at when a needle stands in a post, by needle.
    woken: Vec<Vec<usize>>,
    /// Topics that may hold without any term.
    always: Vec<usize>,
}

pub(super) struct Compiled {
    pub id: TopicId,
    pub query: Query,
    pub node: Node,
}

/// Everything to say about the queries of `topics`, warnings too.
pub fn check(topics: &[Topic]) -> Problems {
    let mut problems = Problems::new();
    for topic in topics {
        let key = format!("topics[\"{}\"].query", topic.id);
        problems.0.extend(query::check(&key, &topic.query).0);
    }
    problems
}

impl Matcher {
    /// Compiles all topics, or says what is wrong with them. Warnings stop nothing and are not
    /// repeated here: ask [`check`].
    pub fn compile(topics: &[Topic]) -> Result<Self, Problems> {
        let mut problems = check(topics);
        problems.0.retain(|problem| !problem.warning);
        if problems.has_faults() {
            return Err(problems);
        }
        let mut gathering = Gathering::default();
        let mut compiled = Vec::with_capacity(topics.len());
        for topic in topics {
            // Faults were reported above, so every query is read here.
            if let Ok(query) = Query::parse(&topic.query) {
                let node = Node::of(&query.root, &mut gathering);
                compiled.push(Compiled { id: topic.id.clone(), query, node });
            }
        }
        let needles = gathering.build().map_err(|error| {
            let what = format!("the terms of all queries together cannot be searched for: {error}");
            Problems(vec![Problem::new("topics", what).remedy("use fewer or shorter terms")])
        })?;
        let mut woken = vec![Vec::new(); needles.len()];
        let mut always = Vec::new();
        for (n, topic) in compiled.iter().enumerate() {
            match topic.node.needed(&needles) {
                None => always.push(n),
                Some(ids) => ids.into_iter().for_each(|id| woken[id as usize].push(n)),
            }
        }
        Ok(Self { topics: compiled, needles, woken, always })
    }

    /// Which topics a post speaks of, in the order of the configuration.
    pub fn find(&self, post: &Post) -> Vec<Found> {
        let scene = Scene::new(post, &self.needles);
        let mut candidates = self.always.clone();
        for needle in scene.needles() {
            candidates.extend_from_slice(&self.woken[needle as usize]);
        }
        candidates.sort_unstable();
        candidates.dedup();
        let claiming =
            candidates.into_iter().map(|n| &self.topics[n]).filter(|topic| topic.node.holds(&scene));
        claiming
            .map(|topic| Found { topic: topic.id.clone(), spans: spans(&topic.node, &scene, MAX_SPANS) })
            .collect()
    }

    /// Why each topic claims a post or does not, in the order of the configuration.
    pub fn explain(&self, post: &Post) -> Vec<Explained> {
        let scene = Scene::new(post, &self.needles);
        let mut refused = Vec::new();
        scene.parts.iter().for_each(|part| self.needles.refused(part, &mut refused));
        self.topics.iter().map(|topic| explain::topic(topic, &scene, &refused)).collect()
    }
}

/// The first `most` places that make `node` hold, in the text as written.
pub(super) fn spans(node: &Node, scene: &Scene<'_>, most: usize) -> Vec<Span> {
    let mut places = Vec::new();
    node.places(scene, &mut places);
    places.sort_unstable();
    places.dedup();
    let mut spans: Vec<Span> = Vec::with_capacity(places.len().min(most));
    for place in &places {
        let span = scene.span(place);
        // Two folded places may lie in one original character.
        if spans.last() != Some(&span) {
            spans.push(span);
        }
        if spans.len() == most {
            break;
        }
    }
    spans
}
