//! Customer reviews of an app in the App Store: of any app by the public feed, country by country; of one's own
//! by App Store Connect with a key, all countries at once.
//!
//! # Property wanted
//! Every review that is served is taken once, and once more when its author changes it. A feed that says nothing
//! is not taken for an app without reviews.
//!
//! # The public feed is moody
//! It has no promise of service. Its servers disagree for hours; it comes empty now and then, or without its
//! later pages; entries carry no date in some years. So:
//! * a feed that once had reviews and comes empty is an error, told like any other, and moves nothing;
//! * an old copy moves nothing either: what was seen stays seen, and a review that comes back is no news;
//! * how far to read back is told by the reviews seen, never by dates.
//!
//! Fifty reviews a page and ten pages are all there is: when none of those seen is among the five hundred, what
//! came in between is a gap.
//!
//! # Accepted
//! * A changed review moves to the front in some countries and keeps its place in others. Where it keeps it, the
//!   change is seen while it is on the first page.
//! * A walk ends at a page whose last review was seen or is older than those seen (names are numbers that grow).
//!   Should that one stand there because it was changed, new ones behind it wait for the next look.
//!
//! Stars and the version of the app stand at the head of the text: `★★☆☆☆ (2 of 5), version 3.1`. The answers
//! of developers are not read; they are our own words.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use url::Url;

use super::api::{Api, Look};
use super::params::Params;
use super::terms::{Access, Budget, Over, Word};
use super::{Batch, Built, Kind, Parsed, Position, Settings, Source, SourceError, Terms, Tools};
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::domain::source::{Gap, GapCause};

mod connect;
mod key;
mod read;

use connect::Connect;
pub use read::parse;

/// The kind `app_store`.
pub const KIND: Kind = Kind {
    name: "app_store",
    about: "reviews of an app in the App Store, by country; with a key of App Store Connect those of one's own app",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::KeyOptional,
    needs: "nothing; for one's own app a key (.p8) of App Store Connect that may read customer reviews",
    // Apple names no limit for the feed; for App Store Connect 3500 an hour, told in its headers.
    budgets: &[Budget::per_minute(20, Over::Host), Budget::per_hour(3_000, Over::Credential)],
    budgets_word: Word::stricter(
        "nothing of the feed; 3,500 an hour for a key, told in a header",
        "App Store Connect API, Identifying Rate Limits",
        "https://developer.apple.com/documentation/appstoreconnectapi/identifying-rate-limits",
    ),
    each: &["countries"],
    least_every: 300,
    paging: "50 a page, the newest 500 of a country; with a key 200 a page, all there are",
    sees: "new and changed reviews with stars and the app's version; removals on re-check, with a key",
    cannot: "ratings without words; without a key: reviews beyond the newest 500 of a country (said as a gap), \
             removals, and a feed that stands still without saying so",
    document: "https://developer.apple.com/documentation/appstoreconnectapi/list-all-customer-reviews-for-an-app",
    ..Terms::OPEN
};

/// Pages that the feed has.
const PAGES: u32 = 10;

/// Reviews on a full page.
const FULL: usize = 50;

/// Reviews remembered of a country.
const REMEMBERED: usize = 150;

/// After so many posts a look ends, and the next country waits for the next.
const ENOUGH: usize = 500;

struct Wanted {
    base: String,
    app: String,
    countries: Vec<String>,
    key: Option<connect::Access>,
    interval: SignedDuration,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let app = params.text("app").unwrap_or_default().trim();
    let app = app.strip_prefix("id").unwrap_or(app).to_owned();
    if app.is_empty() || app.len() > 20 || !app.bytes().all(|byte| byte.is_ascii_digit()) {
        params.fault("app", "an app is named by its number", "the 284882215 of …/app/name/id284882215");
    }
    let countries = params.list("countries", "[\"us\"]");
    let countries: Vec<String> = countries.iter().map(|country| country.to_ascii_lowercase()).collect();
    if let Some(country) = countries
        .iter()
        .find(|country| country.len() != 2 || !country.bytes().all(|b| b.is_ascii_lowercase()))
    {
        params.fault("countries", format!("\"{country}\" is no country"), "two letters: \"de\", \"us\"");
    }
    let secret = params.secret("key");
    let key_id = params.text("key_id").map(str::to_owned);
    let issuer_id = params.text("issuer_id").map(str::to_owned);
    match (&secret, &key_id) {
        (Some(_), Some(_)) if !countries.is_empty() => {
            params.fault("countries", "with a key all countries come at once", "leave it out");
        }
        (Some(_), None) => {
            params.fault("key_id", "is missing beside key", "it stands in the name of the .p8 file")
        }
        (None, Some(_)) => params.fault("key", "is missing beside key_id", "write key = { file = \"….p8\" }"),
        (None, None) if countries.is_empty() => {
            params.fault("countries", "nothing to read", "write countries = [\"us\"], or a key for all");
        }
        _ => {}
    }
    let usual = if secret.is_some() { connect::BASE } else { "https://itunes.apple.com" };
    let base = params.text("base_url").unwrap_or(usual).trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let interval = params.wait("interval", 3_600, 300);
    let allow_private = params.flag("allow_private");
    let key = secret.zip(key_id);
    let key = key.map(|(secret, key_id): (SecretRef, String)| connect::Access { secret, key_id, issuer_id });
    (Wanted { base, app, countries, key, interval, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private);
    if let Some(access) = &wanted.key {
        let connect = Connect::new(settings, access, wanted.base, &wanted.app, wanted.interval, api)?;
        return Ok(Built::Pull(Box::new(connect)));
    }
    Ok(Built::Pull(Box::new(Public { settings: settings.clone(), wanted, api })))
}

/// What was seen of the newest reviews, newest first: each as its name and the beginning of its version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Seen(Vec<(String, String)>);

impl Seen {
    fn is_known(&self, post: &Post) -> bool {
        self.0.iter().any(|(id, _)| *id == post.id)
    }

