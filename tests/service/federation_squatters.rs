//! What somebody gains who registers the address of another, and the way out for its owner.

use admittance::authz::{Role, RolePolicy};
use admittance::error::AuthError;
use admittance::event::Operation;
use admittance::service::{LinkOutcome, NewUser};
use admittance::store::UserStore;

use super::federation::{ANN, ELSEWHERE, Exam, pupil};
use super::federation_links::{MALLORY, anew};
use support::bed::{OTHER_PASSWORD, PASSWORD, config};
use support::provider::Pupil;

#[tokio::test]
async fn starting_anew_removes_an_account_that_nobody_has_confirmed() {
    let exam = Exam::new();
    let squatter = exam.registered(ANN, false).await;
    let (ticket, can_start_anew) = exam.link_required(&pupil()).await;
    assert!(can_start_anew);
    let LinkOutcome::Opened(opened) = exam.link(anew(&ticket), None).await.unwrap() else {
        panic!("no session");
    };
    assert!(opened.created && opened.login.is_verified);
    assert_ne!(opened.login.user_id, squatter.user().id);
    assert!(
        exam.bed
            .store
            .user(squatter.user().id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(exam.bed.login(ANN, PASSWORD).await.is_err());
    let events = exam.bed.events.all();
    let removed = events
        .iter()
        .find(|event| event.operation == Operation::DisownEmail);
    assert_eq!(removed.unwrap().user_id, Some(squatter.user().id));
}

#[tokio::test]
async fn a_confirmed_account_is_never_removed_by_a_ticket() {
    let exam = Exam::new();
    let ann = exam.registered(ANN, true).await;
    let (ticket, _) = exam.link_required(&pupil()).await;
    let refused = exam.link(anew(&ticket), None).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidFlow)),
        "{refused:?}"
    );
    // Nor one that was confirmed after the ticket was made.
    let other = Exam::new();
    let squatter = other.registered(ANN, false).await;
    let (ticket, _) = other.link_required(&pupil()).await;
    let state = other.user(squatter.user().id).await.exact_state();
    assert!(other.bed.store.verify_email(&state).await.unwrap());
    let refused = other.link(anew(&ticket), None).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidFlow)),
        "{refused:?}"
    );
    // Nor by a provider that is not believed for the address.
    let third = Exam::new();
    third.registered(ELSEWHERE, false).await;
    let (ticket, can_start_anew) = third.link_required(&Pupil::new("9", ELSEWHERE)).await;
    assert!(!can_start_anew);
    let refused = third.link(anew(&ticket), None).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidFlow)),
        "{refused:?}"
    );
    assert!(exam.bed.store.user(ann.user().id).await.unwrap().is_some());
}

#[tokio::test]
async fn ghsa_1_a_reset_by_the_owner_removes_the_identity_of_a_squatter() {
    let exam = Exam::new();
    // The squatter claims the address with a provider that nobody believes for it.
    let squatter = exam.sign_in(&Pupil::new("666", ELSEWHERE)).await;
    exam.bed.mails().await;
    exam.bed.reset_password(ELSEWHERE, OTHER_PASSWORD).await;
    let owner = exam.user(squatter.login.user_id).await;
    assert!(owner.is_verified && owner.identities.is_empty());
    assert!(exam.bed.validate(&squatter.login.tokens).await.is_err());
    let again = exam.outcome(&Pupil::new("666", ELSEWHERE)).await;
    assert!(
        matches!(again, Err(AuthError::LinkRequired { .. })),
        "{again:?}"
    );
}

#[tokio::test]
async fn ghsa_1_a_reset_of_a_confirmed_account_keeps_the_identities_of_its_owner() {
    let exam = Exam::new();
    let first = exam.sign_in(&pupil()).await;
    exam.bed.reset_password(ANN, OTHER_PASSWORD).await;
    assert_eq!(
        exam.sign_in(&pupil()).await.login.user_id,
        first.login.user_id
    );
    assert!(exam.bed.login(ANN, OTHER_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn ghsa_63_a_squatter_who_was_first_gains_nothing_by_the_owners_sign_in() {
    let exam = Exam::new();
    let squatter = exam.registered(ANN, false).await;
    let linked = exam
        .linked(&squatter, &Pupil::new("666", MALLORY))
        .await
        .unwrap();
    let (ticket, can_start_anew) = exam.link_required(&pupil()).await;
    assert!(can_start_anew);
    assert!(exam.link(anew(&ticket), None).await.is_ok());
    assert!(exam.bed.validate(&linked.login.tokens).await.is_err());
    // The squatter's identity leads to no account any more.
    let theirs = exam.sign_in(&Pupil::new("666", MALLORY)).await;
    assert!(theirs.created);
    assert_eq!(theirs.login.email, MALLORY);
}

#[tokio::test]
async fn an_account_that_was_deleted_and_made_again_has_no_old_identity() {
    let exam = Exam::new();
    let first = exam.sign_in(&pupil()).await;
    exam.bed
        .auth
        .remove_user(first.login.user_id, &exam.bed.here)
        .await
        .unwrap();
    exam.bed.register(ANN).await;
    exam.link_required(&pupil()).await;
}

#[tokio::test]
async fn an_account_that_was_created_for_its_owner_is_not_started_anew() {
    let exam = Exam::new();
    let teacher = NewUser::new(ANN, "Ann");
    exam.bed
        .auth
        .create_user(teacher, &exam.bed.here)
        .await
        .unwrap();
    let (ticket, can_start_anew) = exam.link_required(&pupil()).await;
    assert!(!can_start_anew);
    let refused = exam.link(anew(&ticket), None).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidFlow)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_last_administrator_is_not_started_anew() {
    let admin = Role::new("admin").unwrap();
    let mut settings = config();
    settings.roles = RolePolicy::new().administrator(admin.clone());
    let exam = Exam::with(settings);
    let mut new = NewUser::new(ANN, "Ann");
    new.roles = [admin].into();
    new.password = Some(PASSWORD.into());
    exam.bed
        .auth
        .create_user(new, &exam.bed.here)
        .await
        .unwrap();
    let (ticket, _) = exam.link_required(&pupil()).await;
    let refused = exam.link(anew(&ticket), None).await;
    assert!(
        matches!(refused, Err(AuthError::LastAdministrator)),
        "{refused:?}"
    );
    assert!(exam.bed.login(ANN, PASSWORD).await.is_ok());
}
