//! Linking an identity to an account, unlinking it, and what a squatter gains by either.

use std::time::Duration;

use admittance::error::AuthError;
use admittance::event::Operation;
use admittance::identity::{Identity, ProviderId};
use admittance::mail::MailKind;
use admittance::proof::Method;
use admittance::secret::Ticket;
use admittance::service::{
    Authenticated, EmailRequest, FederatedResponse, LinkIdentity, LinkOutcome, StartFederation,
    StartedFederation,
};
use admittance::store::{IdentityLink, SessionStore, UserStore};
use admittance::user::UserStatus;
use serde_json::json;

use super::federation::{ANN, ELSEWHERE, Exam, pupil};
use support::bed::{OTHER_PASSWORD, PASSWORD};
use support::provider::{ID, Pupil};

pub(super) const MALLORY: &str = "mallory@elsewhere.example";

impl Exam {
    pub(super) async fn link_required(&self, pupil: &Pupil) -> (Ticket, bool) {
        match self.outcome(pupil).await {
            Err(AuthError::LinkRequired {
                ticket,
                can_start_anew,
                expires_in,
            }) => {
                assert_eq!(expires_in, Duration::from_secs(600));
                (ticket, can_start_anew)
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn link(
        &self,
        request: LinkIdentity,
        auth: Option<&Authenticated>,
    ) -> Result<LinkOutcome, AuthError> {
        self.bed
            .auth
            .link_identity(request, auth, &self.bed.here)
            .await
    }

    pub(super) async fn start_linking(
        &self,
        auth: &Authenticated,
    ) -> Result<StartedFederation, AuthError> {
        let request = StartFederation::default();
        self.bed
            .auth
            .start_linking(auth, ID, request, &self.bed.here)
            .await
    }

    /// Links the identity of `pupil` from the session of `auth`.
    pub(super) async fn linked(
        &self,
        auth: &Authenticated,
        pupil: &Pupil,
    ) -> Result<FederatedResponse, AuthError> {
        let started = self.start_linking(auth).await?;
        let outcome = self
            .finish_by(self.answer(&started, pupil), Some(auth))
            .await?;
        Ok(outcome.opened().unwrap())
    }

    /// Registers by password; the address is verified if it is to be.
    pub(super) async fn registered(&self, email: &str, is_verified: bool) -> Authenticated {
        let registered = self.bed.register(email).await;
        if is_verified {
            let state = self.user(registered.user_id).await.exact_state();
            assert!(self.bed.store.verify_email(&state).await.unwrap());
        }
        let login = self.bed.login(email, PASSWORD).await.unwrap();
        self.bed.mails().await;
        self.bed.validate(&login.tokens).await.unwrap()
    }
}

pub(super) fn by_password(ticket: &Ticket, password: &str) -> LinkIdentity {
    let mut request = by_session(ticket);
    request.current_password = Some(password.into());
    request
}

pub(super) fn by_session(ticket: &Ticket) -> LinkIdentity {
    let mut request = LinkIdentity::default();
    request.ticket = ticket.clone();
    request
}

pub(super) fn anew(ticket: &Ticket) -> LinkIdentity {
    let mut request = by_session(ticket);
    request.start_anew = Some(true);
    request
}

#[tokio::test]
async fn ghsa_2_an_account_is_never_linked_because_the_address_is_the_same() {
    for is_verified in [true, false] {
        for email_verified in [true, false] {
            let exam = Exam::new();
            let ann = exam.registered(ANN, is_verified).await;
            let pupil = pupil().with("email_verified", json!(email_verified));
            let (_, can_start_anew) = exam.link_required(&pupil).await;
            assert_eq!(can_start_anew, !is_verified && email_verified);
            let user = exam.user(ann.user().id).await;
            assert!(user.identities.is_empty());
            assert_eq!(user.is_verified, is_verified);
        }
    }
}

#[tokio::test]
async fn the_password_links_and_opens_a_session_with_both_proofs() {
    let exam = Exam::new();
    let ann = exam.registered(ANN, true).await;
    let (ticket, _) = exam.link_required(&pupil()).await;
    let wrong = exam.link(by_password(&ticket, OTHER_PASSWORD), None).await;
    assert!(
        matches!(wrong, Err(AuthError::InvalidCredentials)),
        "{wrong:?}"
    );
    let without = exam.link(by_session(&ticket), None).await;
    assert!(
        matches!(without, Err(AuthError::ProofRequired)),
        "{without:?}"
    );
    let LinkOutcome::Opened(opened) = exam
        .link(by_password(&ticket, PASSWORD), None)
        .await
        .unwrap()
    else {
        panic!("no session");
    };
    assert!(!opened.created);
    let who = exam.who(&opened).await;
    assert_eq!(who.user().id, ann.user().id);
    assert_eq!(
        who.session().proofs.methods(),
        [Method::Password, Method::Federation]
    );
    let mail = exam.bed.mail(MailKind::IdentityLinked).await;
    assert_eq!(mail.to.as_str(), ANN);
    assert!(mail.text.contains("with an account at School."));
    let again = exam.link(by_password(&ticket, PASSWORD), None).await;
    assert!(matches!(again, Err(AuthError::InvalidFlow)), "{again:?}");
    assert_eq!(exam.sign_in(&pupil()).await.login.user_id, ann.user().id);
}

#[tokio::test]
async fn ghsa_72_wrong_passwords_count_against_the_account_and_not_the_ticket() {
    let exam = Exam::new();
    exam.registered(ANN, true).await;
    let mut wrong = 0;
    let refused = loop {
        let (ticket, _) = exam.link_required(&pupil()).await;
        match exam.link(by_password(&ticket, OTHER_PASSWORD), None).await {
            Err(AuthError::InvalidCredentials) => wrong += 1,
            other => break other,
        }
        assert!(wrong <= 100, "tickets give any number of tries");
    };
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_recent_session_of_the_account_links_and_no_other() {
    let exam = Exam::new();
    let ann = exam.registered(ANN, true).await;
    let bob = exam.registered("bob@school.example", true).await;
    let (ticket, _) = exam.link_required(&pupil()).await;
    let theirs = exam.link(by_session(&ticket), Some(&bob)).await;
    assert!(
        matches!(theirs, Err(AuthError::ProofRequired)),
        "{theirs:?}"
    );
    let done = exam.link(by_session(&ticket), Some(&ann)).await.unwrap();
    assert!(matches!(done, LinkOutcome::Linked(_)));
    assert_eq!(exam.sign_in(&pupil()).await.login.user_id, ann.user().id);

    let other = Exam::new();
    let ann = other.registered(ANN, true).await;
    other.bed.clock.advance(Duration::from_secs(601));
    let (ticket, _) = other.link_required(&pupil()).await;
    let old = other.link(by_session(&ticket), Some(&ann)).await;
    assert!(
        matches!(old, Err(AuthError::RecentLoginRequired { .. })),
        "{old:?}"
    );
}

#[tokio::test]
async fn a_ticket_is_dead_once_the_account_is_otherwise() {
    let exam = Exam::new();
    let ann = exam.registered(ANN, true).await;
    let (ticket, _) = exam.link_required(&pupil()).await;
    let user = exam.user(ann.user().id).await;
    let disabled = UserStatus::Disabled;
    assert!(
        exam.bed
            .store
            .set_status(user.id, user.version, disabled)
            .await
            .unwrap()
            .is_some()
    );
    let refused = exam.link(by_password(&ticket, PASSWORD), None).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidFlow)),
        "{refused:?}"
    );

    let late = Exam::new();
    late.registered(ANN, true).await;
    let (ticket, _) = late.link_required(&pupil()).await;
    late.bed.clock.advance(Duration::from_secs(600));
    let refused = late.link(by_password(&ticket, PASSWORD), None).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidFlow)),
        "{refused:?}"
    );
    for ticket in ["", "adl_", "x"] {
        let refused = late
            .link(by_password(&Ticket::new(ticket), PASSWORD), None)
            .await;
        let is_refused = matches!(
            refused,
            Err(AuthError::InvalidFlow | AuthError::Validation(_))
        );
        assert!(is_refused, "{refused:?}");
    }
}

