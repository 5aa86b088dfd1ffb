//! Linking and unlinking where the account has a second factor of the application.

use admittance::error::AuthError;
use admittance::proof::Method;
use admittance::service::Authenticated;
use admittance::store::SessionStore;

use super::federation::{ANN, Exam, pupil};
use super::federation_links::by_session;
use support::second_factor::{Cards, method};

/// An account whose session ends the next time that its second factor is asked for.
async fn ends_when_asked(exam: &Exam, cards: &Cards) -> Authenticated {
    let ann = exam.registered(ANN, true).await;
    let (store, user, session) = (exam.bed.store.clone(), ann.user().id, ann.session().id);
    cards.meanwhile(async move {
        assert!(store.end_session(user, session).await.unwrap());
    });
    ann
}

async fn links_nothing<T: std::fmt::Debug>(
    exam: &Exam,
    ann: &Authenticated,
    refused: Result<T, AuthError>,
) {
    assert!(
        matches!(refused, Err(AuthError::InvalidToken)),
        "{refused:?}"
    );
    assert!(exam.user(ann.user().id).await.identities.is_empty());
}

#[tokio::test]
async fn ghsa_23_a_session_that_ends_while_the_second_factor_is_asked_links_nothing() {
    let cards = Cards::default();
    let exam = Exam::with_cards(cards.clone());
    let ann = exam.registered(ANN, true).await;
    let started = exam.start_linking(&ann).await.unwrap();
    let answer = exam.answer(&started, &pupil());
    let (store, user, session) = (exam.bed.store.clone(), ann.user().id, ann.session().id);
    cards.meanwhile(async move {
        assert!(store.end_session(user, session).await.unwrap());
    });
    let refused = exam.finish_by(answer, Some(&ann)).await;
    links_nothing(&exam, &ann, refused).await;

    let exam = Exam::with_cards(cards.clone());
    let ann = ends_when_asked(&exam, &cards).await;
    let (ticket, _) = exam.link_required(&pupil()).await;
    let refused = exam.link(by_session(&ticket), Some(&ann)).await;
    links_nothing(&exam, &ann, refused).await;
}

#[tokio::test]
async fn asvs_7_5_1_unlinking_requires_the_second_factor_of_the_account() {
    let cards = Cards::default();
    let exam = Exam::with_cards(cards.clone());
    let ann = exam.registered(ANN, true).await;
    let linked = exam.linked(&ann, &pupil()).await.unwrap();
    let ann = exam.who(&linked).await;
    let id = ann.user().identities.iter().next().unwrap().id;
    let (auth, here) = (&exam.bed.auth, &exam.bed.here);
    // Since then the account has a card, which this session has not proved.
    cards.set(&["card"]);
    let refused = auth.unlink_identity(&ann, id, here).await;
    let Err(AuthError::RecentLoginRequired { methods }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(methods, [method("card")] as [Method; 1]);
    assert!(!exam.user(ann.user().id).await.identities.is_empty());
    cards.set(&[]);
    auth.unlink_identity(&ann, id, here).await.unwrap();
}
