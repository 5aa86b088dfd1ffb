//! The memory store passes the suite: as itself, by several clones, behind `Arc<dyn Store>`, and
//! metered. (The metered store is tested here because the tests of the metrics share one recorder.)

use std::collections::BTreeSet;
use std::fs;

use admittance::store::conformance::PROPERTIES;

mod memory {
    use admittance::store::MemoryStore;

    admittance::store_conformance!(async { MemoryStore::new() });
}

mod handles {
    use admittance::store::MemoryStore;

    admittance::store_conformance!(handles: async {
        let first = MemoryStore::new();
        [first.clone(), first.clone(), first]
    });
}

mod without_audit {
    use admittance::store::{MemoryStore, NoAudit, WithAudit};

    admittance::store_conformance!(no_audit: async { WithAudit::new(MemoryStore::new(), NoAudit) });
}

mod audit_elsewhere {
    use admittance::store::{MemoryStore, WithAudit};

    admittance::store_conformance!(async {
        WithAudit::new(MemoryStore::new(), MemoryStore::new())
    });
}

mod dynamic {
    use std::sync::Arc;

    use admittance::store::{MemoryStore, Store};

    async fn fresh() -> Arc<dyn Store> {
        Arc::new(MemoryStore::new())
    }

    admittance::store_conformance!(fresh());
}

mod metered {
    use std::sync::Arc;

    use admittance::metrics::MeteredStore;
    use admittance::store::{MemoryStore, Store};

    async fn fresh() -> MeteredStore<Arc<dyn Store>> {
        MeteredStore::new(Arc::new(MemoryStore::new()))
    }

    admittance::store_conformance!(fresh());
}

#[tokio::test]
async fn no_audit_keeps_no_event() {
    use admittance::audit::{AuditClass, AuditRecord};
    use admittance::event::{Notices, Operation};
    use admittance::id::{EventId, UserId};
    use admittance::store::{AuditStore, Insert, MemoryStore, NoAudit, WithAudit};
    use admittance::time::Timestamp;

    let (id, user_id) = (EventId::from_bytes([1; 12]), UserId::from_bytes([2; 12]));
    let record = AuditRecord {
        id,
        last_id: id,
        count: 1,
        user_id,
        class: AuditClass::Done,
        at: Timestamp::MIN,
        operation: Operation::Login,
        refused: None,
        notices: Notices::default(),
        actor_id: None,
        session_id: None,
        mail: None,
        ip: None,
        user_agent: None,
        expires_at: Timestamp::MAX,
    };
    let store = WithAudit::new(MemoryStore::new(), NoAudit);
    let appended = store.append_event(&record, 10).await.unwrap();
    assert_eq!(appended, Insert::Inserted);
    let found = store.events_of(user_id, None, 10, Timestamp::MIN).await;
    assert_eq!(found.unwrap(), []);
    assert_eq!(store.remove_events(user_id).await.unwrap(), 0);
    assert_eq!(store.store().counts().events, 0);
}

#[test]
fn no_property_is_written_and_not_run() {
    let files = fs::read_dir(support::root().join("src/store/conformance")).unwrap();
    let topics: String = files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let written: BTreeSet<&str> = topics
        .lines()
        .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
        .collect();
    let run: BTreeSet<&str> = PROPERTIES.iter().map(|property| property.name()).collect();
    assert_eq!(written, run);
    assert_eq!(run.len(), PROPERTIES.len(), "a property is listed twice");
}
