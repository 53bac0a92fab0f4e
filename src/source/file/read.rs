//! A bounded stretch of one file: lines into records, records into posts. Never more than one record and
//! one buffer in memory.

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Format;
use super::cursor::Place;
use super::look::STILL;
use crate::domain::duration;
use crate::source::record::table::{self, Columns, RowEnd};
use crate::source::record::{self, Parsed, Shape};

/// Longest record; a longer one is rejected and not loaded.
const LONGEST: usize = 1 << 20;
/// How much of an endless line is passed over at once; what follows counts as another such line.
const MOST_SKIPPED: u64 = 8 << 20;
/// How long a cell may stay open at the end of a file before its quote is taken for a stray one.
const OPEN: SignedDuration = SignedDuration::from_mins(10);

/// What one look may take, all files together.
pub struct Budget {
    records: usize,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { records: 500, bytes: 8 << 20 }
    }
}

/// How the file is to be read.
pub struct Task<'a> {
    /// What its records have in common.
    pub shape: &'a Shape,
    /// None: look at the first character.
    pub format: Option<Format>,
    /// Named before `line 12`, where there are several files.
    pub name: &'a str,
    /// The present.
    pub now: Timestamp,
    /// The first look, when records have their time.
    pub started: Option<Timestamp>,
}

/// Why reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything whole, and due, was taken.
    Rest,
    /// The budget is used up.
    Full,
}

/// The format that a name tells.
pub fn by_name(name: &str) -> Option<Format> {
    match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "jsonl" | "ndjson" => Some(Format::JsonLines),
        "csv" | "tsv" => Some(Format::Csv),
        _ => None,
    }
}

/// A file in memory, read to its end.
pub fn whole(shape: &Shape, format: Option<Format>, bytes: &[u8]) -> io::Result<Parsed> {
    let now = Timestamp::UNIX_EPOCH;
    let mut place = Place::new(String::new(), (0, 0));
    let mut parsed = Parsed::default();
    let task = Task { shape, format, name: "", now, started: None };
    loop {
        let began = place.at;
        // As if nobody had written to it for long: nothing is left waiting.
        place.wait = None;
        place.rest(bytes.len() as u64, now - OPEN);
        read(&mut Cursor::new(bytes), &mut place, &task, &mut Budget::default(), &mut parsed)?;
        if place.at == began {
            break;
        }
    }
    if place.at < bytes.len() as u64 {
        parsed.reject(&format!("line {}", place.line + 1), "the file ends inside this record");
    }
    Ok(parsed)
}

/// Takes what is whole from `place` on, and moves it.
///
/// # Errors
/// The disk's.
pub fn read<F: Read + Seek>(
    file: &mut F,
    place: &mut Place,
    task: &Task<'_>,
    budget: &mut Budget,
    out: &mut Parsed,
) -> io::Result<End> {
    let size = file.seek(SeekFrom::End(0))?;
    if place.at >= size {
        return Ok(End::Rest);
    }
    let still = place.wait.is_some_and(|w| w.size == size && task.now.duration_since(w.still) >= STILL);
    let began = place.at;
    let open_long = place.wait.is_some_and(|wait| task.now.duration_since(wait.since) >= OPEN);
    let mut lines = Lines { file: BufReader::new(file), text: Vec::new() };
    lines.file.seek(SeekFrom::Start(0))?;
    let start = lines.file.fill_buf()?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        out.reject(&named(task, 1), "the file is UTF-16; save it as UTF-8");
        place.advance(size - place.at, 0);
        return Ok(End::Rest);
    }
    let format = task.format.unwrap_or_else(|| sniff(start));
    let columns = match format {
        Format::JsonLines => None,
        Format::Csv => match head(&mut lines, place, still)? {
            Head::Columns(columns, delimiter) => Some((columns, delimiter)),
            Head::Unfinished => return Ok(End::Rest),
            Head::Broken(why) => {
                out.reject(&named(task, 1), why);
                place.advance(size - place.at, 0);
                return Ok(End::Rest);
            }
        },
    };
    lines.file.seek(SeekFrom::Start(place.at))?;
    loop {
        if budget.records == 0 || budget.bytes == 0 {
            return Ok(if place.at < size { End::Full } else { End::Rest });
        }
        let delimiter = columns.as_ref().map(|(_, delimiter)| *delimiter);
        let piece = lines.record(delimiter)?;
        budget.bytes = budget.bytes.saturating_sub(piece.bytes.max(1));
        let at = named(task, place.line + 1);
        match piece.end {
            Ending::Nothing => return Ok(End::Rest),
            Ending::Whole => {}
            Ending::Cut if still => {}
            Ending::Cut => return Ok(End::Rest),
            Ending::TooLong => {
                out.reject(&at, format!("the record is longer than {LONGEST} bytes"));
                place.advance(piece.bytes, piece.lines);
                budget.records -= 1;
                continue;
            }
            Ending::Open { first, too_long } => {
                let given_up = open_long && place.at == began;
                if !too_long && !given_up {
                    return Ok(End::Rest);
                }
                out.reject(&at, "a quote opens a cell here and nothing closes it");
                place.advance(first, 1);
                place.wait = None;
                lines.file.seek(SeekFrom::Start(place.at))?;
                budget.records -= 1;
                continue;
            }
        }
        let text = decode(&lines.text);
        let text = text.trim_start_matches('\u{feff}').trim_matches(['\r', '\n']);
        if !text.trim().is_empty() {
            let outcome = match &columns {
                Some((columns, _)) => columns.post(task.shape, text),
                None => match serde_json::from_str::<Value>(text) {
                    // Without its end, a line that cannot be read may be the first half of one that can.
                    Err(_) if piece.end == Ending::Cut => return Ok(End::Rest),
                    Err(error) => Err(vec![record::Fault {
                        at: String::new(),
                        why: format!("is no JSON from column {} on", error.column()),
                    }]),
                    Ok(value) => match due(&value, task) {
                        Due::Later => return Ok(End::Rest),
                        Due::At(at) => record::post(task.shape, &value, None).map(|mut post| {
                            post.created_at = post.created_at.or(at);
                            post
                        }),
                    },
                },
            };
            if piece.end == Ending::Cut && outcome.is_err() {
                return Ok(End::Rest);
            }
            out.take(&at, outcome);
            budget.records -= 1;
        }
        place.advance(piece.bytes, piece.lines);
        place.wait = place.wait.filter(|_| piece.end == Ending::Cut);
    }
}

