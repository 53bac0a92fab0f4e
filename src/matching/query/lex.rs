//! Query text → tokens. Terms and field terms are whole tokens, so that the parser sees operators
//! and operands only. Every fault names the byte where it lies and what would be right.

use super::{Care, FieldTerm, ParseError, Term};
use crate::domain::post::PostKind;
use crate::matching::fold;

/// Longest query, in bytes: room for thousands of phrases.
pub const MAX_BYTES: usize = 262_144;
/// Deepest nesting of brackets and negations: keeps every walk over a query off the stack's end.
pub const MAX_DEPTH: usize = 50;
/// Greatest distance of a NEAR: beyond it, AND says the same.
pub const MAX_DISTANCE: u32 = 100;

const FIELDS: [&str; 7] = ["author", "site", "lang", "title", "source", "kind", "exact"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Near(u32),
    Term(Term),
    Field(FieldTerm),
}

type Lexed = (Vec<(usize, Token)>, Vec<ParseError>);

pub(super) fn tokens(written: &str) -> Result<Lexed, ParseError> {
    if written.len() > MAX_BYTES {
        return Err(ParseError::new(
            MAX_BYTES,
            format!("the query has {} bytes", written.len()),
            format!("at most {MAX_BYTES} are read; split it into several topics"),
        ));
    }
    let mut lexer = Lexer { written, at: 0, notes: Vec::new() };
    let mut tokens = Vec::new();
    while let Some(c) = lexer.peek() {
        let at = lexer.at;
        if c.is_whitespace() {
            lexer.at += c.len_utf8();
        } else if c == '(' || c == ')' {
            lexer.at += 1;
            tokens.push((at, if c == '(' { Token::Open } else { Token::Close }));
        } else {
            tokens.push((at, lexer.word()?));
        }
    }
    Ok((tokens, lexer.notes))
}

/// Whether a text can stand without quotes and mean itself.
pub(super) fn is_bare(text: &str) -> bool {
    let lower = text.to_lowercase();
    !text.is_empty()
        && !text.starts_with(['=', '-', '\'', '‘', '’'])
        && !text.contains(|c: char| ends_bare(c) || matches!(c, ':' | '*'))
        && !matches!(lower.as_str(), "and" | "or" | "not" | "|" | "||" | "&" | "&&" | "+" | "!")
        && !lower.starts_with("near")
}

fn ends_bare(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')') || is_quote(c)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '‟')
}

struct Lexer<'a> {
    written: &'a str,
    at: usize,
    notes: Vec<ParseError>,
}

impl<'a> Lexer<'a> {
    fn peek(&self) -> Option<char> {
        self.written[self.at..].chars().next()
    }

    fn bare(&mut self) -> &'a str {
        let rest = &self.written[self.at..];
        let end = rest.find(ends_bare).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// An operator, a term or a field term.
    fn word(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        if let Some(token) = self.operator()? {
            return Ok(token);
        }
        match self.field_name()? {
            None => self.term(Care::Folded, false, start).map(Token::Term),
            Some("exact") => self.term(Care::Exact, false, start).map(Token::Term),
            Some("title") => {
                let care = if self.field_name()? == Some("exact") { Care::Exact } else { Care::Folded };
                self.term(care, true, start).map(Token::Term)
            }
            Some(name) => self.field(name, start).map(Token::Field),
        }
    }

    fn operator(&mut self) -> Result<Option<Token>, ParseError> {
        let at = self.at;
        let word = self.bare();
        let token = match word {
            "AND" => Token::And,
            "OR" => Token::Or,
            "NOT" => Token::Not,
            "&" | "&&" | "+" => return Err(sign(at, word, "AND")),
            "|" | "||" => return Err(sign(at, word, "OR")),
            "!" | "-" => return Err(sign(at, word, "NOT")),
            _ if word.len() > 1 && word.starts_with('-') => return Err(sign(at, "-", "NOT")),
            _ if word == "NEAR" || word.starts_with("NEAR/") => Token::Near(distance(at, word)?),
            _ => {
                if matches!(word, "and" | "or" | "not") || word.starts_with("near/") {
                    self.notes.push(ParseError::new(
                        at,
                        format!("`{word}` in lower case is looked for as a word"),
                        format!("write {} if the operator is meant", word.to_uppercase()),
                    ));
                } else if word.starts_with(['\'', '‘', '’']) {
                    self.notes.push(ParseError::new(
                        at,
                        "an apostrophe makes no phrase",
                        "write double quotes around a phrase",
                    ));
                }
                self.at = at;
                return Ok(None);
            }
        };
        Ok(Some(token))
    }

