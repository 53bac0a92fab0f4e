//! Instagram: comments below one's own media, media that tag the account, and recent media under chosen
//! hashtags. Through Facebook Login: the account is a business' or a creator's, tied to a page.
//!
//! Hashtags are scarce: 30 in any seven days for one account, each counted from when it was first asked for;
//! so the settings may name no more, and the number of a hashtag, which never changes, is asked for once.

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::Value;

use super::graph::read::Place;
use super::graph::reads::{self, Reads};
use super::graph::walk::{Cursor, List, Plan, Watch};
use super::graph::{self, Common, Graph};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Word};
use super::{Kind, Known, Retry, Settings, SourceError, Terms};
use crate::domain::problem::Problems;

/// The kind `instagram`.
pub const KIND: Kind = Kind {
    name: "instagram",
    about: "comments on one's own media, media that tag the account, hashtags; needs a business account's token",
    check: reads::check::<Wanted>,
    build: reads::build::<Wanted>,
    parse: Some(reads::parse::<Wanted>),
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

fn hashtags(params: &mut Params<'_>) -> Vec<String> {
    let texts = params.list("hashtags", "[\"acme\", \"acmecloud\"]");
    let names: Vec<String> = texts.iter().map(|text| text.trim_start_matches('#').to_lowercase()).collect();
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if let Some(name) = names.iter().find(|name| !plain(name)) {
        params.fault("hashtags", format!("\"{name}\" is no hashtag"), "one word, without the # sign");
    }
    if names.len() > MOST_HASHTAGS {
        let what = format!("{} hashtags are named", names.len());
        let remedy = format!("{MOST_HASHTAGS} in 7 days is what Instagram allows an account");
        params.fault("hashtags", what, remedy);
    }
    names
}

#[async_trait]
impl Reads for Wanted {
    const PLACE: Place = Place::Instagram;
    const TERMS: &'static Terms = &TERMS;

    fn wanted(settings: &Settings) -> (Self, Problems) {
        let mut params = Params::new(&settings.params);
        let common = Common::read(&mut params, "https://graph.facebook.com", "v25.0", 900, 60);
        let account = graph::account(&mut params, "account", None);
        let reads = graph::words(&mut params, "reads", &["media", "tags"], &["media", "tags"]);
        let hashtags = hashtags(&mut params);
        (Self { common, account, reads, hashtags }, params.finish())
    }

    fn common(&self) -> &Common {
        &self.common
    }

    /// The numbers of hashtags that are not known yet.
    async fn learn(&self, graph: &Graph, cursor: &mut Cursor) -> Result<(), SourceError> {
        for name in &self.hashtags {
            if cursor.names.contains_key(name) {
                continue;
            }
            let query = [("user_id", &*self.account), ("q", name)];
            let got = graph.get("ig_hashtag_search", &query, "").await?;
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
        let reads = |what: &str| self.reads.iter().any(|read| read == what);
        let account = &self.account;
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
        for name in &self.hashtags {
            let Some(number) = cursor.names.get(name) else { continue };
            let mut list = list(format!("#{name}"), format!("{number}/recent_media"), UNDER_HASHTAG, "50");
            list.query.push(("user_id", account.clone()));
            list.served = Some(SignedDuration::from_hours(24));
            lists.push(list);
        }
        Plan { lists, watch: reads("media").then_some(&COMMENTS) }
    }

    fn anew(&self) -> Option<(&str, &'static str)> {
        Some((&self.account, "id,text,timestamp,username,from,parent_id,media{id}"))
    }

    /// Media of others cannot be asked for by number; comments on one's own can.
    fn is_asked_anew(known: &Known) -> bool {
        known.parent.is_some()
    }
}
