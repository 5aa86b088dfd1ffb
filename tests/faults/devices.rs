//! Logins from devices that are new, with a store that fails once.

use admittance::error::AuthError;
use admittance::event::Notice;
use admittance::mail::MailKind;
use admittance::service::RequestContext;
use admittance::store::MemoryStore;

use crate::faulty::{Fault, FaultyStore};
use crate::scene::{ANN, BOB};
use crate::support::bed::{Bed, PASSWORD, config, login};

/// Ann logs in from a device that is new, where Bob was logged in, and tries again
/// when that fails. `fault` is what goes wrong, at which call of the store. Says
/// whether the first attempt failed, and how many calls it made.
async fn log_in_twice(fault: Option<(usize, Fault)>) -> (bool, usize) {
    let store = FaultyStore::new(MemoryStore::new());
    let bed = Bed::mailing_over(store.clone(), config());
    bed.register(ANN).await;
    let bob = bed.register(BOB).await.tokens.refresh_token;
    bed.mails().await;
    let elsewhere = RequestContext {
        replaces: Some(bed.auth.session_of(&bob).unwrap()),
        ..RequestContext::from_ip([203, 0, 113, 9].into()).with_user_agent("another browser")
    };
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
    let has = |notice| events.iter().any(|event| event.notice == Some(notice));
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
