//! Post → mention: which topics a post speaks of, and where.
//!
//! ```text
//!  topics ──parse──▶ queries ──▶ one automaton over every distinct folded term
//!                                      │ one pass over title and text
//!  post ──fold──▶ folded title, text ──┘──▶ occurrences ──▶ candidate topics ──▶ spans
//! ```
//!
//! # The query language
//!
//! | written | means |
//! |---|---|
//! | `acme` | the word, in any case; also as `#acme` and `@acme`, never inside `acmeology` |
//! | `"acme app"` | the words side by side; a blank stands for any white space, symbols count |
//! | `C++`, `"R&D"` | symbols are part of the term |
//! | `=Acme`, `="Acme One"` | case counts too |
//! | `exact:"C"` | case counts, and no symbol clings to it: not in `C++`, not in `#C` |
//! | `acme*`, `"acme app"*` | the last word may go on |
//! | `@acmeapp` | the handle only; not the mail address `bob@acmeapp.example` |
//! | `#acme` | the hashtag only |
//! | `acme NEAR/5 login` | at most five words on, in either order; neighbours are at distance 1 |
//! | `(acme OR globex) NEAR/5 login` | either operand may be a group of alternatives |
//! | `a AND b`, `a b` | both |
//! | `a OR b` | either; `AND` binds tighter than `OR` |
//! | `NOT a`, `a NOT b` | without; `a NOT b` is `a AND NOT b` |
//! | `title:"acme app"` | the term stands in the headline |
//! | `author:acme` | the author, whole and in any case |
//! | `site:example.org` | that host or one below it |
//! | `lang:de` | that language or a variety of it (`de-at`) |
//! | `source:hn`, `kind:review` | the configured source; post, comment, review, article, ticket |
//!
//! Operators are upper case; a lower-case `and` is a word, and a warning says so. Inside quotes `\"`
//! is a quote and `\\` a backslash. Typographic quotes are read as quotes.
//!
//! # Properties wanted
//!
//! * A span points into the original text, on character borders, whatever folding did in between
//!   (see [`fold`]): a person must see the words that the author wrote.
//! * Title and text are two fields: neither a phrase nor a NEAR reaches from one into the other.
//! * A topic whose terms are absent costs nothing. Each query names a set of terms of which one must
//!   occur for it to hold; only topics named by an occurrence are evaluated. Queries without such
//!   a set (field terms alone, negations) are evaluated for every post.
//! * Hostile queries and posts cost time in proportion to their length: nesting is bounded when a
//!   query is read, NEAR is a search in sorted lists, and a mention keeps its first
//!   [`MAX_SPANS`] spans.
//!
//! # What is accepted as it is
//!
//! Word edges are drawn by character class, not by a dictionary: scripts written without spaces
//! match anywhere (see [`edge`]). Diacritics count: `cafe` does not find `café`. A compound or
//! an inflected form is another word; write `acme*` or the alternatives.

pub mod edge;
mod eval;
pub mod explain;
mod field;
pub mod fold;
mod matcher;
mod needle;
pub mod query;
#[cfg(test)]
mod tests;

pub use explain::{Explained, Part};
pub use matcher::{Found, MAX_SPANS, Matcher, check};
