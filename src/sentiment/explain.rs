//! Which words moved a score, by occlusion: each word is left out in turn, the text is judged again,
//! and what the verdict loses is what the word brought. Here is only what comes before and after the
//! judging; both are pure.
//!
//! # What it says, and what it does not
//! * A word's `delta_score` is the score with it less the score without it: below zero, it pulled
//!   towards negative. The parts need not add up to the score: two words that say the same cover for
//!   each other, and "not" moves what stands behind it.
//! * Words of the target are marked and stay: without them there is no verdict towards it.
//! * At most [`MOST`] readings beside the text itself, so that all of it is one batch of the scorer.
//!   A longer text is read in groups of neighbouring words, and behind [`READ`] words nothing is
//!   weighed: no model of ours reads on there.
//! * Marks between words (`,` or `…`) are no words; others side by side (`!!!`, `:(`, pictures) are one.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use super::Scorable;
use super::scorer::BATCH;
use crate::domain::sentiment::{Doubt, Sentiment};
use crate::domain::words;

/// Readings of one text beside the text itself.
pub const MOST: usize = 63;
const _: () = assert!(MOST < BATCH, "all of it is one batch");
/// Words that are weighed; what stands behind them is not read by a model of 128 tokens.
pub const READ: usize = 256;
/// Bytes of the text that are looked at.
const LONGEST: usize = 64 * 1024;

/// Marks that say nothing by themselves.
const PLAIN: &str = ".,;:'\"()[]{}-–—…/\\|“”‘’«»„·•\u{fe0f}\u{200d}";

/// Where something stands in the text, both ends given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// First and one past the last byte.
    pub bytes: (usize, usize),
    /// First and one past the last character.
    pub chars: (usize, usize),
}

/// A word, or in a long text a group of neighbours, and what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// As written.
    pub word: String,
    /// Where; a group around the target stands in several places.
    pub places: Vec<Place>,
    /// It belongs to the target and was not left out.
    pub target: bool,
    /// The score with it less the score without; none for the target, and where the model failed.
    pub delta_score: Option<f32>,
    /// The same for the probability that the text asks for an answer; none where the model has no
    /// such output.
    pub delta_needs_answer: Option<f32>,
}

impl Moved {
    /// How far it moved the score: 0 not to speak of, 3 decisively.
    pub fn strength(&self) -> usize {
        strength(self.delta_score)
    }
}

/// How far a word moved something between 0 and 1: 0 not to speak of, 3 decisively.
pub fn strength(delta: Option<f32>) -> usize {
    let size = delta.map_or(0.0, f32::abs);
    [0.03, 0.1, 0.3].iter().filter(|least| size >= **least).count()
}

/// A verdict, and what each word did to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// What was judged.
    pub text: String,
    /// Towards what.
    pub target: Option<String>,
    /// The verdict on all of it.
    pub sentiment: Sentiment,
    /// In the order of the text.
    pub words: Vec<Moved>,
    /// Words behind the last that was weighed.
    pub unweighed: usize,
}

impl Explained {
    /// Whether the model gave no verdict that words could move.
    pub fn could_not_weigh(&self) -> bool {
        matches!(self.sentiment.doubt, Some(Doubt::Language | Doubt::Failed))
    }

    /// The words that moved what `delta` tells of them, the strongest first, at most `most`.
    pub fn strongest(&self, delta: impl Fn(&Moved) -> Option<f32>, most: usize) -> Vec<(&Moved, f32)> {
        let moved = |word| delta(word).filter(|by| strength(Some(*by)) > 0).map(|by| (word, by));
        let mut words: Vec<(&Moved, f32)> = self.words.iter().filter_map(moved).collect();
        words.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        words.truncate(most);
        words
    }
}

/// A stretch of a text, and the word that it is or belongs to.
pub type Piece<'a> = (&'a str, Option<&'a Moved>);