#[tokio::test]
async fn an_identity_is_linked_from_the_session_that_began() {
    let exam = Exam::new();
    let ann = exam.registered(ANN, true).await;
    let done = exam
        .linked(&ann, &Pupil::new("7", ELSEWHERE))
        .await
        .unwrap();
    assert!(!done.created);
    let who = exam.who(&done).await;
    assert_eq!(
        who.session().proofs.methods(),
        [Method::Password, Method::Federation]
    );
    // The new session has taken the place of the old one.
    assert!(exam.bed.auth.recheck(&ann).await.is_err());
    assert_eq!(
        exam.bed.mails().await,
        [(MailKind::IdentityLinked, ANN.to_owned())]
    );
    let list = exam.bed.auth.identities(&who).unwrap().identities;
    assert_eq!((list.len(), list[0].provider.as_str()), (1, ID));
    assert_eq!(list[0].email.as_deref(), Some(ELSEWHERE));
    let events = exam.bed.events.all();
    assert!(
        events
            .iter()
            .any(|event| event.operation == Operation::LinkIdentity && event.refused.is_none())
    );
}

#[tokio::test]
async fn ghsa_67_what_was_begun_in_a_session_is_completed_in_it_only() {
    let exam = Exam::new();
    let ann = exam.registered(ANN, true).await;
    let mallory = exam.registered(MALLORY, true).await;
    for auth in [None, Some(&mallory)] {
        let started = exam.start_linking(&ann).await.unwrap();
        let answer = exam.answer(&started, &Pupil::new("6", MALLORY));
        let refused = exam.finish_by(answer, auth).await;
        assert!(
            matches!(refused, Err(AuthError::InvalidFlow)),
            "{refused:?}"
        );
    }
    // And a sign-in that was begun without a session links nothing to that of a victim.
    let started = exam.start().await;
    let answer = exam.answer(&started, &Pupil::new("6", "m6@school.example"));
    let done = exam
        .finish_by(answer, Some(&ann))
        .await
        .unwrap()
        .opened()
        .unwrap();
    assert_ne!(done.login.user_id, ann.user().id);
    assert!(exam.user(ann.user().id).await.identities.is_empty());
}

