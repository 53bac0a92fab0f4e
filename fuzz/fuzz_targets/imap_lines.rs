//! What an IMAP server says, cut where the first byte says: the same lines come out, however they come in.

#![no_main]

use std::io::Cursor;
use std::time::Duration;

use earmark::source::imap::wire::{Line, Wire, Word};
use libfuzzer_sys::fuzz_target;
use tokio::io::AsyncReadExt as _;

const PATIENCE: Duration = Duration::from_secs(3_600);

async fn lines(first: &[u8], second: &[u8]) -> Vec<Line> {
    let (first, second) = (Cursor::new(first.to_vec()), Cursor::new(second.to_vec()));
    let stream = tokio::io::join(first.chain(second), tokio::io::sink());
    let mut wire = Wire::new(Box::new(stream), "imap://mail.example".to_owned(), PATIENCE);
    let mut lines = Vec::new();
    while let Ok(line) = wire.line().await {
        lines.push(line);
    }
    lines
}

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (before, behind) = bytes.split_at(usize::from(*first).min(bytes.len()));
    let whole = runtime.block_on(lines(bytes, b""));
    assert_eq!(whole, runtime.block_on(lines(before, behind)), "the cut shows");
    let length = |word: &Word| match word {
        Word::Open | Word::Close => 1,
        // What is no character becomes one of three bytes.
        Word::Atom(atom) => atom.len().div_ceil(3),
        Word::Text(text) => text.len(),
    };
    let said: usize = whole.iter().flat_map(Line::words).map(|word| length(&word)).sum();
    assert!(said <= bytes.len(), "{said} bytes of words in {}", bytes.len());
    for line in &whole {
        line.after("* SEARCH");
        line.after("* OK");
    }
});