impl Explained {
    /// The text in pieces, in order, nothing left out. A place that does not fit is passed over.
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        let places =
            self.words.iter().flat_map(|word| word.places.iter().map(move |place| (place.bytes, word)));
        let mut places: Vec<_> = places.collect();
        places.sort_by_key(|(place, _)| *place);
        let mut pieces: Vec<Piece<'_>> = Vec::new();
        let mut at = 0;
        for ((start, end), word) in places {
            let (Some(between), Some(said)) = (self.text.get(at..start), self.text.get(start..end)) else {
                continue;
            };
            pieces.extend((!between.is_empty()).then_some((between, None)));
            pieces.push((said, Some(word)));
            at = end;
        }
        let rest = self.text.get(at..).unwrap_or_default();
        pieces.extend((!rest.is_empty()).then_some((rest, None)));
        pieces
    }
}

/// How a text is to be read again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    whole: Scorable,
    parts: Vec<Part>,
    unweighed: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    places: Vec<Range<usize>>,
    is_target: bool,
}

/// Plans the readings of a text, or of its beginning where it is very long.
pub fn plan(mut whole: Scorable) -> Plan {
    whole.text.truncate(whole.text.floor_char_boundary(LONGEST));
    let mut words = split(&whole.text);
    let unweighed = words.len().saturating_sub(READ);
    words.truncate(READ);
    let targets = whole.target.as_deref().map(|target| occurrences(&whole.text, target)).unwrap_or_default();
    let is_target =
        |word: &Range<usize>| targets.iter().any(|target| word.start < target.end && target.start < word.end);
    let (named, free): (Vec<_>, Vec<_>) = words.into_iter().partition(is_target);
    let group = free.len().div_ceil(MOST).max(1);
    let mut parts: Vec<Part> =
        named.iter().map(|word| Part { places: vec![word.clone()], is_target: true }).collect();
    parts.extend(free.chunks(group).map(|words| Part { places: joined(words, &named), is_target: false }));
    parts.sort_by_key(|part| part.places[0].start);
    Plan { whole, parts, unweighed }
}

impl Plan {
    /// The text itself, then one reading for each word that is left out.
    pub fn batch(&self) -> Vec<Scorable> {
        let readings = self
            .parts
            .iter()
            .filter(|part| !part.is_target)
            .map(|part| Scorable { text: without(&self.whole.text, &part.places), ..self.whole.clone() });
        std::iter::once(self.whole.clone()).chain(readings).collect()
    }

    /// What the words did, by the verdicts on [`Self::batch`]; none where their number does not fit.
    pub fn weigh(self, verdicts: Vec<Sentiment>) -> Option<Explained> {
        let readings = self.parts.iter().filter(|part| !part.is_target).count();
        let mut verdicts = verdicts.into_iter();
        let base = verdicts.next().filter(|_| verdicts.len() == readings)?;
        let mut counted = Counted { text: &self.whole.text, byte: 0, char: 0 };
        let mut words = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let reading = if part.is_target { None } else { verdicts.next() };
            let said: Vec<&str> = part.places.iter().map(|place| &self.whole.text[place.clone()]).collect();
            words.push(Moved {
                word: said.join(" "),
                places: part.places.iter().map(|place| counted.place(place)).collect(),
                target: part.is_target,
                delta_score: reading.as_ref().and_then(|reading| moved(&base, reading)),
                delta_needs_answer: reading.as_ref().and_then(|reading| asked(&base, reading)),
            });
        }
        Some(Explained {
            words,
            unweighed: self.unweighed,
            sentiment: base,
            target: self.whole.target,
            text: self.whole.text,
        })
    }
}

/// A verdict behind which no probability stands cannot be compared.
fn moved(base: &Sentiment, reading: &Sentiment) -> Option<f32> {
    (base.confidence > 0.0 && reading.confidence > 0.0).then_some(base.score - reading.score)
}

fn asked(base: &Sentiment, reading: &Sentiment) -> Option<f32> {
    Some(base.needs_answer?.probability - reading.needs_answer?.probability)
}

/// Counts characters once over all places. Groups around a target reach behind its places, so it
/// can be sent back.
struct Counted<'a> {
    text: &'a str,
    byte: usize,
    char: usize,
}

