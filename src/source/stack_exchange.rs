//! Stack Exchange: Stack Overflow and the sites beside it. Questions with chosen tags, questions that a search
//! finds, or all of a (small) site; their answers; the comments below both.
//!
//! Questions come by their last activity, oldest first ([`Climb`]), which an answer or an edit moves and a
//! comment does not. So the comments of the questions and answers that were active last are asked for by
//! themselves, a hundred at once. Of a whole site all three are lists of their own.
//!
//! The interface says in its answers for how long it wants to be left alone and what is left for the day;
//! both go into the one account of requests, so that other sources with the same key wait too.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use self::site::{Page, Site};
use super::api::{self, Climb, Credential};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Word};
use super::{
    Asks, Batch, Built, Kind, Known, Position, Rechecked, Settings, Source, SourceError, Terms, Tools,
};
use crate::domain::post::{Post, PostKind};
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;

mod parse;
mod site;

pub use self::parse::parse;

/// The kind `stack_exchange`.
pub const KIND: Kind = Kind {
    name: "stack_exchange",
    about: "questions, answers and comments of Stack Overflow and the sites beside it",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::KeyOptional,
    needs: "a key, free, for more than 300 requests a day; author and link beside what is quoted (CC BY-SA)",
    budgets: &[
        Budget::per_day(300, Over::Anonymous),
        Budget::per_day(10_000, Over::Credential),
        Budget::new(25, 1, Over::Host),
    ],
    budgets_word: Word::theirs(
        "Stack Exchange API, Throttles",
        "https://api.stackexchange.com/docs/throttle",
    ),
    least_every: 60,
    paging: "100 a page; by the time of the last activity",
    erase: &[Erase::new("what was deleted there, found by asking again", 48, Word::Habit)],
    commercial: Commercial::Allowed,
    sees: "questions by tag or search, or all of a site; answers; comments; edits; what was missed after days off",
    cannot: "comments below posts that are not among the 100 active last; chat",
    document: "https://stackoverflow.com/legal/api-terms-of-use",
    ..Terms::OPEN
};

/// Most pages of one list in one look.
const MOST_PAGES: usize = 5;
/// Ids in one question, and posts whose comments are watched.
const MOST_IDS: usize = 100;

struct Wanted {
    base: String,
    key: Option<SecretRef>,
    interval: SignedDuration,
    back: SignedDuration,
    sites: Vec<String>,
    /// What is asked for on each site.
    about: Vec<About>,
    comments: bool,
    allow_private: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Tag(String),
    Search(String),
    Everything,
}

impl About {
    fn key(&self, site: &str) -> String {
        match self {
            About::Tag(tag) => format!("{site} tag {tag}"),
            About::Search(search) => format!("{site} search {search}"),
            About::Everything => format!("{site} everything"),
        }
    }

    /// Requests of a quiet look, at most.
    fn costs(&self, comments: bool) -> i64 {
        match self {
            About::Everything => 2 + i64::from(comments),
            _ => 2 + 2 * i64::from(comments),
        }
    }
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base = params
        .text("base_url")
        .unwrap_or("https://api.stackexchange.com/2.3")
        .trim_end_matches('/')
        .to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let key = params.secret("key");
    let interval = params.wait("interval", 1_800, 60);
    let back = params.wait("back", 3_600, 0);
    let sites = params.texts("sites", "[\"stackoverflow\"]", |site| {
        site.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
    });
    let sites: Vec<String> = sites
        .iter()
        .map(|site| {
            if site.ends_with(".com") || site.ends_with(".net") {
                parse::site_name(site)
            } else {
                site.to_lowercase()
            }
        })
        .collect();
    if sites.is_empty() {
        params.fault("sites", "no site is named", "write sites = [\"stackoverflow\"]");
    }
    let tags = params.texts("tags", "[\"acme\"]", |tag| !tag.contains([';', ' ', ',']));
    let searches = params.texts("searches", "[\"acme app\"]", |search| search.len() <= 200);
    let everything = params.flag("everything");
    let mut about: Vec<About> = tags.into_iter().map(About::Tag).collect();
    about.extend(searches.into_iter().map(About::Search));
    if everything {
        about = vec![About::Everything];
    }
    if about.is_empty() {
        params.fault(
            "tags",
            "nothing is asked for",
            "name tags = [\"acme\"] or searches, or write everything = true for a small site",
        );
    }
    let comments = match params.value("comments") {
        None => true,
        Some(value) => value.as_bool().unwrap_or_else(|| {
            params.fault("comments", format!("{value} is neither true nor false"), "write it without quotes");
            true
        }),
    };
    let sites_count = i64::try_from(sites.len()).unwrap_or(i64::MAX);
    let each = about.iter().map(|about| about.costs(comments)).sum::<i64>().saturating_mul(sites_count);
    let most = if key.is_some() { 10_000 } else { 300 };
    if each.saturating_mul(86_400) > interval.as_secs().saturating_mul(most) {
        let least = each.saturating_mul(86_400).div_euclid(most) + 1;
        params.fault(
            "interval",
            format!("{each} requests every {} s are more than {most} a day", interval.as_secs()),
            format!("write interval = \"{least}s\" or more, ask for less, or name a key"),
        );
    }
    let allow_private = params.flag("allow_private");
    (Wanted { base, key, interval, back, sites, about, comments, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let key = wanted.key.as_ref().map(Credential::fetch).transpose()?;
    let site = Site::new(tools, &wanted.base, key, wanted.allow_private);
    Ok(Built::Pull(Box::new(StackExchange { settings: settings.clone(), wanted, site })))
}

/// What is kept between looks, by site and what is asked for there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    lists: BTreeMap<String, Climb>,
    watched: BTreeMap<String, Watched>,
}

/// Posts that were active last, newest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Watched {
    questions: Vec<String>,
    answers: Vec<String>,
}

