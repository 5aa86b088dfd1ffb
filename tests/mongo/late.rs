//! What is sent and arrives late: it undoes nothing (I12). And what nobody waits
//! for any more is not sent.

use std::sync::Arc;
use std::time::Duration;

use admittance::authz::{Role, RolePolicy};
use admittance::config::LimitPolicy;
use admittance::error::AuthError;
use admittance::id::UserId;
use admittance::service::{ChangeRoles, SetStatus, Tokens, UserView};
use admittance::store::mongodb::MongoStore;
use admittance::store::{RoleChange, StoreError, UserStore};
use admittance::user::UserStatus;
use mongodb::Client;
use tokio::task::JoinHandle;

use crate::proxy::Proxy;
use crate::sample::at;
use support::acts::Act;
use support::bed::{self, Bed, PASSWORD};
use support::commands::Commands;
use support::mongo;

/// For how long the impatient instance waits: a held command takes longer.
const DEADLINE: Duration = Duration::from_secs(3);

fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

fn instance(store: MongoStore) -> Arc<Bed<MongoStore>> {
    let mut settings = bed::config();
    settings.limits = LimitPolicy::off();
    settings.roles = RolePolicy::new()
        .administrator(role("administrator"))
        .grant(role("examiner"), []);
    let bed = Bed::over(store, settings);
    // Later than the server's own clock, so that it removes nothing.
    bed.clock.set(at(0));
    Arc::new(bed)
}

/// Two instances over one database, of which the commands of one can be held
/// up; an administrator, and an account.
struct Two {
    slow: Arc<Bed<MongoStore>>,
    other: Arc<Bed<MongoStore>>,
    proxy: Proxy,
    admin: Tokens,
    ann: UserId,
}

impl Two {
    async fn start() -> Self {
        let options = mongo::options().await;
        let other = instance(mongo::store_over(options.clone()).await);
        let (proxy, through) = Proxy::before(&options).await;
        let database = Client::with_options(through).unwrap();
        let mut config = mongo::config();
        config.deadline = DEADLINE;
        let slow = MongoStore::new(database.default_database().unwrap(), config);
        let slow = instance(slow.await.unwrap());
        let admin = other.register("admin@example.org").await;
        let grant = RoleChange {
            grant: [role("administrator")].into(),
            ..RoleChange::default()
        };
        let given = other.store.change_roles(admin.user_id, 0, &grant).await;
        assert!(given.unwrap().is_some());
        let ann = other.register("ann@example.org").await.user_id;
        Self {
            admin: admin.tokens,
            slow,
            other,
            proxy,
            ann,
        }
    }

    /// Waits until a command of `act` is held up, and then until the act has failed
    /// because of that.
    async fn fails_while_held(&self, act: JoinHandle<Result<UserView, AuthError>>) {
        let held = tokio::time::timeout(Duration::from_secs(60), self.proxy.is_held());
        held.await.unwrap();
        let answer = act.await.unwrap();
        assert!(
            matches!(answer, Err(AuthError::Store(StoreError::Timeout))),
            "{answer:?}"
        );
    }

    fn set_status(
        &self,
        bed: &Arc<Bed<MongoStore>>,
        status: UserStatus,
    ) -> JoinHandle<Result<UserView, AuthError>> {
        let (bed, admin, ann) = (Arc::clone(bed), self.admin.clone(), self.ann);
        tokio::spawn(async move {
            let request = SetStatus { status };
            let admin = bed.validate(&admin).await.unwrap();
            bed.auth
                .set_user_status(&admin, ann, request, &bed.here)
                .await
        })
    }

    fn change_roles(
        &self,
        bed: &Arc<Bed<MongoStore>>,
        grant: &[&str],
        revoke: &[&str],
    ) -> JoinHandle<Result<UserView, AuthError>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let request = ChangeRoles {
            grant: owned(grant),
            revoke: owned(revoke),
        };
        let (bed, admin, ann) = (Arc::clone(bed), self.admin.clone(), self.ann);
        tokio::spawn(async move {
            let admin = bed.validate(&admin).await.unwrap();
            bed.auth
                .change_user_roles(&admin, ann, request, &bed.here)
                .await
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_an_enabling_that_failed_does_not_undo_a_later_disabling() {
    let two = Two::start().await;
    let disabled = two.set_status(&two.other, UserStatus::Disabled).await;
    disabled.unwrap().unwrap();
    two.proxy.hold_next("findAndModify");
    let enable = two.set_status(&two.slow, UserStatus::Active);
    two.fails_while_held(enable).await;
    // It finds the account disabled already.
    let disabled = two.set_status(&two.other, UserStatus::Disabled).await;
    disabled.unwrap().unwrap();
    two.proxy.release().await;
    let ann = two.other.store.user(two.ann).await.unwrap().unwrap();
    assert_eq!(ann.status, UserStatus::Disabled);
    let login = two.other.login("ann@example.org", PASSWORD).await;
    assert!(
        matches!(login, Err(AuthError::InvalidCredentials)),
        "{:?}",
        login.map(|opened| opened.user_id)
    );
}

/// The reported case: the reads of one instance are late, the account is disabled
/// meanwhile, and the enabling must not go on from what it reads then.
#[tokio::test(flavor = "multi_thread")]
async fn i12_an_enabling_whose_read_was_late_does_not_undo_a_later_disabling() {
    let two = Two::start().await;
    let disabled = two.set_status(&two.other, UserStatus::Disabled).await;
    disabled.unwrap().unwrap();
    // Four reads show who asks: two for the token, and two again before the act.
    two.proxy.hold_after(4, "find");
    let enable = two.set_status(&two.slow, UserStatus::Active);
    two.fails_while_held(enable).await;
    let disabled = two.set_status(&two.other, UserStatus::Disabled).await;
    disabled.unwrap().unwrap();
    two.proxy.release().await;
    let ann = two.other.store.user(two.ann).await.unwrap().unwrap();
    assert_eq!(ann.status, UserStatus::Disabled);
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_a_grant_that_failed_does_not_undo_a_later_revocation() {
    let two = Two::start().await;
    two.proxy.hold_next("findAndModify");
    let grant = two.change_roles(&two.slow, &["examiner"], &[]);
    two.fails_while_held(grant).await;
    // The role is not there yet.
    let revoked = two.change_roles(&two.other, &[], &["examiner"]).await;
    revoked.unwrap().unwrap();
    two.proxy.release().await;
    let ann = two.other.store.user(two.ann).await.unwrap().unwrap();
    assert!(ann.roles.is_empty(), "{:?}", ann.roles);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_disconnect_while_waiting_send_nothing() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let (proxy, through) = Proxy::before(&options).await;
    let database = Client::with_options(through).unwrap();
    let mut config = mongo::config();
    config.max_connections = Some(1);
    let store = MongoStore::new(database.default_database().unwrap(), config);
    let store = store.await.unwrap();
    commands.take();
    let act = || {
        let store = store.clone();
        tokio::spawn(async move { Act::User(1).on(&store).await.unwrap() })
    };
    proxy.hold_next("find");
    let first = act();
    proxy.is_held().await;
    let gone: Vec<_> = (0..200).map(|_| act()).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let live = act();
    for caller in &gone {
        caller.abort();
    }
    for caller in gone {
        assert!(caller.await.unwrap_err().is_cancelled());
    }
    proxy.release().await;
    assert_eq!(first.await.unwrap(), "None None");
    assert_eq!(live.await.unwrap(), "None None");
    let sent: Vec<String> = commands.take().into_iter().map(|sent| sent.name).collect();
    assert_eq!(sent, ["find", "find"]);
}
