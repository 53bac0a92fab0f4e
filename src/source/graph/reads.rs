//! One of the three kinds on the Graph API: what it differs in ([`Reads`]), and the source that follows from it.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::read::{self, Place};
use super::walk::{Cursor, Look, Plan};
use super::{Common, Graph};
use crate::domain::problem::Problems;
use crate::source::{
    Answer, Asks, Batch, Built, Known, Parsed, Position, Rechecked, Settings, Source, SourceError, Terms,
    Tools,
};

/// Posts asked for anew at once.
const AT_ONCE: usize = 25;

/// What a kind is: its settings, and what it reads by them.
#[async_trait]
pub trait Reads: Sized + Send + Sync + 'static {
    const PLACE: Place;
    const TERMS: &'static Terms;

    /// The settings as read, and their faults.
    fn wanted(settings: &Settings) -> (Self, Problems);

    /// Those that all three have.
    fn common(&self) -> &Common;

    /// What must be known before the plan can be made.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    async fn learn(&self, _graph: &Graph, _cursor: &mut Cursor) -> Result<(), SourceError> {
        Ok(())
    }

    /// What a look reads.
    fn plan(&self, cursor: &Cursor) -> Plan;

    /// What its looks usually ask, as [`Source::asks`] has it.
    fn asks(&self) -> Vec<Asks> {
        Vec::new()
    }

    /// What may surely be read, and the fields of a post asked for anew; none: none is.
    fn anew(&self) -> Option<(&str, &'static str)> {
        None
    }

    /// Whether this one can be asked for by its number.
    fn is_asked_anew(_known: &Known) -> bool {
        true
    }
}

/// A kind's `check`.
pub fn check<Kind: Reads>(settings: &Settings) -> Problems {
    Kind::wanted(settings).1
}

/// A kind's `build`.
///
/// # Errors
/// Which secret could not be read and what to do.
pub fn build<Kind: Reads>(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = Kind::wanted(settings).0;
    let graph = wanted.common().graph(tools, Kind::TERMS)?;
    Ok(Built::Pull(Box::new(Reader { settings: settings.clone(), wanted, graph })))
}

/// A kind's `parse`: the posts of any answer of the Graph API.
pub fn parse<Kind: Reads>(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    read::parse(answer, settings, Kind::PLACE)
}

struct Reader<Kind> {
    settings: Settings,
    wanted: Kind,
    graph: Graph,
}

#[async_trait]
impl<Kind: Reads> Source for Reader<Kind> {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut cursor: Cursor = position.kept();
        self.wanted.learn(&self.graph, &mut cursor).await?;
        let plan = self.wanted.plan(&cursor);
        let read = |answer: &Answer<'_>| parse::<Kind>(answer, &self.settings);
        Look::new(&self.graph, &self.settings.id, read, cursor, now).run(&plan).await
    }

    fn asks(&self) -> Vec<Asks> {
        self.wanted.asks()
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.common().interval
    }

    fn recheck_at_once(&self) -> usize {
        self.wanted.anew().map_or(0, |_| AT_ONCE)
    }

    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        let Some(what) = self.wanted.anew() else { return Ok(Rechecked::default()) };
        let known: Vec<Known> = known.iter().filter(|known| Kind::is_asked_anew(known)).cloned().collect();
        let read = |answer: &Answer<'_>| parse::<Kind>(answer, &self.settings);
        self.graph.recheck(&known, what, read).await
    }
}
