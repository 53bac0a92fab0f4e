//! Kinds of sources as a whole: saved answers through the command, recorded answers of real services, terms,
//! and every kind against a site that fails in every way.

mod facebook;
mod graph;
mod instagram;
mod linkedin;
mod lobsters;
mod outage;
mod parse;
mod recorded;
mod served;
mod threads;
mod x;
