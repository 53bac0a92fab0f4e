//! A Jetstream of our own: a history known to the test, served in either form from any place in it, that forgets,
//! skips in silence, is cut and goes away when the test says so.

use std::sync::{Arc, Mutex, MutexGuard};

use futures::{SinkExt as _, StreamExt as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use super::fake_socket::{Call, serve};

/// What happened, as both forms have it.
#[derive(Debug, Clone)]
pub struct Told {
    /// In microseconds.
    pub time: i64,
    pub did: String,
    /// `operation`, `rkey`, `rev` and the rest; or `account`.
    pub body: Value,
}

/// How an instance behaves.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Speaks the older form only.
    pub old: bool,
    /// Its first event's number.
    pub seq: u64,
    /// Its clock is so many microseconds ahead.
    pub skew: i64,
    /// Events before this one are not held any more.
    pub floor: usize,
    /// Says nothing where it begins elsewhere than asked.
    pub silent: bool,
    /// Answers 503.
    pub down: bool,
    /// Ends a connection after so many events because its reader is too slow.
    pub patience: Option<usize>,
    /// Begins so many events before the place asked by time.
    pub early: usize,
}

#[derive(Default)]
struct State {
    history: Vec<Told>,
    manner: Manner,
    calls: Vec<String>,
    /// Connections of an earlier one are cut.
    epoch: u64,
}

/// Clones are the same instance.
#[derive(Clone)]
pub struct Jetstream {
    state: Arc<Mutex<State>>,
    change: watch::Sender<u64>,
    pub url: String,
}

impl Jetstream {
    pub async fn start(manner: Manner) -> Self {
        let state = Arc::new(Mutex::new(State { manner, ..State::default() }));
        let (change, _) = watch::channel(0);
        let (kept, told) = (Arc::clone(&state), change.clone());
        let url = serve(move |call| answer(call, Arc::clone(&kept), told.subscribe())).await;
        Self { state, change, url }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while holding it")
    }

    pub fn tell(&self, told: &[Told]) {
        self.lock().history.extend_from_slice(told);
        self.change.send_modify(|count| *count += 1);
    }

    /// Behaves otherwise from now on; all connections are cut.
    pub fn be(&self, manner: impl FnOnce(&mut Manner)) {
        let mut state = self.lock();
        manner(&mut state.manner);
        state.epoch += 1;
        drop(state);
        self.change.send_modify(|count| *count += 1);
    }

    /// Paths and queries of all calls.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }
}

/// Where to begin, and what is said about it.
fn place(state: &State, two: bool, cursor: Option<u64>) -> Result<(usize, Option<&'static str>), String> {
    let (history, manner) = (&state.history, &state.manner);
    let Some(cursor) = cursor else { return Ok((history.len(), None)) };
    if cursor < 1_000_000_000_000_000 {
        assert!(two, "the older form knows no numbers");
        let (first, next) = (manner.seq + manner.floor as u64, manner.seq + history.len() as u64);
        if cursor < first {
            return Err(format!("cursor {cursor} below lookback floor {first}; begin anew"));
        }
        if cursor > next {
            return Ok((history.len(), Some("FutureCursor")));
        }
        return Ok(((cursor - manner.seq) as usize, None));
    }
    let at =
        history.iter().position(|told| (told.time + manner.skew) as u64 >= cursor).unwrap_or(history.len());
    if at < manner.floor {
        return Ok((manner.floor, two.then_some("OutdatedCursor")));
    }
    Ok((at.saturating_sub(manner.early).max(manner.floor), None))
}

async fn answer(call: Call, state: Arc<Mutex<State>>, mut change: watch::Receiver<u64>) {
    let two = call.path.starts_with("/xrpc/network.bsky.jetstream.subscribeEvents?");
    let filter = if two { call.query("collections") } else { call.query("wantedCollections") };
    assert_eq!(filter.as_deref(), Some("app.bsky.feed.post"), "{}", call.path);
    let cursor = call.query("cursor").map(|cursor| cursor.parse().expect("a number"));
    let (found, manner, epoch) = {
        let mut state = state.lock().expect("no test panics while holding it");
        state.calls.push(call.path.clone());
        (place(&state, two, cursor), state.manner.clone(), state.epoch)
    };
    if manner.down {
        return call.refuse(503, "", "service not ready").await;
    }
    if two && manner.old {
        return call.refuse(404, "", "404 page not found").await;
    }
    let (mut at, said) = match found {
        Ok(found) => found,
        Err(message) => {
            let body = json!({ "error": "CursorTooOld", "message": message }).to_string();
            return call.refuse(400, "content-type: application/json\r\n", &body).await;
        }
    };
    let mut wire = call.agree().await;
    if let Some(name) = said.filter(|_| !manner.silent) {
        let info = json!({ "$type": "message", "payload": { "$type": "network.bsky.jetstream.subscribeEvents#info", "name": name } });
        let _ = wire.send(Message::text(info.to_string())).await;
    }
    let mut given = 0;
    loop {
        change.mark_unchanged();
        let (events, now) = {
            let state = state.lock().expect("no test panics while holding it");
            (state.history[at..].to_vec(), state.epoch)
        };
        if now != epoch {
            return;
        }
        for told in events {
            if manner.patience.is_some_and(|most| given >= most) {
                let frame = json!({ "$type": "error", "error": "ConsumerTooSlow", "message": "too slow" });
                let _ = wire.send(Message::text(frame.to_string())).await;
                let _ = wire.close(None).await;
                return;
            }
            if wire.send(Message::text(frame(&told, &manner, at, two))).await.is_err() {
                return;
            }
            given += 1;
            at += 1;
        }
        tokio::select! {
            _ = change.changed() => {}
            said = wire.next() => match said {
                Some(Ok(Message::Text(_) | Message::Binary(_))) => panic!("a reader has nothing to say"),
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}

fn frame(told: &Told, manner: &Manner, at: usize, two: bool) -> String {
    let time = told.time + manner.skew;
    let account = told.body.get("account");
    if !two {
        let (kind, body) =
            if let Some(account) = account { ("account", account) } else { ("commit", &told.body) };
        return json!({ "did": told.did, "time_us": time, "kind": kind, kind: body }).to_string();
    }
    let mut payload = told.body.clone();
    let sort = if account.is_some() { "account" } else { "commit" };
    payload["$type"] = json!(format!("network.bsky.jetstream.subscribeEvents#{sort}"));
    payload["seq"] = json!(manner.seq + at as u64);
    payload["did"] = json!(told.did);
    payload["time"] = json!(Timestamp::from_microsecond(time).expect("in range").to_string());
    json!({ "$type": "message", "payload": payload }).to_string()
}
