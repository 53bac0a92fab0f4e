//! Server-sent events, cut where the first byte says: the same events come out, however they come in.

#![no_main]

use earmark::source::Answer;
use earmark::source::mastodon::events::{Decoder, Event};
use earmark_fuzz::{known, parse, settings};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fn events(pieces: &[&[u8]]) -> Vec<Event> {
    let mut decoder = Decoder::default();
    for piece in pieces {
        decoder.push(piece).expect("no input is as long as the longest event");
    }
    decoder.finish();
    std::iter::from_fn(|| decoder.take()).collect()
}

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let (before, behind) = bytes.split_at(usize::from(*first).min(bytes.len()));
    assert_eq!(events(&[bytes]), events(&[before, behind]), "the cut shows");
    let answer =
        Answer { url: Some("https://social.example/api/v1/streaming/public"), ..Answer::saved(bytes) };
    parse(known("mastodon"), &answer, &settings(json!({})));
});
