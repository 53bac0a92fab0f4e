//! Threads: answers below one's own threads, posts that mention the account, and posts that hold chosen words.
//! Words of everybody are found once the app is approved for it; until then the same question finds one's own
//! posts only, and nothing in the answer says so.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::graph::read::{self, Place};
use super::graph::walk::{Cursor, List, Look, Plan, Watch};
use super::graph::{self, Common, Graph};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Proven, Word};
use super::{
    Answer, Asks, Batch, Built, Kind, Parsed, Position, Settings, Source, SourceError, Terms, Tools,
};
use crate::domain::problem::Problems;

/// The kind `threads`.
pub const KIND: Kind = Kind {
    name: "threads",
    about: "answers to one's own threads, mentions, and a search for words; needs an approved app's token",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Approved,
    needs: "a token with threads_basic, threads_read_replies and threads_manage_mentions; for search App Review of \
            threads_keyword_search",
    budgets: &[
        Budget::per_hour(200, Over::Credential),
        Budget::per_day(2_200, Over::Credential).of("search"),
    ],
    budgets_word: Word::stricter(
        "4,800 in 24 hours for each time that the account was seen; 2,200 searches in 24 hours a user",
        "Threads API, Keyword Search, Limitations",
        "https://developers.facebook.com/docs/threads/keyword-search/",
    ),
    least_every: 60,
    paging: "100 posts a page",
    erase: &[Erase::new(
        "what was deleted there, and what its author asks to be erased",
        24,
        Word::stricter(
            "as soon as reasonably possible",
            "Meta Platform Terms, 3.d",
            "https://developers.facebook.com/terms/",
        ),
    )],
    commercial: Commercial::Contract,
    sees: "answers below one's own newest threads, public posts that mention the account or hold chosen words",
    cannot: "posts of everybody before the app is approved for search; words that the place deems sensitive (it \
             answers with nothing); what was deleted; answers below threads older than the 50 watched",
    proven: Proven::Documents,
    document: "https://developers.facebook.com/docs/threads/keyword-search/",
    ..Terms::OPEN
};

/// Most phrases searched for: at a look every 15 minutes, 20 are 1,920 of the 2,200 questions of a day.
const MOST_PHRASES: usize = 100;

const POST: &str =
    "id,text,timestamp,permalink,username,media_type,media_product_type,is_quote_post,has_replies";
const ANSWER: &str =
    "id,text,timestamp,permalink,username,media_type,media_product_type,is_reply,replied_to,root_post";
const FOUND: &str = "id,text,timestamp,permalink,username,media_type,is_reply,is_quote_post";

static ANSWERS: Watch = Watch {
    key: "threads",
    count: "/has_replies",
    edge: "conversation",
    query: &[("fields", ANSWER), ("reverse", "true"), ("limit", "100")],
    flat: true,
    most: 50,
};

struct Wanted {
    common: Common,
    account: String,
    reads: Vec<String>,
    phrases: Vec<String>,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let common = Common::read(&mut params, "https://graph.threads.net", "v1.0", 900, 60);
    let account = graph::account(&mut params, "account", Some("me"));
    let reads = graph::words(&mut params, "reads", &["answers", "mentions"], &["answers", "mentions"]);
    let phrases = phrases(&mut params);
    let looks = 86_400 / common.interval.as_secs().max(1);
    if phrases.len() as i64 * looks > 2_200 {
        let what = format!(
            "{} phrases every {:#} are more than 2,200 questions a day",
            phrases.len(),
            common.interval
        );
        params.fault("phrases", what, "name fewer, or write a longer interval");
    }
    (Wanted { common, account, reads, phrases }, params.finish())
}

fn phrases(params: &mut Params<'_>) -> Vec<String> {
    let Some(value) = params.value("phrases") else { return Vec::new() };
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let phrases: Vec<String> =
        list.iter().filter_map(Value::as_str).map(|text| text.trim().to_owned()).collect();
    if phrases.is_empty()
        || phrases.len() < list.len()
        || phrases.len() > MOST_PHRASES
        || phrases.iter().any(String::is_empty)
    {
        let remedy = format!("write [\"acme\", \"acme cloud\"], at most {MOST_PHRASES}");
        params.fault("phrases", format!("{value} is no list of phrases"), remedy);
    }
    phrases
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let graph = wanted.common.graph(tools, &TERMS)?;
    Ok(Built::Pull(Box::new(Threads { settings: settings.clone(), wanted, graph })))
}

/// The posts of any answer of the Graph API.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    read::parse(answer, settings, Place::Threads)
}

struct Threads {
    settings: Settings,
    wanted: Wanted,
    graph: Graph,
}

impl Threads {
    fn plan(&self) -> Plan {
        let reads = |what: &str| self.wanted.reads.iter().any(|read| read == what);
        let list = |key: String, path: String, fields: &str, bucket: &'static str| List {
            key,
            path,
            query: vec![("fields", fields.to_owned()), ("limit", "100".to_owned())],
            since: true,
            served: None,
            bucket,
        };
        let account = &self.wanted.account;
        let mut lists = Vec::new();
        if reads("answers") {
            lists.push(list("threads".into(), format!("{account}/threads"), POST, ""));
        }
        if reads("mentions") {
            lists.push(list("mentions".into(), format!("{account}/mentions"), FOUND, ""));
        }
        for phrase in &self.wanted.phrases {
            let mut list = list(format!("search {phrase}"), "keyword_search".into(), FOUND, "search");
            list.query.extend([("q", phrase.clone()), ("search_type", "RECENT".to_owned())]);
            lists.push(list);
        }
        Plan { lists, watch: reads("answers").then_some(&ANSWERS) }
    }
}

#[async_trait]
impl Source for Threads {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let read = |answer: &Answer<'_>| parse(answer, &self.settings);
        Look::new(&self.graph, &self.settings.id, read, Cursor::read(position), now).run(&self.plan()).await
    }

    fn asks(&self) -> Vec<Asks> {
        let (wanted, every) = (&self.wanted, self.wanted.common.interval);
        vec![Asks::new("", wanted.reads.len(), every), Asks::new("search", wanted.phrases.len(), every)]
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.common.interval
    }
}
