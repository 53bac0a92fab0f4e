//! Reviews of chosen apps on Steam, in all languages or some. The interface is public; it is Steam's Web API
//! (`IUserReviewsService/GetAppReviews`), which took the place of the shop's own `appreviews` address in
//! autumn 2026. Reviews look the same in both, and both are read from saved answers.
//!
//! An app is two lists: newest first, and last changed first. The first tells what is new; the second what was
//! changed, for a change moves no review in the first. Both are read back to what is known.
//!
//! The verdict stands at the head of the text, for that is all the rating there is: `Not recommended`. The
//! answers of developers are not read; they are our own words.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

use super::api::back::{self, Back, Lists, Page};
use super::api::{self, Api, Node};
use super::params::Params;
use super::terms::{Budget, Over, Word};
use super::{
    Answer, Batch, Built, Kind, Nothing, Parsed, Position, Settings, Source, SourceError, Terms, Tools,
    rating, record, text,
};
use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::domain::problem::Problems;

/// The kind `steam`.
pub const KIND: Kind = Kind {
    name: "steam",
    about: "reviews of chosen apps on Steam, new and changed; no account needed",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    // Who has a key may ask 100,000 times a day; nothing is said of those without.
    budgets: &[Budget::per_minute(20, Over::Host), Budget::per_day(10_000, Over::Host)],
    budgets_word: Word::stricter(
        "100,000 a day for a key; nothing without one",
        "Steam Web API Terms of Use",
        "https://steamcommunity.com/dev/apiterms",
    ),
    each: &["apps", "languages"],
    least_every: 60,
    paging: "100 reviews a page, back to the first",
    sees: "new reviews and changed ones, with their verdict, of all languages or some",
    cannot: "reviews that were removed; discussions and comments (no interface); the answers of developers",
    document: "https://partner.steamgames.com/doc/store/getreviews",
    ..Terms::OPEN
};

/// Reviews asked for at once.
const PAGE: u32 = 100;

/// How Steam calls languages, and how everybody else does.
const LANGUAGES: &[(&str, &str)] = &[
    ("arabic", "ar"),
    ("brazilian", "pt-br"),
    ("bulgarian", "bg"),
    ("czech", "cs"),
    ("danish", "da"),
    ("dutch", "nl"),
    ("english", "en"),
    ("finnish", "fi"),
    ("french", "fr"),
    ("german", "de"),
    ("greek", "el"),
    ("hungarian", "hu"),
    ("indonesian", "id"),
    ("italian", "it"),
    ("japanese", "ja"),
    ("koreana", "ko"),
    ("korean", "ko"),
    ("latam", "es-419"),
    ("malay", "ms"),
    ("norwegian", "no"),
    ("polish", "pl"),
    ("portuguese", "pt"),
    ("romanian", "ro"),
    ("russian", "ru"),
    ("schinese", "zh-cn"),
    ("spanish", "es"),
    ("swedish", "sv"),
    ("tchinese", "zh-tw"),
    ("thai", "th"),
    ("turkish", "tr"),
    ("ukrainian", "uk"),
    ("vietnamese", "vi"),
];

struct Wanted {
    base: String,
    apps: Vec<String>,
    languages: Vec<String>,
    interval: SignedDuration,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base =
        params.text("base_url").unwrap_or("https://api.steampowered.com").trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let sample = "[\"620\"], the number in the address of the app's page in the shop";
    let apps = params.texts("apps", sample, |app| app.parse::<u32>().is_ok_and(|app| app > 0));
    if params.value("apps").is_none() {
        params.fault("apps", "nothing to read", format!("write apps = {sample}"));
    }
    let mut languages = Vec::new();
    for given in params.list("languages", "[\"english\"]") {
        let name = given.to_ascii_lowercase();
        match LANGUAGES.iter().find(|(steam, tag)| *steam == name || *tag == name) {
            Some((steam, _)) => languages.push((*steam).to_owned()),
            None => {
                let names: Vec<&str> = LANGUAGES.iter().map(|(steam, _)| *steam).collect();
                let remedy = format!("known: {}", names.join(", "));
                params.fault("languages", format!("\"{given}\" is no language of Steam"), remedy);
            }
        }
    }
    let interval = params.wait("interval", 900, 60);
    let allow_private = params.flag("allow_private");
    (Wanted { base, apps, languages, interval, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private);
    Ok(Built::Pull(Box::new(Steam { settings: settings.clone(), wanted, api })))
}

/// The reviews of an answer of either interface, or of a dump of many.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let whole = Node::root(&value);
    let root = whole.get("response").unwrap_or_else(|| whole.clone());
    if root.number("success").is_some_and(|success| success != 1) {
        return Nothing::ErrorAnswer.into();
    }
    let app = app_of(answer.url);
    let mut parsed = Parsed::default();
    for review in reviews(&root) {
        take(&mut parsed, settings, &review, app.as_deref());
    }
    if !parsed.posts.is_empty() || !parsed.rejects.is_empty() {
        return parsed.settled();
    }
    let object = root.value().as_object();
    let ours = root.has("reviews") || root.has("query_summary") || object.is_some_and(|it| it.is_empty());
    let empty = root.value().as_array().is_some_and(Vec::is_empty);
    if ours || empty { Nothing::NoPostsInside.into() } else { Nothing::ForeignInterface.into() }
}

