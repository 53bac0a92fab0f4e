//! What people say of verdicts.

use super::keys::{Key, Sort};
use super::txn::Txn;
use crate::domain::correction::Calibration;
use crate::domain::sentiment::Model;
use crate::store::{Calibrating, Correcting, Outcome, Result, judged};

fn calibrations_key(model: &Model) -> Key {
    Key::of(Sort::Calibration).text(&model.name).text(&model.version)
}

impl Txn<'_> {
    pub fn correct(&mut self, correcting: Correcting) -> Result<Outcome> {
        let Some(mut row) = self.mention(correcting.mention)? else { return Ok(Outcome::Conflict) };
        if judged::correct(&mut row, &correcting) == Outcome::Conflict {
            return Ok(Outcome::Conflict);
        }
        self.put_mention(&row)?;
        for event in correcting.events {
            self.tie(event)?;
        }
        Ok(Outcome::Done)
    }

    pub fn calibrate(&mut self, calibrating: Calibrating) -> Result<Outcome> {
        let Calibrating { calibration, events } = calibrating;
        if calibration.number != self.next_number(&calibrations_key(&calibration.model))? {
            return Ok(Outcome::Conflict);
        }
        self.put_calibration(&calibration);
        for event in events {
            self.tie(event)?;
        }
        Ok(Outcome::Done)
    }

    pub fn put_calibration(&mut self, row: &Calibration) {
        self.put(calibrations_key(&row.model).number(row.number), row);
    }
}
