//! Threads: answers below one's own threads, posts that mention the account, and posts that hold chosen words.
//! Words of everybody are found once the app is approved for it; until then the same question finds one's own
//! posts only, and nothing in the answer says so.

use async_trait::async_trait;

use super::graph::read::Place;
use super::graph::reads::{self, Reads};
use super::graph::walk::{Cursor, List, Plan, Watch};
use super::graph::{self, Common};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Proven, Word};
use super::{Asks, Kind, Settings, Terms};
use crate::domain::problem::Problems;

/// The kind `threads`.
pub const KIND: Kind = Kind {
    name: "threads",
    about: "answers to one's own threads, mentions, and a search for words; needs an approved app's token",
    check: reads::check::<Wanted>,
    build: reads::build::<Wanted>,
    parse: Some(reads::parse::<Wanted>),
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

#[async_trait]
impl Reads for Wanted {
    const PLACE: Place = Place::Threads;
    const TERMS: &'static Terms = &TERMS;

    fn wanted(settings: &Settings) -> (Self, Problems) {
        let mut params = Params::new(&settings.params);
        let common = Common::read(&mut params, "https://graph.threads.net", "v1.0", 900, 60);
        let account = graph::account(&mut params, "account", Some("me"));
        let reads = graph::words(&mut params, "reads", &["answers", "mentions"], &["answers", "mentions"]);
        let phrases = params.list("phrases", "[\"acme\", \"acme cloud\"]");
        if phrases.len() > MOST_PHRASES {
            let remedy = format!("at most {MOST_PHRASES}, or make two sources");
            params.fault("phrases", format!("{} phrases are named", phrases.len()), remedy);
        }
        let looks = 86_400 / common.interval.as_secs().max(1);
        if phrases.len() as i64 * looks > 2_200 {
            let what = format!(
                "{} phrases every {:#} are more than 2,200 questions a day",
                phrases.len(),
                common.interval
            );
            params.fault("phrases", what, "name fewer, or write a longer interval");
        }
        (Self { common, account, reads, phrases }, params.finish())
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn plan(&self, _: &Cursor) -> Plan {
        let reads = |what: &str| self.reads.iter().any(|read| read == what);
        let list = |key: String, path: String, fields: &str, bucket: &'static str| List {
            key,
            path,
            query: vec![("fields", fields.to_owned()), ("limit", "100".to_owned())],
            since: true,
            served: None,
            bucket,
        };
        let account = &self.account;
        let mut lists = Vec::new();
        if reads("answers") {
            lists.push(list("threads".into(), format!("{account}/threads"), POST, ""));
        }
        if reads("mentions") {
            lists.push(list("mentions".into(), format!("{account}/mentions"), FOUND, ""));
        }
        for phrase in &self.phrases {
            let mut list = list(format!("search {phrase}"), "keyword_search".into(), FOUND, "search");
            list.query.extend([("q", phrase.clone()), ("search_type", "RECENT".to_owned())]);
            lists.push(list);
        }
        Plan { lists, watch: reads("answers").then_some(&ANSWERS) }
    }
    fn asks(&self) -> Vec<Asks> {
        let every = self.common.interval;
        vec![Asks::new("", self.reads.len(), every), Asks::new("search", self.phrases.len(), every)]
    }
}