/// Reviews as a list, as a table by their number (as tools keep them), or a single one.
fn reviews<'a>(root: &Node<'a>) -> Vec<Node<'a>> {
    if root.has("recommendationid") {
        return vec![root.clone()];
    }
    let Some(list) = root.get("reviews") else {
        return root.items().filter(|review| review.has("recommendationid")).collect();
    };
    match list.value().as_object() {
        Some(table) => table.keys().filter_map(|key| list.get(key)).collect(),
        None => list.items().collect(),
    }
}

/// The app that an address asks about.
fn app_of(url: Option<&str>) -> Option<String> {
    let url = Url::parse(url?).ok()?;
    let mut path = url.path_segments()?.skip_while(|part| *part != "appreviews");
    let in_path = path.nth(1).map(str::to_owned);
    let app = in_path.or_else(|| {
        let mut query = url.query_pairs();
        let input = query.find(|(name, _)| name == "input_json" || name == "appid")?;
        if input.0 == "appid" {
            return Some(input.1.into_owned());
        }
        Node::root(&serde_json::from_str::<Value>(&input.1).ok()?).id("appid")
    })?;
    app.bytes().all(|byte| byte.is_ascii_digit()).then_some(app).filter(|app| !app.is_empty())
}

fn take(parsed: &mut Parsed, settings: &Settings, node: &Node<'_>, app: Option<&str>) {
    let Some(id) = node.id("recommendationid") else {
        parsed.reject(node.at(), "has no recommendationid");
        return;
    };
    let verdict = node.get("voted_up").and_then(|voted| match voted.value() {
        Value::Bool(up) => Some(*up),
        Value::Number(number) => number.as_u64().map(|number| number > 0),
        _ => None,
    });
    let verdict = verdict.map(|up| if up { "Recommended" } else { "Not recommended" }.to_owned());
    let early = node.flag("written_during_early_access").then(|| "early access".to_owned());
    let words = node.text("review").map(unmarked).unwrap_or_default();
    if words.is_empty() && verdict.is_none() {
        parsed.reject(node.at(), "has neither a verdict nor words");
        return;
    }
    let author = node.get("author");
    let person = author.as_ref().and_then(|author| author.id("steamid"));
    let name = author.as_ref().and_then(|author| author.author("personaname"));
    let app = node.id("appid").or_else(|| app.map(str::to_owned));
    let url = person
        .as_ref()
        .zip(app)
        .map(|(person, app)| format!("https://steamcommunity.com/profiles/{person}/recommended/{app}/"));
    let text = rating::under(&[verdict, early], &words);
    let lang = node.text("language").and_then(|language| {
        LANGUAGES.iter().find(|(steam, _)| *steam == language).map(|(_, tag)| (*tag).to_owned())
    });
    parsed.posts.push(Post {
        source: settings.id.clone(),
        site: "steamcommunity.com".to_owned(),
        version: record::version(None, &text, false),
        aliases: Vec::new(),
        kind: PostKind::Review,
        url,
        author: name.or(person),
        created_at: node.time("timestamp_created"),
        title: None,
        text,
        lang,
        parent: None,
        reach: None,
        deleted: false,
        id,
    });
}

