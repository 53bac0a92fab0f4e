//! Pages, the API, health and metrics over HTTP: the only folder that names the HTTP server.
//!
//! Two doors lead to the same functions of `api`:
//! * the **unix socket**, for commands: the caller is the peer's account;
//! * **TCP**, for browsers, senders and monitors: loopback by default; the `Host` header must be
//!   ours (else a page elsewhere could point its own name at us and read along); acting from a
//!   page elsewhere is refused by its `Origin`; from another address, or when acting while
//!   `public_url` is set, the token or a signed link is needed.
//!
//! Foreign text reaches a page only through maud, which escapes it; pages carry a
//! Content-Security-Policy that allows no script at all.

mod door;
mod guard;
mod health;
mod judged;
mod link;
mod local;
mod pages;
mod push;
mod v1;

pub use door::{Listeners, listen, router};
pub use local::Local;
