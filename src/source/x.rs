//! X: what its recent search finds, paid for by the post. Off until it is switched on, and never dearer than the
//! cap that must stand beside the switch (see [`money`]).
//!
//! A look asks for what is newer than the newest post known, newest first; what one look may not finish stays
//! as a hole in the cursor (see [`cursor`]). The place serves seven days; what is older when we come back is a
//! gap, and said. Its word on posts deleted or made private comes by asking for them anew.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::api::{self, Api, Credential, Sign};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Money, Over, Word};
use super::{
    Answer, Asks, Batch, Built, Kind, Known, Parsed, Position, Rechecked, Retry, Settings, Source,
    SourceError, Terms, Tools, Tried,
};
use crate::domain::post::Post;
use crate::domain::problem::{Problem, Problems};
use crate::domain::secret::SecretRef;
use crate::domain::source::{Gap, GapCause};
use cursor::Cursor;
use money::{Prices, Read, dollars, micro, until_next_month};

mod ask;
mod cursor;
mod money;
mod query;
mod read;

/// The kind `x`.
pub const KIND: Kind = Kind {
    name: "x",
    about: "posts that a search of X (Twitter) finds; paid by the post, off until switched on with a cap",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Approved,
    needs: "a developer account with prepaid credits, and its app's bearer token",
    budgets: &[
        Budget::new(300, 900, Over::Credential).of("search"),
        Budget::new(300, 900, Over::Credential).of("counts"),
        Budget::new(300, 900, Over::Credential).of("lookup"),
    ],
    budgets_word: Word::stricter(
        "450 searches and 3,500 lookups in 15 minutes an app",
        "X API, Rate limits",
        "https://docs.x.com/x-api/fundamentals/rate-limits",
    ),
    least_every: 60,
    paging: "100 posts a page, 500 a look; queries of 512 characters",
    erase: &[Erase::new(
        "posts deleted, withheld or made private there",
        24,
        Word::theirs(
            "X Developer Policy, Content compliance: as soon as possible, within 24 hours of a request",
            "https://docs.x.com/developer-terms/policy",
        ),
    )],
    commercial: Commercial::Contract,
    sees: "public posts of the last 7 days that match the query, edits as versions; posts gone, by asking anew",
    cannot: "what is older than 7 days when it is asked; private accounts; reposts unless asked for",
    money: Some(Money { cap: "cap_per_month", together: "cap_together" }),
    costs: "$0.005 a post read and $0.010 for its author (authors can be left out), up to the cap that must be set",
    document: "https://docs.x.com/x-api/getting-started/pricing",
    ..Terms::OPEN
};

/// Most pages of one look.
const MOST_PAGES: u32 = 5;
/// A page, and how few results may be asked for.
const PAGE: u64 = 100;
const LEAST_PAGE: u64 = 10;
/// How often the place is asked how many posts match.
const COUNT_EACH: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, Clone)]
struct Wanted {
    base: String,
    token: Option<SecretRef>,
    query: String,
    prices: Prices,
    interval: SignedDuration,
    back: SignedDuration,
    /// Posts asked for anew between two looks, at most.
    reserve: u64,
    forecast: bool,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base = params.text("base_url").unwrap_or("https://api.x.com").trim_end_matches('/').to_owned();
    if !url::Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let query = query::read(&mut params);
    let retweets = params.flag("retweets");
    let token = params.secret("token");
    let given = params.value("token").is_some();
    if !given {
        params.fault("token", "is missing", "write token = { credential = \"x-bearer-token\" }");
    }
    if !params.flag("paid") {
        params.fault(
            "paid",
            "X charges for every post read",
            "write paid = true, and cap_per_month beside it",
        );
    }
    let authors = params.value("authors").is_none_or(|value| value.as_bool().unwrap_or(true));
    let prices = Prices {
        post: price(&mut params, "price_per_post", Some(0.005)),
        author: price(&mut params, "price_per_author", Some(0.010)),
        count: price(&mut params, "price_per_count", Some(0.005)),
        cap: price(&mut params, "cap_per_month", None),
        authors,
        // A repost may repeat an answer that quotes: three posts come with it at most.
        referred: if retweets { 3 } else { 0 },
    };
    let together = params.value("cap_together").map(|_| price(&mut params, "cap_together", None));
    if together.is_some_and(|together| together > 0 && together < prices.cap) {
        let what = "is less than cap_per_month beside it".to_owned();
        params.fault("cap_together", what, "it is what all sources with this bearer may spend, this one too");
    }
    if prices.cap > 0 && prices.cap < prices.worst() * LEAST_PAGE {
        let least = dollars(prices.worst() * LEAST_PAGE);
        let what = format!("${:.2} do not pay for one question", dollars(prices.cap));
        params.fault(
            "cap_per_month",
            what,
            format!("at least {least:.2}: X answers with {LEAST_PAGE} posts or more"),
        );
    }
    let interval = params.wait("interval", 900, 60);
    let back = params.wait("back", 3_600, 0);
    let reserve = match params.value("rechecks") {
        None => PAGE,
        Some(value) => value.as_u64().filter(|&most| most <= 10 * PAGE).unwrap_or_else(|| {
            params.fault(
                "rechecks",
                format!("{value} is no count"),
                "posts asked for anew per look, 0 to 1000",
            );
            PAGE
        }),
    };
    let forecast = params.value("forecast").is_none_or(|value| value.as_bool().unwrap_or(true));
    let allow_private = params.flag("allow_private");
    let wanted = Wanted { base, token, query, prices, interval, back, reserve, forecast, allow_private };
    (wanted, params.finish())
}

