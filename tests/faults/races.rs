//! Many at once, on several threads: one winner, and nothing left over.

use std::sync::Arc;

use admittance::config::{AuthConfig, LimitPolicy, RegistrationMode};
use admittance::error::AuthError;
use admittance::id::UserId;
use admittance::service::Tokens;
use admittance::store::{EpochChange, MemoryStore, UserStore};
use admittance::test_util::Mailbox;
use admittance::user::UserStatus;
use tokio::runtime;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use support::bed::{Bed, Builder, OTHER_PASSWORD, PASSWORD, config, mail_config, registration};
use support::faulty::FaultyStore;

type Raced = Builder<FaultyStore<MemoryStore>>;
pub(crate) type Racing = Arc<Bed<FaultyStore<MemoryStore>>>;

/// Tasks that race, and rounds of it.
pub(crate) const FIELDS: [(usize, usize); 2] = [(16, 24), (64, 6)];
const ANN: &str = "ann@example.org";

fn bed() -> Racing {
    let mut config = config();
    config.limits = LimitPolicy::off();
    built(config, |builder, _| builder)
}

/// One that mails.
pub(crate) fn mailing_bed(registration: RegistrationMode) -> Racing {
    let mut config = config();
    config.registration = registration;
    config.limits = LimitPolicy::off();
    built(config, |builder, mailbox| {
        builder.mail(mailbox, mail_config())
    })
}

/// One that limits nothing but failures at one account, if `config` does.
pub(crate) fn built(mut config: AuthConfig, add: impl FnOnce(Raced, Mailbox) -> Raced) -> Racing {
    let by_account = config.limits.login_by_account.take();
    config.limits = LimitPolicy::off();
    config.limits.login_by_account = by_account;
    config.hashing.queue_len = 1000;
    // Hashing is not what is raced for, and the machine may be slow.
    config.hashing.queue_deadline = std::time::Duration::from_secs(3600);
    let store = FaultyStore::new(MemoryStore::new());
    // Each act of the store gives way, so that acts of others come between.
    store.watch(1);
    Arc::new(Bed::built(store, config, add))
}

