//! Sign in with others: the flows, without HTTP.

use std::time::Duration;

use admittance::config::AuthConfig;
use admittance::error::{AuthError, Field, ViolationCode};
use admittance::event::{Notice, Operation};
use admittance::federation::FlowState;
use admittance::id::UserId;
use admittance::mail::MailKind;
use admittance::proof::Method;
use admittance::secret::FlowHandle;
use admittance::service::{
    Authenticated, FederatedOutcome, FederatedResponse, FinishFederation, RequestContext,
    StartFederation, StartedFederation, VerifyEmail, VerifyOutcome,
};
use admittance::session::SessionLength;
use admittance::store::{MemoryStore, UserStore};
use admittance::user::{User, UserStatus};
use serde_json::json;

use support::bed::{Bed, config, mail_config};
use support::provider::{CALLBACK, ID, NATIVE, Pupil, School};
use support::second_factor::Cards;

pub(super) const ANN: &str = "ann@school.example";
/// An address for which the school is not believed.
pub(super) const ELSEWHERE: &str = "ann@elsewhere.example";

/// An application, and the school that its users sign in with.
pub(super) struct Exam {
    pub(super) bed: Bed,
    pub(super) school: School,
}

impl Exam {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: AuthConfig) -> Self {
        Self::over(MemoryStore::new(), config)
    }

    pub(super) fn over(store: MemoryStore, config: AuthConfig) -> Self {
        Self::built(store, config, None)
    }

    /// One whose users may have cards.
    pub(super) fn with_cards(cards: Cards) -> Self {
        Self::built(MemoryStore::new(), config(), Some(cards))
    }

    fn built(store: MemoryStore, config: AuthConfig, cards: Option<Cards>) -> Self {
        let mut school = None;
        let bed = Bed::built(store, config, |builder, mailbox| {
            let builder = builder.mail(mailbox, mail_config());
            let builder = match cards {
                Some(cards) => builder.second_factor(cards),
                None => builder,
            };
            // The clock of the bed is a manual one, which clones share.
            let clock = admittance::clock::ManualClock::default();
            let provider = School::new(clock.clone());
            school = Some((provider.clone(), clock.clone()));
            builder.clock(clock).federation(provider.federation())
        });
        let (school, clock) = school.unwrap();
        Self {
            bed: Bed { clock, ..bed },
            school,
        }
    }

    pub(super) async fn start(&self) -> StartedFederation {
        let request = StartFederation::default();
        let started = self.bed.auth.start_federation(ID, request, &self.bed.here);
        started.await.unwrap()
    }

    /// The answer of the school, with what the browser keeps.
    pub(super) fn answer(&self, started: &StartedFederation, pupil: &Pupil) -> FinishFederation {
        let mut finish = self.school.answers(&started.authorization_url, pupil);
        finish.flow = Some(started.flow.clone());
        finish
    }

    pub(super) async fn finish(
        &self,
        request: FinishFederation,
    ) -> Result<FederatedOutcome, AuthError> {
        self.finish_by(request, None).await
    }

    pub(super) async fn finish_by(
        &self,
        request: FinishFederation,
        auth: Option<&Authenticated>,
    ) -> Result<FederatedOutcome, AuthError> {
        let auth_service = &self.bed.auth;
        auth_service
            .finish_federation(ID, request, auth, &self.bed.here)
            .await
    }

    /// Signs in from the beginning to the end.
    pub(super) async fn outcome(&self, pupil: &Pupil) -> Result<FederatedOutcome, AuthError> {
        let started = self.start().await;
        self.finish(self.answer(&started, pupil)).await
    }

    pub(super) async fn sign_in(&self, pupil: &Pupil) -> FederatedResponse {
        self.outcome(pupil).await.unwrap().opened().unwrap()
    }

    pub(super) async fn who(&self, response: &FederatedResponse) -> Authenticated {
        self.bed.validate(&response.login.tokens).await.unwrap()
    }

    pub(super) async fn user(&self, id: UserId) -> User {
        self.bed.store.user(id).await.unwrap().unwrap()
    }
}

pub(super) fn pupil() -> Pupil {
    Pupil::new("7", ANN)
}

