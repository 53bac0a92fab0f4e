//! All ways out, built from the configuration, and the addresses they lead to.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Channel, KINDS, Settings, Tools, kind};
use crate::domain::channel::{ChannelSettings, Reach};
use crate::domain::id::ChannelId;
use crate::domain::problem::{Problem, Problems};

/// Every channel that can be used.
#[derive(Default)]
pub struct Ways {
    /// By name.
    pub channels: BTreeMap<ChannelId, Box<dyn Channel>>,
    /// The kind of each.
    pub kinds: BTreeMap<ChannelId, &'static str>,
}

/// Exchanged at a reload; whoever sends holds on to the old ones until it is done.
pub type SharedWays = Arc<ArcSwap<Ways>>;

impl Ways {
    /// Every fault of the settings; opens nothing and fetches no secret.
    pub fn check(settings: &[ChannelSettings], tools: &Tools) -> Problems {
        let mut problems = Problems::new();
        for channel in settings {
            let key = key(channel);
            match kind(&channel.kind) {
                Some(kind) => {
                    problems.extend_under(&format!("{key}.params"), (kind.check)(&own(channel), tools));
                }
                None => {
                    let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
                    problems.push(
                        Problem::new(format!("{key}.kind"), format!("no kind is named \"{}\"", channel.kind))
                            .remedy(format!("known are {}", known.join(", "))),
                    );
                }
            }
        }
        problems
    }

    /// All channels.
    ///
    /// # Errors
    /// Every fault of the settings, and every secret that could not be fetched.
    pub fn build(settings: &[ChannelSettings], tools: &Tools) -> Result<Self, Problems> {
        let mut problems = Self::check(settings, tools);
        if problems.has_faults() {
            return Err(problems);
        }
        let (mut channels, mut kinds) = (BTreeMap::new(), BTreeMap::new());
        for channel in settings {
            let Some(kind) = kind(&channel.kind) else { continue };
            match (kind.build)(&own(channel), tools) {
                Ok(built) => {
                    kinds.insert(channel.id.clone(), kind.name);
                    channels.insert(channel.id.clone(), built);
                }
                Err(what) => problems.push(Problem::new(format!("{}.params", key(channel)), what)),
            }
        }
        if problems.has_faults() { Err(problems) } else { Ok(Self { channels, kinds }) }
    }

    /// Which addresses each channel leads to.
    pub fn reach(&self) -> Reach {
        Reach(self.channels.iter().map(|(id, channel)| (id.clone(), channel.recipients())).collect())
    }

    /// The kind of a channel; `gone` when a reload took it away.
    pub fn kind_of(&self, channel: &ChannelId) -> &'static str {
        self.kinds.get(channel).copied().unwrap_or("gone")
    }

    /// For sharing.
    pub fn shared(self) -> SharedWays {
        Arc::new(ArcSwap::from_pointee(self))
    }
}

fn key(channel: &ChannelSettings) -> String {
    format!("channels[\"{}\"]", channel.id)
}

fn own(channel: &ChannelSettings) -> Settings {
    Settings { id: channel.id.clone(), params: channel.params.clone() }
}
