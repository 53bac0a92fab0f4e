//! Every fault of every stage in one list: what `earmark check` prints and what a start or a
//! reload refuses.

use std::collections::BTreeMap;

use crate::config::{ClassifierKind, Config, explain_kind};
use crate::domain::problem::{Problem, Problems};
use crate::domain::topic::Topic;
use crate::escalation::rules::Rules;
use crate::matching::{Matcher, query};
use crate::runtime::secret;
use crate::sentiment::{bert, location};
use crate::source::fetch::Fetcher;
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
        let http = net::Client::new(&net::Settings {
            user_agent: user_agent(config.contact.as_deref()),
            allow_private: config.allow_private,
            ..net::Settings::default()
        })
        .map_err(|why| Problems(vec![Problem::new("net", why)]))?;
        Ok(Self {
            source: source::Tools { fetch: std::sync::Arc::new(Fetcher::new(http.clone())) },
            notify: notify::Tools { http, email: config.email.clone(), folder: config.store_path.clone() },
        })
    }
}

/// Who we say we are: the truth, and whom to write to.
fn user_agent(contact: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match contact {
        Some(contact) => format!("earmark/{version} (+{contact})"),
        None => format!("earmark/{version}"),
    }
}

/// What all stages find wrong with a configuration whose shape is right, places filled in.
pub fn faults(config: &Config) -> Problems {
    let mut problems = Problems::new();
    let tools = match Tools::new(config) {
        Ok(tools) => tools,
        Err(problems) => return problems,
    };
    for topic in &config.topics {
        let key = format!("topics[\"{}\"].query", topic.id);
        problems.extend_under("", query::check(&key, &topic.query));
    }
    if problems.is_empty()
        && let Err(found) = Matcher::compile(&config.topics)
    {
        problems.extend_under("", found);
    }
    problems.extend_under("", Rules::check(&config.triggers, &config.routes));
    for settings in &config.sources {
        let key = format!("sources[\"{}\"]", settings.id);
        let Some(kind) = source::kind(&settings.kind) else {
            problems.push(unknown_kind(&key, &settings.kind, source::KINDS.iter().map(|kind| kind.name)));
            continue;
        };
        let wanted = source::Settings { id: settings.id.clone(), params: settings.params.clone() };
        problems.extend_under(&format!("{key}.params"), (kind.check)(&wanted));
    }
    for settings in &config.channels {
        let key = format!("channels[\"{}\"]", settings.id);
        let Some(kind) = notify::kind(&settings.kind) else {
            problems.push(unknown_kind(&key, &settings.kind, notify::KINDS.iter().map(|kind| kind.name)));
            continue;
        };
        let wanted = notify::Settings { id: settings.id.clone(), params: settings.params.clone() };
        problems.extend_under(&format!("{key}.params"), (kind.check)(&wanted, &tools.notify));
    }
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
        let folder = config.sentiment.model.clone().unwrap_or_else(location::installed);
        if let Err(error) = bert::check(&folder) {
            problems.push(Problem::new("sentiment.model", error.to_string()));
        }
    }
    for problem in &mut problems.0 {
        fill_place(&config.places, problem);
    }
    problems
}

fn unknown_kind<'a>(key: &str, kind: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let known: Vec<&str> = known.collect();
    let problem = Problem::new(format!("{key}.kind"), format!("no kind is named \"{kind}\""));
    match explain_kind(kind) {
        Some(why) => problem.remedy(why),
        None => problem.remedy(format!("known are {}", known.join(", "))),
    }
}

/// The place of the innermost table that the key lies in.
fn fill_place(places: &BTreeMap<String, String>, problem: &mut Problem) {
    if !problem.place.is_empty() {
        return;
    }
    let mut key = problem.key.as_str();
    loop {
        if let Some(place) = places.get(key) {
            problem.place.clone_from(place);
            return;
        }
        match key.rfind(['.', '[']) {
            Some(end) => key = &key[..end],
            None => return,
        }
    }
}

/// Topics by name, for whoever needs to look one up.
pub fn topics(config: &Config) -> BTreeMap<&str, &Topic> {
    config.topics.iter().map(|topic| (topic.id.as_str(), topic)).collect()
}
