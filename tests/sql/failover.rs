//! A server that becomes a replica, and another one that takes its place.

use std::time::Duration;

use admittance::store::StoreError;
use admittance::store::sql::PostgresStore;
use admittance::user::UserStatus;
use support::acts::Act;
use support::methods::prepare;
use support::postgres::{self, Server};
use support::wire::{Cut, Wire};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_become_a_replica_is_unavailable_until_the_primary_is_found() {
    let primary = tokio::task::spawn_blocking(Server::fresh).await.unwrap();
    let url = primary.url("postgres");
    let wire = Wire::before(&url).await;
    let mut config = postgres::config();
    config.max_connections = 1;
    let store = PostgresStore::connect(wire.url(), config).await.unwrap();
    prepare(&store).await;
    let (primary, replica) = tokio::task::spawn_blocking(move || {
        let replica = primary.replica();
        (primary, replica)
    })
    .await
    .unwrap();
    // The connection breaks, and the next one finds what is a replica now.
    wire.lead_to(&replica.url("postgres"));
    wire.cut(0, Cut::Before);
    Act::User(1).on(&store).await.unwrap_err();
    let status = Act::SetStatus {
        user: 1,
        version: 0,
        status: UserStatus::Disabled,
    };
    for act in [Act::Attempt { key: 9, now: 1 }, status.clone()] {
        for _ in 0..2 {
            let refused = act.on(&store).await;
            assert!(
                matches!(refused, Err(StoreError::Unavailable(_))),
                "{act:?}: {refused:?}"
            );
        }
    }
    // Reading goes on.
    assert_ne!(Act::User(1).on(&store).await.unwrap(), "None None");
    wire.lead_to(&url);
    // The first write finds the replica, and with it that another connection is needed.
    let mut tries = 0;
    while let Err(error) = status.on(&store).await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        tries += 1;
        assert!(tries < 5, "{error:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_ne!(
        Act::Attempt { key: 9, now: 1 }.on(&store).await.unwrap(),
        ""
    );
    drop(primary);
}
