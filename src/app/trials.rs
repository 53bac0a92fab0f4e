//! What `earmark check` tries: the configuration's own `[[tests]]`, and, if asked, every source
//! and channel once.

use anyhow::Context;
use jiff::Timestamp;

use super::live::Live;
use super::{check, offline};
use crate::api::Api;
use crate::api::explain::{Trial, Would};
use crate::config::{Config, TestCase};
use crate::domain::id::{SourceId, TopicId};
use crate::domain::post::{Post, PostKind};
use crate::domain::source::{SourceState, Trouble};
use crate::matching::Matcher;
use crate::source::{self, Batch, Built, Position, Reject, Settings, Source};
use crate::store::{Effects, Outcome, Recording};

/// Sentences on what is not as expected; none if all is.
///
/// # Errors
/// Where the trial cannot be made at all.
pub async fn run(api: &Api, test: &TestCase) -> anyhow::Result<Vec<String>> {
    let trial = Trial {
        text: test.text.clone(),
        title: test.title.clone(),
        author: test.author.clone(),
        lang: test.lang.clone(),
        kind: kind_of(test),
        source: test.source.clone(),
        ..Trial::default()
    };
    let found = api.explain(trial).await.map_err(anyhow::Error::from)?;
    let mut wrong = Vec::new();
    let topics: Vec<&str> = found.mentions.iter().map(|one| one.topic.as_str()).collect();
    let would = match test.topic.as_ref().map(|topic| topic.as_str()) {
        Some("") => {
            if !topics.is_empty() {
                wrong.push(format!("expected no topic, found {}", topics.join(", ")));
            }
            return Ok(wrong);
        }
        Some(topic) => match found.mentions.iter().find(|one| one.topic.as_str() == topic) {
            Some(would) => would,
            None => {
                let instead = if topics.is_empty() { "none".into() } else { topics.join(", ") };
                wrong.push(format!("expected topic {topic}, found {instead}"));
                return Ok(wrong);
            }
        },
        None => match found.mentions.first() {
            Some(would) => would,
            None => {
                wrong.push("no topic claims it".into());
                return Ok(wrong);
            }
        },
    };
    wrong.extend(compare(test, would));
    Ok(wrong)
}

fn compare(test: &TestCase, would: &Would) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(owner) = test.owner.as_ref().filter(|owner| **owner != would.owner) {
        wrong.push(format!("expected owner {owner}, found {} ({})", would.owner, would.routed_by));
    }
    if let Some(trigger) = &test.trigger {
        let fired = would.trigger.as_deref().unwrap_or("");
        if trigger.as_str() != fired {
            let name = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
            wrong.push(format!("expected trigger {}, found {}", name(trigger.as_str()), name(fired)));
        }
    }
    if let Some(polarity) = test.polarity.filter(|polarity| *polarity != would.sentiment.polarity) {
        wrong.push(format!(
            "expected {}, found {} ({:+.2})",
            polarity.as_str(),
            would.sentiment.polarity.as_str(),
            would.sentiment.score
        ));
    }
    wrong
}

fn kind_of(test: &TestCase) -> PostKind {
    let kind = PostKind::ALL.into_iter().find(|kind| Some(kind.as_str()) == test.kind.as_deref());
    kind.unwrap_or_default()
}

/// What every source and channel answers when asked once.
///
/// # Errors
/// Where the configuration cannot be compiled.
pub async fn live(config: &Config) -> anyhow::Result<Vec<(String, Result<String, String>)>> {
    let Live { ways, pulls, pushes, .. } =
        Live::build(config).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let mut answers = Vec::new();
    for (reading, mut source) in pulls {
        if charges(config, reading.id.as_str()) {
            let said = format!(
                "is not asked: it charges; `earmark sources test {}` asks within its cap",
                reading.id
            );
            answers.push((format!("source {}", reading.id), Ok(said)));
            continue;
        }
        let answer = source.poll(&Position::default(), Timestamp::now()).await;
        let said = answer.map_err(|error| error.to_string()).and_then(|batch| {
            let said = format!("answers, {} posts now", batch.posts.len());
            in_part(&batch.trouble).map_or(Ok(said.clone()), |part| Err(format!("{said}; {part}")))
        });
        answers.push((format!("source {}", reading.id), said));
    }
    for (reading, _) in pushes {
        answers.push((format!("source {}", reading.id), Ok("waits for its sender".into())));
    }
    for (id, channel) in &ways.channels {
        let said =
            channel.probe().await.map(|()| "would take messages".into()).map_err(|error| error.to_string());
        answers.push((format!("channel {id}"), said));
    }
    Ok(answers)
}

