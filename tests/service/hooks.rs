//! The application's part in the life of an account.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::config::{AuthConfig, RegistrationMode};
use admittance::error::{Field, ViolationCode, Violations};
use admittance::event::{Notice, Operation, TakenOver};
use admittance::extra::Extra;
use admittance::mail::MailKind;
use admittance::profile::Profile;
use admittance::service::{
    AccountData, AccountHooks, Authenticated, ChangeEmail, DeleteAccount, EmailRequest, HookError,
    LinkRequest, NewAddress, NewUser, RegisterRequest, RegistrationAttempt, RegistrationExtra,
    RemovalReason, UpdateProfile, VerifyEmail, VerifyOutcome,
};
use admittance::store::{Cause, MemoryStore, UserStore};
use admittance::user::User;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, given, mail_config, registration};

const ANN: &str = "ann@example.org";

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Fails,
    Panics,
    Hangs,
    Refuses(Field),
    /// Refuses without a reason.
    Shrugs,
}

/// Takes note of its calls, and acts as it is told.
#[derive(Clone, Default)]
pub(crate) struct School(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<String>,
    acts: BTreeMap<&'static str, Act>,
    gives: Option<Value>,
    gives_metadata: Option<Value>,
}

impl School {
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    pub(crate) fn act(&self, call: &'static str, act: Act) {
        self.0.lock().unwrap().acts.insert(call, act);
    }

    pub(crate) fn recover(&self) {
        self.0.lock().unwrap().acts.clear();
    }

    async fn call(&self, call: &'static str, words: impl AsRef<str>) -> Result<(), HookError> {
        let act = {
            let mut state = self.0.lock().unwrap();
            state.calls.push(format!("{call} {}", words.as_ref()));
            state.acts.get(call).copied()
        };
        match act {
            None => Ok(()),
            Some(Act::Fails) => Err(HookError::failed("the hook was told to fail")),
            Some(Act::Panics) => panic!("the hook was told to panic"),
            Some(Act::Hangs) => std::future::pending().await,
            Some(Act::Refuses(field)) => {
                let code = ViolationCode::Refused;
                Err(HookError::refused(field, code, "Not at this school."))
            }
            Some(Act::Shrugs) => Err(Violations::default().into()),
        }
    }

    async fn told(&self, call: &'static str, words: &str) -> Result<(), Cause> {
        self.call(call, words).await.map_err(|error| match error {
            HookError::Failed(cause) => cause,
            HookError::Refused(_) => "only calls before an act refuse".into(),
        })
    }

    fn gives(&self) -> AccountData {
        let state = self.0.lock().unwrap();
        let data = state.gives.as_ref().map(given).unwrap_or_default();
        let metadata = state.gives_metadata.as_ref().and_then(Value::as_object);
        match metadata {
            Some(metadata) => data.metadata(metadata.clone()),
            None => data,
        }
    }
}

#[async_trait]
impl AccountHooks for School {
    async fn registering(&self, attempt: &RegistrationAttempt) -> Result<(), HookError> {
        assert!(attempt.context.ip().is_some());
        let extra = Value::Object(attempt.extra.as_map().clone());
        let words = format!("{} {} {extra}", attempt.email_canonical, attempt.name);
        self.call("registering", words).await
    }

    async fn registered(&self, profile: &Profile, extra: &Extra) -> Result<AccountData, Cause> {
        let words = format!(
            "{} {}",
            profile.email,
            Value::Object(extra.as_map().clone())
        );
        self.told("registered", &words).await?;
        Ok(self.gives())
    }

    async fn verified(&self, profile: &Profile) -> Result<(), Cause> {
        assert!(profile.is_verified);
        self.told("verified", &profile.email).await
    }

    async fn taken_over(
        &self,
        profile: &Profile,
        before: &TakenOver,
    ) -> Result<AccountData, Cause> {
        let words = format!(
            "{} {} {}",
            profile.name,
            before.name,
            json!(before.preferences)
        );
        self.told("taken_over", &words).await?;
        Ok(self.gives())
    }

    async fn changing_email(&self, profile: &Profile, to: &NewAddress) -> Result<(), HookError> {
        let words = format!("{} {}", profile.email, to.email_canonical);
        self.call("changing_email", words).await
    }

