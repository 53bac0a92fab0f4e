//! Every fault of every stage in one list: what `earmark check` prints and what a start or a
//! reload refuses.

use std::sync::Arc;

use super::demand::{self, Demand};
use super::money;
use crate::config::{ClassifierKind, Config, explain_kind};
use crate::domain::problem::{Problem, Problems};
use crate::escalation::Rules;
use crate::matching;
use crate::notify::ways::Ways;
use crate::runtime::secret;
use crate::sentiment::{bert, location};
use crate::source::Built;
use crate::source::fetch::{Fetcher, Keeper};
use crate::{net, notify, source};

/// What kinds of sources and channels are built with.
pub struct Tools {
    /// For sources.
    pub source: source::Tools,
    /// For channels.
    pub notify: notify::Tools,
}

impl Tools {
    /// Tools as configured. Opens no connection.
    ///
    /// # Errors
    /// Where the HTTP client cannot be made.
    pub fn new(config: &Config) -> Result<Self, Problems> {
        Self::keeping(config, None)
    }

    /// The same, with what is asked of places written down.
    ///
    /// # Errors
    /// Where the HTTP client cannot be made.
    pub fn keeping(config: &Config, keeper: Option<Arc<dyn Keeper>>) -> Result<Self, Problems> {
        let settings = net::Settings::new(config.contact.as_deref().unwrap_or_default());
        let http = net::Client::new(&net::Settings { allow_private: config.net.allow_private, ..settings })
            .map_err(|why| Problems(vec![Problem::new("net", why)]))?;
        Ok(Self {
            source: source::Tools { fetch: Arc::new(Fetcher::new(http.clone()).kept_by(keeper)) },
            notify: notify::Tools { http, email: config.email.clone(), folder: config.store_path.clone() },
        })
    }
}

/// What all stages find wrong with a configuration whose shape is right, places filled in.
pub fn faults(config: &Config) -> Problems {
    let mut problems = Problems::new();
    let tools = match Tools::new(config) {
        Ok(tools) => tools,
        Err(problems) => return problems,
    };
    problems.0.extend(matching::check(&config.topics).0);
    problems.0.extend(Rules::check(&config.triggers, &config.routes).0);
    let mut demands = Vec::new();
    for settings in &config.sources {
        let key = format!("sources[\"{}\"]", settings.id);
        let Some(kind) = source::kind(&settings.kind) else {
            // What has an explanation of its own was said with it when the shape was checked.
            if explain_kind(&settings.kind).is_none() {
                problems.push(unknown_kind(&key, &settings.kind));
            }
            continue;
        };
        let wanted = source::Settings { id: settings.id.clone(), params: settings.params.clone() };
        let keep = settings.retention.unwrap_or(config.retention.text);
        let found = source::terms::check(kind, &wanted, Some(keep));
        if !found.has_faults()
            && let Ok(Built::Pull(built)) = (kind.build)(&wanted, &tools.source)
        {
            demands.push(Demand {
                source: wanted.id.clone(),
                kind: kind.name,
                terms: built.terms().unwrap_or(kind.terms),
                interval: built.interval(),
                asks: built.asks(),
                params: wanted.params.clone(),
            });
        }
        problems.extend_under(&format!("{key}.params"), found);
    }
    problems.0.extend(demand::check(&demands).0);
    problems.0.extend(money::check(&demands).0);
    problems.0.extend(Ways::check(&config.channels, &tools.notify).0);
    if let Some(password) = config.email.as_ref().and_then(|email| email.password.as_ref())
        && let Err(why) = secret::fetch(password)
    {
        problems.push(Problem::new("email.password", why));
    }
    if let Some(token) = &config.web.token
        && let Err(why) = secret::fetch(token)
    {
        problems.push(Problem::new("web.token", why));
    }
    if config.sentiment.classifier == ClassifierKind::Bert {
        let found = location::find(config.sentiment.model.as_deref()).and_then(|folder| bert::check(&folder));
        if let Err(error) = found {
            problems.push(Problem::new("sentiment.model", error.to_string()));
        }
    }
    config.place(&mut problems);
    problems
}

fn unknown_kind(key: &str, kind: &str) -> Problem {
    let known: Vec<&str> = source::KINDS.iter().map(|kind| kind.name).collect();
    Problem::new(format!("{key}.kind"), format!("no kind is named \"{kind}\""))
        .remedy(format!("known are {}", known.join(", ")))
}
