//! An account whose address a stranger registered, after its owner has reset the
//! password: nothing of what the stranger wrote is left in it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::event::{AuthEvent, Notice, Operation, TakenOver};
use admittance::extra::Extra;
use admittance::mail::MailKind;
use admittance::profile::Profile;
use admittance::service::{
    AccountData, AccountHooks, ChangeEmail, DeleteAccount, EmailRequest, RequestContext, Tokens,
    UpdateProfile, VerifyEmail,
};
use admittance::store::{Cause, MemoryStore, UserStore};
use async_trait::async_trait;
use serde_json::{Value, json};

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, given, mail_config, registration};

const OWNER: &str = "owner@example.org";
const NAME: &str = "Mallory of evil.example";

/// What the hook was told: the name of the account as it is, and as it was.
type Told = Arc<Mutex<Vec<(Profile, TakenOver)>>>;

#[derive(Clone, Copy, Debug)]
enum Act {
    Leaves,
    Seeds,
    Fails,
    Panics,
    Hangs,
}

struct Hook {
    act: Act,
    told: Told,
}

#[async_trait]
impl AccountHooks for Hook {
    async fn registered(&self, _: &Profile, _: &Extra) -> Result<AccountData, Cause> {
        Ok(AccountData::default())
    }

    async fn taken_over(
        &self,
        profile: &Profile,
        before: &TakenOver,
    ) -> Result<AccountData, Cause> {
        let told = (profile.clone(), before.clone());
        self.told.lock().unwrap().push(told);
        match self.act {
            Act::Leaves => Ok(AccountData::default()),
            Act::Seeds => Ok(given(&json!({ "level": "A1" }))),
            Act::Fails => Err("the hook was told to fail".into()),
            Act::Panics => panic!("the hook was told to panic"),
            Act::Hangs => std::future::pending().await,
        }
    }
}

fn hooked(act: Act) -> (Bed, Told) {
    let told = Told::default();
    let hook = Hook {
        act,
        told: Arc::clone(&told),
    };
    let mut settings = config();
    settings.onboarding.hook_timeout = Duration::from_millis(50);
    let bed = Bed::built(MemoryStore::new(), settings, |builder, mailbox| {
        builder.mail(mailbox, mail_config()).hooks(hook)
    });
    (bed, told)
}

fn preferences() -> Value {
    json!({ "language": "de", "note": NAME })
}

/// The stranger's session, in an account with a name and preferences.
async fn squat(bed: &Bed) -> Tokens {
    let mut request = registration(OWNER);
    request.name = NAME.into();
    let answer = bed.auth.register(request, &bed.here).await.unwrap();
    let tokens = answer.opened().unwrap().tokens;
    let squatter = bed.validate(&tokens).await.unwrap();
    let change = UpdateProfile {
        name: None,
        preferences: preferences().as_object().cloned(),
    };
    let changed = bed.auth.update_profile(&squatter, change, &bed.here).await;
    assert!(changed.is_ok());
    tokens
}

fn of_reset(bed: &Bed) -> AuthEvent {
    let events = bed.events.all();
    let is_reset = |event: &AuthEvent| event.operation == Operation::ResetPassword;
    events.into_iter().rfind(is_reset).unwrap()
}

async fn profile(bed: &Bed) -> Profile {
    let tokens = bed.login(OWNER, OTHER_PASSWORD).await.unwrap().tokens;
    bed.validate(&tokens).await.unwrap().profile()
}

