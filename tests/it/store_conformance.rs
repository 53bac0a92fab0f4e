//! The store's contract, case by case, over every implementation: in memory, on disk, and on disk
//! with a close and a new life of the daemon wherever a case pauses.

mod attempted;
mod disk;
mod forget;
mod judged;
mod random;
mod recorded;
mod samples;
mod stepped;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use earmark::domain::id::InstanceId;
use earmark::runtime::stop::Stop;
use earmark::store::SledStore;
use earmark::store::Store;
use earmark::store::memory::Memory;
use tempfile::TempDir;

use samples::at;

/// Long enough for the threads of a dropped store to let go of it.
const LOCK_WAIT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Memory,
    Disk,
    DiskReopened,
}

/// A store to be tested, which can be closed and opened again.
pub struct Bed {
    kind: Kind,
    pub store: Arc<dyn Store>,
    folder: TempDir,
    lives: i64,
}

pub async fn open(folder: &std::path::Path, life: i64) -> SledStore {
    SledStore::open(folder, InstanceId::new(at(life)), LOCK_WAIT, &Stop::new())
        .await
        .expect("the store opens")
}

impl Bed {
    pub async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store: Arc<dyn Store> = match kind {
            Kind::Memory => Arc::new(Memory::new(InstanceId::new(at(0)))),
            Kind::Disk | Kind::DiskReopened => Arc::new(open(folder.path(), 0).await),
        };
        Self { kind, store, folder, lives: 0 }
    }

    /// A place in a case where the daemon may end and begin again.
    pub async fn pause(&mut self) {
        if self.kind != Kind::DiskReopened {
            return;
        }
        self.lives += 1;
        self.store.close().await.expect("the store closes");
        self.store = Arc::new(open(self.folder.path(), self.lives).await);
    }

    /// Ends a case: whatever it did, the store must fit together.
    pub async fn end(self) {
        if self.store.ping().await.is_ok() {
            let verified = self.store.verify().await.expect("the store can be checked");
            assert_eq!(verified.faults, Vec::<String>::new());
        }
    }
}

macro_rules! cases {
    ($($case:ident),+ $(,)?) => {$(
        mod $case {
            use crate::store_conformance::{Bed, Kind};

            async fn run(kind: Kind) {
                let mut bed = Bed::new(kind).await;
                super::$case(&mut bed).await;
                bed.end().await;
            }

            #[tokio::test]
            async fn memory() {
                run(Kind::Memory).await;
            }

            #[tokio::test]
            async fn disk() {
                run(Kind::Disk).await;
            }

            #[tokio::test]
            async fn disk_reopened() {
                run(Kind::DiskReopened).await;
            }
        }
    )+};
}
use cases;