    fn is_fresh(&self, post: &Post) -> bool {
        !self.0.iter().any(|(id, version)| *id == post.id && post.version.starts_with(version))
    }

    /// Whether a name is smaller than all that were seen: numbers grow.
    fn is_older(&self, post: &Post) -> bool {
        let number = |id: &str| id.parse::<u64>().ok();
        let lowest = self.0.iter().filter_map(|(id, _)| number(id)).min();
        number(&post.id).is_some_and(|id| lowest.is_some_and(|lowest| id < lowest))
    }

    /// With these before them; what is not among them stays seen.
    fn after(&self, posts: &[Post]) -> Self {
        let short = |version: &str| version.chars().take(8).collect::<String>();
        let mut seen: Vec<(String, String)> =
            posts.iter().map(|post| (post.id.clone(), short(&post.version))).collect();
        seen.extend(self.0.iter().filter(|(id, _)| !posts.iter().any(|post| post.id == *id)).cloned());
        seen.truncate(REMEMBERED);
        Self(seen)
    }
}

/// How far one country was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Mark {
    at: Option<Timestamp>,
    seen: Seen,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    countries: BTreeMap<String, Mark>,
    /// What this round has still to read, and when it began.
    todo: Vec<String>,
    began: Option<Timestamp>,
}

struct Public {
    settings: Settings,
    wanted: Wanted,
    api: Api,
}

impl Public {
    async fn page(&self, country: &str, number: u32) -> Result<Parsed, SourceError> {
        let Wanted { base, app, .. } = &self.wanted;
        let url =
            format!("{base}/{country}/rss/customerreviews/page={number}/id={app}/sortby=mostrecent/json");
        let answer = self.api.get(&url).await?;
        let parsed = parse(&answer.borrowed(), &self.settings);
        parsed.or_strange(&url)
    }

    /// Reads a country back to what was seen.
    async fn read(
        &self,
        country: &str,
        mark: &mut Mark,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Result<(), SourceError> {
        let first = mark.at.is_none();
        let mut found: Vec<Post> = Vec::new();
        let mut met = first;
        let mut cut = false;
        for number in 1..=PAGES {
            let parsed = self.page(country, number).await?;
            batch.rejects.extend(parsed.rejects);
            let posts = parsed.posts;
            if posts.is_empty() {
                if number == 1 && !mark.seen.0.is_empty() {
                    return Err(empty(&self.wanted.app, country));
                }
                // A full page and then nothing, and none of what was seen: the rest is withheld.
                if !met && number > 1 && found.len() >= FULL * (number as usize - 1) {
                    return Err(empty(&self.wanted.app, country));
                }
                break;
            }
            met |= posts.iter().any(|post| mark.seen.is_known(post));
            let arrived =
                posts.last().is_some_and(|last| mark.seen.is_known(last) || mark.seen.is_older(last));
            found.extend(posts);
            if first || arrived {
                met = true;
                break;
            }
            cut = number == PAGES;
        }
        if cut && !met {
            let oldest = found.iter().filter_map(|post| post.created_at).min();
            let detail =
                format!("more than {} reviews came in {country} since the last look", PAGES as usize * FULL);
            batch.gaps.push(Gap {
                source: self.settings.id.clone(),
                from: mark.at,
                until: oldest.filter(|oldest| mark.at.is_none_or(|at| *oldest > at)).unwrap_or(now),
                cause: GapCause::Overrun,
                detail,
            });
        }
        let seen = mark.seen.after(&found);
        // A review that two pages overlap in comes once.
        let mut fresh: Vec<Post> = Vec::new();
        for post in found {
            if mark.seen.is_fresh(&post) && !fresh.iter().any(|other| other.id == post.id) {
                fresh.push(post);
            }
        }
        fresh.reverse();
        batch.posts.extend(fresh);
        *mark = Mark { at: Some(now), seen };
        Ok(())
    }
}

fn empty(app: &str, country: &str) -> SourceError {
    SourceError::soon(format!("the reviews of app {app} in {country} came empty, and there were some before"))
}

#[async_trait]
impl Source for Public {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut cursor: Cursor = position.kept();
        let is_wanted = |country: &String| self.wanted.countries.contains(country);
        cursor.countries.retain(|country, _| is_wanted(country));
        cursor.todo.retain(is_wanted);
        if cursor.todo.is_empty() {
            (cursor.todo, cursor.began) = (self.wanted.countries.clone(), Some(now));
        }
        let mut look = Look::default();
        while let Some(country) = cursor.todo.first().cloned() {
            let mut mark = cursor.countries.get(&country).cloned().unwrap_or_default();
            match self.read(&country, &mut mark, &mut look.batch, now).await {
                Ok(()) => {
                    look.answered();
                    cursor.countries.insert(country, mark);
                }
                Err(error) => {
                    if look.note(&country, error) {
                        break;
                    }
                }
            }
            cursor.todo.remove(0);
            if look.batch.posts.len() >= ENOUGH {
                break;
            }
        }
        let ended = cursor.todo.is_empty();
        look.batch.more = !ended;
        look.batch.fetched_through = cursor.began.filter(|_| ended);
        look.end(Position::of(&cursor))
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }
}