#[tokio::test]
async fn an_identity_belongs_to_one_account() {
    let exam = Exam::new();
    exam.sign_in(&pupil()).await;
    let bob = exam.registered("bob@school.example", true).await;
    let refused = exam.linked(&bob, &pupil()).await;
    assert!(
        matches!(refused, Err(AuthError::IdentityTaken)),
        "{refused:?}"
    );
    // Linking it again to the account that has it changes nothing.
    let done = exam
        .linked(&bob, &Pupil::new("8", ELSEWHERE))
        .await
        .unwrap();
    let bob = exam.who(&done).await;
    let done = exam
        .linked(&bob, &Pupil::new("8", ELSEWHERE))
        .await
        .unwrap();
    assert_eq!(exam.who(&done).await.user().identities.len(), 1);
}

#[tokio::test]
async fn asvs_7_5_1_adding_and_removing_a_way_in_requires_a_recent_login() {
    let exam = Exam::new();
    let ann = exam.registered(ANN, true).await;
    let done = exam.linked(&ann, &pupil()).await.unwrap();
    exam.bed.clock.advance(Duration::from_secs(601));
    let fresh = exam.bed.refresh(&done.login.tokens).await.unwrap();
    let old = exam.bed.validate(&fresh).await.unwrap();
    let refused = exam.start_linking(&old).await;
    assert!(
        matches!(refused, Err(AuthError::RecentLoginRequired { .. })),
        "{refused:?}"
    );
    let id = old.user().identities.iter().next().unwrap().id;
    let refused = exam
        .bed
        .auth
        .unlink_identity(&old, id, &exam.bed.here)
        .await;
    assert!(
        matches!(refused, Err(AuthError::RecentLoginRequired { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_identity_of_a_provider_that_is_not_configured_is_no_way_in() {
    let exam = Exam::new();
    let fresh = pupil().with("auth_time", json!(exam.now()));
    let ann = exam.who(&exam.sign_in(&fresh).await).await;
    let (user, school) = (
        ann.user().id,
        ann.user().identities.iter().next().unwrap().id,
    );
    // Of a provider that was removed from the configuration since.
    let gone = support::sample::identity(1);
    let (store, version) = (&exam.bed.store, ann.user().version);
    let linked = store.link_identity(user, version, &gone).await.unwrap();
    assert!(matches!(linked, IdentityLink::Linked), "{linked:?}");
    // And of one that has another issuer now.
    let moved = Identity {
        provider: ProviderId::parse(ID).unwrap(),
        ..support::sample::identity(2)
    };
    let linked = store
        .link_identity(user, version + 1, &moved)
        .await
        .unwrap();
    assert!(matches!(linked, IdentityLink::Linked), "{linked:?}");
    let ann = exam.bed.auth.recheck(&ann).await.unwrap();
    assert_eq!(ann.user().identities.len(), 3);
    let unlink = |id| exam.bed.auth.unlink_identity(&ann, id, &exam.bed.here);
    let last = unlink(school).await;
    assert!(matches!(last, Err(AuthError::LastCredential)), "{last:?}");
    unlink(gone.id).await.unwrap();
}

#[tokio::test]
async fn the_last_way_in_stays_and_another_one_can_go() {
    let exam = Exam::new();
    let fresh = pupil().with("auth_time", json!(exam.now()));
    let ann = exam.who(&exam.sign_in(&fresh).await).await;
    let id = ann.user().identities.iter().next().unwrap().id;
    let last = exam
        .bed
        .auth
        .unlink_identity(&ann, id, &exam.bed.here)
        .await;
    assert!(matches!(last, Err(AuthError::LastCredential)), "{last:?}");
    let second = Pupil::new("8", ELSEWHERE).with("auth_time", json!(exam.now()));
    let ann = exam.who(&exam.linked(&ann, &second).await.unwrap()).await;
    let elsewhere = exam.sign_in(&fresh).await;
    exam.bed.mails().await;
    exam.bed
        .auth
        .unlink_identity(&ann, id, &exam.bed.here)
        .await
        .unwrap();
    let mail = exam.bed.mail(MailKind::IdentityUnlinked).await;
    assert_eq!(mail.to.as_str(), ANN);
    assert!(mail.text.contains("An account at School was disconnected"));
    // What was opened by a provider elsewhere has ended.
    assert!(exam.bed.validate(&elsewhere.login.tokens).await.is_err());
    assert!(exam.bed.auth.recheck(&ann).await.is_ok());
    let gone = exam
        .bed
        .auth
        .unlink_identity(&ann, id, &exam.bed.here)
        .await;
    assert!(matches!(gone, Err(AuthError::NotFound)), "{gone:?}");
    // The person is a stranger now, whose address has an account.
    exam.link_required(&pupil()).await;
}

impl Exam {
    pub(super) async fn forgot(&self, email: &str) {
        let request = EmailRequest {
            email: email.to_owned(),
        };
        let asked = self.bed.auth.forgot_password(request, &self.bed.here);
        asked.await.unwrap();
    }

    pub(super) fn now(&self) -> i64 {
        use admittance::clock::Clock;
        self.bed.clock.now().as_secs()
    }
}

#[tokio::test]
async fn ghsa_23_a_session_that_ends_while_the_provider_is_asked_links_nothing() {
    let exam = Exam::new();
    let ann = exam.registered(ANN, true).await;
    let started = exam.start_linking(&ann).await.unwrap();
    let answer = exam.answer(&started, &pupil());
    let (store, user, session) = (exam.bed.store.clone(), ann.user().id, ann.session().id);
    exam.school.meanwhile(async move {
        assert!(store.end_session(user, session).await.unwrap());
    });
    let refused = exam.finish_by(answer, Some(&ann)).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidToken)),
        "{refused:?}"
    );
    assert!(exam.user(ann.user().id).await.identities.is_empty());
}

#[tokio::test]
async fn the_tickets_of_one_person_do_not_end_those_of_another() {
    let exam = Exam::new();
    exam.registered(ELSEWHERE, true).await;
    let (first, _) = exam.link_required(&Pupil::new("7", ELSEWHERE)).await;
    let mut second = first.clone();
    for _ in 0..5 {
        exam.bed.clock.advance(Duration::from_secs(1));
        (second, _) = exam.link_required(&Pupil::new("7", ELSEWHERE)).await;
    }
    for number in 10..20 {
        exam.bed.clock.advance(Duration::from_secs(1));
        let other = Pupil::new(&number.to_string(), ELSEWHERE);
        exam.link_required(&other).await;
    }
    let refused = exam.link(by_password(&first, PASSWORD), None).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidFlow)),
        "{refused:?}"
    );
    assert!(
        exam.link(by_password(&second, PASSWORD), None)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_proof_whose_time_is_known_stays_when_another_identity_is_linked() {
    let exam = Exam::new();
    let fresh = pupil().with("auth_time", json!(exam.now()));
    let ann = exam.who(&exam.sign_in(&fresh).await).await;
    let linked = exam
        .linked(&ann, &Pupil::new("8", ELSEWHERE))
        .await
        .unwrap();
    let ann = exam.who(&linked).await;
    assert!(ann.require_recent_login(Duration::from_secs(60)).is_ok());
}

#[tokio::test]
async fn ghsa_67_linking_asks_the_provider_who_is_there_and_a_sign_in_does_not() {
    let exam = Exam::new();
    let ann = exam.registered(ANN, true).await;
    let linking = exam.start_linking(&ann).await.unwrap().authorization_url;
    assert!(linking.contains("&prompt=login"), "{linking}");
    let signing_in = exam.start().await.authorization_url;
    assert!(!signing_in.contains("prompt"), "{signing_in}");
}