#[tokio::test]
async fn ghsa_1_a_reset_takes_over_an_unconfirmed_account_without_what_was_written_in_it() {
    let (bed, told) = hooked(Act::Leaves);
    squat(&bed).await;
    bed.reset_password(OWNER, OTHER_PASSWORD).await;
    let event = of_reset(&bed);
    assert_eq!(event.refused, None);
    assert!(event.notices.contains(Notice::AccountTakenOver));
    let before = event.taken_over.clone().unwrap();
    assert_eq!(before.name, NAME);
    assert_eq!(json!(before.preferences), preferences());
    let written = serde_json::to_value(&event).unwrap();
    assert_eq!(written["taken_over"]["preferences"], preferences());

    let told = told.lock().unwrap().clone();
    let [(now, given)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(given, &*before);
    assert_eq!((now.name.as_str(), now.is_verified), ("owner", true));
    assert_eq!(json!(now.preferences), json!({}));
    let profile = profile(&bed).await;
    assert_eq!(profile.name, "owner");
    assert_eq!(json!(profile.preferences), json!({}));
}

#[tokio::test]
async fn ghsa_1_what_a_squatter_called_the_account_is_in_no_later_mail() {
    let (bed, _) = hooked(Act::Leaves);
    let squatter = squat(&bed).await;
    bed.reset_password(OWNER, OTHER_PASSWORD).await;
    let elsewhere = RequestContext::from_ip([203, 0, 113, 9].into()).with_user_agent("Firefox");
    let (auth, here) = (&bed.auth, &bed.here);
    let login = support::bed::login(OWNER, OTHER_PASSWORD);
    auth.login(login, &elsewhere).await.unwrap();
    for _ in 0..10 {
        let wrong = support::bed::login(OWNER, PASSWORD);
        assert!(auth.login(wrong, &elsewhere).await.is_err());
        bed.clock.advance(Duration::from_secs(900));
    }
    let request = EmailRequest {
        email: OWNER.into(),
    };
    auth.forgot_password(request, here).await.unwrap();
    bed.clock.advance(Duration::from_secs(86_400));
    let tokens = bed.login(OWNER, OTHER_PASSWORD).await.unwrap().tokens;
    let owner = bed.validate(&tokens).await.unwrap();
    let changed = bed.change_password(&owner, OTHER_PASSWORD, PASSWORD).await;
    let owner = bed.validate(&changed.unwrap().tokens).await.unwrap();
    let change = ChangeEmail {
        new_email: "next@example.org".into(),
        current_password: PASSWORD.into(),
    };
    auth.change_email(&owner, change, here).await.unwrap();
    let _ = auth.register(registration(OWNER), here).await;
    let delete = DeleteAccount {
        current_password: PASSWORD.into(),
    };
    auth.delete_account(&owner, delete, here).await.unwrap();
    assert!(bed.validate(&squatter).await.is_err());

    auth.flush_mail().await;
    let mails = bed.mailbox.take();
    let kinds: BTreeSet<MailKind> = mails.iter().map(|mail| mail.kind).collect();
    for kind in [
        MailKind::PasswordChanged,
        MailKind::NewDevice,
        MailKind::AccountLocked,
        MailKind::ResetPassword,
        MailKind::EmailChangeRequested,
        MailKind::ConfirmEmailChange,
        MailKind::AccountDeleted,
    ] {
        assert!(kinds.contains(&kind), "{kind:?} of {kinds:?}");
    }
    for mail in mails {
        let whole = format!("{} {} {}", mail.subject, mail.text, mail.html);
        assert!(!whole.contains("Mallory"), "{whole}");
        assert!(!whole.contains("evil.example"), "{whole}");
    }
}

#[tokio::test]
async fn what_the_hook_gives_becomes_the_preferences_and_what_it_fails_with_changes_nothing() {
    for (act, kept, fails) in [
        (Act::Leaves, json!({}), false),
        (Act::Seeds, json!({ "level": "A1" }), false),
        (Act::Fails, json!({}), true),
        (Act::Panics, json!({}), true),
        (Act::Hangs, json!({}), true),
    ] {
        let (bed, told) = hooked(act);
        squat(&bed).await;
        bed.reset_password(OWNER, OTHER_PASSWORD).await;
        assert_eq!(told.lock().unwrap().len(), 1, "{act:?}");
        let event = of_reset(&bed);
        assert_eq!(event.refused, None, "{act:?}");
        assert_eq!(event.notices.contains(Notice::HookFailed), fails, "{act:?}");
        let now = profile(&bed).await;
        assert_eq!(json!(now.preferences), kept, "{act:?}");
        assert_eq!(now.name, "owner", "{act:?}");
    }
}

#[tokio::test]
async fn a_reset_of_a_confirmed_account_leaves_name_and_preferences() {
    let (bed, told) = hooked(Act::Seeds);
    let tokens = squat(&bed).await;
    let owner = bed.validate(&tokens).await.unwrap();
    let request = VerifyEmail {
        token: bed.mailed(MailKind::VerifyEmail).await,
        password: None,
        ticket: None,
    };
    let verified = bed.auth.verify_email(request, Some(&owner), &bed.here);
    drop(verified.await.unwrap());
    // The first reset after that, and another one.
    for _ in 0..2 {
        bed.reset_password(OWNER, OTHER_PASSWORD).await;
        let event = of_reset(&bed);
        assert!(!event.notices.contains(Notice::AccountTakenOver));
        assert_eq!(event.taken_over, None);
        assert!(told.lock().unwrap().is_empty());
        let profile = profile(&bed).await;
        assert_eq!(profile.name, NAME);
        assert_eq!(json!(profile.preferences), preferences());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_1_a_squatter_who_writes_at_the_same_moment_leaves_nothing() {
    for round in 0..30 {
        let (bed, _) = hooked(Act::Leaves);
        let tokens = squat(&bed).await;
        let squatter = bed.validate(&tokens).await.unwrap();
        let (auth, here) = (bed.auth.clone(), bed.here.clone());
        let writing = tokio::spawn(async move {
            for number in 0_u32.. {
                let change = UpdateProfile {
                    name: Some(format!("{NAME} {number}")),
                    preferences: json!({ "note": number }).as_object().cloned(),
                };
                if auth.update_profile(&squatter, change, &here).await.is_err() {
                    return number;
                }
                tokio::task::yield_now().await;
            }
            0
        });
        bed.reset_password(OWNER, OTHER_PASSWORD).await;
        writing.await.unwrap();
        let email = admittance::email::Email::parse(OWNER).unwrap();
        let user = bed.store.user_by_email(email.canonical()).await.unwrap();
        let user = user.unwrap();
        assert_eq!(user.name.as_str(), "owner", "round {round}");
        assert_eq!(json!(user.preferences), json!({}), "round {round}");
    }
}