/// Text without Steam's markup: `[b]`, `[url=…]`; what is quoted stands on lines that begin with `> `.
fn unmarked(marked: &str) -> String {
    let mut plain = String::with_capacity(marked.len());
    let mut quotes = 0_u32;
    let mut link: Option<String> = None;
    let mut rest = marked;
    let say = |plain: &mut String, words: &str, quotes: u32| {
        for (number, line) in words.split('\n').enumerate() {
            if number > 0 {
                plain.push('\n');
            }
            if quotes > 0 && (plain.is_empty() || plain.ends_with('\n')) && !line.trim().is_empty() {
                plain.push_str("> ");
            }
            plain.push_str(line);
        }
    };
    while let Some((before, opened)) = rest.split_once('[') {
        say(&mut plain, before, quotes);
        let tag = opened.split_once(']').and_then(|(tag, after)| Some((known_tag(tag)?, tag, after)));
        let Some((name, tag, after)) = tag else {
            say(&mut plain, "[", quotes);
            rest = opened;
            continue;
        };
        rest = after;
        match (name, tag.starts_with('/')) {
            ("quote", false) => {
                quotes += 1;
                plain.push('\n');
            }
            ("quote", true) => {
                quotes = quotes.saturating_sub(1);
                plain.push('\n');
            }
            ("url", false) => link = tag.split_once('=').map(|(_, to)| to.trim_matches('"').to_owned()),
            ("url", true) => {
                if let Some(link) = link.take().filter(|link| !plain.ends_with(link.as_str())) {
                    say(&mut plain, &format!(" {link}"), quotes);
                }
            }
            ("*" | "tr" | "hr" | "p" | "h1" | "h2" | "h3" | "list" | "olist" | "table", _) => {
                plain.push('\n')
            }
            ("th" | "td", _) => plain.push(' '),
            _ => {}
        }
    }
    say(&mut plain, rest, quotes);
    text::plain(&plain)
}

/// The name of a tag that Steam knows.
fn known_tag(tag: &str) -> Option<&'static str> {
    let name = tag.trim_start_matches('/').split(['=', ' ']).next().unwrap_or_default();
    let known = [
        "b", "u", "i", "strike", "spoiler", "noparse", "url", "quote", "code", "h1", "h2", "h3", "hr",
        "list", "olist", "*", "table", "tr", "th", "td", "p", "img",
    ];
    known.into_iter().find(|known| name.eq_ignore_ascii_case(known))
}

struct Steam {
    settings: Settings,
    wanted: Wanted,
    api: Api,
}

/// The order of a list as the interface numbers it.
const ORDERS: [(&str, u8); 2] = [("new", 1), ("changed", 2)];

#[async_trait]
impl Lists for Steam {
    fn id(&self) -> &SourceId {
        &self.settings.id
    }

    async fn page(&mut self, list: &str, next: Option<&str>, _: Timestamp) -> Result<Page, SourceError> {
        let (app, order) = list.split_once(' ').unwrap_or_default();
        let filter = ORDERS.iter().find(|(name, _)| *name == order).map_or(1, |(_, number)| *number);
        let all = [String::from("all")];
        let languages: &[String] =
            if self.wanted.languages.is_empty() { &all } else { &self.wanted.languages };
        let cursor = next.unwrap_or("*");
        // Paid for or not, and "off topic" too: whoever complains is heard.
        let input = json!({ "appid": app.parse::<u32>().unwrap_or_default(), "filter": filter, "languages": languages,
            "cursor": cursor, "review_type": 0, "purchase_type": 1, "num_per_page": PAGE,
            "filter_offtopic_activity": false });
        let url = format!("{}/IUserReviewsService/GetAppReviews/v1/", self.wanted.base);
        let url = api::with_query(&url, &[("input_json", &input.to_string())]);
        let answer = self.api.get(&url).await?;
        let parsed = parse(&answer.borrowed(), &self.settings);
        let parsed = parsed.or_strange(&format!("the answer of Steam for app {app}"))?;
        let value = answer.borrowed().json().unwrap_or_default();
        let whole = Node::root(&value);
        let root = whole.get("response").unwrap_or_else(|| whole.clone());
        // Pages come short now and then; the end is an empty one, or the same cursor again.
        let more = root.id("cursor").filter(|more| more != cursor && !parsed.posts.is_empty());
        let mut page = Page::new(parsed, more);
        if order == "changed" {
            let times: Vec<Timestamp> =
                reviews(&root).iter().filter_map(|review| review.time("timestamp_updated")).collect();
            page.oldest = times.last().copied();
            page.newest = times.iter().max().copied();
        }
        Ok(page)
    }
}

#[async_trait]
impl Source for Steam {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut lists: BTreeMap<String, Back> = position.kept();
        let apps = self.wanted.apps.iter();
        let names: Vec<String> =
            apps.flat_map(|app| ORDERS.iter().map(move |(order, _)| format!("{app} {order}"))).collect();
        let mut look = back::look(self, &names, &mut lists, now).await;
        // A new review stands in both lists.
        let mut given: Vec<Post> = Vec::new();
        for post in std::mem::take(&mut look.batch.posts) {
            if !given.iter().any(|other| other.id == post.id && other.version == post.version) {
                given.push(post);
            }
        }
        look.batch.posts = given;
        look.end(Position::of(&lists))
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }
}