/// Runs `racers` tasks from one starting line; gives their answers in the
/// order in which they ended.
pub(crate) async fn race<T, F>(racers: usize, run: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let line = Arc::new(Barrier::new(racers));
    let mut tasks = JoinSet::new();
    for racer in 0..racers {
        let (line, running) = (Arc::clone(&line), run(racer));
        tasks.spawn(async move {
            line.wait().await;
            running.await
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = tasks.join_next().await {
        answers.push(answer.unwrap());
    }
    answers
}

pub(crate) async fn assert_dead(bed: &Racing, tokens: &Tokens) {
    let refused = bed.validate(tokens).await;
    assert!(matches!(refused, Err(AuthError::InvalidToken)));
    let refused = bed.refresh(tokens).await;
    assert!(matches!(refused, Err(AuthError::InvalidToken)));
}

pub(crate) fn tell(what: &str) {
    let rounds = FIELDS.map(|(racers, rounds)| format!("{rounds} rounds of {racers}"));
    println!("{what}: {}, 0 violations", rounds.join(", "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asvs_2_3_4_racing_registrations_of_one_address_have_one_winner() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let answers = race(racers, |racer| {
                let bed = Arc::clone(&bed);
                async move {
                    let email = match racer % 2 {
                        0 => format!("user{round}@example.org"),
                        _ => format!("USER{round}@Example.ORG"),
                    };
                    bed.auth.register(registration(&email), &bed.here).await
                }
            })
            .await;
            let mut winners = Vec::new();
            for answer in answers {
                match answer {
                    Ok(answer) => winners.push(answer.opened().unwrap().tokens),
                    Err(AuthError::EmailTaken) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_eq!(winners.len(), 1);
            assert!(bed.validate(&winners[0]).await.is_ok());
            let counts = bed.store.inner().counts();
            // Losers leave no session either.
            assert_eq!((counts.users, counts.sessions), (round + 1, round + 1));
        }
    }
    tell("register");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_26_racing_refreshes_of_one_token_have_one_successor() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        bed.register(ANN).await;
        for _ in 0..rounds {
            let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
            let answers = race(racers, |_| {
                let (bed, tokens) = (Arc::clone(&bed), tokens.clone());
                async move { bed.refresh(&tokens).await.unwrap() }
            })
            .await;
            let successor = answers[0].refresh_token.expose_secret();
            let is_same = |tokens: &Tokens| tokens.refresh_token.expose_secret() == successor;
            assert!(answers.iter().all(is_same));
            // Once it is used, its predecessor is a copy in wrong hands.
            let next = bed.refresh(&answers[0]).await.unwrap();
            assert!(bed.refresh(&tokens).await.is_err());
            assert_dead(&bed, &next).await;
        }
    }
    tell("refresh");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_23_no_refresh_outlives_a_logout() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        bed.register(ANN).await;
        for round in 0..rounds {
            let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
            let ann = bed.validate(&tokens).await.unwrap();
            let answers = race(racers, |racer| {
                let (bed, tokens) = (Arc::clone(&bed), tokens.clone());
                let ann = ann.clone();
                async move {
                    if racer == round % racers {
                        bed.auth.logout(&ann, &bed.here).await.unwrap();
                        // From here on nothing of the session is good.
                        assert_dead(&bed, &tokens).await;
                        return None;
                    }
                    bed.refresh(&tokens).await.ok()
                }
            })
            .await;
            for refreshed in answers.iter().flatten() {
                assert_dead(&bed, refreshed).await;
            }
        }
    }
    tell("logout against refresh");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_24_no_old_credential_outlives_a_change_of_password() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        bed.register(ANN).await;
        let (mut old, mut new) = (PASSWORD, OTHER_PASSWORD);
        for round in 0..rounds {
            let first = bed.login(ANN, old).await.unwrap().tokens;
            let second = bed.login(ANN, old).await.unwrap().tokens;
            let ann = bed.validate(&first).await.unwrap();
            let answers = race(racers, |racer| {
                let (bed, ann) = (Arc::clone(&bed), ann.clone());
                let (first, second) = (first.clone(), second.clone());
                async move {
                    if racer == round % racers {
                        let changed = bed.change_password(&ann, old, new).await.unwrap();
                        assert_dead(&bed, &first).await;
                        assert_dead(&bed, &second).await;
                        return (true, Some(changed.tokens));
                    }
                    let gained = match racer % 3 {
                        0 => bed.refresh(&first).await.ok(),
                        1 => bed.refresh(&second).await.ok(),
                        _ => bed.login(ANN, old).await.ok().map(|answer| answer.tokens),
                    };
                    (false, gained)
                }
            })
            .await;
            for (is_change, tokens) in answers {
                let Some(tokens) = tokens else { continue };
                if is_change {
                    assert!(bed.validate(&tokens).await.is_ok());
                    assert!(bed.refresh(&tokens).await.is_ok());
                } else {
                    assert_dead(&bed, &tokens).await;
                }
            }
            assert!(bed.login(ANN, old).await.is_err());
            (old, new) = (new, old);
        }
    }
    tell("change of password against refresh and login");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asvs_15_4_2_racing_changes_of_password_have_one_winner() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        bed.register(ANN).await;
        let mut old = PASSWORD.to_owned();
        for round in 0..rounds {
            let tokens = bed.login(ANN, &old).await.unwrap().tokens;
            let ann = bed.validate(&tokens).await.unwrap();
            let answers = race(racers, |racer| {
                let (bed, ann, old) = (Arc::clone(&bed), ann.clone(), old.clone());
                async move {
                    let new = format!("{OTHER_PASSWORD} {round} {racer}");
                    (bed.change_password(&ann, &old, &new).await, new)
                }
            })
            .await;
            let mut winners = Vec::new();
            for (answer, new) in answers {
                match answer {
                    Ok(answer) => winners.push((answer.tokens, new)),
                    // A session that is used after the change has ended.
                    Err(AuthError::InvalidCredentials | AuthError::InvalidToken) => {
                        assert!(bed.login(ANN, &new).await.is_err());
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_eq!(winners.len(), 1);
            let (tokens, new) = winners.remove(0);
            assert!(bed.validate(&tokens).await.is_ok());
            assert!(bed.login(ANN, &old).await.is_err());
            assert!(bed.login(ANN, &new).await.is_ok());
            old = new;
        }
    }
    tell("changes of password");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asvs_7_4_2_no_login_and_no_refresh_outlives_a_disabling() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let email = format!("user{round}@example.org");
            let user = bed.register(&email).await;
            let answers = race(racers, |racer| {
                let (bed, email) = (Arc::clone(&bed), email.clone());
                let (id, tokens) = (user.user_id, user.tokens.clone());
                async move {
                    if racer == round % racers {
                        let status = UserStatus::Disabled;
                        let disabled = bed.store.set_status(id, 0, status).await.unwrap();
                        assert!(disabled.is_some());
                        assert_dead(&bed, &tokens).await;
                        assert!(bed.login(&email, PASSWORD).await.is_err());
                        return None;
                    }
                    match racer % 2 {
                        0 => bed.refresh(&tokens).await.ok(),
                        _ => Some(bed.login(&email, PASSWORD).await.ok()?.tokens),
                    }
                }
            })
            .await;
            for gained in answers.iter().flatten() {
                assert_dead(&bed, gained).await;
            }
        }
    }
    tell("disabling against login and refresh");
}

/// Raises the epoch of `user` as a change of password does, from within an act
/// of the store.
fn raise_epoch(store: &MemoryStore, user: UserId) {
    let store = store.clone();
    let raising = std::thread::spawn(move || {
        let local = runtime::Builder::new_current_thread().build().unwrap();
        local.block_on(async {
            let hash = store
                .user(user)
                .await
                .unwrap()
                .unwrap()
                .password_hash
                .unwrap();
            let raised = store.replace_password(user, &hash, &hash, EpochChange::Raise);
            assert!(raised.await.unwrap());
        });
    });
    raising.join().unwrap();
}

#[tokio::test]
async fn asvs_15_4_2_a_login_that_was_overtaken_by_a_change_of_password_is_refused() {
    let bed = bed();
    let ann = bed.register(ANN).await;
    bed.store.watch(0);
    bed.login(ANN, PASSWORD).await.unwrap();
    let calls = bed.store.calm();
    for (index, call) in calls.iter().enumerate() {
        let (store, user) = (bed.store.inner().clone(), ann.user_id);
        bed.store.hook(index + 1, move || {
            let store = store.clone();
            async move { raise_epoch(&store, user) }
        });
        let answer = bed.login(ANN, PASSWORD).await;
        bed.store.calm();
        // Before the account is read it is no race: the login is a later one.
        let is_overtaken = calls[..index].contains(&"user_by_email");
        println!("{call}: {answer:?}");
        match answer {
            Ok(answer) if !is_overtaken => assert!(bed.validate(&answer.tokens).await.is_ok()),
            // The change came after the login had been recorded, and ended its session.
            Ok(answer) if calls[..index].contains(&"record_login") => {
                assert!(bed.validate(&answer.tokens).await.is_err());
            }
            Err(AuthError::InvalidCredentials) if is_overtaken => {}
            other => panic!("{call}: {other:?}"),
        }
    }
    assert!(calls.contains(&"record_login"), "{calls:?}");
}
