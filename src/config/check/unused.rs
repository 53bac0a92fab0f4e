//! What is right by itself and wrong in the whole: owners whom nobody can reach, and tables that
//! nothing leads to.

use std::collections::BTreeMap;

use super::Check;
use crate::config::raw::Text;
use crate::domain::problem::Problem;

impl Check<'_> {
    pub(super) fn unused(&self) {
        self.unreachable_owners();
        self.idle_tables();
        self.idle_triggers();
    }

    /// Who counts on which owner: the first key that names it.
    fn uses(&self) -> BTreeMap<&str, &str> {
        let raw = self.raw;
        let mut uses = BTreeMap::new();
        let singles = [&raw.champion, &raw.operator].into_iter();
        let topics = raw.topics.iter().map(|topic| &topic.owner);
        let routes = raw.routes.iter().map(|route| &route.owner);
        let deputies = raw.owners.iter().map(|owner| &owner.deputy);
        for said in singles.chain(topics).chain(routes).chain(deputies).flatten() {
            uses.entry(said.value.as_str()).or_insert(said.at.key.as_str());
        }
        let steps =
            raw.policies.iter().filter_map(|policy| policy.steps.as_ref()).flat_map(|list| &list.value);
        let lists = steps.map(|step| &step.tell).chain(raw.digests.iter().map(|digest| &digest.to));
        for said in lists.flatten().flat_map(|list| &list.value) {
            uses.entry(said.value.as_str()).or_insert(said.at.key.as_str());
        }
        uses
    }

    fn unreachable_owners(&self) {
        let uses = self.uses();
        for owner in &self.raw.owners {
            let Some(id) = &owner.id else { continue };
            if owner.channels.as_ref().is_some_and(|list| !list.value.is_empty()) {
                continue;
            }
            let at =
                owner.channels.as_ref().map_or_else(|| owner.at.under("channels"), |list| list.at.clone());
            let remedy = "name one or more channels, as channels = [\"care-mail\"]";
            self.book.push(match uses.get(id.value.as_str()) {
                Some(key) => at
                    .fault(format!("there is no way to reach {:?}, whom {key} names", id.value))
                    .remedy(remedy),
                None => at.fault(format!("there is no way to reach {:?}", id.value)).remedy(remedy).warning(),
            });
        }
    }

    fn idle_tables(&self) {
        let raw = self.raw;
        let channels: Vec<&str> = raw
            .owners
            .iter()
            .filter_map(|owner| owner.channels.as_ref())
            .flat_map(|list| list.value.iter().map(|said| said.value.as_str()))
            .collect();
        for said in raw.channels.iter().filter_map(|channel| channel.id.as_ref()) {
            if !channels.contains(&said.value.as_str()) {
                self.warn(said.at.fault("no owner uses this channel"), "name it in an owner's channels");
            }
        }
        let used: Vec<&str> = texts(raw.topics.iter().map(|topic| &topic.policy));
        for said in raw.policies.iter().filter_map(|policy| policy.id.as_ref()) {
            let built_in = said.at.place.starts_with("built-in:");
            if !used.contains(&said.value.as_str()) && !built_in {
                self.warn(said.at.fault("no topic uses this policy"), "name it in a topic's policy");
            }
        }
        if raw.topics.is_empty() {
            let what = "there is none, so nothing is listened for";
            self.warn(Problem::new("topics", what), "add a [[topics]] with an id and a query");
        }
        if raw.sources.is_empty() {
            let what = "there is none, so nothing is read";
            self.warn(Problem::new("sources", what), "add a [[sources]] with an id and a kind");
        }
    }

    /// A trigger opens escalations on topics that have a policy, and there must be both.
    fn idle_triggers(&self) {
        let raw = self.raw;
        let policies = texts(raw.topics.iter().map(|topic| &topic.policy));
        match (policies.is_empty(), raw.triggers.is_empty()) {
            (true, false) if !raw.topics.is_empty() => {
                let written =
                    raw.triggers.iter().filter(|trigger| !trigger.at.place.starts_with("built-in:"));
                for trigger in written {
                    let what = "no topic has a policy, so nobody is told when it fires";
                    self.warn(trigger.at.fault(what), "add policy = \"standard\" to a topic");
                }
            }
            (false, true) => {
                let what = "there is none, so nothing ever escalates";
                self.warn(Problem::new("triggers", what), "leave the empty list out for the built-in ones");
            }
            _ => {}
        }
    }

    fn warn(&self, problem: Problem, remedy: &str) {
        self.book.push(problem.remedy(remedy).warning());
    }
}

fn texts<'a>(all: impl Iterator<Item = &'a Text>) -> Vec<&'a str> {
    all.flatten().map(|said| said.value.as_str()).collect()
}
