//! The world in which promises are tested: the daemon itself in this process with a real store in
//! a folder of its own, a mail server, a webhook sink and a site on local ports, and a clock whose
//! hand the test moves. A test reads as scene, expectation, advance, next expectation.
//!
//! * [`World::advance`] goes from one due instant to the next, as life does; [`World::jump`] moves
//!   the hand once, as a suspended machine or a stopped daemon sees it. Both return when every
//!   task sleeps towards a time that has not come.
//! * Nothing here waits for a length of time: the tasks' own state is asked again until it says
//!   that all is idle, within a limit that only a hang reaches.
//! * [`World::end`] fails the test over what is left: a message that nobody expected, a row still
//!   in hand, a task that failed, a store that does not fit together, a mention without an owner.

mod hands;
mod leftovers;
mod scene;
mod told;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use earmark::app::{App, Deps};
use earmark::config::{Config, load};
use earmark::domain::duration;
use earmark::domain::problem::Problems;
use earmark::runtime::clock::{Clock, ManualClock};
use earmark::runtime::stop::Stop;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::support::fake_site::FakeSite;
use crate::support::sink::Sink;
pub use hands::{http, signed};
pub use scene::{ANGRY, SECRET, Scene};
use told::Post;

/// Only a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often idleness is asked for.
const BLINK: Duration = Duration::from_micros(500);

/// A running daemon and everything around it.
pub struct World {
    app: Option<App>,
    clock: ManualClock,
    toml: String,
    folder: TempDir,
    post: Post,
    sink: Sink,
    hook_answers: Arc<AtomicU16>,
    pub site: FakeSite,
    http: reqwest::Client,
    pushed: u64,
    /// A scene that breaks a rule on purpose says so.
    pub tasks_may_fail: bool,
    ended: bool,
}

