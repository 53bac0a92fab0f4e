//! What is listened for and where: topics, sources, and the tests that say what must come of it.

use serde_json::Value as Json;

use super::{Check, DECADE, HOUR, Seen};
use crate::config::raw::{RawExpect, RawSource, RawTest, Text};
use crate::config::{Retention, SourceSettings, TestCase};
use crate::domain::id::TopicId;
use crate::domain::post::PostKind;
use crate::domain::sentiment::Polarity;
use crate::domain::topic::Topic;

/// The topic of what our own systems bring and no topic claims.
const UNCLAIMED: &str = "unclaimed";

/// Why a kind of source that people ask for cannot be had, and what to take in its place.
pub fn explain_kind(name: &str) -> Option<&'static str> {
    let plain = name.replace('+', "plus").to_lowercase();
    match plain.replace(['_', '-', ' '], "").as_str() {
        "googleplus" | "gplus" => Some(
            "Google+ was shut down in 2019 and has no interface any more; its successors are YouTube comments \
             and Google Business Profile reviews",
        ),
        _ => None,
    }
}

impl Check<'_> {
    pub(super) fn topics(&self, general: Retention) -> Vec<Topic> {
        let mut seen = Seen::default();
        let mut topics = Vec::new();
        for raw in &self.raw.topics {
            let id: Option<TopicId> = self.id("a topic", &raw.id, &mut seen);
            if let Some(said) = raw.id.as_ref().filter(|said| said.value == UNCLAIMED) {
                self.book.push(
                    said.at
                        .fault("\"unclaimed\" is the topic of what our own systems bring and no other topic claims")
                        .remedy("give the topic another id"),
                );
            }
            let owner = self.refer("owner", &raw.owner, &self.names.owners);
            let policy = self.refer("policy", &raw.policy, &self.names.policies);
            if let (Some(said), None) = (&raw.owner, &raw.policy) {
                self.book.push(
                    said.at
                        .fault("this topic has an owner and no policy: nobody will be told of its mentions")
                        .remedy("add policy = \"standard\", or leave the owner out")
                        .warning(),
                );
            }
            for (said, remedy) in [
                (&raw.query, "write what to listen for, as query = '\"acme app\"'"),
                (&raw.name, "write a name for readers, or leave the key out"),
                (&raw.panel, "write the panel's name, or leave the key out"),
            ] {
                if let Some(said) = said.as_ref().filter(|said| said.value.trim().is_empty()) {
                    self.book.push(said.at.fault("is empty").remedy(remedy));
                }
            }
            let retention = self.shorter(&raw.retention, general);
            let (Some(id), Some(query)) = (id, &raw.query) else { continue };
            topics.push(Topic {
                name: raw.name.as_ref().map_or_else(|| id.to_string(), |said| said.value.clone()),
                query: query.value.clone(),
                owner,
                policy,
                panel: raw.panel.as_ref().map(|said| said.value.clone()),
                retention,
                id,
            });
        }
        topics
    }

    /// A retention of its own, which can only shorten the general one.
    fn shorter(&self, said: &Text, general: Retention) -> Option<jiff::SignedDuration> {
        let own = self.span(said, HOUR, DECADE)?;
        if let Some(said) = said.as_ref().filter(|_| own > general.text) {
            self.book.push(
                said.at
                    .fault("is longer than retention.text, which holds all the same")
                    .remedy("raise retention.text, and shorten it where less is wanted")
                    .warning(),
            );
        }
        Some(own)
    }

    pub(super) fn sources(&self, general: Retention) -> Vec<SourceSettings> {
        let mut seen = Seen::default();
        self.raw.sources.iter().filter_map(|raw| self.source(raw, general, &mut seen)).collect()
    }

    fn source(&self, raw: &RawSource, general: Retention, seen: &mut Seen) -> Option<SourceSettings> {
        let id = self.id("a source", &raw.id, seen);
        let topic = self.refer("topic", &raw.topic, &self.names.topics);
        let retention = self.shorter(&raw.retention, general);
        if let Some((said, why)) = raw.kind.as_ref().and_then(|said| Some((said, explain_kind(&said.value)?)))
        {
            self.book.push(said.at.fault(format!("there is no source of kind {:?}", said.value)).remedy(why));
        }
        let mut params = raw.params.clone();
        self.resolve_secrets(&mut params);
        if let Some(Json::String(path)) = params.get_mut("path") {
            *path = self.path(path).display().to_string();
        }
        Some(SourceSettings {
            id: id?,
            kind: raw.kind.as_ref()?.value.clone(),
            topic,
            ours: raw.ours.as_ref().map(|said| said.value),
            retention,
            params,
        })
    }

    pub(super) fn tests(&self) -> Vec<TestCase> {
        self.raw.tests.iter().filter_map(|raw| self.test(raw)).collect()
    }

    fn test(&self, raw: &RawTest) -> Option<TestCase> {
        let plain = |said: &Text| said.as_ref().map(|said| said.value.clone());
        let kinds = PostKind::ALL.map(|kind| (kind.as_str(), kind));
        let kind = raw.kind.as_ref().and_then(|said| self.word("kind of post", said, &kinds));
        let source = self.refer("source", &raw.source, &self.names.sources);
        let expect = raw.expect.as_ref()?;
        let polarities = Polarity::ALL.map(|polarity| (polarity.as_str(), polarity));
        let polarity = expect.polarity.as_ref().and_then(|said| self.word("polarity", said, &polarities));
        self.expects_something(expect);
        Some(TestCase {
            text: raw.text.as_ref()?.value.clone(),
            title: plain(&raw.title),
            author: plain(&raw.author),
            lang: plain(&raw.lang),
            kind: kind.map(|kind| kind.as_str().to_owned()),
            source,
            topic: self.refer_or_none("topic", &expect.topic, &self.names.topics),
            owner: self.refer("owner", &expect.owner, &self.names.owners),
            trigger: self.refer_or_none("trigger", &expect.trigger, &self.names.triggers),
            polarity,
        })
    }

    fn expects_something(&self, expect: &RawExpect) {
        let RawExpect { at, topic, owner, trigger, polarity } = expect;
        if [topic, owner, trigger, polarity].into_iter().all(Option::is_none) {
            let remedy = "say one or more of topic, owner, trigger, polarity; \"\" stands for: none may";
            self.book.push(at.fault("expects nothing, so it cannot fail").remedy(remedy));
        }
    }

    /// A reference in which `""` stands for: none may.
    fn refer_or_none<T: From<String>>(&self, noun: &str, said: &Text, known: &[&str]) -> Option<T> {
        match said {
            Some(said) if said.value.is_empty() => Some(T::from(String::new())),
            _ => self.refer(noun, said, known),
        }
    }
}
