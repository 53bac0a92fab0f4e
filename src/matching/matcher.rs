//! All topics compiled into one, and the way from a post to the topics that it speaks of.

use std::fmt;

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

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({} topics, {} terms)", self.topics.len(), self.needles.len())
    }
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
        let topics = self.candidates(&scene).into_iter().map(|n| &self.topics[n]);
        let claiming = topics.filter(|topic| topic.node.holds(&scene));
        claiming
            .map(|topic| Found { topic: topic.id.clone(), spans: spans(&topic.node, &scene, MAX_SPANS) })
            .collect()
    }

    /// Topics worth a look, in the order of the configuration.
    fn candidates(&self, scene: &Scene<'_>) -> Vec<usize> {
        let mut candidates = self.always.clone();
        for needle in scene.needles() {
            candidates.extend_from_slice(&self.woken[needle as usize]);
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
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

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(query: &str) -> Topic {
        Topic {
            id: query.into(),
            name: String::new(),
            query: query.to_owned(),
            owner: None,
            policy: None,
            panel: None,
            retention: None,
        }
    }

    fn post(text: &str) -> Post {
        let json = serde_json::json!({
            "source": "s", "site": "", "id": "1", "version": "1", "kind": "post", "text": text,
        });
        serde_json::from_value(json).expect("the fields that must be there are")
    }

    #[test]
    fn only_topics_whose_needed_terms_stand_in_the_post_are_looked_at() {
        let queries = [
            "acme app",
            "acme OR globex",
            "globex NEAR/3 login",
            "lang:de",
            "NOT acme",
            "lang:de globex",
            "acme OR lang:de",
            "app NOT acme",
        ];
        let matcher = Matcher::compile(&queries.map(topic)).expect("they are sound");
        let looked_at = |text: &str| -> Vec<&str> {
            let post = post(text);
            let scene = Scene::new(&post, &matcher.needles);
            matcher.candidates(&scene).into_iter().map(|n| queries[n]).collect()
        };
        let always = ["lang:de", "NOT acme", "acme OR lang:de"];
        assert_eq!(looked_at("nothing of ours"), always);
        assert_eq!(looked_at("acmeology"), always);
        assert_eq!(
            looked_at("acme"),
            ["acme app", "acme OR globex", "lang:de", "NOT acme", "acme OR lang:de"]
        );
        assert_eq!(looked_at("login"), always);
        assert_eq!(looked_at("app"), ["lang:de", "NOT acme", "acme OR lang:de", "app NOT acme"]);
    }
}
