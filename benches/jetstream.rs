//! The path of a whole network's posts, in posts a second on one core with the model off: from the bytes of a
//! WebSocket over the frame, read in place, to a post and to the topics that claim it, of 10,000 phrases. Beside
//! it the same in parts, and with a tree of values in place of the typed reading.
//!
//! ```text
//! cargo bench --bench jetstream
//! ```

use std::io::{Cursor, Read, Result, Write};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use earmark::domain::post::Post;
use earmark::domain::topic::Topic;
use earmark::matching::Matcher;
use earmark::source::Settings;
use earmark::source::bluesky::frame::{self, Frame};
use earmark::source::bluesky::post;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

const PHRASES: usize = 10_000;
const POSTS: usize = 2_000;

fn main() {
    divan::main();
}

/// Bytes that come, and nobody to answer.
struct Wire(Cursor<Vec<u8>>);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[divan::bench(sample_count = 30)]
fn wire_to_decision(bencher: Bencher) {
    let (settings, matcher, wire) = (settings(), matcher(), wire());
    bencher
        .counter(ItemsCount::new(POSTS))
        .counter(BytesCount::new(wire.len()))
        .with_inputs(|| wire.clone())
        .bench_local_values(|wire| {
            let mut socket = WebSocket::from_raw_socket(Wire(Cursor::new(wire)), Role::Client, None);
            let mut found = 0;
            while let Ok(Message::Text(text)) = socket.read() {
                found += read(&text, &settings).map_or(0, |post| matcher.find(&post).len());
            }
            assert!(found > POSTS / 10, "{found}");
            found
        });
}

#[divan::bench(sample_count = 30)]
fn frame_to_post(bencher: Bencher) {
    let (settings, frames) = (settings(), frames());
    bencher.counter(ItemsCount::new(POSTS)).bench_local(|| {
        frames.iter().filter_map(|frame| read(frame, &settings)).map(|post| post.text.len()).sum::<usize>()
    });
}

#[divan::bench(sample_count = 30)]
fn post_to_decision(bencher: Bencher) {
    let (settings, matcher) = (settings(), matcher());
    let posts: Vec<Post> = frames().iter().filter_map(|frame| read(frame, &settings)).collect();
    assert_eq!(posts.len(), POSTS);
    bencher
        .counter(ItemsCount::new(POSTS))
        .bench_local(|| posts.iter().map(|post| matcher.find(post).len()).sum::<usize>());
}

/// What most clients do first.
#[divan::bench(sample_count = 30)]
fn frame_to_tree_of_values(bencher: Bencher) {
    let frames = frames();
    bencher.counter(ItemsCount::new(POSTS)).bench_local(|| {
        let values = frames.iter().filter_map(|frame| serde_json::from_str::<serde_json::Value>(frame).ok());
        values.filter(|value| value["payload"]["record"]["text"].is_string()).count()
    });
}

fn read(text: &str, settings: &Settings) -> Option<Post> {
    match frame::read(text) {
        Ok(Frame::Event(event)) => post(&event, settings),
        _ => None,
    }
}

fn settings() -> Settings {
    Settings { id: "bench".into(), params: serde_json::Value::Null }
}

fn matcher() -> Matcher {
    let topics: Vec<Topic> = phrases().iter().enumerate().map(|(n, phrase)| topic(n, phrase)).collect();
    Matcher::compile(&topics).expect("the phrases are sound")
}

/// As a server writes them: unmasked text frames, one behind the other.
fn wire() -> Vec<u8> {
    let mut wire = Vec::new();
    for frame in frames() {
        wire.push(0x81);
        let length = u16::try_from(frame.len()).expect("a frame of a post is short");
        assert!(length > 125, "{frame}");
        wire.push(126);
        wire.extend_from_slice(&length.to_be_bytes());
        wire.extend_from_slice(frame.as_bytes());
    }
    wire
}

/// Posts as they come: a third are answers, one in six has a link with its card, one in ten escapes, one in five
/// is not in plain ASCII, one in four says something that somebody looks for.
fn frames() -> Vec<String> {
    let phrases = phrases();
    let mut dice = Dice(11);
    (0..POSTS)
        .map(|n| {
            let mut words: Vec<String> = (0..8 + dice.roll(30)).map(|_| dice.word()).collect();
            if n % 4 == 0 {
                words.insert(3, phrases[dice.roll(PHRASES)].clone());
            }
            if n % 5 == 0 {
                words.push("schöne Grüße 👍".to_owned());
            }
            let separator = if n % 10 == 0 { "\n" } else { " " };
            let mut record = serde_json::json!({ "$type": "app.bsky.feed.post", "createdAt": "2026-09-04T10:20:30.123Z",
                "langs": ["en"], "text": words.join(separator) });
            if n % 3 == 0 {
                let target = serde_json::json!({ "cid": "bafyreifzanogmt75wega3mdkjqiv5rg6usowy6hr3nrlvioezvu7jur3aa",
                    "uri": "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/3aaaaaaaaaaa2" });
                record["reply"] = serde_json::json!({ "parent": target, "root": target });
            }
            if n % 6 == 0 {
                let uri = "https://acme.example/a/long/way/to/somewhere";
                record["facets"] = serde_json::json!([{ "features": [{ "$type": "app.bsky.richtext.facet#link", "uri": uri }],
                    "index": { "byteStart": 0, "byteEnd": 4 } }]);
                record["embed"] = serde_json::json!({ "$type": "app.bsky.embed.external", "external": { "uri": uri,
                    "title": "A title of some words", "description": "And a description of some more words than that" } });
            }
            serde_json::json!({ "$type": "message", "payload": { "$type": "network.bsky.jetstream.subscribeEvents#commit",
                "seq": 31_527_015_470_u64 + n as u64, "did": format!("did:plc:{n:024}"), "time": "2026-09-04T10:20:30.123456Z",
                "rev": format!("3{n:012}"), "operation": "create", "collection": "app.bsky.feed.post",
                "rkey": format!("3r{n:011}"), "cid": format!("bafyrei{n:052}"), "record": record } })
            .to_string()
        })
        .collect()
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("smaller than a usize")
    }

    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 16] = [
            "ac", "me", "glo", "bex", "ta", "ri", "no", "lum", "per", "so", "vi", "dan", "ke", "mo", "th",
            "ra",
        ];
        (0..2 + self.roll(2)).map(|_| SYLLABLES[self.roll(SYLLABLES.len())]).collect()
    }
}

fn phrases() -> Vec<String> {
    let mut dice = Dice(7);
    (0..PHRASES).map(|n| format!("{} {}{}", dice.word(), dice.word(), n % 7)).collect()
}

fn topic(n: usize, phrase: &str) -> Topic {
    Topic {
        id: format!("topic-{n}").into(),
        name: String::new(),
        query: format!("\"{phrase}\""),
        owner: None,
        policy: None,
        panel: None,
        retention: None,
    }
}
