//! What a recorded piece tells those who watch: log lines and metrics, once it is on disk.

use crate::domain::id::{SourceId, TopicId};
use crate::domain::mention::Finding;
use crate::domain::notification::HoldReason;
use crate::escalation::RuleFault;
use crate::pipeline::matter::Decided;
use crate::telemetry::metrics;

/// What is worth a log line and a metric once a piece is on disk.
pub(super) struct Summary {
    topics: Vec<TopicId>,
    opened: Vec<String>,
    held: Vec<HoldReason>,
    pub faults: Vec<RuleFault>,
    pub moved: bool,
}

impl Summary {
    pub fn of(decided: &mut Decided) -> Self {
        let held = decided.mentions.iter().filter_map(|mention| match mention.finding {
            Finding::Held(reason) => Some(reason),
            _ => None,
        });
        let fresh = decided.mentions.iter().filter(|mention| mention.revision == 1);
        Self {
            topics: fresh.map(|mention| mention.topic().clone()).collect(),
            opened: decided
                .effects
                .escalations
                .iter()
                .filter(|escalation| escalation.seen == 1)
                .map(|escalation| escalation.trigger.to_string())
                .collect(),
            held: held.collect(),
            faults: std::mem::take(&mut decided.faults),
            moved: !decided.effects.escalations.is_empty(),
        }
    }

    pub fn publish(&self, source: &SourceId) {
        for topic in &self.topics {
            metrics::mention(topic.as_str());
        }
        for trigger in &self.opened {
            metrics::escalation_opened(trigger);
        }
        for reason in &self.held {
            metrics::held(reason.as_str());
        }
        for fault in &self.faults {
            tracing::error!(rule.id = fault.rule, "{} failed: {}", fault.rule, fault.error);
        }
        if !self.topics.is_empty() {
            tracing::info!(
                source.id = %source,
                mentions = self.topics.len(),
                escalations = self.opened.len(),
                "source {source} gave {} new mentions, {} escalations opened",
                self.topics.len(),
                self.opened.len()
            );
        }
    }
}
