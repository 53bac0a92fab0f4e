//! The configuration, in its checked form. `raw` is what is written in the files, `load` joins
//! and reads them, `check` turns raw into [`Config`] or into a list of every fault found.
//!
//! This module checks shape only: names that refer to each other, ranges, durations, zones. What
//! a query, a condition or a kind's `params` mean is checked by the stage that uses them; `app`
//! puts all lists together, and [`Config::locate`] gives their faults file and line.

mod check;
mod fields;
mod file;
pub mod load;
pub mod nearest;
mod raw;

pub use check::explain_kind;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::SignedDuration;
use serde_json::Value;

use crate::domain::channel::{ChannelSettings, EmailServer};
use crate::domain::digest::DigestPlan;
use crate::domain::id::{OwnerId, PolicyId, SourceId, TopicId, TriggerId};
use crate::domain::owner::Roster;
use crate::domain::policy::Policy;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::domain::sentiment::Polarity;
use crate::domain::topic::Topic;
use crate::domain::trigger::{Route, TriggerRule};

/// Everything the daemon is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who answers.
    pub roster: Roster,
    /// The configuration file's folder, absolute. Relative paths in it were taken from here, those
    /// of a source's `path` and of secrets' files among them.
    pub folder: PathBuf,
    /// How a site's operator can reach us, `mailto:` or a page: part of the User-Agent.
    pub contact: Option<String>,
    /// Whom we may ask.
    pub net: Net,
    /// Folder of the store.
    pub store_path: PathBuf,
    /// How long texts are kept.
    pub retention: Retention,
    /// The pages and the API over TCP.
    pub web: Web,
    /// The mail server, when any channel is of kind `email`.
    pub email: Option<EmailServer>,
    /// The model.
    pub sentiment: SentimentSettings,
    /// Ways out.
    pub channels: Vec<ChannelSettings>,
    /// What is listened for.
    pub topics: Vec<Topic>,
    /// First match wins; else the topic's owner.
    pub routes: Vec<Route>,
    /// Ordered steps.
    pub policies: BTreeMap<PolicyId, Policy>,
    /// Rules that find an escalation due, in the order written.
    pub triggers: Vec<TriggerRule>,
    /// Scheduled summaries.
    pub digests: Vec<DigestPlan>,
    /// What is read.
    pub sources: Vec<SourceSettings>,
    /// Run by `earmark check`.
    pub tests: Vec<TestCase>,
    /// Where each table was written, for messages: `topics["acme-app"]` → `earmark.toml:12`.
    pub places: BTreeMap<String, String>,
}

impl Config {
    /// File and line of a key, or of the nearest table around it that was written.
    pub fn locate(&self, key: &str) -> Option<&str> {
        let mut key = key;
        loop {
            if let Some(place) = self.places.get(key) {
                return Some(place);
            }
            let end = if key.ends_with(']') { key.rfind('[') } else { key.rfind(['.', ']']) };
            let end = end?;
            // `a["b"].c` → `a["b"]` → `a`; `a.b` → `a`.
            key = if key[end..].starts_with(']') { &key[..=end] } else { &key[..end] };
        }
    }

    /// Fills in the places of problems that a stage found.
    pub fn place(&self, problems: &mut Problems) {
        for problem in problems.0.iter_mut().filter(|problem| problem.place.is_empty()) {
            problem.place = self.locate(&problem.key).unwrap_or_default().to_owned();
        }
    }
}

/// Whom we may ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Net {
    /// Also addresses of this machine and of private networks. Off, so that no feed can make the
    /// daemon knock at doors behind the firewall.
    pub allow_private: bool,
}

/// How long texts are kept; records stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Texts, authors and links. Topics and sources may say their own.
    pub text: SignedDuration,
    /// Sent messages, holds and other rows that nobody asks for later.
    pub rows: SignedDuration,
}

/// The pages and the API over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Where to listen; none: nowhere.
    pub listen: Option<SocketAddr>,
    /// How readers reach it, without a slash at the end: links in mails begin with it. Once set,
    /// acting needs a sign-in, the token or a signed link.
    pub public_url: Option<String>,
    /// Lets its bearer read and act as the champion from another address.
    pub token: Option<SecretRef>,
}

/// The model.
#[derive(Debug, Clone, PartialEq)]
pub struct SentimentSettings {
    /// Which classifier.
    pub classifier: ClassifierKind,
    /// Folder of the model's files; none: the one that was installed with the binary.
    pub model: Option<PathBuf>,
    /// Below this confidence the polarity is `unsure`, 0 to 1.
    pub floor: f32,
    /// Threads the model may use; 0: as many as there are cores. They share out a batch and sleep
    /// otherwise. One unless told otherwise: the machine's other work comes first, and a post alone
    /// is no faster with two.
    pub threads: usize,
    /// Of how many texts the verdicts are remembered, for reposts; 0: of none.
    pub cache: usize,
}

impl SentimentSettings {
    /// The floor where nothing else is said.
    pub const FLOOR: f32 = 0.55;
    /// Texts remembered where nothing else is said.
    pub const CACHE: usize = 4_096;
}

/// Which classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassifierKind {
    /// The neural model.
    Bert,
    /// The word list: a baseline and a stand-in, never a silent fallback.
    WordList,
}

/// A place that is read, as written; `params` is checked by its kind.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSettings {
    /// Its name.
    pub id: SourceId,
    /// Name of its kind.
    pub kind: String,
    /// The source is ours: every post of it is a mention of this topic.
    pub topic: Option<TopicId>,
    /// Our own systems bring it to us: what no topic claims becomes a mention of the topic
    /// `unclaimed`, which the champion owns, and is not skipped. Default: kinds that are pushed.
    pub ours: Option<bool>,
    /// How long texts from it are kept, when shorter than the general rule.
    pub retention: Option<SignedDuration>,
    /// The kind's own.
    pub params: Value,
}

/// An expectation that `earmark check` runs.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCase {
    /// The post's words.
    pub text: String,
    /// The post's headline.
    pub title: Option<String>,
    /// The post's author.
    pub author: Option<String>,
    /// The post's language.
    pub lang: Option<String>,
    /// The post's kind.
    pub kind: Option<String>,
    /// The source it comes from.
    pub source: Option<SourceId>,
    /// A topic that must claim it; `""`: none may.
    pub topic: Option<TopicId>,
    /// Who must own it.
    pub owner: Option<OwnerId>,
    /// Which trigger must fire; `""`: none may.
    pub trigger: Option<TriggerId>,
    /// Which polarity it must have.
    pub polarity: Option<Polarity>,
}
