//! Two sources that sign in alike: one credential, one budget, whoever of them asks. The same two with accounts
//! of their own exceed it, so the site does count.

use std::sync::Arc;

use earmark::runtime::clock::Clock as _;
use earmark::source::terms::Over;
use earmark::source::{Built, Position, Settings, Source, Tools, kind};
use jiff::{SignedDuration, Timestamp};

use super::{Pages, Site, fetcher};
use crate::support::clock::JumpClock;

/// Far more looks than any of the budgets lasts for.
const MOST_LOOKS: usize = 6_000;

/// Two sources of a kind ask as fast as they can until their credential has no more: they stay within its budget.
pub async fn together(name: &str, pages: impl Pages) {
    let pages: Arc<dyn Pages> = Arc::new(pages);
    let mut shared = Crowd::start(name, Arc::clone(&pages), false).await;
    while !shared.site.is_full() && !shared.is_told_to_wait {
        assert!(shared.looks < MOST_LOOKS, "{name}: {} looks use nothing up", shared.looks);
        shared.look().await;
    }
    for _ in 0..3 {
        shared.look().await;
    }
    let (looks, requests) = (shared.looks, shared.site.requests());
    assert!(shared.site.is_full(), "{name}: told to wait after {requests} requests, and nothing is used up");
    assert_eq!(shared.site.exceeded(), [], "{name}: two sources with one credential, {requests} requests");

    let mut apart = Crowd::start(name, pages, true).await;
    while apart.looks < looks {
        apart.look().await;
    }
    let beyond = apart.site.exceeded().into_iter().filter(|budget| budget.over == Over::Credential).count();
    assert!(beyond > 0, "{name}: the site does not see that they are one");
    println!("{name}: {requests} requests of two sources, none beyond; {beyond} where they do not share");
}

struct Crowd {
    name: String,
    site: Site,
    clock: JumpClock,
    sources: Vec<Box<dyn Source>>,
    looks: usize,
    is_told_to_wait: bool,
}

impl Crowd {
    async fn start(name: &str, pages: Arc<dyn Pages>, apart: bool) -> Self {
        let began: Timestamp = "2026-03-04T00:00:00Z".parse().expect("a time");
        let clock = JumpClock::new(began + SignedDuration::from_hours(4));
        let site =
            Site::start(Arc::clone(&pages), clock.clone(), kind(name).expect("the kind is listed")).await;
        site.tell(began, clock.now());
        let params = pages.params(&site.base);
        let fetch = fetcher(&clock);
        let build = |id: &str| {
            let fetch = if apart { fetcher(&clock) } else { Arc::clone(&fetch) };
            let settings = Settings { id: id.into(), params: params.clone() };
            match (kind(name).expect("listed").build)(&settings, &Tools { fetch }) {
                Ok(Built::Pull(source)) => source,
                _ => panic!("{name}: a pulled source"),
            }
        };
        let sources = vec![build("one"), build("two")];
        Self { name: name.to_owned(), site, clock, sources, looks: 0, is_told_to_wait: false }
    }

    /// Each looks once, from the beginning.
    async fn look(&mut self) {
        self.looks += 1;
        for source in &mut self.sources {
            match source.poll(&Position::default(), self.clock.now()).await {
                Ok(batch) => self.is_told_to_wait |= batch.rest.is_some(),
                Err(error) if error.pause().is_some() => self.is_told_to_wait = true,
                Err(error) => panic!("{}: {error}", self.name),
            }
        }
    }
}