/// A price in dollars; without a default it must stand there.
fn price(params: &mut Params<'_>, key: &'static str, default: Option<f64>) -> money::Micro {
    let value = params.value(key);
    let number = match value {
        None => default,
        Some(value) => value.as_f64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok())),
    };
    match number.and_then(micro) {
        Some(money) if default.is_some() || money > 0 => money,
        _ => {
            let what =
                value.map_or_else(|| "is missing".into(), |value| format!("{value} is no amount of money"));
            params.fault(key, what, format!("write it in dollars, {key} = {}", default.unwrap_or(50.0)));
            0
        }
    }
}

fn check(settings: &Settings) -> Problems {
    let (wanted, mut problems) = wanted(settings);
    if !problems.has_faults() {
        let prices = &wanted.prices;
        let each = prices.post + if prices.authors { prices.author } else { 0 };
        let posts = prices.cap / each.max(1);
        problems.push(
            Problem::new(
                "cap_per_month",
                format!("up to ${:.2} a month will be spent at X", dollars(prices.cap)),
            )
            .remedy(format!(
                "that is {posts} posts, {} a day; `earmark sources test {}` says how many match",
                posts / 30,
                settings.id
            ))
            .warning(),
        );
    }
    problems
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let token = wanted.token.as_ref().map(Credential::fetch).transpose()?;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private).signed(token, Sign::Bearer);
    Ok(Built::Pull(Box::new(X {
        settings: settings.clone(),
        wanted,
        api,
        rechecks: Rechecks::default(),
        remark: None,
    })))
}

/// The posts of any answer of X, of today and of the years before.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    read::parse(answer, settings)
}

/// What rechecks may still ask for, and what they asked for since the last look; none: since before this
/// process began, so nobody knows.
#[derive(Debug, Clone, Copy, Default)]
struct Rechecks {
    left: u64,
    used: Option<u64>,
}

struct X {
    settings: Settings,
    wanted: Wanted,
    api: Api,
    rechecks: Rechecks,
    remark: Option<String>,
}

impl X {
    fn position(cursor: &Cursor) -> Position {
        let written = serde_json::to_string(cursor).expect("numbers and dates always serialise");
        Position { cursor: Some(written), memo: None }
    }

    /// There is no money for another question.
    fn broke(&self, cursor: &Cursor, now: Timestamp) -> SourceError {
        let wait = until_next_month(now);
        let days = wait.as_hours() / 24;
        SourceError {
            what: format!(
                "the money for X is used up: {}; it is asked again in {days} days, and serves 7 days back; raise \
                 cap_per_month or narrow the query",
                cursor.purse.words(&self.wanted.prices)
            ),
            retry: Retry::After(wait),
            position: Some(Self::position(cursor)),
        }
    }

    /// How many posts match, as the place counts them; a place that does not say is asked again in a week.
    async fn count(&self, cursor: &mut Cursor, now: Timestamp) {
        let due = cursor.purse.counted.is_none_or(|at| now.duration_since(at) >= COUNT_EACH);
        let prices = &self.wanted.prices;
        if !self.wanted.forecast
            || !due
            || cursor.purse.left(prices) < prices.count + LEAST_PAGE * prices.worst()
        {
            return;
        }
        let url = format!("{}/2/tweets/counts/recent", self.wanted.base);
        let url = api::with_query(&url, &[("query", &self.wanted.query), ("granularity", "day")]);
        let Ok(value) = ask::value(&self.api.counted("counts", 1), &url, now).await else { return };
        cursor.purse.pay(prices.count);
        cursor.purse.counted = Some(now);
        #[expect(clippy::cast_precision_loss, reason = "no week has 2^53 posts")]
        let total =
            value.pointer("/meta/total_tweet_count").and_then(serde_json::Value::as_u64).map(|n| n as f64);
        cursor.purse.per_day = total.map(|total| total / 7.0).or(cursor.purse.per_day);
    }