impl World {
    /// The scene, with the daemon up and idle.
    pub async fn start(scene: Scene) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, secret) in [("hook.secret", SECRET), ("push.secret", SECRET), ("token", "s3cret-token")] {
            std::fs::write(folder.path().join(name), secret).expect("written");
        }
        let hook_answers = Arc::new(AtomicU16::new(204));
        let mut world = Self {
            app: None,
            clock: ManualClock::new(scene.at),
            toml: scene.toml,
            folder,
            post: Post::open().await,
            sink: {
                let answers = hook_answers.clone();
                Sink::scripted(move |_| answers.load(Ordering::SeqCst)).await
            },
            hook_answers,
            site: FakeSite::start().await,
            http: http(),
            pushed: 0,
            tasks_may_fail: false,
            ended: false,
        };
        for (path, page) in scene.pages {
            world.site.put(&path, page);
        }
        world.on().await;
        world
    }

    fn app(&self) -> &App {
        self.app.as_ref().expect("the daemon is on")
    }

    /// The instant that the daemon takes for the present.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where the daemon keeps its files.
    pub fn store_folder(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// A file beside the store.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The configuration in force, as written.
    pub fn toml(&self) -> &str {
        &self.toml
    }

    fn config(&self, toml: &str) -> Result<Config, Problems> {
        let text = toml
            .replace("{store}", &self.store_folder().display().to_string())
            .replace("{folder}", &self.folder.path().display().to_string())
            .replace("{smtp}", &self.post.address().to_string())
            .replace("{hook}", &self.sink.url())
            .replace("{site}", &self.site.url(""));
        load::load_text(&text, self.folder.path(), &BTreeMap::new()).map(|loaded| loaded.config)
    }

    /// Starts the daemon on the store as it lies there.
    pub async fn on(&mut self) {
        assert!(self.app.is_none(), "the daemon is on already");
        let config = self.config(&self.toml.clone()).unwrap_or_else(|problems| panic!("{problems}"));
        let deps = Deps {
            clock: Arc::new(self.clock.clone()),
            stop: Stop::new(),
            socket: Some(self.folder.path().join("socket")),
        };
        self.app = Some(App::start(config, deps).await.unwrap_or_else(|error| panic!("{error:#}")));
        self.idle().await;
    }

    /// Stops the daemon in order.
    pub async fn off(&mut self) {
        self.check_tasks();
        self.app.take().expect("the daemon is on").stop().await;
    }

    /// Stops and starts on the same store.
    pub async fn restart(&mut self) {
        self.off().await;
        self.on().await;
    }

    /// Moves the hand while the daemon is off, then starts it.
    pub async fn off_for(&mut self, length: &str) {
        self.off().await;
        self.clock.advance(length_of(length));
        self.on().await;
    }

    /// Gives the daemon another configuration.
    ///
    /// # Errors
    /// Its faults; the old one stays.
    pub async fn reload(&mut self, toml: &str) -> Result<(), Problems> {
        let config = self.config(toml)?;
        self.app().reload(config)?;
        self.toml = toml.to_owned();
        self.idle().await;
        Ok(())
    }

    /// Lets time pass, stopping at each instant at which something is due.
    pub async fn advance(&mut self, length: &str) {
        let target = self.now() + length_of(length);
        self.advance_to(target).await;
    }

    /// As [`World::advance`], to an instant.
    pub async fn advance_to(&mut self, target: Timestamp) {
        self.idle().await;
        while let Some(next) = self.next_due().filter(|next| *next < target) {
            self.clock.set(next);
            self.idle().await;
        }
        self.clock.set(target);
        self.idle().await;
    }

    /// Moves the hand once, forward or back, whatever was due in between.
    pub async fn jump(&mut self, by: SignedDuration) {
        self.idle().await;
        let rounds = || {
            let status = self.app().api.driver.as_ref().map(|driver| driver.status()).unwrap_or_default();
            status.get("escalate").map_or(0, |status| status.iterations)
        };
        let before = rounds();
        self.clock.advance(by);
        // Set back, the hand leaves tasks that look asleep to anybody until they have woken.
        let began = Instant::now();
        while by.is_negative() && rounds() == before {
            assert!(began.elapsed() < PATIENCE, "nobody noticed that the clock was set back");
            tokio::time::sleep(BLINK).await;
        }
        self.idle().await;
    }

    /// Moves the hand while the daemon is off.
    pub fn set(&self, by: SignedDuration) {
        assert!(self.app.is_none(), "use jump while the daemon is on");
        self.clock.advance(by);
    }

    /// When the first task wants to look again. What only reads gauges, copies lines or makes up
    /// for a lost nudge is left out: it sleeps in minutes and decides nothing.
    fn next_due(&self) -> Option<Timestamp> {
        let app = self.app();
        let inboxes = app.api.inboxes.load();
        let idle_talk = |name: &str| {
            let source = name.strip_prefix("source ").unwrap_or_default();
            ["upkeep", "audit"].contains(&name) || inboxes.contains_key(&source.into())
        };
        let status = app.api.driver.as_ref().expect("a daemon has tasks").status();
        status.iter().filter(|(name, _)| !idle_talk(name)).filter_map(|(_, status)| status.wakes_at).min()
    }

    /// Returns when every task sleeps towards a time that has not come.
    pub async fn idle(&self) {
        let began = Instant::now();
        while !self.app().is_idle() {
            let status = || self.app().api.driver.as_ref().map(|driver| driver.status());
            assert!(began.elapsed() < PATIENCE, "the tasks do not come to rest: {:#?}", status());
            tokio::time::sleep(BLINK).await;
        }
    }

    /// Looks at what is left over, and stops. Every test ends with it.
    pub async fn end(mut self) {
        self.idle().await;
        self.check_tasks();
        self.check_told();
        self.check_store().await;
        self.off().await;
        self.ended = true;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !self.ended && !std::thread::panicking() {
            panic!("the test did not call World::end, so nobody looked at what was left over");
        }
    }
}

/// `30m`, `3d`.
fn length_of(text: &str) -> SignedDuration {
    duration::parse(text).unwrap_or_else(|why| panic!("{why}"))
}
