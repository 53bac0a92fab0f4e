//! IMAP on the wire (RFC 9051 and, what most servers still speak, RFC 3501): lines with literals inside, and
//! the words of an answer. Knows no command.
//!
//! A line is taken from the buffer when all of it has come, so a wait that is cut in the middle of one loses
//! nothing.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::net::Error;

/// The most that one answer may hold: a mail cut to its longest, or the numbers of a million mails.
const MOST_LINE: usize = 8 << 20;

/// What a connection is, plain or under TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

/// A connection that gives lines.
pub struct Wire {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    shown: String,
    patience: Duration,
}

/// A word of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// `(`
    Open,
    /// `)`
    Close,
    /// Everything else that is not quoted: `UID`, `12`, `BODY[]<0>`, `NIL`.
    Atom(String),
    /// A quoted text or a literal.
    Text(Bytes),
}

/// A line, with the literals inside it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// Text and literal in turn, beginning and ending with a text.
    pieces: Vec<Bytes>,
}

impl Wire {
    /// Over a connection; `shown` names it in messages.
    pub fn new(stream: Box<dyn Stream>, shown: String, patience: Duration) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(8 << 10), shown, patience }
    }

    /// The bare connection, for TLS to be laid over it. What the server said too early is nobody's word: it
    /// may have been put in by somebody on the way, before there was a protection.
    pub fn into_stream(self) -> Result<Box<dyn Stream>, Error> {
        if self.buffer.is_empty() {
            Ok(self.stream)
        } else {
            Err(self.broken("it speaks on after it agreed to STARTTLS"))
        }
    }

    fn broken(&self, why: &str) -> Error {
        Error::Broken { url: self.shown.clone(), why: why.to_owned() }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(self.patience, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken(&error.to_string())),
            Err(_) => Err(Error::Timeout { url: self.shown.clone() }),
        }
    }

    /// The next line.
    pub async fn line(&mut self) -> Result<Line, Error> {
        self.line_within(self.patience).await
    }

    /// The next line, with so much patience for each part of it.
    pub async fn line_within(&mut self, patience: Duration) -> Result<Line, Error> {
        loop {
            if let Some(end) = whole(&self.buffer) {
                return Ok(Line::read(self.buffer.split_to(end).freeze()));
            }
            if self.buffer.len() > MOST_LINE {
                return Err(Error::TooLarge { url: self.shown.clone(), limit: MOST_LINE });
            }
            match tokio::time::timeout(patience, self.stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) => return Err(self.broken("it hung up")),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(self.broken(&error.to_string())),
                Err(_) => return Err(Error::Timeout { url: self.shown.clone() }),
            }
        }
    }
}

/// Where the line ends with which a buffer begins, literals included, if all of it is there.
fn whole(buffer: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + buffer.get(from..)?.windows(2).position(|two| two == b"\r\n")?;
        match literal(&buffer[from..end]) {
            None => return Some(end + 2),
            Some(length) => from = end.saturating_add(2).saturating_add(length),
        }
    }
}

/// The length of the literal that a piece of a line announces.
fn literal(piece: &[u8]) -> Option<usize> {
    let inside = piece.strip_suffix(b"}")?;
    let open = inside.iter().rposition(|byte| *byte == b'{')?;
    let digits = std::str::from_utf8(&inside[open + 1..]).ok()?;
    digits.trim_end_matches('+').parse().ok()
}

impl Line {
    /// Takes apart what [`whole`] found whole.
    fn read(mut bytes: Bytes) -> Self {
        let mut pieces = Vec::new();
        while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
            let piece = bytes.split_to(end);
            let _ = bytes.split_to(2);
            let length = literal(&piece);
            pieces.push(piece);
            match length {
                Some(length) => pieces.push(bytes.split_to(length.min(bytes.len()))),
                None => break,
            }
        }
        Self { pieces }
    }

    /// Its first text: all of it where there is no literal.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.pieces.first().map_or(&[][..], |piece| piece)).into_owned()
    }

    /// What follows a beginning such as `* SEARCH`, letters of any case.
    pub fn after(&self, start: &str) -> Option<String> {
        let text = self.text();
        let head = text.get(..start.len())?;
        let rest = &text[start.len()..];
        (head.eq_ignore_ascii_case(start) && (rest.is_empty() || rest.starts_with(' ')))
            .then(|| rest.trim().to_owned())
    }

    /// All its words.
    pub fn words(&self) -> Vec<Word> {
        let mut words = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            if index % 2 == 1 {
                words.push(Word::Text(piece.clone()));
            } else {
                text_words(piece, index + 1 < self.pieces.len(), &mut words);
            }
        }
        words
    }
}

fn text_words(piece: &[u8], before_literal: bool, words: &mut Vec<Word>) {
    let mut at = 0;
    while let Some(byte) = piece.get(at) {
        match byte {
            b' ' => at += 1,
            b'(' | b')' => {
                words.push(if *byte == b'(' { Word::Open } else { Word::Close });
                at += 1;
            }
            b'"' => {
                let mut text = Vec::new();
                at += 1;
                while let Some(byte) = piece.get(at).filter(|byte| **byte != b'"') {
                    if *byte == b'\\' {
                        at += 1;
                    }
                    text.extend(piece.get(at));
                    at += 1;
                }
                at += 1;
                words.push(Word::Text(text.into()));
            }
            _ => {
                let rest = &piece[at..];
                let end = rest.iter().position(|byte| matches!(byte, b' ' | b'(' | b')' | b'"'));
                let atom = &rest[..end.unwrap_or(rest.len())];
                at += atom.len();
                // The length of the literal that follows is no word.
                if !(before_literal && at == piece.len() && literal(atom).is_some()) {
                    words.push(Word::Atom(String::from_utf8_lossy(atom).into_owned()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_whole_when_its_literals_are() {
        for (buffer, expected) in [
            (&b"* OK hi\r\n* 1"[..], Some(9)),
            (b"* OK hi\r", None),
            (b"* 1 FETCH (BODY[] {4}\r\na\r\nb)\r\nmore", Some(30)),
            (b"* 1 FETCH (BODY[] {4}\r\na\r\n", None),
            (b"* 1 FETCH (BODY[] {99999999999999999999}\r\n", Some(42)),
            (b"", None),
        ] {
            assert_eq!(whole(buffer), expected, "{}", String::from_utf8_lossy(buffer));
        }
    }

    #[test]
    fn words_are_told_apart() {
        let line = Line::read(Bytes::from_static(
            b"* 1 FETCH (UID 7 FLAGS (\\Seen) X \"a \\\"b\\\"\" BODY[]<0> {4}\r\n{1}\r NIL)\r\n",
        ));
        let atom = |text: &str| Word::Atom(text.into());
        let text = |text: &'static str| Word::Text(Bytes::from_static(text.as_bytes()));
        assert_eq!(
            line.words()[2..],
            [
                atom("FETCH"),
                Word::Open,
                atom("UID"),
                atom("7"),
                atom("FLAGS"),
                Word::Open,
                atom("\\Seen"),
                Word::Close,
                atom("X"),
                text("a \"b\""),
                atom("BODY[]<0>"),
                text("{1}\r"),
                atom("NIL"),
                Word::Close,
            ]
        );
        let line = Line::read(Bytes::from_static(b"* search 1 2\r\n"));
        assert_eq!(line.after("* SEARCH").as_deref(), Some("1 2"));
        assert_eq!(line.after("* SEA"), None);
    }
}
