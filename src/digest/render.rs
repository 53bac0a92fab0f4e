//! A digest in words: plain text for terminals and mail, HTML for mail and browsers, JSON for
//! machines. All three are made of the same [`Digest`] and the same sentences (`said`); `text` and
//! `html` only lay them out. Foreign text is escaped in HTML and stripped of control characters
//! in text.
//!
//! # JSON
//! What [`json`] gives is the [`Digest`] as it stands in `figures`, and two figures more:
//!
//! | key | what it is |
//! |---|---|
//! | `id`, `reader`, `reader_name`, `timezone` | which digest, for whom, in which zone its times are said |
//! | `window` | `{"from", "until"}`: half-open, UTC, by the time recorded |
//! | `all_owners` | whether it covers everyone (the champion's) or the reader alone |
//! | `volume` | `{"counts": {"negative", "neutral", "positive", "unsure"}, "ids": [[…], …], "corrected": […]}`, ids in that order; a mention counts as the person in `corrected` says, else as the model does |
//! | `unsure` | `[{"doubt", "ids"}]`: the unsure of `volume` by reason |
//! | `needs_answer` | ids of those that ask for an answer |
//! | `before` | counts of the window of the same length before |
//! | `topics`, `owners` | `[{"id", "name", "volume", "before"}]`; each list adds up to `volume` |
//! | `matters` | ids: `opened`, `answered`, `resolved` of the window, `unresolved` and `expired` whatever their age; `median_answer`, `slowest_answer` in seconds; `shown`: those worth a line |
//! | `worst`, `best` | `[{"id", "topic", "url", "site", "author", "excerpt", "score", "needs_answer", "at"}]` |
//! | `held` | `[[reason, count]]`: every "no" |
//! | `coverage` | a row a source, the blind ones first, with its `gaps`; one with `repaired_at` was read afterwards |
//! | `net_sentiment`, `net_sentiment_before` | −100 to +100, null without mentions; n is the sum of the counts |

mod html;
mod said;
mod text;

use serde::Serialize;

use super::figures::Digest;
use crate::domain::words;

pub use html::html;
pub use text::text;

/// One line for a mail's subject, of which a phone shows the first 40 characters.
pub fn subject(digest: &Digest) -> String {
    let counts = digest.volume.counts;
    let net = match counts.net() {
        Some(net) => {
            format!(", net {} (n {})", words::signed(net, 0), words::figure(counts.total()))
        }
        None => String::new(),
    };
    let waiting = match digest.matters.unresolved.len() {
        0 => String::new(),
        n => format!(", {n} open"),
    };
    let id = words::one_line(digest.id.as_str(), 40);
    format!("{id}: {}{net}{waiting}", words::count(counts.total(), "mention"))
}

/// All figures with their ids; see the module's page.
pub fn json(digest: &Digest) -> serde_json::Value {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        digest: &'a Digest,
        net_sentiment: Option<f64>,
        net_sentiment_before: Option<f64>,
    }
    let whole = Whole {
        digest,
        net_sentiment: digest.volume.counts.net(),
        net_sentiment_before: digest.before.net(),
    };
    // Only maps with string keys and numbers that JSON has: it cannot fail.
    serde_json::to_value(whole).unwrap_or_default()
}