struct StackExchange {
    settings: Settings,
    wanted: Wanted,
    site: Site,
}

/// What one look has gathered so far.
struct Look {
    inner: api::Look,
    cursor: Cursor,
    now: Timestamp,
    /// The oldest bound of what is not read up to now.
    behind: Option<Timestamp>,
}

impl Look {
    fn take(&mut self, posts: Vec<Post>, climb: &Climb) {
        for post in posts {
            let old = post.created_at.is_some_and(|at| at < climb.began);
            if !old && !self.inner.batch.posts.iter().any(|known| known.id == post.id) {
                self.inner.batch.posts.push(post);
            }
        }
    }
}

/// Numbers of posts, the newest of the list first, put before those known.
fn watch(known: &mut Vec<String>, posts: &[Post], answers: bool) {
    for post in posts
        .iter()
        .filter(|post| (post.kind == PostKind::Comment) == answers && !post.id.contains("/comment/"))
    {
        let number = post.id.rsplit('/').next().unwrap_or_default().to_owned();
        known.retain(|other| *other != number);
        known.insert(0, number);
    }
    known.truncate(MOST_IDS);
}

impl StackExchange {
    fn climb(&self, look: &Look, key: &str) -> Climb {
        look.cursor.lists.get(key).cloned().unwrap_or_else(|| Climb::new(look.now - self.wanted.back))
    }

    /// A page of a list from its bound on, or the newest one.
    async fn page(
        &self,
        path: &str,
        more: &[(&str, &str)],
        climb: &Climb,
        newest: bool,
        now: Timestamp,
    ) -> Result<Page, SourceError> {
        let since = climb.since.as_second().to_string();
        let page = if newest { 1 } else { climb.page }.to_string();
        // A comment has no activity of its own.
        let (sort, bound) =
            if path.ends_with("comments") { ("creation", "fromdate") } else { ("activity", "min") };
        let order = if newest { "desc" } else { "asc" };
        let mut query = vec![
            ("order", order),
            ("sort", sort),
            (bound, &*since),
            ("page", &*page),
            ("pagesize", "100"),
            ("filter", "withbody"),
        ];
        query.extend_from_slice(more);
        self.site.get(path, &query, now).await
    }

    /// Reads one list as far as a look goes; with `answers`, those of the questions it gives.
    async fn list(
        &self,
        look: &mut Look,
        key: &str,
        path: &str,
        more: &[(&str, &str)],
        watched: Option<&str>,
    ) -> Result<(), SourceError> {
        let now = look.now;
        let mut climb = self.climb(look, key);
        look.cursor.lists.insert(key.to_owned(), climb.clone());
        for number in 1..=MOST_PAGES {
            let page = self.page(path, more, &climb, false, now).await?;
            let parsed = parse(&page.answer.borrowed(), &self.settings);
            let mut posts = parsed.posts;
            if page.more && !climb.caught {
                let newest = self.page(path, more, &climb, true, now).await?;
                look.take(parse(&newest.answer.borrowed(), &self.settings).posts, &climb);
                climb.caught = true;
            }
            if let Some(watched) = watched {
                let answers = self.answers(&posts, more, &climb, now).await?;
                let watched = look.cursor.watched.entry(watched.to_owned()).or_default();
                watch(&mut watched.questions, &posts, false);
                watch(&mut watched.answers, &answers, true);
                posts.extend(answers);
            }
            look.inner.batch.rejects.extend(parsed.rejects);
            look.take(posts, &climb);
            climb.read(&parse::times(&page.answer.borrowed()), page.more);
            look.cursor.lists.insert(key.to_owned(), climb.clone());
            if !page.more {
                break;
            }
            if number == MOST_PAGES {
                look.inner.batch.more = true;
                look.behind = Some(look.behind.map_or(climb.since, |behind| behind.min(climb.since)));
            }
        }
        look.inner.answered();
        Ok(())
    }

    /// Whether a site gives any post at all.
    async fn serves(&self, site: &str, now: Timestamp) -> Result<bool, SourceError> {
        let query = [("site", site), ("pagesize", "1"), ("filter", "withbody")];
        let page = self.site.get("/questions", &query, now).await?;
        Ok(!parse(&page.answer.borrowed(), &self.settings).posts.is_empty())
    }

