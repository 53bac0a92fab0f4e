//! Tokens → expression, by descent. Tightest first: NEAR, NOT, AND (written or not), OR.

use super::lex::{MAX_DEPTH, Token};
use super::{Expr, ParseError, Term};

pub(super) fn expression(tokens: Vec<(usize, Token)>, end: usize) -> Result<Expr, ParseError> {
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), end, depth: 0 };
    if parser.tokens.peek().is_none() {
        return Err(ParseError::new(0, "the query is empty", "write at least one word to listen for"));
    }
    let root = parser.or()?;
    match parser.tokens.next() {
        None => Ok(root),
        // Whatever can begin an operand has been taken by AND, and operators by their rule.
        Some((at, _)) => Err(ParseError::new(
            at,
            "this `)` closes nothing",
            "remove it, or add the `(` that it belongs to",
        )),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<(usize, Token)>>,
    end: usize,
    depth: usize,
}

impl Parser {
    fn here(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |&(at, _)| at)
    }

    fn or(&mut self) -> Result<Expr, ParseError> {
        let mut parts = vec![self.and()?];
        while self.tokens.next_if(|(_, token)| *token == Token::Or).is_some() {
            parts.push(self.and()?);
        }
        Ok(Expr::any(parts))
    }

    fn and(&mut self) -> Result<Expr, ParseError> {
        let mut parts = vec![self.unary()?];
        loop {
            let written = self.tokens.next_if(|(_, token)| *token == Token::And).is_some();
            if !written && matches!(self.tokens.peek(), None | Some((_, Token::Or | Token::Close))) {
                return Ok(Expr::all(parts));
            }
            parts.push(self.unary()?);
        }
    }

    fn unary(&mut self) -> Result<Expr, ParseError> {
        match self.tokens.next_if(|(_, token)| *token == Token::Not) {
            None => self.near(),
            Some((at, _)) => self.deeper(at, |parser| Ok(Expr::Not(Box::new(parser.unary()?)))),
        }
    }

    fn near(&mut self) -> Result<Expr, ParseError> {
        let left_at = self.here();
        let left = self.primary()?;
        let Some((at, within)) = self.next_near() else { return Ok(left) };
        let left = operand(left, left_at)?;
        let right_at = self.here();
        if !matches!(self.tokens.peek(), Some((_, Token::Term(_) | Token::Field(_) | Token::Open))) {
            return Err(ParseError::new(at, "NEAR has nothing on its right", "write a word or phrase there"));
        }
        let right = operand(self.primary()?, right_at)?;
        match self.next_near() {
            None => Ok(Expr::Near { left, within, right }),
            Some((at, _)) => Err(ParseError::new(
                at,
                "NEAR takes two operands",
                "write a NEAR/5 b AND b NEAR/5 c for three",
            )),
        }
    }

    fn next_near(&mut self) -> Option<(usize, u32)> {
        match self.tokens.peek() {
            Some(&(at, Token::Near(within))) => {
                self.tokens.next();
                Some((at, within))
            }
            _ => None,
        }
    }

    fn primary(&mut self) -> Result<Expr, ParseError> {
        match self.tokens.next() {
            Some((_, Token::Term(term))) => Ok(Expr::Term(term)),
            Some((_, Token::Field(field))) => Ok(Expr::Field(field)),
            Some((at, Token::Open)) => self.deeper(at, |parser| {
                let inner = parser.or()?;
                match parser.tokens.next() {
                    Some((_, Token::Close)) => Ok(inner),
                    _ => {
                        Err(ParseError::new(at, "this `(` is never closed", "add the `)` that it belongs to"))
                    }
                }
            }),
            Some((at, Token::Close)) => Err(ParseError::new(
                at,
                "nothing stands before this `)`",
                "write a word there, or remove the bracket",
            )),
            Some((at, Token::Near(_))) => {
                Err(ParseError::new(at, "NEAR has nothing on its left", "write a word or phrase there"))
            }
            Some((at, token)) => Err(missing(at, &token)),
            None => Err(ParseError::new(
                self.end,
                "the query ends where a word is due",
                "write the word, or remove the last operator",
            )),
        }
    }

    fn deeper(
        &mut self,
        at: usize,
        inner: impl FnOnce(&mut Self) -> Result<Expr, ParseError>,
    ) -> Result<Expr, ParseError> {
        if self.depth == MAX_DEPTH {
            return Err(ParseError::new(
                at,
                format!("brackets and NOT are nested deeper than {MAX_DEPTH}"),
                "remove those that change nothing",
            ));
        }
        self.depth += 1;
        let expr = inner(self);
        self.depth -= 1;
        expr
    }
}

fn missing(at: usize, token: &Token) -> ParseError {
    let word = match token {
        Token::And => "AND",
        Token::Or => "OR",
        _ => "NOT",
    };
    ParseError::new(
        at,
        format!("{word} has nothing on its left"),
        format!("write a word there, or quotes around \"{word}\" to look for it"),
    )
}

/// NEAR measures between places, so its operands must have places: terms, or alternatives of them.
fn operand(expr: Expr, at: usize) -> Result<Vec<Term>, ParseError> {
    let fault = || {
        ParseError::new(
            at,
            "NEAR takes words and phrases",
            "only terms, or several joined by OR in brackets, stand beside it",
        )
    };
    match expr {
        Expr::Term(term) => Ok(vec![term]),
        Expr::Or(parts) => parts
            .into_iter()
            .map(|part| match part {
                Expr::Term(term) => Ok(term),
                _ => Err(fault()),
            })
            .collect(),
        _ => Err(fault()),
    }
}
