//! Logins from devices that are new, with a store that fails once.

use admittance::error::AuthError;
use admittance::event::Notice;
use admittance::mail::MailKind;
use admittance::password::Argon2Params;
use admittance::service::RequestContext;
use admittance::store::MemoryStore;

use crate::scene::{ANN, BOB};
use support::bed::{Bed, PASSWORD, config, login};
use support::faulty::{Fault, FaultyStore};

/// Ann logs in from a device that is new, where Bob was logged in, and tries again
/// when that fails. `fault` is what goes wrong, at which call of the store. Says
/// whether the first attempt failed, and how many calls it made.
async fn log_in_twice(fault: Option<(usize, Fault)>) -> (bool, usize) {
    let store = FaultyStore::new(MemoryStore::new());
    let bed = Bed::mailing_over(store.clone(), config());
    bed.register(ANN).await;
    let bob = bed.register(BOB).await.tokens.refresh_token;
    bed.mails().await;
    let elsewhere = RequestContext::from_ip([203, 0, 113, 9].into())
        .with_user_agent("another browser")
        .replacing(bed.auth.session_of(&bob).unwrap());
    match fault {
        None => store.watch(0),
        Some((call, fault)) => store.inject(call, fault),
    }
    let first = bed.auth.login(login(ANN, PASSWORD), &elsewhere).await;
    bed.auth.flush_mail().await;
    let calls = store.calm().len();
    if let Err(error) = &first {
        assert!(matches!(error, AuthError::Store(_)), "{error:?}");
        let again = bed.auth.login(login(ANN, PASSWORD), &elsewhere).await;
        again.unwrap();
    }
    let told = (MailKind::NewDevice, ANN.to_owned());
    let is_told = bed.mails().await.contains(&told);
    let events = bed.events.all();
    let has = |notice| events.iter().any(|event| event.notices.contains(notice));
    assert!(has(Notice::NewDevice), "{fault:?}");
    // What fails while the mail is written is said there.
    assert!(is_told || has(Notice::MailDropped), "{fault:?}");
    assert!(is_told || first.is_ok(), "{fault:?}");
    (first.is_err(), calls)
}

/// A login that fails may have made the device known, so that the next one is no
/// news.
#[tokio::test]
async fn asvs_6_3_5_the_owner_is_told_of_a_new_device_whatever_fails() {
    let (_, calls) = log_in_twice(None).await;
    let mut failures = 0;
    for call in 1..=calls {
        for fault in [Fault::ErrorBefore, Fault::ErrorAfter] {
            let (has_failed, _) = log_in_twice(Some((call, fault))).await;
            failures += usize::from(has_failed);
        }
    }
    println!("{failures} logins from a new device that failed, 0 untold");
    assert!(failures >= 10, "{failures}");
}

/// Ann, whose hash has outdated parameters, logs in from a new device. If
/// `fails` is the number of a call of the store, that call fails, and her hash
/// is not renewed.
async fn log_in_with_an_older_hash(fails: Option<usize>) -> (Vec<&'static str>, Vec<Notice>) {
    let truth = MemoryStore::new();
    let mut older = config();
    older.hashing.params = Argon2Params::new(16, 2, 1).unwrap();
    Bed::over(truth.clone(), older).register(ANN).await;
    let store = FaultyStore::new(truth);
    let bed = Bed::mailing_over(store.clone(), config());
    let elsewhere =
        RequestContext::from_ip([203, 0, 113, 9].into()).with_user_agent("another browser");
    match fails {
        None => store.watch(0),
        Some(call) => store.inject(call, Fault::ErrorBefore),
    }
    bed.auth
        .login(login(ANN, PASSWORD), &elsewhere)
        .await
        .unwrap();
    bed.auth.flush_mail().await;
    let told = (MailKind::NewDevice, ANN.to_owned());
    assert!(bed.mails().await.contains(&told));
    let events = bed.events.all();
    let with_notices = events.iter().find(|event| !event.notices.is_empty());
    let notices = with_notices.unwrap().notices.iter().collect();
    (store.calm(), notices)
}

#[tokio::test]
async fn one_notice_of_an_event_does_not_hide_another() {
    let (calls, notices) = log_in_with_an_older_hash(None).await;
    assert_eq!(notices, [Notice::NewDevice]);
    let renewal = calls.iter().position(|call| *call == "replace_password");
    let (_, notices) = log_in_with_an_older_hash(Some(renewal.unwrap() + 1)).await;
    assert_eq!(notices, [Notice::NewDevice, Notice::RehashFailed]);
}
