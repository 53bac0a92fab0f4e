//! Records in JSON Lines and tables, from files and from pushed requests.

#![no_main]

use earmark::source::Answer;
use earmark_fuzz::{known, parse, settings};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let answer = Answer::saved(data);
    for format in ["auto", "jsonl", "csv"] {
        parse(known("file"), &answer, &settings(json!({ "path": "/var/lib/tickets", "format": format })));
    }
    let fields = json!({ "text": "/customer/words", "author": "who" });
    parse(known("webhook"), &answer, &settings(json!({ "fields": fields })));
});
