//! Answers of every kind that reads answers. The first line names kind and status, as in `lemmy 200`;
//! where it does not, the first byte chooses the kind and the second the status. The rest is the body.

#![no_main]

use earmark::source::{Answer, KINDS, Kind};
use earmark_fuzz::{parse, settings};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const STATUS: [u16; 8] = [200, 200, 200, 204, 304, 403, 429, 503];

fn chosen(data: &[u8]) -> Option<(&'static Kind, u16, &[u8])> {
    let named = || {
        let end = data.iter().position(|byte| *byte == b'\n')?;
        let (name, status) = std::str::from_utf8(&data[..end]).ok()?.split_once(' ')?;
        let kind = KINDS.iter().find(|kind| kind.name == name && kind.parse.is_some())?;
        Some((kind, status.parse().ok()?, &data[end + 1..]))
    };
    named().or_else(|| {
        let [kind, status, body @ ..] = data else { return None };
        let mut kinds = KINDS.iter().filter(|kind| kind.parse.is_some());
        let kind = kinds.nth(usize::from(*kind) % kinds.clone().count())?;
        Some((kind, STATUS[usize::from(*status) % STATUS.len()], body))
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, status, body)) = chosen(data) else { return };
    for url in [None, Some("https://forum.example/api/v1/list?page=2&site=forum")] {
        parse(kind, &Answer { url, status, headers: &[], body }, &settings(json!({})));
    }
});
