//! Many at once with links: each works for one of them, and what one of them
//! ends is ended for all.

use std::sync::Arc;

use admittance::config::RegistrationMode;
use admittance::error::AuthError;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{Authenticated, Tokens};
use admittance::store::UserStore;
use admittance::test_util::Mailbox;
use admittance::user::User;

use crate::races::{FIELDS, Racing, assert_dead, mailing_bed, race, tell};
use support::asks::{
    Answer, change_email, confirm_email, delete, disown, forgot, is_dead, is_dead_for_session,
    resend, reset, verify,
};
use support::bed::{OTHER_PASSWORD, PASSWORD, registration};

fn bed() -> Racing {
    mailing_bed(RegistrationMode::OpenSession)
}

/// Somebody with an account of their own, and the links that confirm it.
struct Owner {
    email: String,
    user: Authenticated,
    tokens: Tokens,
    links: Vec<MailToken>,
}

/// A new account, and two links for it.
async fn owner(bed: &Racing, name: &str, round: usize) -> Owner {
    let email = format!("{name}{round}@example.org");
    let tokens = bed.register(&email).await.tokens;
    let user = bed.validate(&tokens).await.unwrap();
    let mut links = vec![bed.mailed(MailKind::VerifyEmail).await];
    resend(bed, &email).await.unwrap();
    links.push(bed.mailed(MailKind::VerifyEmail).await);
    Owner {
        email,
        user,
        tokens,
        links,
    }
}

async fn reset_link(bed: &Racing, email: &str) -> MailToken {
    forgot(bed, email).await.unwrap();
    bed.mailed(MailKind::ResetPassword).await
}

async fn change_link(bed: &Racing, who: &Authenticated, to: &str) -> MailToken {
    change_email(bed, who, to, PASSWORD).await.unwrap();
    bed.mailed(MailKind::ConfirmEmailChange).await
}

async fn stored(bed: &Racing, email: &str) -> Option<User> {
    let email = admittance::email::Email::parse(email).unwrap();
    let store = bed.store.inner();
    store.user_by_email(email.canonical()).await.unwrap()
}

/// The one answer that is a success; the others say that the link is dead, or
/// what else `is_lost` takes for a defeat.
fn winner<T>(answers: Vec<(T, Answer)>, is_lost: impl Fn(&Answer) -> bool) -> (T, Option<Tokens>) {
    let mut winners = Vec::new();
    for (racer, answer) in answers {
        match answer {
            Ok(tokens) => winners.push((racer, tokens)),
            lost => assert!(is_dead(&lost) || is_lost(&lost), "{lost:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "winners");
    winners.remove(0)
}

fn none(_: &Answer) -> bool {
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_16_of_racing_confirmations_one_wins() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let ann = owner(&bed, "ann", round).await;
            let before = bed.store.inner().counts();
            let answers = race(racers, |racer| {
                let (bed, user) = (Arc::clone(&bed), ann.user.clone());
                let link = ann.links[racer / 2 % 2].clone();
                async move {
                    let answer = match racer % 2 {
                        0 => verify(&bed, &link, Some(PASSWORD), None).await,
                        _ => verify(&bed, &link, None, Some(&user)).await,
                    };
                    (racer % 2 == 0, answer)
                }
            })
            .await;
            let (is_by_password, tokens) = winner(answers, none);
            assert_eq!(tokens.is_some(), is_by_password);
            if let Some(tokens) = &tokens {
                assert!(bed.validate(tokens).await.unwrap().user().is_verified);
            }
            assert!(stored(&bed, &ann.email).await.unwrap().is_verified);
            // Those who lost have no session, and no link is left.
            let after = bed.store.inner().counts();
            let opened = usize::from(is_by_password);
            assert_eq!(after.sessions, before.sessions + opened);
            assert_eq!(after.tokens, before.tokens - 2);
        }
    }
    tell("confirmations");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_16_of_racing_resets_one_wins_and_its_password_is_the_one() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let ann = owner(&bed, "ann", round).await;
            let links = [
                reset_link(&bed, &ann.email).await,
                reset_link(&bed, &ann.email).await,
            ];
            let password = move |racer| format!("{OTHER_PASSWORD} {round} {racer}");
            let answers = race(racers, |racer| {
                let (bed, link) = (Arc::clone(&bed), links[racer % 2].clone());
                async move { (racer, reset(&bed, &link, &password(racer)).await) }
            })
            .await;
            let (won, _) = winner(answers, none);
            for racer in 0..racers {
                let opened = bed.login(&ann.email, &password(racer)).await;
                assert_eq!(opened.is_ok(), racer == won);
            }
            assert!(bed.login(&ann.email, PASSWORD).await.is_err());
            assert_eq!(stored(&bed, &ann.email).await.unwrap().auth_epoch, 1);
            assert_dead(&bed, &ann.tokens).await;
            for link in links.iter().chain(&ann.links) {
                assert_dead_link(&bed, &ann.user, link).await;
            }
        }
    }
    tell("resets");
}

