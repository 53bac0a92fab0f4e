//! Scored mention → escalation: whose a mention is, whether somebody must hear of it, who, when,
//! and who next when they stay silent.
//!
//! Every decision is a pure function from (desk, silences, escalation, now) to
//! [`Effects`](crate::store::Effects): the next state, the outbox rows, the "no"s and the record,
//! which the store takes in one transaction or not at all. An escalation is a value with a counter,
//! `seen`; each change makes the next value with the counter one higher, and the store refuses a
//! change that was not made from the newest. There is no lock, no timer in memory and no queue
//! between deciding and writing. [`EscalateTask`] only reads, asks and writes.
//!
//! ```text
//! rules     whose is it, is an escalation due, of which group       (condition, check, spike, group)
//! intake    a batch of mentions → open, join, make worse
//! steps     what is due now → the next step                         (draft: what one decision tells)
//! act       acknowledge, resolve, hand over
//! reconcile after a reload, a restart, a clock set back
//! timetable the same functions, run ahead in memory
//! ```
//!
//! # Properties wanted
//! 1. An escalation has exactly one accountable owner, and after `reconcile` it is one of the
//!    roster (P1).
//! 2. A (round, step) is taken at most once (P3). Rounds count on when a walk begins again.
//! 3. What is open has a deadline (P4): an open escalation has `step_due`, an acknowledged one
//!    `until`. Only the resolved and the expired may have none, and the expired is the champion's.
//! 4. Silence always ends at the champion: from any state, if nobody acts, a bounded number of
//!    steps later it is expired.
//! 5. One decision tells one person once, for the weightiest of its reasons. Keys of notifications
//!    are made of `seen`, so a decision made again after a crash bears the keys of the first, and
//!    two decisions never share one.
//! 6. Whoever is not told leaves a row that says why (P5): silenced, outside hours, no channel.
//!
//! # Races handled
//! * **Acknowledge against a step.** Both are made from the same `seen`; one is written, the other
//!   is a conflict and is decided again from what is now. An acknowledgement that lost takes the
//!   matter from whoever the step told; a step that lost finds nothing due. Messages of the losing
//!   side were never written.
//! * **Acknowledge against a message in the outbox.** The row is there and perhaps in the sender's
//!   hand. `deliver` looks at the matter when it sends and drops what is no longer due; see below
//!   for what is left.
//! * **Killed between step and delivery.** The outbox row is part of the step's transaction, so the
//!   step without its message does not exist.
//! * **Killed between deciding and writing.** Nothing was written; the matter is still due.
//! * **Two mentions at once.** In one batch they meet in one `Intake`. In two batches both open
//!   "instead of" the same holder of the group's row; the store takes one, the other is judged
//!   again and joins.
//! * **A mention joins while somebody resolves.** `seen` again: either it joined and was resolved
//!   with the rest, or it finds the matter resolved and opens a new one.
//! * **A reload during a step.** A decision sees one desk as a whole. If it used the old one, the
//!   next activation sees that the desk is another and reconciles everything unresolved.
//! * **An owner removed.** Champion, at the reload and not at the next step. The policy is the one
//!   that the matter was opened with; names in it that are gone resolve to the champion.
//! * **Off for days.** One step however long it was due, the next wait from now: owners are passed
//!   by one after the other and each has the time the policy gives.
//! * **The clock jumps ahead.** As above. **It is set back:** nothing is taken twice, because steps
//!   are counted and not timed. If it is set back to before the last mention joined, deadlines made
//!   by the clock that was ahead are pulled in to what they would be from now.
//!
//! # Races accepted, and why
//! * **A message leaves in the instant of an acknowledgement.** Between `deliver`'s look and the
//!   other side's yes lies a network. The message is true when it leaves; closing this gap would
//!   need the channel's consent.
//! * **A clock set back by less than the matter's age** makes the wait under way longer by that
//!   much. Guessing which of the two clocks was right would be worse than being late by the jump.
//! * **An owner who becomes absent while their step waits** keeps it until the wait ends. Absences
//!   are days and waits mostly hours; taking it away at midnight would tell somebody at midnight.
//! * **A silence made after a step** does not take back the row it caused, and one that ends does
//!   not send what it held: the steps went on meanwhile and told others. A silence is a wish not
//!   to be told, and not a wish to be told later.
//! * **A policy changed by a reload** does not move the deadlines of open matters: whoever was told
//!   "one hour" has one hour.

mod act;
mod check;
mod condition;
mod desk;
mod draft;
mod group;
mod intake;
mod reconcile;
mod rules;
mod spike;
mod steps;
mod task;
mod timetable;

pub use act::{Action, Refused, acknowledge, act, reassign, resolve};
pub use condition::{Condition, Scope};
pub use desk::{Desk, SharedDesk};
pub use intake::{Intake, Subject};
pub use reconcile::{accountable, reconcile};
pub use rules::{Facts, Fired, Firing, Routed, RuleFault, Rules};
pub use steps::{BUNDLE_FOR, advance};
pub use task::EscalateTask;
pub use timetable::{Planned, timetable};