    /// The field whose name and colon stand here, if any.
    fn field_name(&mut self) -> Result<Option<&'static str>, ParseError> {
        let rest = &self.written[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphabetic() && c != '_').unwrap_or(rest.len());
        if end == 0 || !rest[end..].starts_with(':') {
            return Ok(None);
        }
        let name = rest[..end].to_ascii_lowercase();
        if let Some(known) = FIELDS.into_iter().find(|&known| known == name) {
            self.at += end + 1;
            return Ok(Some(known));
        }
        let near = FIELDS
            .into_iter()
            .map(|known| (strsim::damerau_levenshtein(known, &name), known))
            .min()
            .filter(|&(steps, _)| steps <= 2)
            .map_or_else(
                || format!("the fields are {}", FIELDS.join(", ")),
                |(_, known)| format!("did you mean `{known}:`?"),
            );
        Err(ParseError::new(
            self.at,
            format!("no field is named `{name}`"),
            format!("{near} (put it in quotes to look for the colon itself)"),
        ))
    }

    fn term(&mut self, care: Care, title: bool, start: usize) -> Result<Term, ParseError> {
        let mut care = care;
        if care == Care::Folded && self.peek() == Some('=') {
            self.at += 1;
            care = Care::Case;
        }
        let (text, quoted) = self.text(start)?;
        let mut text = text;
        let mut open = false;
        if quoted && self.peek() == Some('*') {
            self.at += 1;
            open = true;
        } else if !quoted && text.ends_with('*') {
            text.pop();
            open = true;
        }
        if !quoted && text.contains('*') || text.is_empty() && open {
            return Err(ParseError::new(
                start,
                "`*` stands at the end of a word only",
                "write acme*, or quotes to look for the character itself",
            ));
        }
        if fold::term(&text).is_empty() {
            return Err(ParseError::new(
                start,
                "nothing of this term can be looked for",
                "it holds blanks or invisible characters only; write at least one visible one",
            ));
        }
        Ok(Term { text, care, open, title })
    }

    /// A quoted or bare text, and whether it was quoted.
    fn text(&mut self, start: usize) -> Result<(String, bool), ParseError> {
        match self.peek() {
            Some(quote) if is_quote(quote) => Ok((self.quoted(quote)?, true)),
            Some(c) if !ends_bare(c) => Ok((self.bare().to_owned(), false)),
            _ => {
                let before = &self.written[start..self.at];
                Err(ParseError::new(
                    start,
                    format!("nothing stands after `{before}`"),
                    "write the word or \"a phrase\" directly behind it, without a space or bracket",
                ))
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, ParseError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.written[start..].char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            // A straight quote is closed by a straight one, so that a phrase may hold the others.
            let closes = if quote == '"' { c == '"' } else { is_quote(c) };
            if closes {
                self.at = start + at + c.len_utf8();
                return Ok(text);
            }
            let escaped = match c {
                '\\' => chars.clone().next().filter(|(_, c)| matches!(c, '"' | '\\')),
                _ => None,
            };
            if escaped.is_some() {
                chars.next();
            }
            text.push(escaped.map_or(c, |(_, c)| c));
        }
        Err(ParseError::new(start, "this quote is never closed", "add a `\"` where the phrase ends"))
    }

    fn field(&mut self, name: &str, start: usize) -> Result<FieldTerm, ParseError> {
        let (text, quoted) = self.text(start)?;
        let fault = |what: String, remedy: &str| Err(ParseError::new(start, what, remedy));
        if text.trim().is_empty() {
            return fault(format!("`{name}:` has no value"), "write it directly behind the colon");
        }
        if !quoted && text.contains('*') {
            return fault(
                format!("`{name}:` takes no `*`"),
                "write the whole value, or several joined by OR",
            );
        }
        match name {
            "author" => Ok(FieldTerm::Author(text)),
            "site" if text.contains(['/', ':', ' ', '@']) => {
                fault(format!("`{text}` is no host"), "write the host alone, as site:example.org")
            }
            "site" => Ok(FieldTerm::Site(text)),
            "lang" if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) => {
                fault(format!("`{text}` is no language"), "write a tag such as lang:de or lang:pt-br")
            }
            "lang" => Ok(FieldTerm::Lang(text)),
            "source" => Ok(FieldTerm::Source(text)),
            _ => match PostKind::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(&text)) {
                Some(kind) => Ok(FieldTerm::Kind(kind)),
                None => fault(
                    format!("no kind of post is named `{text}`"),
                    "the kinds are post, comment, review, article, ticket",
                ),
            },
        }
    }
}

fn sign(at: usize, sign: &str, operator: &str) -> ParseError {
    ParseError::new(
        at,
        format!("`{sign}` is no operator"),
        format!("write {operator}, or put it in quotes to look for the character itself"),
    )
}

fn distance(at: usize, word: &str) -> Result<u32, ParseError> {
    let digits = word.strip_prefix("NEAR/").unwrap_or_default();
    match digits.parse() {
        Ok(within) if (1..=MAX_DISTANCE).contains(&within) => Ok(within),
        _ => Err(ParseError::new(
            at,
            format!("`{word}` has no distance from 1 to {MAX_DISTANCE}"),
            "write NEAR/5 for at most five words on",
        )),
    }
}
