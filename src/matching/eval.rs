//! One topic's boolean tree over the occurrences found in one post.

use std::cell::OnceCell;

use super::edge;
use super::field;
use super::fold::Folded;
use super::needle::{Gathering, Hit, NeedleId, Needles, Part};
use super::query::{Expr, FieldTerm, Term};
use crate::domain::mention::{Field, Span};
use crate::domain::post::{Post, PostKind};

/// A query with its terms as numbers. It mirrors the query part by part, which lets an explanation
/// walk both at once.
pub(super) enum Node {
    Term(Label),
    Test(Test),
    Near { left: Vec<Label>, within: usize, right: Vec<Label> },
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

/// A term and how it is shown.
pub(super) struct Label {
    pub needle: NeedleId,
    pub written: String,
}

/// A field term, its value in the form that is compared.
pub(super) enum Test {
    Author(String),
    Site(String),
    Lang(String),
    Source(String),
    Kind(PostKind),
}

impl Node {
    pub fn of(expr: &Expr, needles: &mut Gathering) -> Self {
        match expr {
            Expr::Term(term) => Node::Term(label(term, needles)),
            Expr::Field(wanted) => Node::Test(match wanted {
                FieldTerm::Author(author) => Test::Author(field::author(author)),
                FieldTerm::Site(site) => Test::Site(field::host(site)),
                FieldTerm::Lang(lang) => Test::Lang(field::tag(lang)),
                FieldTerm::Source(source) => Test::Source(source.clone()),
                FieldTerm::Kind(kind) => Test::Kind(*kind),
            }),
            Expr::Near { left, within, right } => Node::Near {
                left: left.iter().map(|term| label(term, needles)).collect(),
                within: *within as usize,
                right: right.iter().map(|term| label(term, needles)).collect(),
            },
            Expr::Not(part) => Node::Not(Box::new(Node::of(part, needles))),
            Expr::And(parts) => Node::And(parts.iter().map(|part| Node::of(part, needles)).collect()),
            Expr::Or(parts) => Node::Or(parts.iter().map(|part| Node::of(part, needles)).collect()),
        }
    }

    /// Terms of which at least one must stand in a post for this to hold; none when it can hold
    /// without any. Of several such sets, the one that is likely to be met least often.
    pub fn needed(&self, needles: &Needles) -> Option<Vec<NeedleId>> {
        let ids = |labels: &[Label]| labels.iter().map(|label| label.needle).collect::<Vec<_>>();
        let rarity = |set: &Vec<NeedleId>| {
            let shortest = set.iter().map(|&id| needles.length(id)).min().unwrap_or(0);
            (set.len(), std::cmp::Reverse(shortest))
        };
        match self {
            Node::Term(label) => Some(vec![label.needle]),
            Node::Test(_) | Node::Not(_) => None,
            Node::Near { left, right, .. } => [ids(left), ids(right)].into_iter().min_by_key(rarity),
            Node::And(parts) => parts.iter().filter_map(|part| part.needed(needles)).min_by_key(rarity),
            Node::Or(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(part.needed(needles)?);
                }
                Some(all)
            }
        }
    }

    pub fn holds(&self, scene: &Scene<'_>) -> bool {
        match self {
            Node::Term(label) => !scene.hits(label.needle).is_empty(),
            Node::Test(test) => test.holds(scene),
            Node::Near { left, within, right } => !near(scene, left, *within, right).places.is_empty(),
            Node::Not(part) => !part.holds(scene),
            Node::And(parts) => parts.iter().all(|part| part.holds(scene)),
            Node::Or(parts) => parts.iter().any(|part| part.holds(scene)),
        }
    }

    /// The places that make it hold; only asked of what holds. What is excluded has no place.
    pub fn places<'a>(&'a self, scene: &Scene<'_>, out: &mut Vec<Place<'a>>) {
        match self {
            Node::Term(label) => out.extend(scene.places(label)),
            Node::Near { left, within, right } => out.extend(near(scene, left, *within, right).places),
            Node::And(parts) => parts.iter().for_each(|part| part.places(scene, out)),
            Node::Or(parts) => {
                parts.iter().filter(|part| part.holds(scene)).for_each(|part| part.places(scene, out));
            }
            Node::Test(_) | Node::Not(_) => {}
        }
    }
}

fn label(term: &Term, needles: &mut Gathering) -> Label {
    Label { needle: needles.add(term), written: term.to_string() }
}

impl Test {
    pub fn holds(&self, scene: &Scene<'_>) -> bool {
        let post = scene.post;
        match self {
            Test::Author(author) => {
                let given = scene.author.get_or_init(|| post.author.as_deref().map(field::author));
                given.as_deref() == Some(author)
            }
            Test::Site(site) => field::site_within(&post.site, site),
            Test::Lang(lang) => {
                post.lang.as_deref().is_some_and(|given| field::lang_within(&field::tag(given), lang))
            }
            Test::Source(source) => post.source.as_str() == source,
            Test::Kind(kind) => post.kind == *kind,
        }
    }
}

