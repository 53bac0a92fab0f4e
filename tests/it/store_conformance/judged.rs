//! What people say of verdicts: corrections and calibrations.

use earmark::domain::correction::{Calibration, Correction};
use earmark::domain::event::What;
use earmark::domain::mention::RecordedMention;
use earmark::domain::sentiment::{Model, Polarity};
use earmark::store::{Calibrating, Correcting, MentionFilter, Outcome, Retention, Store};

use super::samples::{at, edited, event, mention, page, post, record, recording};
use super::{Bed, cases};

cases! {
    a_correction_stands_if_it_was_decided_on_the_newest,
    an_edit_keeps_a_correction_and_a_caller_cannot_make_one_vanish,
    what_a_person_says_is_what_is_found,
    a_note_goes_with_the_text_and_none_comes_after,
    calibrations_of_a_model_are_numbered,
}

pub fn correction(polarity: Polarity, minute: i64) -> Correction {
    Correction {
        polarity,
        needs_answer: Some(true),
        by: "care".into(),
        at: at(minute),
        revision: 1,
        note: Some("sarcasm of the customer's".into()),
    }
}

pub fn correcting(row: &RecordedMention, correction: Option<Correction>) -> Correcting {
    Correcting {
        mention: row.id(),
        revision: row.revision,
        instead_of: row.correction.clone(),
        correction,
        events: vec![event(What::Uncorrected { before: Polarity::Neutral })],
    }
}

pub fn calibrating(number: u64, version: &str) -> Calibrating {
    let model = Model { name: "m".into(), version: version.into() };
    let temperature = if number == 1 { 1.25 } else { 0.75 };
    let by = "cco".into();
    Calibrating {
        calibration: Calibration { model, number, temperature, n: 50, by, at: at(1) },
        events: vec![event(What::Calibrated {
            model: "m".into(),
            version: version.into(),
            temperature_milli: 1_250,
            n: 50,
        })],
    }
}

async fn stored(store: &dyn Store, row: &RecordedMention) -> RecordedMention {
    store.mention(row.id()).await.expect("works").expect("it is there")
}

async fn correct(store: &dyn Store, correcting: Correcting) -> Outcome {
    store.correct(correcting).await.expect("the store works")
}

async fn a_correction_stands_if_it_was_decided_on_the_newest(bed: &mut Bed) {
    let row = mention(post("1", "a"), "acme", 1);
    let said = correction(Polarity::Neutral, 2);
    assert_eq!(correct(&*bed.store, correcting(&row, Some(said.clone()))).await, Outcome::Conflict);
    assert_eq!(record(&*bed.store, vec![row.clone()]).await, Outcome::Done);
    let mut other_revision = correcting(&row, Some(said.clone()));
    other_revision.revision = 2;
    assert_eq!(correct(&*bed.store, other_revision).await, Outcome::Conflict);
    assert_eq!(stored(&*bed.store, &row).await.correction, None);
    assert_eq!(bed.store.events(None, 9).await.expect("works"), [], "a conflict leaves no event");

    assert_eq!(correct(&*bed.store, correcting(&row, Some(said.clone()))).await, Outcome::Done);
    bed.pause().await;
    let now = stored(&*bed.store, &row).await;
    assert_eq!(now.correction, Some(said));
    assert_eq!(now.scored, row.scored, "the model's verdict is untouched");
    // Somebody who has not seen it.
    let late = correction(Polarity::Positive, 3);
    assert_eq!(correct(&*bed.store, correcting(&row, Some(late.clone()))).await, Outcome::Conflict);
    assert_eq!(correct(&*bed.store, correcting(&now, Some(late.clone()))).await, Outcome::Done);
    let now = stored(&*bed.store, &row).await;
    assert_eq!(now.correction, Some(late));
    bed.pause().await;
    assert_eq!(correct(&*bed.store, correcting(&now, None)).await, Outcome::Done);
    assert_eq!(stored(&*bed.store, &row).await, row, "taken back, nothing is left of it");
    assert_eq!(bed.store.events(None, 9).await.expect("works").len(), 3);
}

async fn an_edit_keeps_a_correction_and_a_caller_cannot_make_one_vanish(bed: &mut Bed) {
    let row = mention(post("1", "a"), "acme", 1);
    assert_eq!(record(&*bed.store, vec![row.clone()]).await, Outcome::Done);
    // Read before the correction, recorded after it.
    let next = edited(&row, "b");
    let said = correction(Polarity::Positive, 2);
    assert_eq!(correct(&*bed.store, correcting(&row, Some(said.clone()))).await, Outcome::Done);
    bed.pause().await;
    assert_eq!(record(&*bed.store, vec![next.clone()]).await, Outcome::Done);
    let now = stored(&*bed.store, &row).await;
    assert_eq!((now.revision, &now.correction), (2, &Some(said)));
    assert_eq!(now.post().text, "edited to b");
    // Nor make one up.
    let mut after = edited(&now, "c");
    after.correction = Some(correction(Polarity::Negative, 9));
    assert_eq!(record(&*bed.store, vec![after]).await, Outcome::Done);
    assert_eq!(stored(&*bed.store, &row).await.polarity(), Polarity::Positive);
}

