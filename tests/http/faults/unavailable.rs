//! A store that is down, and one that is broken.

use std::sync::Arc;

use admittance::error::StoreError;
use admittance::test_util::MockStore;
use serde_json::json;

use crate::browser::with_cookies;
use crate::client::Client;
use crate::transport::{Framework, each_framework};
use support::bed::{Bed, PASSWORD, config};

each_framework!(
    a_store_that_is_down_is_answered_with_when_to_come_back,
    what_is_broken_within_is_an_error_of_the_servers_own,
);

type Fails = fn() -> StoreError;

async fn answer(framework: Framework, fails: Fails) -> crate::answer::Answer {
    let mut store = MockStore::new();
    store.expect_hit_all().returning(move |_, _| Err(fails()));
    let bed = Bed::over(Arc::new(store), config());
    let client = Client::over(framework, bed, with_cookies());
    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    client.post("/login", login).await
}

async fn a_store_that_is_down_is_answered_with_when_to_come_back(framework: Framework) {
    let down: [(Fails, &str); 3] = [
        (|| StoreError::Unavailable("canary".into()), "5"),
        (|| StoreError::Timeout, "5"),
        (|| StoreError::Full, "60"),
    ];
    for (fails, wait) in down {
        let answer = answer(framework, fails).await;
        assert_eq!(answer.code(), (503, "unavailable"), "{answer}");
        assert_eq!(answer.header("retry-after"), wait);
        assert!(!answer.text().contains("canary"));
    }
}

async fn what_is_broken_within_is_an_error_of_the_servers_own(framework: Framework) {
    let broken: [Fails; 2] = [
        || StoreError::Corrupt {
            record: "user".to_owned(),
            source: "canary".into(),
        },
        || StoreError::Other("canary".into()),
    ];
    for fails in broken {
        let answer = answer(framework, fails).await;
        assert_eq!(answer.code(), (500, "internal"), "{answer}");
        assert_eq!(answer.header("retry-after"), "");
        assert!(!answer.text().contains("canary"));
    }
}
