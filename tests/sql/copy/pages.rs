//! Reading a store page by page.

use admittance::limit::LimitKey;
use admittance::lockout::Attempts;
use admittance::store::copy::{KeptAttempts, Record, RecordStore};
use admittance::time::Timestamp;

use super::opened::Database;

/// Attempts under a key that is not in the order of the numbers.
fn kept(number: u32) -> KeptAttempts {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    key[12..].copy_from_slice(&number.to_be_bytes());
    KeptAttempts {
        key: LimitKey::from_bytes(key),
        attempts: Attempts {
            count: number,
            open_at: Timestamp::MIN,
            forgotten_at: Timestamp::MAX,
            last_at: Timestamp::MIN,
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_each_record_once_in_the_order_of_the_keys() {
    for database in Database::ALL {
        let store = database.fresh().await;
        let last = RecordStore::<KeptAttempts>::last_key(&*store).await;
        assert_eq!(last.unwrap(), None, "{database:?}");
        let mut all: Vec<KeptAttempts> = (0..200).map(kept).collect();
        store.put(all.clone()).await.unwrap();
        all.sort_by_key(Record::key);
        for limit in [7, 199, 200, usize::MAX] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page: Vec<KeptAttempts> = store.page(after, limit).await.unwrap();
                assert!(page.len() <= limit, "{database:?}");
                let Some(last) = page.last() else { break };
                after = Some(last.key);
                found.extend(page);
            }
            assert_eq!(found, all, "{database:?} {limit}");
        }
        let none: Vec<KeptAttempts> = store.page(None, 0).await.unwrap();
        assert!(none.is_empty(), "{database:?}");
        let last = RecordStore::<KeptAttempts>::last_key(&*store).await;
        assert_eq!(last.unwrap(), all.last().map(Record::key), "{database:?}");
    }
}