/// A term's place, in folded bytes. Ordered as a reader meets them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place<'a> {
    pub field: Field,
    pub start: usize,
    pub end: usize,
    pub term: &'a str,
}

/// One post, folded and searched.
pub(super) struct Scene<'a> {
    pub post: &'a Post,
    pub parts: [Part<'a>; 2],
    hits: Vec<Hit>,
    words: [OnceCell<Vec<usize>>; 2],
    author: OnceCell<Option<String>>,
}

impl<'a> Scene<'a> {
    pub fn new(post: &'a Post, needles: &Needles) -> Self {
        let part = |field, written| Part { field, written, folded: Folded::of(written) };
        let parts =
            [part(Field::Title, post.title.as_deref().unwrap_or_default()), part(Field::Text, &post.text)];
        let mut hits = Vec::new();
        parts.iter().for_each(|part| needles.find(part, &mut hits));
        hits.sort_unstable();
        Self { post, parts, hits, words: Default::default(), author: OnceCell::new() }
    }

    /// Each needle that stands in the post, once.
    pub fn needles(&self) -> impl Iterator<Item = NeedleId> {
        self.hits.chunk_by(|one, next| one.needle == next.needle).map(|hits| hits[0].needle)
    }

    pub fn hits(&self, needle: NeedleId) -> &[Hit] {
        let start = self.hits.partition_point(|hit| hit.needle < needle);
        let count = self.hits[start..].partition_point(|hit| hit.needle == needle);
        &self.hits[start..start + count]
    }

    fn places<'l>(&self, label: &'l Label) -> impl Iterator<Item = Place<'l>> {
        self.hits(label.needle).iter().map(|hit| Place {
            field: hit.field,
            start: hit.start,
            end: hit.end,
            term: &label.written,
        })
    }

    fn words(&self, field: Field) -> &[usize] {
        let n = usize::from(field == Field::Text);
        self.words[n].get_or_init(|| edge::word_starts(&self.parts[n].folded.text))
    }

    /// Where a place lies in the text as written.
    pub fn span(&self, place: &Place<'_>) -> Span {
        let part = &self.parts[usize::from(place.field == Field::Text)];
        let (start, end) = part.folded.original(place.start, place.end);
        Span { field: place.field, start, end, term: place.term.to_owned() }
    }
}

/// What NEAR finds.
pub(super) struct Nearness<'a> {
    /// Places that have a partner near enough.
    pub places: Vec<Place<'a>>,
    /// Least distance of any two.
    pub closest: Option<usize>,
}

/// Places of `left` and `right` at most `within` words apart, in either order, not overlapping.
///
/// The partner of a place that is nearest on one side is the first that begins behind it, or the
/// last that ends before it: two searches in sorted lists, however often the terms occur.
pub(super) fn near<'a>(
    scene: &Scene<'_>,
    left: &'a [Label],
    within: usize,
    right: &'a [Label],
) -> Nearness<'a> {
    let mut found = Nearness { places: Vec::new(), closest: None };
    for field in [Field::Title, Field::Text] {
        let one = Side::of(scene, left, field);
        let other = Side::of(scene, right, field);
        if one.by_start.is_empty() || other.by_start.is_empty() {
            continue;
        }
        let words = scene.words(field);
        for (side, partners) in [(&one, &other), (&other, &one)] {
            for place in &side.by_start {
                let Some(distance) = partners.distance(place, words) else { continue };
                found.closest = Some(found.closest.map_or(distance, |closest| closest.min(distance)));
                if distance <= within {
                    found.places.push(*place);
                }
            }
        }
    }
    found
}

struct Side<'a> {
    by_start: Vec<Place<'a>>,
    by_end: Vec<usize>,
}

impl<'a> Side<'a> {
    fn of(scene: &Scene<'_>, labels: &'a [Label], field: Field) -> Self {
        let all = labels.iter().flat_map(|label| scene.places(label));
        let mut by_start: Vec<_> = all.filter(|place| place.field == field).collect();
        by_start.sort_unstable();
        let mut by_end: Vec<_> = by_start.iter().map(|place| place.end).collect();
        by_end.sort_unstable();
        Self { by_start, by_end }
    }

    /// Words from `place` to the nearest of these; neighbours are at distance 1.
    fn distance(&self, place: &Place<'_>, words: &[usize]) -> Option<usize> {
        let apart = |end: usize, start: usize| {
            let before = words.partition_point(|&word| word < end);
            words.partition_point(|&word| word < start) - before + 1
        };
        let behind = self.by_start.get(self.by_start.partition_point(|other| other.start < place.end));
        let before = self.by_end[..self.by_end.partition_point(|&end| end <= place.start)].last();
        let behind = behind.map(|other| apart(place.end, other.start));
        behind.into_iter().chain(before.map(|&end| apart(end, place.start))).min()
    }
}
