//! Keys: one byte for the sort of row, then its parts, big-endian, so that bytes sort as the
//! values do. Where rows are read or deleted by time, the time comes first.
//!
//! A text part ends with `00 01`, and a zero byte inside it is written `00 FF`: texts come from
//! outside and may hold anything, and still no text's key is the beginning of another's.

use jiff::Timestamp;
use uuid::Uuid;

/// The sort of a row. Rows from [`Sort::FIRST_ROW`] to [`Sort::LAST_ROW`] are what is exported, in this order, which is
/// the order in which they can be loaded; the others follow from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sort {
    /// The store's own format; see [`super::open`].
    Format = 0x01,
    /// How many mentions are kept.
    MentionCount = 0x02,
    /// Since when bytes of what was erased may stand in sled's files; gone with a compaction.
    ErasedSince = 0x03,
    /// When the store was compacted last.
    CompactedAt = 0x04,

    /// what tombstones are made with
    ForgetKey = 0x0E,
    /// mark
    Forgotten = 0x0F,
    /// source
    Source = 0x10,
    /// until, half a hash of the row
    Gap,
    /// source
    InboxLast,
    /// source, number
    Inbox,
    /// id
    Mention,
    /// source, post id, version, topic
    Version,
    /// source, alias
    Alias,
    /// id
    Escalation,
    /// group
    Group,
    /// escalation, place
    Join,
    /// id
    Notification,
    /// at, number
    Hold,
    /// id
    Silence,
    /// digest, from, until
    Digest,
    /// id
    Link,
    /// topic, from
    Tally,
    /// instance, sequence
    Event,
    /// model's name, its version, number
    Calibration,
    /// name
    Note = 0x30,

    /// recorded, mention
    MentionByTime = 0x40,
    /// topic, recorded, mention
    MentionByTopic,
    /// escalation, recorded, mention
    MentionByEscalation,
    /// escalation, mention
    Joined,
    /// source, post id, topic
    Post,
    /// source, post id, alias
    NameOfPost,
    /// topic, source, recorded, mention: those that still bear text
    Text,
    /// source, post id, version, whether deleted
    Waiting,
    /// opened, escalation
    EscalationByTime,
    /// opened, escalation
    Unresolved,
    /// due, escalation
    Due,
    /// created, notification
    NotificationByTime,
    /// escalation, created, notification
    NotificationByEscalation,
    /// ready, notification: those that are not final
    Ready,
    /// idempotency key
    NotificationKey,
    /// may be forgotten at, link
    LinkByTime,
    /// mark of an author or an address, mark of a site, mention: those that still bear text
    Lead = 0x60,
    /// mention: those whose posts are asked for anew
    Recheck,
    /// source, due, mention
    RecheckDue,
}

impl Sort {
    /// The first sort that is exported.
    pub const FIRST_ROW: Sort = Sort::ForgetKey;
    /// The last sort that is exported.
    pub const LAST_ROW: u8 = Sort::Note as u8;
}

/// A key in the making.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub Vec<u8>);

impl Key {
    pub fn of(sort: Sort) -> Self {
        Self(vec![sort as u8])
    }

    pub fn text(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.0.extend([0, 1]);
        self
    }

    pub fn id(mut self, id: &[u8; 16]) -> Self {
        self.0.extend(id);
        self
    }

    pub fn number(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub fn flag(mut self, flag: bool) -> Self {
        self.0.push(u8::from(flag));
        self
    }

    /// Seconds, moved so that those before 1970 sort first, then nanoseconds.
    pub fn time(mut self, at: Timestamp) -> Self {
        let nanos = at.as_nanosecond();
        let second = i64::try_from(nanos.div_euclid(1_000_000_000)).expect("jiff's range fits");
        let nano = u32::try_from(nanos.rem_euclid(1_000_000_000)).expect("below a thousand million");
        self.0.extend((second.cast_unsigned() ^ (1 << 63)).to_be_bytes());
        self.0.extend(nano.to_be_bytes());
        self
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// The first key after all that begin with this one.
    pub fn end(mut self) -> Self {
        while let Some(last) = self.0.pop() {
            if last < 0xFF {
                self.0.push(last + 1);
                return self;
            }
        }
        unreachable!("a sort's byte is below FF")
    }

    /// The first key after this very one.
    pub fn next(mut self) -> Self {
        self.0.push(0);
        self
    }
}

/// Takes a key apart; every part answers `None` if the bytes are not such a part.
pub(super) struct Parts<'a>(pub &'a [u8]);

impl<'a> Parts<'a> {
    /// The parts behind the sort.
    pub fn of(key: &'a [u8]) -> Self {
        Self(key.get(1..).unwrap_or_default())
    }

    pub fn text(&mut self) -> Option<String> {
        let mut text = Vec::new();
        let mut rest = self.0;
        loop {
            match rest {
                [0, 1, after @ ..] => {
                    self.0 = after;
                    return String::from_utf8(text).ok();
                }
                [0, 0xFF, after @ ..] => {
                    text.push(0);
                    rest = after;
                }
                [0, ..] | [] => return None,
                [byte, after @ ..] => {
                    text.push(*byte);
                    rest = after;
                }
            }
        }
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn id(&mut self) -> Option<Uuid> {
        self.bytes().map(Uuid::from_bytes)
    }

    pub fn number(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_be_bytes)
    }

    pub fn time(&mut self) -> Option<Timestamp> {
        let second = (u64::from_be_bytes(self.bytes()?) ^ (1 << 63)).cast_signed();
        let nano = u32::from_be_bytes(self.bytes()?);
        Timestamp::from_nanosecond(i128::from(second) * 1_000_000_000 + i128::from(nano)).ok()
    }
}

/// A key's rest as a place in a page.
pub(super) fn to_place(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The bytes of a place, if it is one.
pub(super) fn from_place(place: &str) -> Option<Vec<u8>> {
    let digits = place.as_bytes();
    if !digits.len().is_multiple_of(2) || !place.is_ascii() {
        return None;
    }
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instant() -> impl Strategy<Value = Timestamp> {
        (Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond())
            .prop_map(|nanos| Timestamp::from_nanosecond(nanos).expect("inside the range"))
    }

    proptest! {
        #[test]
        fn keys_sort_as_their_parts_do(a in (".{0,4}", instant(), any::<u64>()),
                                       b in (".{0,4}", instant(), any::<u64>())) {
            let key = |(text, at, number): &(String, Timestamp, u64)| {
                Key::of(Sort::Hold).text(text).time(*at).number(*number)
            };
            prop_assert_eq!(a.cmp(&b), key(&a).cmp(&key(&b)));
        }

        #[test]
        fn parts_come_back(text in "[\\x00-\\x02a-zß]{0,6}", at in instant(), number: u64) {
            let key = Key::of(Sort::Hold).text(&text).time(at).number(number);
            let mut parts = Parts::of(&key.0);
            prop_assert_eq!(parts.text(), Some(text));
            prop_assert_eq!(parts.time(), Some(at));
            prop_assert_eq!(parts.number(), Some(number));
            prop_assert_eq!(from_place(&to_place(&key.0)), Some(key.0));
        }
    }

    #[test]
    fn no_text_begins_with_another() {
        let short = Key::of(Sort::Alias).text("a");
        let long = Key::of(Sort::Alias).text("a\0b");
        assert!(!long.0.starts_with(&short.0));
    }
}
