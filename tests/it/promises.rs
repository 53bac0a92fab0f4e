//! The promises of the design page, each kept by the whole daemon in a [`World`](crate::world):
//! scene, expectation, advance, next expectation.

mod corrections;
mod coverage;
mod cursors;
mod deadlines;
mod digests;
mod escalations;
mod forgetting;
mod holds;
mod links;
mod owners;
mod pages;
mod pushes;
mod reloads;
mod routes;
