//! Instagram: comments below one's own media, media that tag the account, and recent media under chosen
//! hashtags. Through Facebook Login: the account is a business' or a creator's, tied to a page.
//!
//! Hashtags are scarce: 30 in any seven days for one account, each counted from when it was first asked for;
//! so the settings may name no more, and the number of a hashtag, which never changes, is asked for once.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::graph::read::{self, Place};
use super::graph::walk::{Cursor, List, Look, Plan, Watch};
use super::graph::{self, Common, Graph};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Word};
use super::{
    Answer, Batch, Built, Kind, Known, Parsed, Position, Rechecked, Retry, Settings, Source, SourceError,
    Terms, Tools,
};
use crate::domain::problem::Problems;

/// The kind `instagram`.
pub const KIND: Kind = Kind {
    name: "instagram",
    about: "comments on one's own media, media that tag the account, hashtags; needs a business account's token",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Approved,
    needs: "a business or creator account tied to a page, and a token with instagram_basic and \
            instagram_manage_comments; for hashtags also App Review of Instagram Public Content Access",
    budgets: &[Budget::per_hour(200, Over::Credential)],
    budgets_word: Word::stricter(
        "4,800 in 24 hours for each time that the account was seen",
        "Graph API, Rate Limits, Business Use Case",
        "https://developers.facebook.com/docs/graph-api/overview/rate-limiting/",
    ),
    least_every: 60,
    paging: "100 media or comments a page, 50 below a hashtag; 30 hashtags in 7 days",
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
    sees: "comments and answers on one's own media, media that tag the account, media of the last 24 hours under \
           chosen hashtags; removed comments by asking anew",
    cannot: "other accounts' comments, stories, any search for words; who posted under a hashtag; new comments below \
             media older than the 100 watched",
    document: "https://developers.facebook.com/terms/",
    ..Terms::OPEN
};

/// Most hashtags of one account in seven days.
const MOST_HASHTAGS: usize = 30;

const MEDIA: &str = "id,caption,timestamp,permalink,username,media_type,media_product_type,comments_count";
const COMMENT: &str =
    "id,text,timestamp,username,from,parent_id,media{id},replies{id,text,timestamp,username,from,parent_id}";
const TAGGED: &str = "id,caption,timestamp,permalink,username,media_type";
const UNDER_HASHTAG: &str = "id,caption,timestamp,permalink,media_type";

static COMMENTS: Watch = Watch {
    key: "media",
    count: "/comments_count",
    edge: "comments",
    query: &[("fields", COMMENT), ("limit", "100")],
    // An answer hangs below its comment, however old that is.
    flat: false,
    most: 100,
};

struct Wanted {
    common: Common,
    account: String,
    reads: Vec<String>,
    hashtags: Vec<String>,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let common = Common::read(&mut params, "https://graph.facebook.com", "v25.0", 900, 60);
    let account = graph::account(&mut params, "account", None);
    let reads = graph::words(&mut params, "reads", &["media", "tags"], &["media", "tags"]);
    let hashtags = hashtags(&mut params);
    (Wanted { common, account, reads, hashtags }, params.finish())
}

fn hashtags(params: &mut Params<'_>) -> Vec<String> {
    let Some(value) = params.value("hashtags") else { return Vec::new() };
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = list.iter().filter_map(Value::as_str);
    let names: Vec<String> = texts.map(|text| text.trim_start_matches('#').to_lowercase()).collect();
    let plain = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if names.is_empty() || names.len() < list.len() || !names.iter().all(plain) {
        params.fault(
            "hashtags",
            format!("{value} is no list of hashtags"),
            "write [\"acme\", \"acmecloud\"]",
        );
    }
    if names.len() > MOST_HASHTAGS {
        let what = format!("{} hashtags are named", names.len());
        params.fault(
            "hashtags",
            what,
            format!("{MOST_HASHTAGS} in 7 days is what Instagram allows an account"),
        );
    }
    names
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let graph = wanted.common.graph(tools, &TERMS)?;
    Ok(Built::Pull(Box::new(Instagram { settings: settings.clone(), wanted, graph })))
}

/// The posts of any answer of the Graph API.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    read::parse(answer, settings, Place::Instagram)
}

struct Instagram {
    settings: Settings,
    wanted: Wanted,
    graph: Graph,
}

impl Instagram {
    /// The numbers of hashtags that are not known yet.
    async fn learn(&self, cursor: &mut Cursor) -> Result<(), SourceError> {
        for name in &self.wanted.hashtags {
            if cursor.names.contains_key(name) {
                continue;
            }
            let query = [("user_id", &*self.wanted.account), ("q", name)];
            let got = self.graph.get("ig_hashtag_search", &query, "").await?;
            let number = got.value.pointer("/data/0/id").and_then(Value::as_str);
            let Some(number) = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            else {
                let what = format!(
                    "Instagram knows no hashtag #{name}: leave it out, or write it as it is written there"
                );
                return Err(SourceError { what, retry: Retry::Never, position: None });
            };
            cursor.names.insert(name.clone(), number.to_owned());
        }
        Ok(())
    }

    fn plan(&self, cursor: &Cursor) -> Plan {
        let reads = |what: &str| self.wanted.reads.iter().any(|read| read == what);
        let account = &self.wanted.account;
        let list = |key: String, path: String, fields: &str, limit: &str| List {
            key,
            path,
            query: vec![("fields", fields.to_owned()), ("limit", limit.to_owned())],
            since: false,
            served: None,
            bucket: "",
        };
        let mut lists = Vec::new();
        if reads("media") {
            lists.push(list("media".into(), format!("{account}/media"), MEDIA, "100"));
        }
        if reads("tags") {
            lists.push(list("tags".into(), format!("{account}/tags"), TAGGED, "100"));
        }
        for name in &self.wanted.hashtags {
            let Some(number) = cursor.names.get(name) else { continue };
            let mut list = list(format!("#{name}"), format!("{number}/recent_media"), UNDER_HASHTAG, "50");
            list.query.push(("user_id", account.clone()));
            list.served = Some(SignedDuration::from_hours(24));
            lists.push(list);
        }
        Plan { lists, watch: reads("media").then_some(&COMMENTS) }
    }
}

#[async_trait]
impl Source for Instagram {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut cursor = Cursor::read(position);
        self.learn(&mut cursor).await?;
        let plan = self.plan(&cursor);
        let read = |answer: &Answer<'_>| parse(answer, &self.settings);
        Look::new(&self.graph, &self.settings.id, read, cursor, now).run(&plan).await
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.common.interval
    }

    fn recheck_at_once(&self) -> usize {
        25
    }

    /// Media of others cannot be asked for by number; comments on one's own can.
    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        let comments: Vec<Known> = known.iter().filter(|known| known.parent.is_some()).cloned().collect();
        let read = |answer: &Answer<'_>| parse(answer, &self.settings);
        let fields = "id,text,timestamp,username,from,parent_id,media{id}";
        self.graph.recheck(&comments, (&self.wanted.account, fields), read).await
    }
}