#[tokio::test]
async fn a_first_sign_in_makes_an_account_and_the_next_one_finds_it() {
    let exam = Exam::new();
    let first = exam.sign_in(&pupil()).await;
    assert!(first.created);
    assert!(first.login.is_verified);
    assert_eq!(
        (first.login.email.as_str(), first.login.name.as_str()),
        (ANN, "Ann Lee")
    );
    let user = exam.user(first.login.user_id).await;
    assert!(user.password_hash.is_none());
    assert_eq!(user.identities.len(), 1);

    exam.bed.clock.advance(Duration::from_secs(60));
    let again = exam.sign_in(&pupil()).await;
    assert!(!again.created);
    assert_eq!(again.login.user_id, first.login.user_id);
    let who = exam.who(&again).await;
    assert_eq!(who.session().proofs.methods(), [Method::Federation]);
    let identity = who.user().identities.iter().next().unwrap();
    assert!(identity.last_used_at > identity.created_at);
    // The school vouches for the address, so no link is mailed.
    assert!(exam.bed.mails().await.is_empty());
    let events = exam.bed.events.all();
    let logins = events
        .iter()
        .filter(|event| event.operation == Operation::FederatedLogin);
    assert_eq!(
        logins
            .filter(|event| event.user_id == Some(user.id))
            .count(),
        2
    );
}