async fn assert_dead_link(bed: &Racing, who: &Authenticated, link: &MailToken) {
    for answer in [
        verify(bed, link, Some(PASSWORD), None).await,
        reset(bed, link, OTHER_PASSWORD).await,
        disown(bed, link).await,
    ] {
        assert!(is_dead(&answer), "{answer:?}");
    }
    for answer in [
        verify(bed, link, None, Some(who)).await,
        confirm_email(bed, who, link).await,
    ] {
        assert!(is_dead_for_session(&answer), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_7_of_racing_changes_of_one_address_one_wins() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let ann = owner(&bed, "ann", round).await;
            let to = [
                format!("one{round}@example.org"),
                format!("two{round}@example.org"),
            ];
            let links = [
                change_link(&bed, &ann.user, &to[0]).await,
                change_link(&bed, &ann.user, &to[1]).await,
            ];
            let answers = race(racers, |racer| {
                let (bed, user) = (Arc::clone(&bed), ann.user.clone());
                let link = links[racer % 2].clone();
                async move { (racer % 2, confirm_email(&bed, &user, &link).await) }
            })
            .await;
            let (won, _) = winner(answers, none);
            let user = stored(&bed, &to[won]).await.unwrap();
            assert!(user.id == ann.user.user().id && user.is_verified);
            assert!(stored(&bed, &to[1 - won]).await.is_none());
            assert!(stored(&bed, &ann.email).await.is_none());
            let now = bed.validate(&ann.tokens).await.unwrap();
            for link in links.iter().chain(&ann.links) {
                assert_dead_link(&bed, &ann.user, link).await;
                assert_dead_link(&bed, &now, link).await;
            }
        }
    }
    tell("changes of one address");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_7_of_two_accounts_and_a_registration_one_gets_the_address() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let owners = [
                owner(&bed, "ann", round).await,
                owner(&bed, "bob", round).await,
            ];
            let to = format!("new{round}@example.org");
            let links = [
                change_link(&bed, &owners[0].user, &to).await,
                change_link(&bed, &owners[1].user, &to).await,
            ];
            let users = bed.store.inner().counts().users;
            let answers = race(racers, |racer| {
                let (bed, to) = (Arc::clone(&bed), to.clone());
                // Every other round there is a registration among them.
                let who = match racer {
                    0 if round % 2 == 0 => 2,
                    _ => racer % 2,
                };
                let asked = owners.get(who).map(|owner| owner.user.clone());
                let link = links[racer % 2].clone();
                async move {
                    let answer = match asked {
                        Some(user) => confirm_email(&bed, &user, &link).await,
                        None => bed
                            .auth
                            .register(registration(&to), &bed.here)
                            .await
                            .map(|outcome| Some(outcome.opened().unwrap().tokens)),
                    };
                    (who, answer)
                }
            })
            .await;
            let is_taken = |answer: &Answer| matches!(answer, Err(AuthError::EmailTaken));
            let (won, tokens) = winner(answers, is_taken);
            let user = stored(&bed, &to).await.unwrap();
            match owners.get(won) {
                Some(owner) => assert_eq!(user.id, owner.user.user().id),
                None => assert!(bed.validate(&tokens.unwrap()).await.is_ok()),
            }
            for (index, owner) in owners.iter().enumerate() {
                let has_kept = stored(&bed, &owner.email).await.is_some();
                assert_eq!(has_kept, index != won);
                assert!(bed.validate(&owner.tokens).await.is_ok());
            }
            let after = bed.store.inner().counts().users;
            assert_eq!(after, users + usize::from(won == 2));
        }
    }
    tell("changes to one address and its registration");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_16_of_racing_completions_of_one_registration_one_wins() {
    for (racers, rounds) in FIELDS {
        let bed = mailing_bed(RegistrationMode::VerifyFirst);
        for round in 0..rounds {
            let email = format!("ann{round}@example.org");
            let mut links = Vec::new();
            for _ in 0..2 {
                let asked = bed.auth.register(registration(&email), &bed.here).await;
                assert!(asked.unwrap().opened().is_none());
                links.push(bed.mailed(MailKind::CompleteRegistration).await);
            }
            let answers = race(racers, |racer| {
                let (bed, link) = (Arc::clone(&bed), links[racer % 2].clone());
                async move { ((), verify(&bed, &link, Some(PASSWORD), None).await) }
            })
            .await;
            let ((), tokens) = winner(answers, none);
            let ann = bed.validate(&tokens.unwrap()).await.unwrap();
            assert!(ann.user().email.as_str() == email && ann.user().is_verified);
            let counts = bed.store.inner().counts();
            assert_eq!(
                (counts.users, counts.sessions, counts.tokens),
                (round + 1, round + 1, 0)
            );
            for link in &links {
                assert_dead_link(&bed, &ann, link).await;
            }
        }
    }
    tell("completions of one registration");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_1_an_account_is_confirmed_or_disowned_but_not_both() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let ann = owner(&bed, "ann", round).await;
            let answers = race(racers, |racer| {
                let (bed, user) = (Arc::clone(&bed), ann.user.clone());
                let link = ann.links[racer / 4 % 2].clone();
                async move {
                    let answer = match racer % 4 {
                        0 => verify(&bed, &link, Some(PASSWORD), None).await,
                        1 => verify(&bed, &link, None, Some(&user)).await,
                        _ => disown(&bed, &link).await,
                    };
                    (racer % 4 < 2, answer)
                }
            })
            .await;
            let (is_confirmed, tokens) = winner(answers, is_dead_for_session);
            let user = stored(&bed, &ann.email).await;
            assert_eq!(user.is_some_and(|user| user.is_verified), is_confirmed);
            for tokens in tokens.iter().chain([&ann.tokens]) {
                if is_confirmed {
                    assert!(bed.validate(tokens).await.is_ok());
                } else {
                    assert_dead(&bed, tokens).await;
                }
            }
            for link in &ann.links {
                assert_dead_link(&bed, &ann.user, link).await;
            }
        }
    }
    tell("confirmations against disowning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asvs_15_4_2_of_resets_one_wins_whatever_changes_of_password_do() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let ann = owner(&bed, "ann", round).await;
            let link = reset_link(&bed, &ann.email).await;
            let password = move |racer| format!("{OTHER_PASSWORD} {round} {racer}");
            let answers = race(racers, |racer| {
                let (bed, user) = (Arc::clone(&bed), ann.user.clone());
                let link = link.clone();
                async move {
                    let new = password(racer);
                    let answer = match racer % 2 {
                        0 => reset(&bed, &link, &new).await,
                        _ => bed
                            .change_password(&user, PASSWORD, &new)
                            .await
                            .map(|answer| Some(answer.tokens)),
                    };
                    (racer, answer)
                }
            })
            .await;
            let is_lost = |answer: &Answer| {
                use AuthError::{InvalidCredentials, InvalidToken};
                matches!(answer, Err(InvalidCredentials | InvalidToken))
            };
            let (resets, changes): (Vec<_>, Vec<_>) =
                answers.into_iter().partition(|(racer, _)| racer % 2 == 0);
            // A change may come before the reset, and is then undone by it.
            let changed: Vec<_> = changes
                .into_iter()
                .filter_map(|(_, answer)| match answer {
                    Ok(tokens) => tokens,
                    lost => {
                        assert!(is_lost(&lost), "{lost:?}");
                        None
                    }
                })
                .collect();
            assert!(changed.len() <= 1);
            let (won, _) = winner(resets, none);
            for tokens in changed.iter().chain([&ann.tokens]) {
                assert_dead(&bed, tokens).await;
            }
            assert_dead_link(&bed, &ann.user, &link).await;
            for racer in 0..racers {
                let opened = bed.login(&ann.email, &password(racer)).await;
                assert_eq!(opened.is_ok(), racer == won);
            }
            assert!(bed.login(&ann.email, PASSWORD).await.is_err());
        }
    }
    tell("resets against changes of password");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_24_no_old_credential_outlives_a_reset() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let ann = owner(&bed, "ann", round).await;
            let link = reset_link(&bed, &ann.email).await;
            let answers = race(racers, |racer| {
                let (bed, email) = (Arc::clone(&bed), ann.email.clone());
                let (tokens, link) = (ann.tokens.clone(), link.clone());
                async move {
                    if racer == round % racers {
                        reset(&bed, &link, OTHER_PASSWORD).await.unwrap();
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
            assert!(bed.login(&ann.email, OTHER_PASSWORD).await.is_ok());
        }
    }
    tell("resets against refresh and login");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asvs_7_4_2_nothing_of_an_account_outlives_its_deletion() {
    for (racers, rounds) in FIELDS {
        let bed = bed();
        for round in 0..rounds {
            let ann = owner(&bed, "ann", round).await;
            let confirming = ann.links[0].clone();
            let answers = race(racers, |racer| {
                let (bed, email) = (Arc::clone(&bed), ann.email.clone());
                let (tokens, user) = (ann.tokens.clone(), ann.user.clone());
                let link = confirming.clone();
                async move {
                    if racer == round % racers {
                        delete(&bed, &user, PASSWORD).await.unwrap();
                        assert_dead(&bed, &tokens).await;
                        assert!(bed.login(&email, PASSWORD).await.is_err());
                        return None;
                    }
                    match racer % 4 {
                        0 => bed.refresh(&tokens).await.ok(),
                        1 => Some(bed.login(&email, PASSWORD).await.ok()?.tokens),
                        2 => verify(&bed, &link, Some(PASSWORD), None).await.ok()?,
                        _ => {
                            forgot(&bed, &email).await.unwrap();
                            None
                        }
                    }
                }
            })
            .await;
            for gained in answers.iter().flatten() {
                assert_dead(&bed, gained).await;
            }
            assert!(stored(&bed, &ann.email).await.is_none());
            let counts = bed.store.inner().counts();
            assert_eq!((counts.users, counts.sessions), (0, 0), "rows");
            // Links that were asked for meanwhile are of no account, nor of the
            // next one with that address.
            bed.auth.flush_mail().await;
            bed.register(&ann.email).await;
            bed.auth.flush_mail().await;
            let own = bed.mailbox.take_last(MailKind::VerifyEmail);
            assert!(own.is_some());
            let mails = bed.mailbox.take();
            for link in mails.iter().filter_map(Mailbox::token).chain(ann.links) {
                assert_dead_link(&bed, &ann.user, &link).await;
            }
            let next = bed.login(&ann.email, PASSWORD).await.unwrap().tokens;
            let next = bed.validate(&next).await.unwrap();
            delete(&bed, &next, PASSWORD).await.unwrap();
        }
    }
    tell("deletion against login, refresh, confirmation and forgotten passwords");
}
