//! Facebook: what stands on one's own page and names it. Posts of the page and of visitors, the comments and
//! answers below them, posts of others that tag the page, recommendations. Other people's pages and a search
//! over everything are not for sale to anybody.

use async_trait::async_trait;

use super::graph::read::Place;
use super::graph::reads::{self, Reads};
use super::graph::walk::{Cursor, List, Plan, Watch};
use super::graph::{self, Common};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Word};
use super::{Kind, Settings, Terms};
use crate::domain::problem::Problems;

/// The kind `facebook`.
pub const KIND: Kind = Kind {
    name: "facebook",
    about: "comments, visitors' posts, mentions and recommendations of one's own page; needs the page's token",
    check: reads::check::<Wanted>,
    build: reads::build::<Wanted>,
    parse: Some(reads::parse::<Wanted>),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Approved,
    needs: "a page access token with pages_read_engagement and pages_read_user_content; for use by others than \
            the app's own people App Review and business verification",
    // 200 an hour for each person who uses the app; whoever runs this is one.
    budgets: &[Budget::per_hour(200, Over::Credential)],
    budgets_word: Word::theirs(
        "Graph API, Rate Limits, Platform Rate Limits: 200 an hour and user",
        "https://developers.facebook.com/docs/graph-api/overview/rate-limiting/",
    ),
    least_every: 60,
    paging: "100 posts or comments a page",
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
    sees: "posts and comments on one's own page, posts that tag it, recommendations; removed ones by asking anew",
    cannot: "other pages, groups, profiles, any search; new comments below posts older than the 100 watched; names \
             of people who did not allow it",
    document: "https://developers.facebook.com/terms/",
    ..Terms::OPEN
};

/// Posts whose comments are watched.
const MOST_WATCHED: usize = 100;

const POST: &str =
    "id,message,story,created_time,permalink_url,from,comments.filter(stream).limit(0).summary(total_count)";
const COMMENT: &str = "id,message,created_time,permalink_url,from,parent{id},comment_count";
const TAGGED: &str = "id,message,story,created_time,permalink_url,from";
const RATING: &str = "created_time,recommendation_type,review_text,reviewer,open_graph_story{id}";
const ANY: &str = "id,message,created_time,permalink_url,from,parent{id}";

static COMMENTS: Watch = Watch {
    key: "feed",
    count: "/comments/summary/total_count",
    edge: "comments",
    query: &[("fields", COMMENT), ("filter", "stream"), ("order", "reverse_chronological"), ("limit", "100")],
    flat: true,
    most: MOST_WATCHED,
};

struct Wanted {
    common: Common,
    page: String,
    reads: Vec<String>,
}

#[async_trait]
impl Reads for Wanted {
    const PLACE: Place = Place::Facebook;
    const TERMS: &'static Terms = &TERMS;

    fn wanted(settings: &Settings) -> (Self, Problems) {
        let mut params = Params::new(&settings.params);
        let common = Common::read(&mut params, "https://graph.facebook.com", "v25.0", 600, 60);
        let page = graph::account(&mut params, "page", None);
        let known = ["feed", "mentions", "ratings"];
        let reads = graph::words(&mut params, "reads", &known, &["feed", "mentions"]);
        (Self { common, page, reads }, params.finish())
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn plan(&self, _: &Cursor) -> Plan {
        let reads = |what: &str| self.reads.iter().any(|read| read == what);
        let list = |key: &str, edge: &str, fields: &str, since: bool| List {
            key: key.to_owned(),
            path: format!("{}/{edge}", self.page),
            query: vec![("fields", fields.to_owned()), ("limit", "100".to_owned())],
            since,
            served: None,
            bucket: "",
        };
        let all = [
            ("feed", list("feed", "feed", POST, true)),
            ("mentions", list("mentions", "tagged", TAGGED, true)),
            ("ratings", list("ratings", "ratings", RATING, false)),
        ];
        let lists = all.into_iter().filter(|(name, _)| reads(name)).map(|(_, list)| list).collect();
        Plan { lists, watch: reads("feed").then_some(&COMMENTS) }
    }

    fn anew(&self) -> Option<(&str, &'static str)> {
        Some((&self.page, ANY))
    }
}
