//! What people say of verdicts.

use super::change::Change;
use crate::store::{Calibrating, Correcting, Outcome, judged};

impl Change<'_> {
    pub fn correct(&mut self, correcting: Correcting) -> Outcome {
        let Some(mut row) = self.state.mentions.get(&correcting.mention).cloned() else {
            return Outcome::Conflict;
        };
        if judged::correct(&mut row, &correcting) == Outcome::Conflict {
            return Outcome::Conflict;
        }
        self.put(|state| &mut state.mentions, correcting.mention, Some(row));
        for event in correcting.events {
            self.event(event);
        }
        Outcome::Done
    }

    pub fn calibrate(&mut self, calibrating: Calibrating) -> Outcome {
        let Calibrating { calibration, events } = calibrating;
        let model = &calibration.model;
        let key = |number| (model.name.clone(), model.version.clone(), number);
        let last = self.state.calibrations.range(key(0)..=key(u64::MAX)).next_back();
        if calibration.number != last.map_or(0, |(key, _)| key.2) + 1 {
            return Outcome::Conflict;
        }
        let key = key(calibration.number);
        self.put(|state| &mut state.calibrations, key, Some(calibration));
        for event in events {
            self.event(event);
        }
        Outcome::Done
    }
}
