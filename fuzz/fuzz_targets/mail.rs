//! A mail, or a folder of them, as a server hands it out; and what people and programs write into a mail:
//! the first byte says whether the rest is one, its text or its HTML.

#![no_main]

use earmark::source::Answer;
use earmark_fuzz::{known, parse, settings};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let sort = match first % 3 {
        0 => "",
        1 => "plain",
        _ => "html",
    };
    let subject = if *first < 128 { "Re: Acme" } else { "Fwd: Acme" };
    let mut mail = Vec::new();
    if !sort.is_empty() {
        mail.extend_from_slice(
            format!(
                "From: Ann <ann@acme.example>\r\nMessage-ID: <1@acme.example>\r\nSubject: {subject}\r\n\
                 MIME-Version: 1.0\r\nContent-Type: text/{sort}; charset=utf-8\r\n\r\n"
            )
            .as_bytes(),
        );
    }
    mail.extend_from_slice(rest);
    parse(known("imap"), &Answer::saved(&mail), &settings(json!({})));
});
