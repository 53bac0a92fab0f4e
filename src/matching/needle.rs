//! Every distinct term of every query in one automaton, and the one pass that finds them.
//!
//! The automaton knows folded bytes only. What else a term asks for (edges, case, the headline) is
//! judged at each place it reports, so that terms which differ in that alone share a state.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, BuildError};

use super::edge::{self, Edges};
use super::fold::{self, Folded};
use super::query::{Care, Term};
use crate::domain::mention::Field;

/// Number of a distinct term.
pub(super) type NeedleId = u32;

/// A place where a needle stands, in folded bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub needle: NeedleId,
    pub field: Field,
    pub start: usize,
    pub end: usize,
}

/// Why a place where the folded bytes stand is no hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Edge(edge::Refusal),
    Case,
    NotTitle,
}

#[derive(Debug, PartialEq, Eq, Hash, Clone)]
struct Needle {
    folded: String,
    /// The text in its own case, when that counts.
    exact: Option<String>,
    edges: Edges,
    title: bool,
}

impl Needle {
    fn of(term: &Term) -> Self {
        Self {
            folded: fold::term(&term.text),
            exact: (term.care != Care::Folded).then(|| fold::exact(&term.text)),
            edges: Edges { open: term.open, symbols: term.care == Care::Exact },
            title: term.title,
        }
    }

    /// Judges a place; its end, when the last word goes on, is the end of that word.
    fn judge(&self, part: &Part<'_>, start: usize, end: usize) -> Result<usize, Refused> {
        if self.title && part.field != Field::Title {
            return Err(Refused::NotTitle);
        }
        edge::judge(&part.folded.text, start, end, self.edges).map_err(Refused::Edge)?;
        if let Some(exact) = &self.exact {
            let (from, to) = part.folded.original(start, end);
            if part.written.get(from..to).is_none_or(|written| fold::exact(written) != *exact) {
                return Err(Refused::Case);
            }
        }
        Ok(if self.edges.open { edge::word_end(&part.folded.text, end) } else { end })
    }
}

/// One field of a post, as written and folded.
pub(super) struct Part<'a> {
    pub field: Field,
    pub written: &'a str,
    pub folded: Folded,
}

/// Gathers terms, each once.
#[derive(Default)]
pub(super) struct Gathering {
    list: Vec<Needle>,
    known: HashMap<Needle, NeedleId>,
}

impl Gathering {
    pub fn add(&mut self, term: &Term) -> NeedleId {
        let needle = Needle::of(term);
        if let Some(&id) = self.known.get(&needle) {
            return id;
        }
        let id = NeedleId::try_from(self.list.len()).expect("queries are too short for 2^32 terms");
        self.list.push(needle.clone());
        self.known.insert(needle, id);
        id
    }

    pub fn build(self) -> Result<Needles, BuildError> {
        let mut patterns: Vec<&str> = Vec::new();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut by_pattern: Vec<Vec<NeedleId>> = Vec::new();
        for (id, needle) in (0..).zip(&self.list) {
            let number = *numbers.entry(&needle.folded).or_insert_with(|| {
                patterns.push(&needle.folded);
                by_pattern.push(Vec::new());
                patterns.len() - 1
            });
            by_pattern[number].push(id);
        }
        let automaton = AhoCorasick::new(&patterns)?;
        Ok(Needles { automaton, by_pattern, list: self.list })
    }
}

/// All terms, ready to search for.
pub(super) struct Needles {
    automaton: AhoCorasick,
    by_pattern: Vec<Vec<NeedleId>>,
    list: Vec<Needle>,
}

impl Needles {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Length in folded bytes: the longer, the rarer.
    pub fn length(&self, id: NeedleId) -> usize {
        self.list[id as usize].folded.len()
    }

    /// Every hit in one field of a post.
    pub fn find(&self, part: &Part<'_>, hits: &mut Vec<Hit>) {
        self.each(part, |needle, start, _, judged| {
            if let Ok(end) = judged {
                hits.push(Hit { needle, field: part.field, start, end });
            }
        });
    }

    /// Every place that looked like a hit and is none.
    pub fn refused(&self, part: &Part<'_>, refused: &mut Vec<(Hit, Refused)>) {
        self.each(part, |needle, start, end, judged| {
            if let Err(why) = judged {
                refused.push((Hit { needle, field: part.field, start, end }, why));
            }
        });
    }

    fn each(&self, part: &Part<'_>, mut take: impl FnMut(NeedleId, usize, usize, Result<usize, Refused>)) {
        for place in self.automaton.find_overlapping_iter(&part.folded.text) {
            for &id in &self.by_pattern[place.pattern().as_usize()] {
                let judged = self.list[id as usize].judge(part, place.start(), place.end());
                take(id, place.start(), place.end(), judged);
            }
        }
    }
}