    /// A page of the newest unread stretch. What it cost is paid, whatever comes of it.
    async fn page(&self, cursor: &mut Cursor, most: u64, now: Timestamp) -> Result<Parsed, SourceError> {
        let Some(hole) = cursor.holes.last().copied() else { return Ok(Parsed::default()) };
        let (most_text, since) = (most.to_string(), hole.since.to_string());
        let until = hole.until.map(|until| until.to_string());
        let mut pairs =
            vec![("query", &*self.wanted.query), ("max_results", &*most_text), ("since_id", &*since)];
        pairs.extend(until.as_deref().map(|until| ("until_id", until)));
        pairs.extend(self.fields());
        let url = api::with_query(&format!("{}/2/tweets/search/recent", self.wanted.base), &pairs);
        let prices = &self.wanted.prices;
        let answer = ask::answer(&self.api.counted("search", 1), &url, now).await?;
        let Ok(value) = answer.borrowed().json() else {
            // It was paid for, and nobody can say how much of it.
            cursor.purse.pay(most.saturating_mul(prices.worst()));
            return Err(ask::strange(&answer.borrowed(), &parse(&answer.borrowed(), &self.settings)));
        };
        cursor.purse.pay(prices.of(bought(&value)));
        let parsed = parse(&answer.borrowed(), &self.settings);
        if ask::is_strange(&parsed) {
            return Err(ask::strange(&answer.borrowed(), &parsed));
        }
        let older = value.pointer("/meta/next_token").is_some_and(|token| !token.is_null());
        cursor.took(&ask::numbers(&value), older);
        Ok(parsed)
    }

    fn fields(&self) -> Vec<(&'static str, &'static str)> {
        let prices = &self.wanted.prices;
        let mut fields = vec![(
            "tweet.fields",
            "created_at,lang,author_id,conversation_id,referenced_tweets,edit_history_tweet_ids,entities,note_tweet",
        )];
        // What is expanded is paid for: the author's name is worth it, the post that was quoted is not.
        match (prices.authors, prices.referred > 0) {
            (true, true) => fields.push(("expansions", "author_id,referenced_tweets.id")),
            (true, false) => fields.push(("expansions", "author_id")),
            (false, true) => fields.push(("expansions", "referenced_tweets.id")),
            (false, false) => {}
        }
        if prices.authors {
            fields.push(("user.fields", "username,public_metrics"));
        }
        fields
    }

    async fn lookup(
        &mut self,
        ids: &[String],
        now: Timestamp,
    ) -> Result<(Vec<Post>, serde_json::Value), SourceError> {
        let mut pairs = self.fields();
        let ids = ids.join(",");
        pairs.insert(0, ("ids", &ids));
        let url = api::with_query(&format!("{}/2/tweets", self.wanted.base), &pairs);
        let answer = ask::answer(&self.api.counted("lookup", 1), &url, now).await?;
        let Ok(value) = answer.borrowed().json() else {
            return Err(ask::strange(&answer.borrowed(), &parse(&answer.borrowed(), &self.settings)));
        };
        Ok((parse(&answer.borrowed(), &self.settings).posts, value))
    }
}

/// What an answer brought that is paid for.
fn bought(value: &serde_json::Value) -> Read {
    let length = |at: &str| match value.pointer(at) {
        Some(serde_json::Value::Array(list)) => list.len() as u64,
        Some(serde_json::Value::Object(_)) => 1,
        _ => 0,
    };
    Read { posts: length("/data") + length("/includes/tweets"), authors: length("/includes/users") }
}

