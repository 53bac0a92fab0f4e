//! Name look-up that hands out addresses of the open internet only.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// A name all of whose addresses lie in closed networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is an address of a private network")]
pub struct Refused {
    /// The name.
    pub host: String,
}

/// The machine's own look-up, with closed addresses left out.
#[derive(Debug, Clone, Copy)]
pub struct Guarded;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let known = !found.is_empty();
            let open: Vec<SocketAddr> = found.into_iter().filter(|found| is_public(found.ip())).collect();
            if known && open.is_empty() {
                return Err(Refused { host: name.as_str().to_owned() }.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}
