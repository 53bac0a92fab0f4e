//! A model's temperature as fitted on this house's own corrections: set, looked at, taken back.
//! The fit itself is `sentiment::calibrate`; here it is kept and put to use.

use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::{Api, ApiError, Result};
use crate::domain::correction::Calibration;
use crate::domain::event::{Actor, Event, What};
use crate::domain::id::OwnerId;
use crate::domain::sentiment::Model;
use crate::sentiment::calibrate::{COLDEST, HOTTEST};
use crate::store::{Calibrating, Outcome};

/// Conflicts in a row after which the caller is told.
const TRIES: u32 = 10;

/// A temperature to be used from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrateAsk {
    /// For this model only, to the version.
    pub model: Model,
    /// What its probabilities are drawn by.
    pub temperature: f32,
    /// On how many texts it was fitted.
    pub n: u64,
}

/// What is known of calibrations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// The model that is loaded.
    pub model: Option<Model>,
    /// What is in use for it; none: its probabilities are as it gives them.
    pub in_use: Option<Calibration>,
    /// Every row, by model, oldest first.
    pub rows: Vec<Calibration>,
}

impl Api {
    /// What is in use, and all that was.
    ///
    /// # Errors
    /// The store's.
    pub async fn calibration(&self) -> Result<Calibrated> {
        let rows = self.store.calibrations().await?;
        let model = self.scorer.as_ref().map(|scorer| scorer.model().clone());
        let newest = model.as_ref().and_then(|model| Calibration::newest(&rows, model));
        Ok(Calibrated { in_use: newest.filter(|row| row.is_in_use()).cloned(), model, rows })
    }

    /// Keeps a temperature and puts it to use at once if its model is the one that is loaded.
    ///
    /// # Errors
    /// Where the caller may not, or the temperature is out of bounds.
    pub async fn calibrate(
        &self,
        caller: &Caller,
        wanted: Option<&OwnerId>,
        ask: CalibrateAsk,
    ) -> Result<Calibration> {
        if !(COLDEST..=HOTTEST).contains(&f64::from(ask.temperature)) || ask.n == 0 {
            return Err(ApiError::Bad(format!(
                "a temperature lies between {COLDEST} and {HOTTEST} and was fitted on something"
            )));
        }
        self.keep_calibration(caller, wanted, ask).await
    }

    /// Takes every model's temperature back: probabilities are as the models give them.
    ///
    /// # Errors
    /// Where the caller may not, or there is none.
    pub async fn uncalibrate(&self, caller: &Caller, wanted: Option<&OwnerId>) -> Result<Vec<Calibration>> {
        let rows = self.store.calibrations().await?;
        let mut taken = Vec::new();
        for row in rows.iter().filter(|row| row.is_in_use()) {
            if Calibration::newest(&rows, &row.model) == Some(row) {
                let ask = CalibrateAsk { model: row.model.clone(), temperature: 1.0, n: 0 };
                taken.push(self.keep_calibration(caller, wanted, ask).await?);
            }
        }
        if taken.is_empty() {
            return Err(ApiError::Refused("no temperature of your own is in use".into()));
        }
        Ok(taken)
    }

    async fn keep_calibration(
        &self,
        caller: &Caller,
        wanted: Option<&OwnerId>,
        ask: CalibrateAsk,
    ) -> Result<Calibration> {
        let by = self.may_calibrate(caller, wanted)?;
        for _ in 0..TRIES {
            let rows = self.store.calibrations().await?;
            let now = self.clock.now();
            let calibration = Calibration {
                model: ask.model.clone(),
                number: Calibration::newest(&rows, &ask.model).map_or(0, |row| row.number) + 1,
                temperature: ask.temperature,
                n: ask.n,
                by: by.clone(),
                at: now,
            };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0.25 to 4, checked")]
            let temperature_milli = (ask.temperature * 1_000.0).round() as u32;
            let what = What::Calibrated {
                model: ask.model.name.clone(),
                version: ask.model.version.clone(),
                temperature_milli,
                n: ask.n,
            };
            let event =
                Event { at: now, by: Actor::Owner(by.clone()), escalation: None, mention: None, what };
            let calibrating = Calibrating { calibration: calibration.clone(), events: vec![event] };
            if self.store.calibrate(calibrating).await? == Outcome::Done {
                self.use_calibration().await?;
                return Ok(calibration);
            }
        }
        Err(ApiError::Unavailable("the calibration keeps changing; try again".into()))
    }

    /// The judgement of everybody's mentions changes with it, so it is the champion's, or the
    /// operator's.
    fn may_calibrate(&self, caller: &Caller, wanted: Option<&OwnerId>) -> Result<OwnerId> {
        let desk = self.desk.load();
        let (champion, operator) = (&desk.roster.champion().id, &desk.roster.operator().id);
        match caller.acts_as(&desk, wanted)? {
            Actor::Owner(by) if by == *champion || by == *operator => Ok(by),
            _ => Err(ApiError::Forbidden(format!(
                "a calibration changes what everybody reads, so it is for {champion} or {operator}; add --as"
            ))),
        }
    }

    /// Hands the loaded model's temperature to the scorer: at the start, and when it changes.
    ///
    /// # Errors
    /// The store's.
    pub async fn use_calibration(&self) -> Result<()> {
        let Some(scorer) = &self.scorer else { return Ok(()) };
        let known = self.calibration().await?;
        scorer.set_temperature(known.in_use.map_or(1.0, |row| row.temperature));
        Ok(())
    }
}