    /// Answers, new or changed, to the questions of a page.
    async fn answers(
        &self,
        questions: &[Post],
        more: &[(&str, &str)],
        climb: &Climb,
        now: Timestamp,
    ) -> Result<Vec<Post>, SourceError> {
        let ids: Vec<&str> =
            questions.iter().filter_map(|post| post.id.rsplit('/').next()).take(MOST_IDS).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let site: Vec<(&str, &str)> = more.iter().filter(|(name, _)| *name == "site").copied().collect();
        let path = format!("/questions/{}/answers", ids.join(";"));
        let mut bound = climb.clone();
        bound.page = 1;
        let mut answers = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = self.page(&path, &site, &bound, false, now).await?;
            answers.extend(parse(&page.answer.borrowed(), &self.settings).posts);
            bound.read(&parse::times(&page.answer.borrowed()), page.more);
            if !page.more {
                break;
            }
        }
        Ok(answers)
    }

    /// Comments below the posts that were active last.
    async fn comments(&self, look: &mut Look, key: &str, site: &str) -> Result<(), SourceError> {
        let watched = look.cursor.watched.get(key).cloned().unwrap_or_default();
        for (what, ids) in [("questions", &watched.questions), ("answers", &watched.answers)] {
            if !ids.is_empty() {
                let path = format!("/{what}/{}/comments", ids.join(";"));
                self.list(look, &format!("{key} {what}"), &path, &[("site", site)], None).await?;
            }
        }
        Ok(())
    }

    /// All that is wanted of a site.
    async fn read(&self, look: &mut Look, site: &str) -> Result<(), SourceError> {
        for about in &self.wanted.about {
            let key = about.key(site);
            let mut query = vec![("site", site)];
            match about {
                About::Tag(tag) => query.push(("tagged", tag)),
                About::Search(search) => query.push(("q", search)),
                About::Everything => {
                    for what in ["questions", "answers", "comments"] {
                        if what != "comments" || self.wanted.comments {
                            self.list(look, &format!("{key} {what}"), &format!("/{what}"), &query, None)
                                .await?;
                        }
                    }
                    continue;
                }
            }
            // Comments of the last look's posts first: a new post's own comments come with the next.
            self.list(look, &key, "/search/advanced", &query, Some(&key)).await?;
            if self.wanted.comments {
                self.comments(look, &key, site).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Source for StackExchange {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut look = Look { inner: api::Look::default(), cursor: position.kept(), now, behind: None };
        for site in &self.wanted.sites {
            if let Err(error) = self.read(&mut look, site).await
                && look.inner.note(site, error)
            {
                break;
            }
        }
        let Look { mut inner, cursor, behind, .. } = look;
        inner.batch.fetched_through = Some(behind.unwrap_or(now));
        inner.end(Position::of(&cursor))
    }

    fn asks(&self) -> Vec<Asks> {
        let wanted = &self.wanted;
        let each: i64 = wanted.about.iter().map(|about| about.costs(wanted.comments)).sum();
        let each = usize::try_from(each).unwrap_or(usize::MAX);
        vec![Asks::new("", each.saturating_mul(wanted.sites.len()), wanted.interval)]
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        MOST_IDS
    }

    /// Posts by their numbers; what is missing in the answer is gone.
    async fn recheck(&mut self, known: &[Known], now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut asked: BTreeMap<(&str, &str), Vec<&Known>> = BTreeMap::new();
        for post in known {
            let what = match post.id.split('/').collect::<Vec<_>>()[..] {
                [site, "comment", _] => (site, "comments"),
                [site, _] if post.parent.is_some() => (site, "answers"),
                [site, _] => (site, "questions"),
                _ => continue,
            };
            asked.entry(what).or_default().push(post);
        }
        let mut told = Rechecked::default();
        for ((site, what), posts) in asked {
            for posts in posts.chunks(MOST_IDS) {
                let ids: Vec<&str> = posts.iter().filter_map(|post| post.id.rsplit('/').next()).collect();
                let path = format!("/{what}/{}", ids.join(";"));
                let query = [("site", site), ("pagesize", "100"), ("filter", "withbody")];
                let page = match self.site.get(&path, &query, now).await {
                    Ok(page) => page,
                    Err(error) if error.pause().is_some() => {
                        told.rest = error.pause();
                        return Ok(told);
                    }
                    Err(error) => return Err(error),
                };
                let found = parse(&page.answer.borrowed(), &self.settings);
                let missing =
                    posts.iter().filter(|post| !found.posts.iter().any(|found| found.id == post.id));
                // What is there and could not be read is there; and where all are missing, it may be the site.
                let mut sure = !page.more && found.rejects.is_empty();
                if sure && found.posts.is_empty() {
                    sure = match self.serves(site, now).await {
                        Ok(serves) => serves,
                        Err(error) if error.pause().is_some() => {
                            told.rest = error.pause();
                            return Ok(told);
                        }
                        Err(error) => return Err(error),
                    };
                }
                told.gone.extend(missing.filter(|_| sure).map(|post| post.id.clone()));
                told.posts.extend(found.posts);
            }
        }
        Ok(told)
    }
}