enum Due {
    At(Option<Timestamp>),
    Later,
}

/// Whether a paced record's time has come.
fn due(record: &Value, task: &Task<'_>) -> Due {
    let after = record.get("after").and_then(Value::as_str).and_then(|text| duration::parse(text).ok());
    match (task.started, after) {
        (Some(started), Some(after)) => match started.checked_add(after) {
            Ok(at) if at <= task.now => Due::At(Some(at)),
            _ => Due::Later,
        },
        (Some(_), None) => Due::At(task.started),
        (None, _) => Due::At(None),
    }
}

fn named(task: &Task<'_>, line: u64) -> String {
    if task.name.is_empty() { format!("line {line}") } else { format!("{} line {line}", task.name) }
}

fn sniff(start: &[u8]) -> Format {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => Format::JsonLines,
        _ => Format::Csv,
    }
}

/// UTF-8, else the Western code page that old exports are in; every byte means something there.
fn decode(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

enum Head {
    Columns(Columns, u8),
    Unfinished,
    Broken(String),
}

/// The first row, read again at each look; `place` is moved past it the first time.
fn head<F: Read + Seek>(lines: &mut Lines<'_, F>, place: &mut Place, still: bool) -> io::Result<Head> {
    let first = lines.record(None)?;
    let delimiter = table::delimiter(decode(&lines.text).trim_start_matches('\u{feff}'));
    lines.file.seek(SeekFrom::Start(0))?;
    let piece = if first.bytes == 0 { first } else { lines.record(Some(delimiter))? };
    match piece.end {
        Ending::Whole => {}
        Ending::Cut if still => {}
        Ending::Nothing | Ending::Cut => return Ok(Head::Unfinished),
        Ending::TooLong => return Ok(Head::Broken(format!("the first row is longer than {LONGEST} bytes"))),
        Ending::Open { too_long: false, .. } => return Ok(Head::Unfinished),
        Ending::Open { .. } => return Ok(Head::Broken("a quote in the first row is never closed".into())),
    }
    if place.at == 0 {
        place.advance(piece.bytes, piece.lines);
    }
    Ok(match Columns::new(decode(&lines.text).trim_matches(['\r', '\n'])) {
        Ok(columns) => Head::Columns(columns, delimiter),
        Err(why) => Head::Broken(why),
    })
}

/// How a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// There was none.
    Nothing,
    /// With a line end.
    Whole,
    /// With the file.
    Cut,
    /// It was longer than allowed, and was skipped up to its line end, or a good way towards it.
    TooLong,
    /// With the file, or too long, inside a quoted cell that began on a line of `first` bytes.
    Open { first: u64, too_long: bool },
}

struct Piece {
    end: Ending,
    bytes: u64,
    lines: u64,
}

struct Lines<'a, F> {
    file: BufReader<&'a mut F>,
    /// The record as it stands in the file.
    text: Vec<u8>,
}

impl<F: Read + Seek> Lines<'_, F> {
    /// The next record: a line, or with a delimiter a row, which may have several.
    fn record(&mut self, delimiter: Option<u8>) -> io::Result<Piece> {
        self.text.clear();
        let mut row = RowEnd::default();
        let mut piece = Piece { end: Ending::Nothing, bytes: 0, lines: 0 };
        let mut first = 0;
        loop {
            let from = self.text.len();
            let (bytes, ended) = self.line()?;
            piece.bytes += bytes;
            piece.lines += u64::from(ended);
            if first == 0 {
                first = piece.bytes;
            }
            let too_long = self.text.len() > LONGEST;
            if bytes == 0 && piece.bytes == 0 {
                return Ok(piece);
            }
            let closed =
                too_long || bytes == 0 || delimiter.is_none_or(|by| row.line(&self.text[from..], by));
            piece.end = match (closed, ended) {
                _ if too_long && piece.lines > 1 => Ending::Open { first, too_long },
                _ if too_long => Ending::TooLong,
                (_, false) if bytes == 0 => Ending::Open { first, too_long },
                (false, true) => continue,
                (false, false) => Ending::Open { first, too_long },
                (true, true) => Ending::Whole,
                (true, false) => Ending::Cut,
            };
            return Ok(piece);
        }
    }

    /// Adds a line to the text, one byte past [`LONGEST`] at most; how many bytes of the file it took, and
    /// whether it ended.
    fn line(&mut self) -> io::Result<(u64, bool)> {
        let mut taken = 0;
        loop {
            let buffer = self.file.fill_buf()?;
            if buffer.is_empty() {
                return Ok((taken, false));
            }
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let part = &buffer[..end.map_or(buffer.len(), |end| end + 1)];
            let room = (LONGEST + 1).saturating_sub(self.text.len());
            self.text.extend_from_slice(&part[..part.len().min(room)]);
            let length = part.len();
            self.file.consume(length);
            taken += length as u64;
            if end.is_some() || taken > MOST_SKIPPED {
                return Ok((taken, end.is_some()));
            }
        }
    }
}
