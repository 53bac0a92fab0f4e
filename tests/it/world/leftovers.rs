//! What fails a test although all its expectations were met.

use std::collections::BTreeSet;

use earmark::domain::notification::Delivery;
use earmark::escalation::accountable;
use earmark::store::{NotificationFilter, Page};

use super::World;

impl World {
    /// No task failed, unless the scene is about that.
    pub(super) fn check_tasks(&self) {
        let status = self.app().api.driver.as_ref().expect("a daemon has tasks").status();
        for (name, status) in status {
            let error = status.last_error.filter(|_| !self.tasks_may_fail);
            assert_eq!(error, None, "the task {name} failed");
        }
    }

    /// Nobody was told anything that the test did not expect.
    pub(super) fn check_told(&self) {
        let unread = self.unread();
        assert!(unread.is_empty(), "nobody expected:\n{}", unread.join("\n"));
    }

    /// Nothing is in hand, everything fits together, and somebody answers for every mention (P1).
    pub(super) async fn check_store(&self) {
        let store = self.store();
        let filter = NotificationFilter::default();
        let rows = store.notifications(filter, Page::first(10_000)).await.expect("they are read").rows;
        let leased: Vec<_> =
            rows.iter().filter(|row| matches!(row.delivery, Delivery::Leased { .. })).collect();
        assert!(leased.is_empty(), "still in hand: {leased:#?}");
        let keys: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys.len(), rows.len(), "a key stands for one message");
        let verified = store.verify().await.expect("it reads everything");
        assert_eq!(verified.faults, Vec::<String>::new());
        self.expect_owners().await;
    }

    /// Every mention and every open matter has exactly one owner who is there.
    pub async fn expect_owners(&self) {
        let desk = self.app().api.desk.load_full();
        for matter in self.matters().await.into_iter().filter(|matter| matter.state.is_unresolved()) {
            assert!(desk.roster.get(&matter.accountable).is_some(), "nobody answers for {matter:#?}");
        }
        for mention in self.mentions().await {
            let matter = match mention.finding.escalation() {
                Some(id) => self.store().escalation(id).await.expect("it is read"),
                None => None,
            };
            let owner = accountable(&desk.roster, &mention, matter.as_ref());
            assert!(desk.roster.get(&owner).is_some(), "nobody answers for {mention:#?}");
        }
    }
}
