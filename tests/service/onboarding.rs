use std::time::Duration;

use admittance::config::{AuthConfig, RegistrationMode};
use admittance::event::{Notice, Operation};
use admittance::extra::Extra;
use admittance::mail::MailKind;
use admittance::profile::Profile;
use admittance::service::{AccountData, AccountHooks, UpdateProfile, VerifyEmail, VerifyOutcome};
use admittance::store::{Cause, MemoryStore};
use async_trait::async_trait;
use serde_json::json;

use support::bed::{Bed, PASSWORD, config, given, mail_config, registration};

const ANN: &str = "ann@example.org";

#[derive(Clone, Copy, Debug)]
enum Hook {
    Seeds,
    Leaves,
    Fails,
    Hangs,
    Panics,
    SeedsRubbish,
}

#[async_trait]
impl AccountHooks for Hook {
    async fn registered(&self, profile: &Profile, _: &Extra) -> Result<AccountData, Cause> {
        assert_eq!(profile.email, ANN);
        match self {
            Self::Seeds => Ok(given(&json!({"level": "B1"}))),
            Self::Leaves => Ok(AccountData::default()),
            Self::Fails => Err("the hook was told to fail".into()),
            Self::Hangs => std::future::pending().await,
            Self::Panics => panic!("the hook was told to panic"),
            Self::SeedsRubbish => Ok(given(&json!({"$set": {"roles": ["admin"]}}))),
        }
    }
}

fn guided() -> AuthConfig {
    let mut config = config();
    config.onboarding.required_preferences = vec!["level".to_owned(), "goal".to_owned()];
    config.onboarding.hook_timeout = Duration::from_secs(60);
    config
}

fn hooked(hook: Hook, config: AuthConfig) -> Bed {
    Bed::built(MemoryStore::new(), config, |builder, mailbox| {
        builder.mail(mailbox, mail_config()).hooks(hook)
    })
}

#[tokio::test]
async fn answers_and_profile_say_what_is_missing() {
    let bed = hooked(Hook::Seeds, guided());
    let ann = bed.register(ANN).await;
    assert_eq!(ann.missing, ["email_verification", "preferences.goal"]);
    let session = bed.validate(&ann.tokens).await.unwrap();
    assert_eq!(session.profile().missing, ann.missing);
    assert_eq!(json!(session.profile().preferences), json!({"level": "B1"}));
    let change = UpdateProfile {
        name: None,
        preferences: json!({"level": "B2", "goal": "C1"}).as_object().cloned(),
    };
    let profile = bed.auth.update_profile(&session, change, &bed.here).await;
    assert_eq!(profile.unwrap().missing, ["email_verification"]);
    let token = bed.mailed(MailKind::VerifyEmail).await;
    let request = VerifyEmail {
        token,
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    match bed
        .auth
        .verify_email(request, None, &bed.here)
        .await
        .unwrap()
    {
        VerifyOutcome::Opened(answer) => assert!(answer.missing.is_empty()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn asvs_16_5_4_a_hook_that_goes_wrong_leaves_a_whole_user() {
    for hook in [
        Hook::Leaves,
        Hook::Fails,
        Hook::Hangs,
        Hook::Panics,
        Hook::SeedsRubbish,
    ] {
        let mut config = guided();
        if matches!(hook, Hook::Hangs) {
            config.onboarding.hook_timeout = Duration::from_millis(50);
        }
        let bed = hooked(hook, config);
        let ann = bed.register(ANN).await;
        let session = bed.validate(&ann.tokens).await.unwrap();
        assert!(
            session.profile().preferences.as_map().is_empty(),
            "{hook:?}"
        );
        assert_eq!(session.profile().name, "Ann");
        assert!(bed.login(ANN, PASSWORD).await.is_ok());
        let event = bed
            .events
            .all()
            .into_iter()
            .find(|event| event.operation == Operation::Register);
        let notice = (!matches!(hook, Hook::Leaves)).then_some(Notice::HookFailed);
        assert_eq!(event.unwrap().notices.first(), notice, "{hook:?}");
        bed.mail(MailKind::VerifyEmail).await;
    }
}

#[tokio::test]
async fn by_verify_first_the_hook_is_called_when_the_account_is_made() {
    let mut config = guided();
    config.registration = RegistrationMode::VerifyFirst;
    let bed = hooked(Hook::Seeds, config);
    let _ = bed
        .auth
        .register(registration(ANN), &bed.here)
        .await
        .unwrap();
    let token = bed.mailed(MailKind::CompleteRegistration).await;
    let request = VerifyEmail {
        token,
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    match bed
        .auth
        .verify_email(request, None, &bed.here)
        .await
        .unwrap()
    {
        VerifyOutcome::Opened(answer) => assert_eq!(answer.missing, ["preferences.goal"]),
        other => panic!("{other:?}"),
    }
}
