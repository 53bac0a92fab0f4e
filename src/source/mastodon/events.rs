//! Server-sent events, as far as these servers use them: `event:` and `data:` lines, an empty line behind each
//! event, heartbeats that begin with a colon. Pure; pieces may be cut anywhere, also inside a character.

use std::collections::VecDeque;

/// An event longer than this is no event.
const LONGEST: usize = 4 << 20;

/// What a server sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `update`, `status.update`, `delete`, `notification`, …
    pub name: String,
    /// Its words, most often JSON.
    pub data: String,
}

/// Turns pieces of a stream into events.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What has come of a line without an end.
    line: Vec<u8>,
    /// What has come of an event without an end.
    open: Event,
    done: VecDeque<Event>,
}

impl Decoder {
    /// Takes in a piece.
    ///
    /// # Errors
    /// Nobody sends events of such a length.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), String> {
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(line);
            if self.line.len() + self.open.data.len() > LONGEST {
                return Err(format!("sends an event of more than {LONGEST} bytes"));
            }
            if self.line.ends_with(b"\n") {
                self.end_line();
            }
        }
        Ok(())
    }

    /// The next whole event.
    pub fn take(&mut self) -> Option<Event> {
        self.done.pop_front()
    }

    /// What a saved stream ends with counts, though the empty line behind it is missing.
    pub fn finish(&mut self) {
        self.end_line();
        self.end_event();
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.open.name),
            "data" => {
                if !self.open.data.is_empty() {
                    self.open.data.push('\n');
                }
                self.open.data.push_str(value);
            }
            _ => {}
        }
    }

    fn end_event(&mut self) {
        let event = std::mem::take(&mut self.open);
        if !event.data.is_empty() {
            self.done.push_back(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut decoder = Decoder::default();
        for piece in pieces {
            decoder.push(piece).expect("short");
        }
        std::iter::from_fn(|| decoder.take()).map(|event| (event.name, event.data)).collect()
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        let whole = ":)\nevent: update\ndata: {\"a\": \"ä\"}\n\n:thump\n\r\nevent: delete\r\ndata: 7\r\n\r\ndata: a\ndata:b\n\n\
            event: empty\n\nevent: half\ndata: x\n";
        let expected = [("update", "{\"a\": \"ä\"}"), ("delete", "7"), ("", "a\nb")]
            .map(|(name, data)| (name.to_owned(), data.to_owned()));
        assert_eq!(read(&[whole.as_bytes()]), expected);
        let bytes: Vec<&[u8]> = whole.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes), expected);
        let mut decoder = Decoder::default();
        decoder.push(b"event: half\ndata: x").expect("short");
        decoder.finish();
        assert_eq!(decoder.take().map(|event| event.data).as_deref(), Some("x"));
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut decoder = Decoder::default();
        let piece = vec![b'x'; 1 << 20];
        assert!((0..8).any(|_| decoder.push(&piece).is_err()));
    }
}