#[async_trait]
impl Source for X {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept = kept(position)?;
        let first = kept.is_unread();
        let mut cursor = if first { Cursor::first(now, self.wanted.back).spent(&kept.purse) } else { kept };
        let prices = self.wanted.prices;
        cursor.purse.turn(now, &prices);
        self.rechecks.left = cursor.purse.reserve(self.wanted.reserve, self.rechecks.used, &prices);
        self.rechecks.used = Some(0);
        self.count(&mut cursor, now).await;
        self.remark = Some(cursor.purse.words(&prices));
        if cursor.purse.affords(&prices) < LEAST_PAGE {
            return Err(self.broke(&cursor, now));
        }
        let mut batch = Batch::default();
        for lost in cursor.open(now) {
            let detail = "X serves the last 7 days only".to_owned();
            let cause = GapCause::Overrun;
            batch.gaps.push(Gap {
                source: self.settings.id.clone(),
                from: Some(lost.from),
                until: lost.until,
                cause,
                detail,
            });
        }
        let mut answered = false;
        for _ in 0..MOST_PAGES {
            let affords = cursor.purse.affords(&prices);
            if cursor.holes.is_empty() || affords < LEAST_PAGE {
                break;
            }
            // The first look of all is a trial: it costs what ten posts cost.
            let most = if first { LEAST_PAGE } else { affords.min(PAGE) };
            match self.page(&mut cursor, most, now).await {
                Ok(parsed) => {
                    answered = true;
                    batch.posts.extend(parsed.posts);
                    batch.rejects.extend(parsed.rejects);
                }
                Err(error) if answered => {
                    batch.rest = Some(error.pause().unwrap_or(SignedDuration::from_mins(1)));
                    break;
                }
                Err(error) => {
                    return Err(SourceError { position: Some(spent_only(position, &cursor)), ..error });
                }
            }
            if first {
                break;
            }
        }
        cursor.ended(now);
        let can = cursor.purse.affords(&prices) >= LEAST_PAGE;
        batch.more = !cursor.holes.is_empty() && can && batch.rest.is_none();
        batch.fetched_through = Some(cursor.fetched_through(now));
        // Oldest first, as they were said.
        batch.posts.sort_by_key(|post| post.created_at);
        batch.position = Self::position(&cursor);
        self.remark = Some(cursor.purse.words(&prices));
        Ok(batch)
    }

    /// Paid from the same purse: a trial leaves nothing behind but what it cost.
    async fn trial(&mut self, position: &Position, now: Timestamp) -> Tried {
        let before = match kept(position) {
            Ok(before) => before,
            Err(error) => return Tried { position: position.clone(), looked: Err(error) },
        };
        // What is set aside for rechecks is the daemon's, which knows how much of it is left.
        let reserve = std::mem::take(&mut self.wanted.reserve);
        self.rechecks.used = Some(0);
        let looked = self.poll(&Self::position(&Cursor::unread(before.purse.clone())), now).await;
        self.wanted.reserve = reserve;
        let after = match &looked {
            Ok(batch) => Some(&batch.position),
            Err(error) => error.position.as_ref(),
        };
        let purse = after
            .and_then(|after| kept(after).ok())
            .map_or_else(|| before.purse.clone(), |after| after.purse);
        Tried { position: Self::position(&before.spent(&purse)), looked }
    }

    fn asks(&self) -> Vec<Asks> {
        vec![Asks::new("search", 1, self.wanted.interval)]
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn remark(&self) -> Option<String> {
        self.remark.clone()
    }

    fn recheck_at_once(&self) -> usize {
        if self.wanted.reserve == 0 { 0 } else { 100 }
    }

    async fn recheck(&mut self, known: &[Known], now: Timestamp) -> Result<Rechecked, SourceError> {
        // An edited post is asked for twice: under its first number, and under its last.
        let can = usize::try_from(self.rechecks.left).unwrap_or(usize::MAX).min(100);
        let ids: Vec<String> = known.iter().map(|known| known.id.clone()).collect();
        let ids: Vec<String> =
            ids.into_iter().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())).take(can).collect();
        if ids.is_empty() {
            if known.is_empty() || can > 0 {
                return Ok(Rechecked::default());
            }
            let what = "the money set aside for asking X anew is used up until the next look".into();
            return Err(SourceError { what, retry: Retry::Budget(self.wanted.interval), position: None });
        }
        self.spend(ids.len() as u64);
        let (mut posts, value) = self.lookup(&ids, now).await?;
        let later: Vec<String> =
            ask::later(&value).into_iter().take(usize::try_from(self.rechecks.left).unwrap_or(0)).collect();
        if !later.is_empty() {
            self.spend(later.len() as u64);
            let (newer, _) = self.lookup(&later, now).await?;
            posts.retain(|post| !newer.iter().any(|new| new.id == post.id));
            posts.extend(newer);
        }
        // A post known in an edit that could not be paid for now is not told in an older one.
        posts.retain(|post| ask::is_latest(&value, post));
        Ok(Rechecked { posts, gone: read::gone(&value), rest: None })
    }
}

impl X {
    fn spend(&mut self, posts: u64) {
        self.rechecks.left = self.rechecks.left.saturating_sub(posts);
        self.rechecks.used = self.rechecks.used.map(|used| used + posts);
    }
}

/// What was kept of the looks before.
fn kept(position: &Position) -> Result<Cursor, SourceError> {
    let Some(kept) = position.cursor.as_deref() else { return Ok(Cursor::default()) };
    serde_json::from_str(kept).map_err(|error| {
        let what = format!("the kept cursor cannot be read, and what was spent stands in it: {error}");
        SourceError { what, retry: Retry::Never, position: None }
    })
}

/// A look failed: what it read is read again, what it spent is spent.
fn spent_only(position: &Position, cursor: &Cursor) -> Position {
    let before = position.cursor.as_deref().and_then(|kept| serde_json::from_str::<Cursor>(kept).ok());
    match before {
        Some(before) => X::position(&before.spent(&cursor.purse)),
        None => X::position(&cursor.closed()),
    }
}