impl Counted<'_> {
    fn place(&mut self, place: &Range<usize>) -> Place {
        Place {
            bytes: (place.start, place.end),
            chars: (self.chars_before(place.start), self.chars_before(place.end)),
        }
    }

    fn chars_before(&mut self, byte: usize) -> usize {
        if byte < self.byte {
            (self.byte, self.char) = (0, 0);
        }
        self.char += self.text[self.byte..byte].chars().count();
        self.byte = byte;
        self.char
    }
}

/// Where the words stand, in order.
fn split(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut read_to = 0;
    for (start, segment) in text.split_word_bound_indices() {
        let end = start + segment.len();
        // Invisible marks cling to the space before them.
        let start = end - segment.trim_start().len();
        if start < read_to || segment.trim().is_empty() {
            continue;
        }
        if let Some(length) = link(&text[start..]) {
            read_to = start + length;
            words.push(start..read_to);
            continue;
        }
        read_to = end;
        match words.last_mut().filter(|last| last.end == start) {
            Some(last) if belongs(&text[last.clone()], segment) => last.end = end,
            _ => words.push(start..end),
        }
    }
    words.retain(|word| !says_nothing(&text[word.clone()]));
    words
}

/// Whether these are only marks between words, or cannot be seen; `:(` and `;)` are faces.
fn says_nothing(word: &str) -> bool {
    let word = words::clean(word);
    let word = word.trim();
    let is_face = word.len() > 1 && word.starts_with([':', ';']);
    !is_face && word.chars().all(|mark| PLAIN.contains(mark))
}

/// Whether `next`, right behind `word`, is part of it: a name behind its sign, marks behind marks.
fn belongs(word: &str, next: &str) -> bool {
    let is_marks = |text: &str| !text.contains(char::is_alphanumeric);
    if is_marks(next) { is_marks(word) } else { matches!(word, "@" | "#") }
}

/// Bytes of the link at the start.
fn link(text: &str) -> Option<usize> {
    let starts =
        |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    (starts("https://") || starts("http://")).then(|| text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// Where the target stands, as a whole word, whatever its case, with or without a sign before it.
fn occurrences(text: &str, target: &str) -> Vec<Range<usize>> {
    let wanted: Vec<char> = target.trim().trim_start_matches(['@', '#']).trim().chars().collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut before: Option<char> = None;
    for (start, c) in text.char_indices() {
        let at_edge = !before.is_some_and(char::is_alphanumeric);
        before = Some(c);
        if !at_edge || found.last().is_some_and(|last| start < last.end) {
            continue;
        }
        let mut rest = text[start..].chars();
        let fits = wanted.iter().all(|c| rest.next().is_some_and(|other| same(*c, other)));
        let rest = rest.as_str();
        if fits && !rest.starts_with(char::is_alphanumeric) {
            found.push(start..text.len() - rest.len());
        }
    }
    found
}

fn same(one: char, other: char) -> bool {
    one == other || one.to_lowercase().eq(other.to_lowercase())
}

/// Neighbours as one stretch, with what stands between them; a word of the target parts them.
fn joined(words: &[Range<usize>], named: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = Vec::new();
    for word in words {
        match places.last_mut() {
            Some(last) if !named.iter().any(|named| last.end <= named.start && named.end <= word.start) => {
                last.end = word.end;
            }
            _ => places.push(word.clone()),
        }
    }
    places
}

/// The text without some places: without a second space where one was taken out, and with one where
/// two words would run into each other.
fn without(text: &str, places: &[Range<usize>]) -> String {
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    for place in places {
        left.push_str(&text[at..place.start]);
        at = place.end;
        let is_open = left.is_empty() || left.ends_with(char::is_whitespace);
        if let Some(space) = text[at..].chars().next().filter(|c| is_open && c.is_whitespace()) {
            at += space.len_utf8();
        }
        if left.ends_with(char::is_alphanumeric) && text[at..].starts_with(char::is_alphanumeric) {
            left.push(' ');
        }
    }
    left.push_str(&text[at..]);
    left
}

#[cfg(test)]
mod tests;
