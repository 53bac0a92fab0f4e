//! The scheduled summary that marketing and the champion read.
//!
//! [`calendar`] says when and over which window (pure); [`build`] reads the store into a
//! [`figures::Digest`], in which every figure carries the ids behind it (P7) and owners' sums add
//! up to the total; [`render`] turns it into text, HTML and JSON; [`task`] makes what is due.
//!
//! Windows are half-open and count by the time *recorded*, so a post that a site dates back is in
//! the next digest and in no two. After a time in which the daemon was off, one digest covers all
//! of it: five old summaries at once would be read by nobody.

pub mod build;
pub mod calendar;
pub mod figures;
pub mod render;
pub mod task;
#[cfg(test)]
mod tests;
