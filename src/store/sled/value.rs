//! Values: one byte for the version, then JSON.
//!
//! Each sort of row counts its own versions. A row is written in the newest and read in any: the
//! steps from the version it bears to the newest are taken one after the other, on plain JSON, so
//! that a step never needs the types of its time. Steps are only ever added, at the end; a row of
//! a version that this earmark does not know is refused, never guessed at. Old rows are rewritten
//! when they next change, not at open. A field that may be absent and says by its absence what
//! was always so needs no step.
//!
//! What a version-1 store looks like is kept, byte for byte, in `tests/fixtures/store-v1`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::correction::Calibration;
use crate::domain::digest::DigestRun;
use crate::domain::escalation::Escalation;
use crate::domain::event::ChainedEvent;
use crate::domain::id::{EscalationId, LinkId, MentionId, NotificationId};
use crate::domain::mention::RecordedMention;
use crate::domain::note::Note;
use crate::domain::notification::{Hold, Notification};
use crate::domain::post::Post;
use crate::domain::sentiment::Counts;
use crate::domain::silence::Silence;
use crate::domain::source::{Blind, SourceState};
use crate::store::{ForgetKey, Recheck};
use jiff::Timestamp;

/// One step from a version to the next.
pub(super) type Step = fn(Value) -> Result<Value, String>;

/// A row's value.
pub(super) trait Stored: Serialize + DeserializeOwned {
    /// For errors.
    const NAME: &'static str;
    /// From version 1 to 2, from 2 to 3, and so on.
    const STEPS: &'static [Step] = &[];
}

macro_rules! stored {
    ($($row:ty => $name:literal),+ $(,)?) => {
        $(impl Stored for $row { const NAME: &'static str = $name; })+
    };
}

stored! {
    SourceState => "source",
    Blind => "gap",
    Post => "post in the inbox",
    RecordedMention => "mention",
    Escalation => "escalation",
    Notification => "notification",
    Hold => "hold",
    Silence => "silence",
    DigestRun => "digest",
    Counts => "tally",
    ChainedEvent => "event",
    Calibration => "calibration",
    ForgetKey => "key of tombstones",
    Recheck => "time to ask anew",
    Note => "note",
    MentionId => "mention's number",
    EscalationId => "escalation's number",
    NotificationId => "notification's number",
    LinkId => "link's number",
    Timestamp => "time",
    String => "post's id",
    u64 => "count",
    () => "mark",
}

/// The newest version of a row.
fn newest<T: Stored>() -> u8 {
    u8::try_from(T::STEPS.len() + 1).expect("far fewer than 255 versions")
}

/// A value as it is written.
pub(super) fn encode<T: Stored>(row: &T) -> Vec<u8> {
    let mut bytes = vec![newest::<T>()];
    serde_json::to_writer(&mut bytes, row).expect("rows are plain data with text keys");
    bytes
}

/// The row that `bytes` are.
pub(super) fn decode<T: Stored>(bytes: &[u8]) -> Result<T, String> {
    let Some((&version, json)) = bytes.split_first() else { return Err("it is empty".into()) };
    let newest = newest::<T>();
    if version == 0 || version > newest {
        return Err(format!(
            "it has version {version}, and this earmark knows versions 1 to {newest}; use the earmark that wrote it, or a newer one"
        ));
    }
    if version == newest {
        return serde_json::from_slice(json).map_err(|error| error.to_string());
    }
    let mut value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    for step in &T::STEPS[usize::from(version) - 1..] {
        value = step(value)?;
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Third {
        name: String,
        size: u64,
    }

    impl Stored for Third {
        const NAME: &'static str = "third";
        const STEPS: &'static [Step] = &[
            |old| Ok(serde_json::json!({ "title": old })),
            |old| Ok(serde_json::json!({ "name": old["title"], "size": 7 })),
        ];
    }

    #[test]
    fn every_older_version_is_brought_up_step_by_step() {
        let third = || Third { name: "a".into(), size: 7 };
        assert_eq!(decode(b"\x01\"a\""), Ok(third()));
        assert_eq!(decode(b"\x02{\"title\":\"a\"}"), Ok(third()));
        assert_eq!(decode(&encode(&third())), Ok(third()));
        assert_eq!(encode(&third())[0], 3);
    }

    #[test]
    fn a_newer_version_is_refused() {
        let error = decode::<Third>(b"\x04{}").expect_err("version 4 is unknown");
        assert!(error.contains("version 4") && error.contains("1 to 3"), "{error}");
        assert!(decode::<Third>(b"").is_err());
        assert!(decode::<Third>(b"\x00{}").is_err());
    }
}