/// What is said of parts that could not be read; none where all were.
fn in_part(trouble: &[Trouble]) -> Option<String> {
    let parts: Vec<String> = trouble.iter().map(Trouble::words).collect();
    (!parts.is_empty()).then(|| format!("it is read in part: {}", parts.join("; ")))
}

/// What one source gave when it was asked once.
pub enum Looked {
    /// It is not asked: its sender calls.
    Waits,
    /// It answered.
    Gave(Found),
}

/// What a look gave.
pub struct Found {
    /// In the order given, each with the topics that would claim it.
    pub posts: Vec<(Post, Vec<TopicId>)>,
    /// What could not become a post.
    pub rejects: Vec<Reject>,
    /// There is more to fetch right away.
    pub more: bool,
    /// What the source says of itself beside.
    pub remark: Option<String>,
}

/// Whether asking this source costs money.
pub fn charges(config: &Config, id: &str) -> bool {
    let wanted = config.sources.iter().find(|source| source.id.as_str() == id);
    wanted.and_then(|source| source::kind(&source.kind)).is_some_and(|kind| kind.terms.money.is_some())
}

/// Asks one source once, from its beginning. Stores nothing, unless it charges: then the store must be free, and what
/// it cost is written there, where the daemon counts on.
///
/// # Errors
/// Where there is no such source, it cannot be built, or it does not answer.
pub async fn look(config: &Config, id: &str) -> anyhow::Result<Looked> {
    let wanted = config.sources.iter().find(|source| source.id.as_str() == id).with_context(|| {
        let known: Vec<&str> = config.sources.iter().map(|source| source.id.as_str()).collect();
        format!("no source is named \"{id}\"; there are {}", known.join(", "))
    })?;
    let kind = source::kind(&wanted.kind).with_context(|| format!("no kind is named \"{}\"", wanted.kind))?;
    let settings = Settings { id: wanted.id.clone(), params: wanted.params.clone() };
    let faults = source::terms::check(kind, &settings, None);
    if faults.has_faults() {
        anyhow::bail!("the source {id} cannot be asked:\n{faults}");
    }
    let tools = check::Tools::new(config).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let matcher = Matcher::compile(&config.topics).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let mut source = match (kind.build)(&settings, &tools.source).map_err(anyhow::Error::msg)? {
        Built::Push(_) => return Ok(Looked::Waits),
        Built::Pull(source) => source,
    };
    let now = Timestamp::now();
    let batch = if charges(config, id) {
        paid(config, &wanted.id, source.as_mut(), now).await?
    } else {
        source.trial(&Position::default(), now).await.looked?
    };
    let topics = |post: &Post| {
        let mut topics: Vec<TopicId> = matcher.find(post).into_iter().map(|found| found.topic).collect();
        topics.extend(wanted.topic.clone().filter(|topic| !topics.contains(topic)));
        topics
    };
    let posts =
        batch.posts.into_iter().map(|post| (topics(&post), post)).map(|(topics, post)| (post, topics));
    let said: Vec<String> = source.remark().into_iter().chain(in_part(&batch.trouble)).collect();
    let (posts, remark) = (posts.collect(), Some(said.join("; ")).filter(|said| !said.is_empty()));
    Ok(Looked::Gave(Found { posts, rejects: batch.rejects, more: batch.more, remark }))
}

/// A look that is paid for from what the store says is left, and written there however it ended.
async fn paid(
    config: &Config,
    id: &SourceId,
    source: &mut dyn Source,
    now: Timestamp,
) -> anyhow::Result<Batch> {
    let store = offline::open_store(config).await?;
    let state = store.source(id.clone()).await?.unwrap_or_else(|| SourceState::new(id.clone(), now));
    let kept = Position { cursor: state.cursor.clone(), memo: state.memo.clone() };
    let tried = source.trial(&kept, now).await;
    let Position { cursor, memo } = tried.position;
    let recording = Recording {
        source: SourceState { seen: state.seen + 1, cursor, memo, ..state },
        mentions: Vec::new(),
        erased: Vec::new(),
        effects: Effects::default(),
        gaps: Vec::new(),
        inbox_through: None,
    };
    let outcome = store.record(recording).await?;
    store.close().await?;
    // The store is ours alone while this runs.
    anyhow::ensure!(outcome == Outcome::Done, "what the look cost could not be written into the store");
    Ok(tried.looked?)
}