async fn what_a_person_says_is_what_is_found(bed: &mut Bed) {
    let rows: Vec<_> = (1..=3).map(|n| mention(post(&n.to_string(), "a"), "acme", n)).collect();
    assert!(rows.iter().all(|row| row.sentiment().polarity == Polarity::Negative));
    assert_eq!(record(&*bed.store, rows.clone()).await, Outcome::Done);
    let tallies = bed.store.tallies("acme".into(), super::samples::window(0, 99)).await.expect("works");
    let said = correction(Polarity::Positive, 4);
    assert_eq!(correct(&*bed.store, correcting(&rows[1], Some(said))).await, Outcome::Done);
    bed.pause().await;
    let of = async |filter: MentionFilter| -> Vec<_> {
        let found = bed.store.mentions(filter, page(9)).await.expect("works").rows;
        found.iter().map(RecordedMention::id).collect()
    };
    let leaning = |polarity| MentionFilter { polarity: Some(polarity), ..MentionFilter::default() };
    let judged = |corrected| MentionFilter { corrected: Some(corrected), ..MentionFilter::default() };
    assert_eq!(of(leaning(Polarity::Positive)).await, [rows[1].id()]);
    assert_eq!(of(leaning(Polarity::Negative)).await, [rows[0].id(), rows[2].id()]);
    assert_eq!(of(judged(true)).await, [rows[1].id()]);
    assert_eq!(of(judged(false)).await, [rows[0].id(), rows[2].id()]);
    let after = bed.store.tallies("acme".into(), super::samples::window(0, 99)).await.expect("works");
    assert_eq!(tallies, after, "spikes count what came");
}

async fn a_note_goes_with_the_text_and_none_comes_after(bed: &mut Bed) {
    let rows = vec![mention(post("1", "a"), "acme", 1), mention(post("2", "a"), "acme", 2)];
    assert_eq!(record(&*bed.store, rows.clone()).await, Outcome::Done);
    for row in &rows {
        let said = correction(Polarity::Neutral, 3);
        assert_eq!(correct(&*bed.store, correcting(row, Some(said))).await, Outcome::Done);
    }
    bed.pause().await;
    // One taken back by its author, one at the end of its time.
    let mut gone = recording(&*bed.store, Vec::new()).await;
    gone.erased = vec![rows[0].id()];
    assert_eq!(bed.store.record(gone).await.expect("works"), Outcome::Done);
    let retention = Retention {
        text_before: at(50),
        topics: Vec::new(),
        sources: Vec::new(),
        terms: Vec::new(),
        refreshed: Vec::new(),
        rows_before: at(0),
        limit: 99,
        now: at(60),
    };
    assert_eq!(bed.store.retain(retention).await.expect("works").erased, 1);
    bed.pause().await;
    for row in &rows {
        let kept = stored(&*bed.store, row).await;
        let said = kept.correction.clone().expect("that it was judged, and how, stays");
        assert_eq!((said.polarity, said.by.as_str(), said.note), (Polarity::Neutral, "care", None));
        let late = correcting(&kept, Some(correction(Polarity::Positive, 70)));
        assert_eq!(correct(&*bed.store, late).await, Outcome::Conflict);
        assert_eq!(correct(&*bed.store, correcting(&kept, None)).await, Outcome::Done);
    }
    let left = super::upkeep::all_rows(&*bed.store, 99).await;
    assert!(!format!("{left:?}").contains("sarcasm"), "no row quotes the note");
}

async fn calibrations_of_a_model_are_numbered(bed: &mut Bed) {
    let store = &bed.store;
    let calibrate = async |row| store.calibrate(row).await.expect("the store works");
    assert_eq!(calibrate(calibrating(2, "1")).await, Outcome::Conflict);
    assert_eq!(calibrate(calibrating(1, "1")).await, Outcome::Done);
    assert_eq!(calibrate(calibrating(1, "1")).await, Outcome::Conflict, "somebody else was first");
    assert_eq!(calibrate(calibrating(1, "2")).await, Outcome::Done, "another version counts by itself");
    bed.pause().await;
    assert_eq!(bed.store.calibrate(calibrating(2, "1")).await.expect("works"), Outcome::Done);
    let rows = bed.store.calibrations().await.expect("works");
    let said: Vec<_> =
        rows.iter().map(|row| (row.model.version.as_str(), row.number, row.temperature)).collect();
    assert_eq!(said, [("1", 1, 1.25), ("1", 2, 0.75), ("2", 1, 1.25)]);
    assert_eq!(bed.store.events(None, 9).await.expect("works").len(), 3);
}
