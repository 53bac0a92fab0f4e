//! Who calls, and what that lets them do.

use crate::domain::event::Actor;
use crate::domain::id::OwnerId;
use crate::escalation::Desk;

use super::{ApiError, Result};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A local account, known by the socket's peer credentials.
    User {
        /// Account name.
        name: String,
        /// Whether it is root, or the account the daemon runs as.
        is_master: bool,
    },
    /// Somebody on this machine's loopback with no `public_url` set: trusted as the champion.
    Loopback,
    /// Whoever bears the token: the champion.
    Token,
    /// Whoever holds a link sent to this owner; may only do what the link says.
    Link(OwnerId),
    /// Somebody else: may read nothing and do nothing.
    Stranger,
}

impl Caller {
    /// As whom it acts; `wanted` is what `--as` or `?as=` says.
    ///
    /// # Errors
    /// Where it may not, and what to do.
    pub fn acts_as(&self, desk: &Desk, wanted: Option<&OwnerId>) -> Result<Actor> {
        let known = |id: &OwnerId| {
            desk.roster.get(id).map(|owner| owner.id.clone()).ok_or_else(|| {
                let names: Vec<&str> = desk.roster.owners().map(|owner| owner.id.as_str()).collect();
                ApiError::Bad(format!("no owner is named \"{id}\"; known are {}", names.join(", ")))
            })
        };
        match self {
            Caller::User { name, is_master } => {
                if let (true, Some(wanted)) = (is_master, wanted) {
                    return known(wanted).map(Actor::Owner);
                }
                let own = desk.roster.of_user(name).map(|owner| owner.id.clone());
                match (own, wanted) {
                    (Some(own), None) => Ok(Actor::Owner(own)),
                    (Some(own), Some(wanted)) if own == *wanted => Ok(Actor::Owner(own)),
                    (Some(own), Some(wanted)) => {
                        Err(ApiError::Forbidden(format!("the account {name} acts as {own}, not as {wanted}")))
                    }
                    (None, _) if *is_master => Err(ApiError::Forbidden(format!(
                        "say as whom: {name} is no owner's account; add --as OWNER"
                    ))),
                    (None, _) => Err(ApiError::Forbidden(format!(
                        "the account {name} belongs to no owner; add it to `users` of one in the configuration"
                    ))),
                }
            }
            Caller::Loopback | Caller::Token => match wanted {
                Some(wanted) => known(wanted).map(Actor::Owner),
                None => Ok(Actor::Owner(desk.roster.champion().id.clone())),
            },
            Caller::Link(owner) => Ok(Actor::Link(owner.clone())),
            Caller::Stranger => {
                Err(ApiError::Unauthenticated("acting needs the token or a signed link".into()))
            }
        }
    }

    /// Whether it may do what is recorded under nobody's name: import, export, send a digest. The
    /// account that could write the store's files needs no owner for it.
    ///
    /// # Errors
    /// Where it may not, and what to do.
    pub fn may_act(&self, desk: &Desk, wanted: Option<&OwnerId>) -> Result<()> {
        match (self, wanted) {
            (Caller::User { is_master: true, .. }, None) => Ok(()),
            _ => self.acts_as(desk, wanted).map(|_| ()),
        }
    }

    /// Whether it may read lists and pages: what customers said, and who answers for it. A local
    /// account may if it is an owner's, or could read the store itself.
    ///
    /// # Errors
    /// Where it may not, and what to do.
    pub fn may_read(&self, desk: &Desk) -> Result<()> {
        match self {
            Caller::User { name, is_master: false } if desk.roster.of_user(name).is_none() => {
                Err(ApiError::Forbidden(format!(
                    "the account {name} belongs to no owner; add it to `users` of one in the configuration"
                )))
            }
            Caller::Stranger | Caller::Link(_) => Err(ApiError::Unauthenticated(
                "reading from this address needs the token: Authorization: Bearer …".into(),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::channel::Reach;
    use crate::domain::owner::{Owner, Roster};
    use crate::escalation::Rules;

    #[test]
    fn only_owners_accounts_and_who_holds_the_store_may_read() {
        let champion = Owner {
            id: "cco".into(),
            name: "cco".into(),
            timezone: TimeZone::UTC,
            hours: None,
            channels: Vec::new(),
            deputy: None,
            users: vec!["carol".into()],
            absent: Vec::new(),
        };
        let desk = Desk {
            roster: Roster::new(vec![champion], "cco".into(), None).expect("the champion is there"),
            reach: Reach::default(),
            policies: BTreeMap::new(),
            topics: BTreeMap::new(),
            rules: Rules::compile(&[], &[]).expect("no rule is no fault"),
        };
        let user = |name: &str, is_master| Caller::User { name: name.into(), is_master };
        for (caller, status) in [
            (user("carol", false), None),
            (user("root", true), None),
            (user("nobody", false), Some(403)),
            (Caller::Loopback, None),
            (Caller::Token, None),
            (Caller::Stranger, Some(401)),
            (Caller::Link("cco".into()), Some(401)),
        ] {
            assert_eq!(caller.may_read(&desk).err().map(|error| error.status()), status, "{caller:?}");
        }
    }
}
