//! Frames of the stream of a whole network.

#![no_main]

use earmark::source::bluesky::{frame, post};
use earmark_fuzz::{settings, sound};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = frame::read(text);
    assert_eq!(read, frame::read(text));
    if let Ok(frame::Frame::Event(event)) = read
        && let Some(post) = post(&event, &settings(json!({})))
    {
        sound(&post, data.len());
    }
});