#[tokio::test]
async fn ghsa_66_an_identity_is_its_subject_and_not_its_address_or_name() {
    let exam = Exam::new();
    let first = exam.sign_in(&pupil()).await;
    // The address moves to somebody else at the school, and the person keeps the account.
    let moved = Pupil::new("7", "ann.lee@school.example").with("name", json!("Ann Smith"));
    let again = exam.sign_in(&moved).await;
    assert_eq!(again.login.user_id, first.login.user_id);
    assert_eq!(again.login.email, ANN);
    let refused = exam.outcome(&Pupil::new("8", ANN)).await;
    assert!(
        matches!(refused, Err(AuthError::LinkRequired { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn ghsa_65_an_address_that_the_provider_does_not_host_is_confirmed_by_mail() {
    let exam = Exam::new();
    let first = exam.sign_in(&Pupil::new("7", ELSEWHERE)).await;
    assert!(first.created && !first.login.is_verified);
    let token = exam.bed.mailed(MailKind::VerifyEmail).await;
    let request = VerifyEmail {
        token,
        ..VerifyEmail::default()
    };
    let who = exam.who(&first).await;
    let done = exam
        .bed
        .auth
        .verify_email(request, Some(&who), &exam.bed.here);
    assert!(matches!(done.await.unwrap(), VerifyOutcome::Verified(_)));
    assert!(exam.user(first.login.user_id).await.is_verified);
}

#[tokio::test]
async fn ghsa_64_a_claim_that_is_a_text_does_not_verify_an_address() {
    let exam = Exam::new();
    for (subject, verified) in [("1", json!("true")), ("2", json!(1)), ("3", json!(null))] {
        let email = format!("person{subject}@school.example");
        let pupil = Pupil::new(subject, &email).with("email_verified", verified);
        assert!(!exam.sign_in(&pupil).await.login.is_verified);
    }
}

#[tokio::test]
async fn a_name_is_cleaned_and_that_of_the_mailbox_stands_in_for_none() {
    let exam = Exam::new();
    let long = "\u{e9}".repeat(150);
    for (subject, name, expected) in [
        ("1", json!("  Ann\u{202e}\u{0} Lee\n"), "Ann Lee".to_owned()),
        ("2", json!(long), "\u{e9}".repeat(100)),
        ("3", json!("\u{200b}\u{202e}"), "p3".to_owned()),
        ("4", json!(7), "p4".to_owned()),
        ("5", json!(""), "p5".to_owned()),
    ] {
        let email = format!("p{subject}@school.example");
        let pupil = Pupil::new(subject, &email).with("name", name);
        assert_eq!(exam.sign_in(&pupil).await.login.name, expected);
    }
    let pupil = Pupil::new("6", "p6@school.example").without("name");
    assert_eq!(exam.sign_in(&pupil).await.login.name, "p6");
}

#[tokio::test]
async fn a_person_without_a_usable_address_gets_no_account() {
    let exam = Exam::new();
    for pupil in [
        pupil().without("email"),
        pupil().with("email", json!("no address")),
        pupil().with("email", json!(7)),
    ] {
        match exam.outcome(&pupil).await {
            Err(AuthError::Validation(violations)) => {
                let all = violations.as_slice();
                assert_eq!((all.len(), all[0].field), (1, Field::Email));
                assert_eq!(all[0].code, ViolationCode::Required);
            }
            other => panic!("{other:?}"),
        }
    }
    // A person who has an account needs none.
    exam.sign_in(&pupil()).await;
    assert!(!exam.sign_in(&pupil().without("email")).await.created);
}

#[tokio::test]
async fn an_answer_is_good_once() {
    let exam = Exam::new();
    let started = exam.start().await;
    let answer = exam.answer(&started, &pupil());
    assert!(exam.finish(answer.clone()).await.is_ok());
    let requests = exam.school.requests().len();
    let again = exam.finish(answer).await;
    assert!(matches!(again, Err(AuthError::InvalidFlow)), "{again:?}");
    assert_eq!(exam.school.requests().len(), 0, "after {requests} requests");
}

#[tokio::test]
async fn of_16_concurrent_answers_one_is_accepted() {
    let exam = Exam::new();
    let started = exam.start().await;
    let answer = exam.answer(&started, &pupil());
    let all: Vec<_> = (0..16)
        .map(|_| {
            let (auth, here, answer) =
                (exam.bed.auth.clone(), exam.bed.here.clone(), answer.clone());
            tokio::spawn(async move { auth.finish_federation(ID, answer, None, &here).await })
        })
        .collect();
    let mut opened = 0;
    for one in all {
        match one.await.unwrap() {
            Ok(_) => opened += 1,
            Err(AuthError::InvalidFlow) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn an_answer_comes_within_ten_minutes() {
    for (millis, is_accepted) in [(599_999, true), (600_000, false)] {
        let exam = Exam::new();
        let started = exam.start().await;
        exam.bed.clock.advance(Duration::from_millis(millis));
        let outcome = exam.finish(exam.answer(&started, &pupil())).await;
        assert_eq!(outcome.is_ok(), is_accepted, "{outcome:?}");
    }
}

#[tokio::test]
async fn ghsa_53_an_answer_is_accepted_in_the_browser_that_began_and_no_other() {
    let exam = Exam::new();
    let (mine, theirs) = (exam.start().await, exam.start().await);
    let answer = exam.answer(&mine, &pupil());
    for flow in [
        None,
        Some(FlowHandle::new("")),
        Some(theirs.flow.clone()),
        Some(FlowHandle::new(mine.flow.expose_secret().to_uppercase())),
    ] {
        let mut stolen = answer.clone();
        stolen.flow = flow;
        let refused = exam.finish(stolen).await;
        assert!(
            matches!(refused, Err(AuthError::InvalidFlow)),
            "{refused:?}"
        );
    }
    // What came from elsewhere has not used it up.
    assert!(exam.finish(answer).await.is_ok());
}

#[tokio::test]
async fn ghsa_67_only_a_state_that_was_begun_is_accepted() {
    let exam = Exam::new();
    let started = exam.start().await;
    let answer = exam.answer(&started, &pupil());
    for state in ["", "x", &"A".repeat(43), started.flow.expose_secret()] {
        let mut forged = answer.clone();
        forged.state = Some(FlowState::new(state));
        let refused = exam.finish(forged).await;
        assert!(
            matches!(refused, Err(AuthError::InvalidFlow)),
            "{state}: {refused:?}"
        );
    }
    let mut without = answer.clone();
    without.state = None;
    match exam.finish(without).await {
        Err(AuthError::Validation(violations)) => {
            assert_eq!(violations.as_slice()[0].field, Field::State);
        }
        other => panic!("{other:?}"),
    }
    let elsewhere = exam
        .bed
        .auth
        .finish_federation("other", answer, None, &exam.bed.here);
    assert!(matches!(elsewhere.await, Err(AuthError::NotFound)));
}

#[tokio::test]
async fn a_browser_keeps_one_handle_for_sign_ins_in_several_tabs() {
    let exam = Exam::new();
    let first = exam.start().await;
    let mut request = StartFederation::default();
    request.flow = Some(first.flow.clone());
    let second = exam.bed.auth.start_federation(ID, request, &exam.bed.here);
    let second = second.await.unwrap();
    assert_eq!(second.flow.expose_secret(), first.flow.expose_secret());
    assert!(exam.finish(exam.answer(&first, &pupil())).await.is_ok());
    assert!(exam.finish(exam.answer(&second, &pupil())).await.is_ok());
    // One that the service has not made is replaced.
    let mut request = StartFederation::default();
    request.flow = Some("chosen by a stranger".into());
    let third = exam.bed.auth.start_federation(ID, request, &exam.bed.here);
    assert_ne!(
        third.await.unwrap().flow.expose_secret(),
        "chosen by a stranger"
    );
}

#[tokio::test]
async fn the_provider_that_says_no_or_does_not_answer_leaves_nothing_behind() {
    let exam = Exam::new();
    let started = exam.start().await;
    let mut denied = exam.school.denies(&started.authorization_url);
    denied.flow = Some(started.flow.clone());
    assert!(matches!(
        exam.finish(denied).await,
        Err(AuthError::ProviderDenied)
    ));

    let started = exam.start().await;
    let answer = exam.answer(&started, &pupil());
    exam.school.is_down(true);
    let down = exam.finish(answer).await.unwrap_err();
    assert!(
        matches!(down, AuthError::ProviderUnavailable { .. }),
        "{down:?}"
    );
    assert_eq!(down.retry_after(), Some(Duration::from_secs(30)));
    exam.school.is_down(false);
    assert!(exam.sign_in(&pupil()).await.created);

    let fresh = Exam::new();
    fresh.school.is_down(true);
    let request = StartFederation::default();
    let down = fresh
        .bed
        .auth
        .start_federation(ID, request, &fresh.bed.here)
        .await;
    assert!(
        matches!(down, Err(AuthError::ProviderUnavailable { .. })),
        "{down:?}"
    );
}

#[tokio::test]
async fn signing_in_again_takes_one_request_to_the_provider() {
    let exam = Exam::new();
    exam.sign_in(&pupil()).await;
    exam.school.requests();
    exam.sign_in(&pupil()).await;
    assert_eq!(exam.school.requests(), ["/token"]);
}

#[tokio::test]
async fn ghsa_55_the_page_to_go_on_to_is_one_of_the_application() {
    let exam = Exam::new();
    let start = |page: &str| {
        let mut request = StartFederation::default();
        request.return_to = Some(page.to_owned());
        exam.bed.auth.start_federation(ID, request, &exam.bed.here)
    };
    for page in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:x",
        "",
    ] {
        match start(page).await {
            Err(AuthError::Validation(violations)) => {
                assert_eq!(violations.as_slice()[0].field, Field::ReturnTo, "{page}");
            }
            other => panic!("{page}: {other:?}"),
        }
    }
    let started = start("/exams/7?page=2").await.unwrap();
    let done = exam.finish(exam.answer(&started, &pupil())).await.unwrap();
    assert_eq!(
        done.opened().unwrap().return_to.as_deref(),
        Some("/exams/7?page=2")
    );
}

#[tokio::test]
async fn a_redirect_uri_is_one_that_is_configured() {
    let exam = Exam::new();
    let start = |uri: &str| {
        let mut request = StartFederation::default();
        request.redirect_uri = Some(uri.to_owned());
        exam.bed.auth.start_federation(ID, request, &exam.bed.here)
    };
    for uri in [
        "https://evil.example/callback",
        "",
        "https://exam.example/callback/school/",
        "org.example.exam:/",
    ] {
        match start(uri).await {
            Err(AuthError::Validation(violations)) => {
                assert_eq!(violations.as_slice()[0].field, Field::RedirectUri, "{uri}");
            }
            other => panic!("{uri}: {other:?}"),
        }
    }
    let started = start(NATIVE).await.unwrap();
    assert_eq!(
        School::asked(&started.authorization_url)["redirect_uri"],
        NATIVE
    );
    // The provider checks that the exchange has the same one.
    assert!(exam.finish(exam.answer(&started, &pupil())).await.is_ok());
    let started = exam.start().await;
    assert_eq!(
        School::asked(&started.authorization_url)["redirect_uri"],
        CALLBACK
    );
}

#[tokio::test]
async fn a_session_has_the_length_that_was_requested_at_the_start() {
    let exam = Exam::new();
    let mut request = StartFederation::default();
    request.remember = Some(false);
    let started = exam.bed.auth.start_federation(ID, request, &exam.bed.here);
    let started = started.await.unwrap();
    let done = exam.finish(exam.answer(&started, &pupil())).await.unwrap();
    let who = exam.who(&done.opened().unwrap()).await;
    assert_eq!(who.session().length, SessionLength::Short);
}

#[tokio::test]
async fn a_disabled_account_is_refused_whatever_the_provider_says() {
    let exam = Exam::new();
    let first = exam.sign_in(&pupil()).await;
    let user = exam.user(first.login.user_id).await;
    let disabled = UserStatus::Disabled;
    assert!(
        exam.bed
            .store
            .set_status(user.id, user.version, disabled)
            .await
            .unwrap()
            .is_some()
    );
    let refused = exam.outcome(&pupil()).await;
    assert!(
        matches!(refused, Err(AuthError::AccountDisabled)),
        "{refused:?}"
    );
    assert!(exam.bed.validate(&first.login.tokens).await.is_err());
}

#[tokio::test]
async fn a_new_device_is_told_to_the_owner() {
    let exam = Exam::new();
    exam.sign_in(&pupil()).await;
    let there = RequestContext::from_ip([198, 51, 100, 9].into()).with_user_agent("other");
    let started = exam.start().await;
    let answer = exam.answer(&started, &pupil());
    let done = exam.bed.auth.finish_federation(ID, answer, None, &there);
    assert!(done.await.unwrap().opened().is_some());
    assert_eq!(
        exam.bed.mails().await,
        [(MailKind::NewDevice, ANN.to_owned())]
    );
    let events = exam.bed.events.all();
    let mut logins = events
        .iter()
        .filter(|event| event.operation == Operation::FederatedLogin);
    assert!(logins.any(|event| event.notices.contains(Notice::NewDevice)));
}
