//! The desk: everything of the configuration that deciding needs. Replaced as a whole on reload,
//! so that one decision never sees half of two configurations.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::rules::Rules;
use crate::domain::channel::Reach;
use crate::domain::id::{ChannelId, PolicyId, TopicId};
use crate::domain::owner::{Owner, Roster};
use crate::domain::policy::Policy;
use crate::domain::topic::Topic;

/// What deciding needs of the configuration.
#[derive(Debug)]
pub struct Desk {
    /// Who can answer.
    pub roster: Roster,
    /// Which channels can be used.
    pub reach: Reach,
    /// Policies for matters that open from now on.
    pub policies: BTreeMap<PolicyId, Policy>,
    /// What is listened for.
    pub topics: BTreeMap<TopicId, Topic>,
    /// Routes and triggers.
    pub rules: Rules,
}

/// The newest desk.
pub type SharedDesk = Arc<ArcSwap<Desk>>;

impl Desk {
    /// The policy of a topic: none when nobody is to be told.
    pub fn policy(&self, topic: &TopicId) -> Option<&Policy> {
        self.topics.get(topic)?.policy.as_ref().and_then(|policy| self.policies.get(policy))
    }

    /// The first channel of `owner` that can be used, with the addresses it leads to.
    pub(super) fn way<'a>(&'a self, owner: &'a Owner) -> Option<(&'a ChannelId, &'a [String])> {
        owner
            .channels
            .iter()
            .find_map(|channel| self.reach.0.get(channel).map(|addresses| (channel, addresses.as_slice())))
    }
}
