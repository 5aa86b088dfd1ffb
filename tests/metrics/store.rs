use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use admittance::limit::{Hit, LimitKey, Quota};
use admittance::metrics::{MeteredStore, STORE_METHODS, STORE_SECONDS};
use admittance::store::conformance::PROPERTIES;
use admittance::store::{LimitStore, MemoryStore, Store, StoreError};
use admittance::test_util::MockStore;
use admittance::time::Timestamp;
use metrics_util::debugging::DebuggingRecorder;

use crate::recorded::Recorded;

#[tokio::test]
async fn every_act_of_the_store_is_timed_under_its_own_name() {
    let recorder = DebuggingRecorder::new();
    let (snapshotter, mut seen) = (recorder.snapshotter(), Recorded::default());
    let _here = metrics::set_default_local_recorder(&recorder);
    for property in PROPERTIES {
        let store: Arc<dyn Store> = Arc::new(MeteredStore::new(MemoryStore::new()));
        property.check(store).await;
    }
    seen.add(&snapshotter);
    let expected: BTreeSet<_> = STORE_METHODS
        .iter()
        .map(|method| format!("{STORE_SECONDS}{{method={method},outcome=ok}}"))
        .collect();
    // A property sees to it that too many budgets are an error.
    let names = seen.samples.into_keys();
    let succeeded: BTreeSet<_> = names.filter(|name| name.contains("=ok")).collect();
    assert_eq!(succeeded, expected);
}

#[tokio::test]
async fn an_act_is_timed_to_its_end_and_with_what_came_of_it() {
    let recorder = DebuggingRecorder::new();
    let (snapshotter, mut seen) = (recorder.snapshotter(), Recorded::default());
    let _here = metrics::set_default_local_recorder(&recorder);
    let errors: [fn() -> StoreError; 5] = [
        || StoreError::Unavailable("down".into()),
        || StoreError::Timeout,
        || StoreError::Corrupt {
            record: "users/1".to_owned(),
            source: "cut".into(),
        },
        || StoreError::Full,
        || StoreError::Other("else".into()),
    ];
    for error in errors {
        let mut store = MockStore::new();
        store.expect_hit_all().returning(move |_, _| Err(error()));
        store.expect_forgive().returning(|_, _| {
            std::thread::sleep(Duration::from_millis(20));
            Ok(())
        });
        let store = MeteredStore::new(store);
        let key = LimitKey::new("a", b"b");
        let quota = Quota::new(1, Duration::from_secs(1));
        let hit = Hit { key, quota };
        let answer = store.hit_all(&[hit], Timestamp::MIN).await;
        let (answer, expected) = (answer.unwrap_err(), error());
        assert_eq!(answer.to_string(), expected.to_string());
        store.forgive(key, Timestamp::MIN).await.unwrap();
    }
    seen.add(&snapshotter);
    for outcome in ["unavailable", "timeout", "corrupt", "full", "other"] {
        let name = format!("{STORE_SECONDS}{{method=hit_all,outcome={outcome}}}");
        assert_eq!(seen.count(&name), 1, "{name}");
    }
    let slow = &seen.samples[&format!("{STORE_SECONDS}{{method=forgive,outcome=ok}}")];
    assert_eq!(slow.len(), 5);
    assert!(slow.iter().all(|seconds| *seconds >= 0.02), "{slow:?}");
}