    async fn removing(&self, profile: &Profile, reason: RemovalReason) -> Result<(), HookError> {
        let words = format!("{} {reason:?}", profile.email);
        self.call("removing", words).await
    }

    async fn removed(&self, profile: &Profile) -> Result<(), Cause> {
        self.told("removed", &profile.email).await
    }

    async fn exporting(&self, profile: &Profile) -> Result<Option<Map<String, Value>>, Cause> {
        self.told("exporting", &profile.email).await?;
        Ok(json!({ "answers": 3 }).as_object().cloned())
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Student {
    class: String,
}

impl RegistrationExtra for Student {
    fn validate(&self, violations: &mut Violations) {
        if self.class.is_empty() {
            violations.push_extra("class", ViolationCode::Required, "Choose your class.");
        }
    }
}

pub(crate) fn school_over(store: MemoryStore, mut config: AuthConfig) -> (Bed, School) {
    let school = School::default();
    config.onboarding.hook_timeout = Duration::from_millis(50);
    let hooks = school.clone();
    let bed = Bed::built(store, config, |builder, mailbox| {
        builder
            .mail(mailbox, mail_config())
            .hooks(hooks)
            .registration_extra::<Student>()
    });
    (bed, school)
}

pub(crate) fn school() -> (Bed, School) {
    school_over(MemoryStore::new(), config())
}

pub(crate) fn student(email: &str) -> RegisterRequest {
    RegisterRequest {
        extra: json!({ "class": "7b" }).as_object().cloned(),
        ..registration(email)
    }
}

pub(crate) async fn stored(bed: &Bed) -> Vec<User> {
    bed.store.users(None, 100).await.unwrap()
}

pub(crate) fn delete() -> DeleteAccount {
    DeleteAccount {
        current_password: PASSWORD.into(),
    }
}

/// Confirms the address by the link and the password.
async fn verify(bed: &Bed, kind: MailKind) {
    let request = VerifyEmail {
        token: bed.mailed(kind).await,
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    let verified = bed.auth.verify_email(request, None, &bed.here).await;
    assert!(matches!(verified, Ok(VerifyOutcome::Opened(_))));
}

/// A student who has just registered.
pub(crate) async fn registered(bed: &Bed) -> Authenticated {
    let answer = bed.auth.register(student(ANN), &bed.here).await.unwrap();
    let tokens = answer.opened().unwrap().tokens;
    bed.validate(&tokens).await.unwrap()
}

pub(crate) fn failed(bed: &Bed, operation: Operation) -> bool {
    let events = bed.events.all();
    let event = events.iter().rfind(|event| event.operation == operation);
    event.unwrap().notices.contains(Notice::HookFailed)
}

#[tokio::test]
async fn the_hooks_are_called_through_the_life_of_an_account() {
    let (bed, school) = school();
    let answer = bed.auth.register(student("Ann@Example.org"), &bed.here);
    let tokens = answer.await.unwrap().opened().unwrap().tokens;
    assert_eq!(
        school.calls(),
        [
            r#"registering ann@example.org Ann {"class":"7b"}"#,
            r#"registered Ann@Example.org {"class":"7b"}"#,
        ]
    );
    verify(&bed, MailKind::VerifyEmail).await;
    assert_eq!(school.calls(), ["verified Ann@Example.org"]);
    bed.login(ANN, PASSWORD).await.unwrap();
    let tokens = bed.refresh(&tokens).await.unwrap();
    assert!(school.calls().is_empty());
    let ann = bed.validate(&tokens).await.unwrap();
    let export = bed.auth.export_account(&ann, &bed.here).await.unwrap();
    assert_eq!(school.calls(), ["exporting Ann@Example.org"]);
    assert_eq!(json!(export)["application"], json!({ "answers": 3 }));
    assert_eq!(json!(export).get("extra"), None);
    bed.auth
        .delete_account(&ann, delete(), &bed.here)
        .await
        .unwrap();
    let gone = [
        "removing Ann@Example.org Deleted",
        "removed Ann@Example.org",
    ];
    assert_eq!(school.calls(), gone);
}

#[tokio::test]
async fn by_verify_first_what_was_sent_along_waits_for_the_link() {
    let mut settings = config();
    settings.registration = RegistrationMode::VerifyFirst;
    let (bed, school) = school_over(MemoryStore::new(), settings);
    let _ = bed.auth.register(student(ANN), &bed.here).await.unwrap();
    let asked = [r#"registering ann@example.org Ann {"class":"7b"}"#];
    assert_eq!(school.calls(), asked);
    // The link of a second mail has it too.
    let request = EmailRequest { email: ANN.into() };
    let again = bed.auth.resend_verification(request, &bed.here).await;
    assert!(again.is_ok());
    verify(&bed, MailKind::CompleteRegistration).await;
    let made = [
        r#"registered ann@example.org {"class":"7b"}"#,
        "verified ann@example.org",
    ];
    assert_eq!(school.calls(), made);
    // A taken address is asked for like a free one.
    let _ = bed.auth.register(student(ANN), &bed.here).await.unwrap();
    assert_eq!(school.calls(), asked);
}

#[tokio::test]
async fn a_call_is_repeated_at_the_next_login_and_refresh_until_it_succeeds() {
    for act in [Act::Fails, Act::Panics, Act::Hangs] {
        let (bed, school) = school();
        school.act("registered", act);
        let answer = bed.auth.register(student(ANN), &bed.here).await.unwrap();
        let tokens = answer.opened().unwrap().tokens;
        assert!(failed(&bed, Operation::Register));
        school.calls();
        let registered = r#"registered ann@example.org {"class":"7b"}"#;

        // What waits is in the export.
        let ann = bed.validate(&tokens).await.unwrap();
        let export = bed.auth.export_account(&ann, &bed.here).await.unwrap();
        assert_eq!(json!(export)["extra"], json!({ "class": "7b" }));
        school.calls();

        // The call after it waits too.
        verify(&bed, MailKind::VerifyEmail).await;
        assert_eq!(school.calls(), [registered], "{act:?}");
        bed.login(ANN, PASSWORD).await.unwrap();
        assert_eq!(school.calls(), [registered], "{act:?}");
        assert!(failed(&bed, Operation::Login));
        school.recover();
        school.act("verified", act);
        let tokens = bed.refresh(&tokens).await.unwrap();
        let both = [registered, "verified ann@example.org"];
        assert_eq!(school.calls(), both, "{act:?}");
        assert!(failed(&bed, Operation::Refresh));
        school.recover();
        bed.login(ANN, PASSWORD).await.unwrap();
        assert_eq!(school.calls(), ["verified ann@example.org"], "{act:?}");
        bed.login(ANN, PASSWORD).await.unwrap();
        bed.refresh(&tokens).await.unwrap();
        assert!(school.calls().is_empty(), "{act:?}");
        assert_eq!(stored(&bed).await[0].pending_hook, None);
    }
}

#[tokio::test]
async fn a_repeated_call_does_not_replace_the_preferences_that_the_user_has_by_then() {
    let (bed, school) = school();
    school.0.lock().unwrap().gives = Some(json!({ "level": "A1" }));
    school.act("registered", Act::Fails);
    let ann = registered(&bed).await;
    let own = json!({ "level": "C2" });
    let change = UpdateProfile {
        name: None,
        preferences: own.as_object().cloned(),
    };
    bed.auth
        .update_profile(&ann, change, &bed.here)
        .await
        .unwrap();
    school.recover();
    bed.login(ANN, PASSWORD).await.unwrap();
    assert_eq!(json!(stored(&bed).await[0].preferences), own);
}

#[tokio::test]
async fn a_repeated_call_does_not_replace_the_metadata_that_was_set_meanwhile() {
    let (bed, school) = school();
    school.0.lock().unwrap().gives_metadata = Some(json!({ "plan": "free", "class": "7b" }));
    school.act("registered", Act::Fails);
    let ann = registered(&bed).await;
    let bought = json!({ "plan": "school" });
    let bought = bought.as_object().cloned().unwrap();
    let set = bed.auth.set_metadata(ann.user().id, bought, &bed.here);
    set.await.unwrap();
    school.recover();
    bed.login(ANN, PASSWORD).await.unwrap();
    let kept = json!(stored(&bed).await[0].metadata);
    assert_eq!(kept, json!({ "plan": "school", "class": "7b" }));
}

#[tokio::test]
async fn a_take_over_is_told_until_the_application_has_taken_it() {
    let (bed, school) = school();
    let squatter = registered(&bed).await;
    let change = UpdateProfile {
        name: Some("Mallory".into()),
        preferences: json!({ "note": "mine" }).as_object().cloned(),
    };
    let changed = bed.auth.update_profile(&squatter, change, &bed.here).await;
    assert!(changed.is_ok());
    school.calls();
    school.act("taken_over", Act::Fails);
    bed.reset_password(ANN, OTHER_PASSWORD).await;
    let told = r#"taken_over ann Mallory {"note":"mine"}"#;
    assert_eq!(school.calls(), [told]);
    bed.login(ANN, OTHER_PASSWORD).await.unwrap();
    assert_eq!(school.calls(), [told]);
    school.recover();
    bed.login(ANN, OTHER_PASSWORD).await.unwrap();
    assert_eq!(school.calls(), [told, "verified ann@example.org"]);
    bed.login(ANN, OTHER_PASSWORD).await.unwrap();
    assert!(school.calls().is_empty());
}

#[tokio::test]
async fn ghsa_1_what_a_stranger_sent_along_is_not_handed_over_for_the_owner() {
    let (bed, school) = school();
    school.act("registered", Act::Fails);
    let _ = bed.auth.register(student(ANN), &bed.here).await.unwrap();
    school.recover();
    school.calls();
    bed.reset_password(ANN, OTHER_PASSWORD).await;
    let anew = ["registered ann@example.org {}", "verified ann@example.org"];
    assert_eq!(school.calls(), anew);
}

#[tokio::test]
async fn an_account_that_is_older_than_the_hooks_is_told_of_when_it_is_verified() {
    let store = MemoryStore::new();
    let before = Bed::mailing_over(store.clone(), config());
    for email in [ANN, "ben@example.org"] {
        before.register(email).await;
    }
    let (bed, school) = school_over(store, config());
    bed.login(ANN, PASSWORD).await.unwrap();
    assert!(school.calls().is_empty());
    school.act("verified", Act::Fails);
    bed.reset_password(ANN, OTHER_PASSWORD).await;
    let request = EmailRequest {
        email: "ben@example.org".into(),
    };
    let resent = bed.auth.resend_verification(request, &bed.here).await;
    assert!(resent.is_ok());
    verify(&bed, MailKind::VerifyEmail).await;
    school.recover();
    school.calls();
    bed.login(ANN, OTHER_PASSWORD).await.unwrap();
    bed.login("ben@example.org", PASSWORD).await.unwrap();
    let told = school.calls();
    assert_eq!(told.last().unwrap(), "verified ben@example.org");
    assert!(
        told.iter().any(|call| call == "verified ann@example.org"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_change_of_address_verifies_too() {
    let (bed, school) = school();
    let ann = registered(&bed).await;
    let change = ChangeEmail {
        new_email: "ann.lee@example.org".into(),
        current_password: PASSWORD.into(),
    };
    bed.auth
        .change_email(&ann, change, &bed.here)
        .await
        .unwrap();
    let token = bed.mailed(MailKind::ConfirmEmailChange).await;
    school.calls();
    let request = LinkRequest { token };
    let changed = bed.auth.confirm_email_change(&ann, request, &bed.here);
    assert!(changed.await.is_ok());
    assert_eq!(school.calls(), ["verified ann.lee@example.org"]);
}

#[tokio::test]
async fn an_account_that_is_created_for_somebody_is_taken_without_being_asked_for() {
    let (bed, school) = school();
    let new = NewUser::new(ANN, "Ann");
    bed.auth.create_user(new, &bed.here).await.unwrap();
    assert_eq!(school.calls(), ["registered ann@example.org {}"]);
    bed.reset_password(ANN, OTHER_PASSWORD).await;
    assert_eq!(school.calls(), ["verified ann@example.org"]);
    let mut new = NewUser::new("ben@example.org", "Ben");
    new.is_verified = true;
    bed.auth.create_user(new, &bed.here).await.unwrap();
    let both = ["registered ben@example.org {}", "verified ben@example.org"];
    assert_eq!(school.calls(), both);
}
