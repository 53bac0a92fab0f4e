//! From a text and a target to what the network reads: `[CLS] text [SEP]`, and with a target
//! `[CLS] text [SEP] target [SEP]`, the target's part of another type.
//!
//! # What is cut
//! A target is cut after [`TARGET`] tokens; then the text, and only the text, is cut to what is
//! left. What is kept of it is its beginning. Where the target's first occurrence does not lie
//! wholly within that beginning, what is kept is the window with the occurrence in its middle, moved back to the
//! text's end where it would reach beyond. Very long texts are cut by bytes in the same way before
//! they are turned into tokens, so that somebody's pasted book costs no more than a page.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use tokenizers::Tokenizer;

use super::folder::{Card, Normaliser};
use crate::sentiment::normalise::{bare, decode_entities, find, mask, unmask};
use crate::sentiment::{Scorable, ScoreError};

/// Tokens of a target that are read.
const TARGET: usize = 16;
/// Bytes of a text that are looked at. What lies behind could only be a page somebody pasted.
const READ: usize = 64 * 1024;
/// No text, its links masked, takes more bytes a token on average in any script.
const BYTES_PER_TOKEN: usize = 32;

/// What the network reads of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tokens {
    pub ids: Vec<u32>,
    /// Where the target's part begins; the length where there is none.
    pub second: usize,
}

impl Tokens {
    /// Whether it is asked towards a target.
    pub fn has_target(&self) -> bool {
        self.second < self.ids.len()
    }
}

/// Turns texts into tokens the way one model was trained on them.
pub(super) struct Reader {
    tokenizer: Tokenizer,
    /// The tokens that begin a text and end a part.
    begin: u32,
    end: u32,
    longest: usize,
    targets: bool,
    /// Links and names are masked here and not by the tokenizer.
    masks: bool,
}

impl Reader {
    /// Reads `tokenizer.json` in `folder`, for a network that knows `words` tokens.
    pub fn read(folder: &Path, card: &Card, words: usize) -> Result<Self, String> {
        let fault = |error: tokenizers::Error| format!("tokenizer.json: {error}");
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).map_err(fault)?;
        tokenizer.with_truncation(None).map_err(fault)?;
        tokenizer.with_padding(None);
        let known = tokenizer.get_vocab_size(true);
        if known > words {
            return Err(format!("tokenizer.json knows {known} tokens, config.json only {words}"));
        }
        let mark = |name: &str| {
            tokenizer.token_to_id(name).ok_or_else(|| format!("tokenizer.json: there is no token {name}"))
        };
        let (begin, end) = (mark("[CLS]")?, mark("[SEP]")?);
        let masks = card.normaliser != Some(Normaliser::Tokenizer);
        Ok(Self { tokenizer, begin, end, longest: card.max_tokens, targets: card.targets, masks })
    }

    /// The text and the target as the tokenizer is given them.
    pub fn normal<'a>(&self, asked: &'a Scorable) -> (Cow<'a, str>, Option<&'a str>) {
        let target = asked.target.as_deref().map(bare).filter(|target| self.targets && !target.is_empty());
        let text = &asked.text[excerpt(&asked.text, target, READ)];
        let mut text = decode_entities(text);
        if let Some(target) = target {
            text = Cow::Owned(unmask(&text, target).into_owned());
        }
        if self.masks {
            let masked = mask(&text);
            let kept = excerpt(&masked, target, self.longest * BYTES_PER_TOKEN);
            text = Cow::Owned(masked[kept].to_owned());
        }
        (text, target)
    }

    /// What the network reads of `asked`.
    pub fn tokens(&self, asked: &Scorable) -> Result<Tokens, ScoreError> {
        let (text, target) = self.normal(asked);
        let cut = |_| ScoreError::Batch("a text could not be cut into tokens".into());
        let mut ids = vec![self.begin];
        let second = match target {
            Some(target) => self.tokenizer.encode_fast(target, false).map_err(cut)?.get_ids().to_vec(),
            None => Vec::new(),
        };
        let second = &second[..second.len().min(TARGET)];
        let marks = if second.is_empty() { 2 } else { 3 };
        let room = self.longest.saturating_sub(marks + second.len());
        let first = self.tokenizer.encode_fast(&*text, false).map_err(cut)?;
        match target.filter(|_| first.len() > room) {
            Some(target) => {
                let placed = self.tokenizer.encode(&*text, false).map_err(cut)?;
                let occurrence = find(&text, target).map(|bytes| {
                    let offsets = placed.get_offsets();
                    let from = offsets.iter().position(|(_, end)| *end > bytes.start);
                    let until = offsets.iter().rposition(|(start, _)| *start < bytes.end);
                    from.unwrap_or(0)..until.map_or(0, |last| last + 1)
                });
                ids.extend_from_slice(&placed.get_ids()[window(placed.len(), occurrence, room)]);
            }
            None => ids.extend_from_slice(&first.get_ids()[..first.len().min(room)]),
        }
        ids.push(self.end);
        let begins = ids.len();
        if !second.is_empty() {
            ids.extend_from_slice(second);
            ids.push(self.end);
        }
        Ok(Tokens { ids, second: begins })
    }
}

/// Which `room` of `length` are kept when what matters stands at `occurrence`.
fn window(length: usize, occurrence: Option<Range<usize>>, room: usize) -> Range<usize> {
    let start = match occurrence {
        Some(occurrence) if occurrence.end > room => {
            let middle = usize::midpoint(occurrence.start, occurrence.end);
            middle.saturating_sub(room / 2).min(length.saturating_sub(room))
        }
        _ => 0,
    };
    start..(start + room).min(length)
}

/// At most `bytes` of a text, on borders of characters.
fn excerpt(text: &str, target: Option<&str>, bytes: usize) -> Range<usize> {
    if text.len() <= bytes {
        return 0..text.len();
    }
    let kept = window(text.len(), target.and_then(|target| find(text, target)), bytes);
    text.ceil_char_boundary(kept.start)..text.floor_char_boundary(kept.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_beginning_is_kept_unless_the_target_stands_behind_it() {
        for (occurrence, expected) in [
            (None, 0..10),
            (Some(3..4), 0..10),
            (Some(8..10), 0..10),
            (Some(9..11), 5..15),
            (Some(50..52), 46..56),
            (Some(98..100), 90..100),
        ] {
            assert_eq!(window(100, occurrence.clone(), 10), expected, "{occurrence:?}");
        }
        assert_eq!(window(7, Some(6..7), 10), 0..7);
    }

    proptest! {
        #[test]
        fn an_excerpt_is_within_its_bound_and_holds_the_target(
            before in "[a\u{e4}\u{1F600} ]{0,80}", behind in "[a\u{e4}\u{1F600} ]{0,80}", bytes in 30_usize..120,
        ) {
            let text = format!("{before}Acme{behind}");
            let kept = &text[excerpt(&text, Some("acme"), bytes)];
            prop_assert!(kept.len() <= bytes && kept.contains("Acme"));
            prop_assert!(text.starts_with(&text[excerpt(&text, None, bytes)]));
        }
    }
}
