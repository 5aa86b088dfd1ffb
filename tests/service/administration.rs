//! What administrators may do with other people's accounts, and what they may not.

use std::collections::BTreeSet;
use std::sync::Arc;

use admittance::authz::{AdminPermission, Permission};
use admittance::error::{AuthError, ErrorCode, Field, ViolationCode};
use admittance::event::Operation;
use admittance::id::SessionId;
use admittance::mail::MailKind;
use admittance::service::{
    Authenticated, ChangeRoles, DeleteAccount, FindUser, ListEvents, ListSessions, ListUsers,
    SetStatus, UpdateProfile, UserView, VerifyEmail,
};
use admittance::store::{MemoryStore, UserStore};
use admittance::user::UserStatus;

use crate::office::{ADMIN, ANN, NOBODY, Office, role, settings};
use support::bed::{Bed, PASSWORD};

#[tokio::test]
async fn asvs_8_3_2_roles_are_granted_and_revoked_in_effect_at_the_next_request() {
    let office = Office::new().await;
    let grade = Permission::new("exam:grade").unwrap();
    // Ada may grant what she may do herself.
    office
        .make(office.ada.user().id, &["admin", "examiner"])
        .await;
    let ada = office.bed.login(ADMIN, PASSWORD).await.unwrap().tokens;
    let ada = office.bed.validate(&ada).await.unwrap();

    let view = office.roles(&ada, office.ann_id, &["examiner"], &[]).await;
    assert_eq!(view.unwrap().roles, BTreeSet::from([role("examiner")]));
    let ann = office.bed.validate(&office.ann).await.unwrap();
    assert!(ann.has_permission(&grade));
    let event = office.bed.events.last();
    assert_eq!(event.operation, Operation::ChangeRoles);
    assert_eq!(event.user_id, Some(office.ann_id), "whom");
    assert_eq!(event.actor_id, Some(ada.user().id), "who");

    let view = office.roles(&ada, office.ann_id, &[], &["examiner"]).await;
    assert_eq!(view.unwrap().roles, BTreeSet::new());
    let ann = office.bed.validate(&office.ann).await.unwrap();
    assert!(matches!(
        ann.require_permission(&grade),
        Err(AuthError::Forbidden)
    ));
}

#[tokio::test]
async fn asvs_8_2_1_each_act_asks_for_its_own_permission() {
    use AdminPermission::{ChangeRoles as Roles, ChangeStatus, EndSessions, ReadUsers};
    let office = Office::mailing().await;
    let (auth, here, ann) = (office.auth(), &office.bed.here, office.ann_id);
    for (number, permission) in AdminPermission::ALL.into_iter().enumerate() {
        let mut settings = settings();
        let one = role("one-permission");
        settings.roles = settings.roles.grant(one, [permission.into()]);
        let bed = Bed::mailing_over(office.bed.store.clone(), settings);
        let email = format!("staff{number}@example.org");
        let tokens = bed.register(&email).await.tokens;
        let id = bed.validate(&tokens).await.unwrap().user().id;
        office.make(id, &["one-permission"]).await;
        let staff = bed.validate(&tokens).await.unwrap();
        let auth = &bed.auth;
        let find = FindUser { email: ANN.into() };
        let active = SetStatus {
            status: UserStatus::Active,
        };
        let sid = SessionId::from_bytes([1; 12]);
        let nothing = ChangeRoles::default();
        let page = ListUsers::default();
        let tried = [
            (ReadUsers, auth.find_user(&staff, find, here).await.err()),
            (ReadUsers, auth.view_user(&staff, ann, here).await.err()),
            (ReadUsers, auth.list_users(&staff, page, here).await.err()),
            (
                ReadUsers,
                auth.list_user_sessions(&staff, ann, ListSessions::default(), here)
                    .await
                    .err(),
            ),
            (
                ReadUsers,
                auth.list_user_events(&staff, ann, ListEvents::default(), here)
                    .await
                    .err(),
            ),
            (
                ChangeStatus,
                auth.set_user_status(&staff, ann, active, here).await.err(),
            ),
            (
                Roles,
                auth.change_user_roles(&staff, ann, nothing, here)
                    .await
                    .err(),
            ),
            (
                EndSessions,
                auth.end_user_session(&staff, ann, sid, here).await.err(),
            ),
            (
                EndSessions,
                auth.end_user_sessions(&staff, ann, here).await.err(),
            ),
            (
                AdminPermission::ResetPassword,
                auth.send_password_reset(&staff, ann, here).await.err(),
            ),
        ];
        for (needed, error) in tried {
            let is_refused = matches!(error, Some(AuthError::Forbidden));
            assert_eq!(
                is_refused,
                needed != permission,
                "{permission:?}: {error:?}"
            );
        }
    }
    // A user without a role may do none of it, not even to their own account.
    let ann = office.bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let ann = office.bed.validate(&ann).await.unwrap();
    let own = auth.view_user(&ann, office.ann_id, here).await;
    assert!(matches!(own, Err(AuthError::Forbidden)));
    let gone = auth.view_user(&ann, NOBODY, here).await;
    assert!(
        matches!(gone, Err(AuthError::Forbidden)),
        "nor learn of others"
    );
    assert_eq!(office.bed.events.last().refused, Some(ErrorCode::Forbidden));
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_have_or_touches_who_may_do_more() {
    let office = Office::new().await;
    let support = office.staff("sue@example.org", &["support"]).await;
    let clerk = office.staff("cle@example.org", &["clerk"]).await;
    let ada = office.ada.user().id;
    let forbidden = |result: Result<UserView, AuthError>| match result {
        Err(AuthError::Forbidden) => {}
        other => panic!("{other:?}"),
    };
    // Upwards: a clerk makes no administrators, not even of themselves.
    for id in [office.ann_id, clerk.user().id] {
        forbidden(office.roles(&clerk, id, &["admin"], &[]).await);
        forbidden(office.roles(&clerk, id, &["support"], &[]).await);
    }
    // Against those who may do more: not even to take something away.
    forbidden(office.roles(&clerk, ada, &[], &["admin"]).await);
    forbidden(
        office
            .roles(&clerk, support.user().id, &[], &["support"])
            .await,
    );
    forbidden(office.status(&support, ada, UserStatus::Disabled).await);
    let (auth, here) = (office.auth(), &office.bed.here);
    let ended = auth.end_user_sessions(&support, ada, here).await;
    assert!(matches!(ended, Err(AuthError::Forbidden)));
    let sid = office.ada.session().id;
    let ended = auth.end_user_session(&support, ada, sid, here).await;
    assert!(matches!(ended, Err(AuthError::Forbidden)));
    assert_eq!(office.stored_roles(ada).await, ["admin"]);
    assert_eq!(office.bed.store.counts().sessions, 4);
    // What grants no more than they have, they may.
    assert!(
        office
            .roles(&clerk, office.ann_id, &["student"], &[])
            .await
            .is_ok()
    );
    let disabled = office.status(&support, office.ann_id, UserStatus::Disabled);
    assert!(disabled.await.is_ok());
}

#[tokio::test]
async fn a_role_that_nobody_named_is_not_granted_and_can_be_taken_away() {
    let office = Office::new().await;
    for bad in ["Examiner", "examinar", "", "a b", "$ne"] {
        let refused = office.roles(&office.ada, office.ann_id, &[bad], &[]).await;
        match refused {
            Err(AuthError::Validation(violations)) => {
                let found = &violations.as_slice()[0];
                assert_eq!(
                    (found.field, found.code),
                    (Field::Grant, ViolationCode::Unknown)
                );
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
    assert_eq!(office.stored_roles(office.ann_id).await, [""; 0]);
    // Who may not grant roles does not learn either which there are.
    let ann = office.bed.validate(&office.ann).await.unwrap();
    let refused = office.roles(&ann, office.ann_id, &["examinar"], &[]).await;
    assert!(matches!(refused, Err(AuthError::Forbidden)));
    office.make(office.ann_id, &["of-last-year"]).await;
    let view = office.roles(&office.ada, office.ann_id, &[], &["of-last-year"]);
    assert_eq!(view.await.unwrap().roles, BTreeSet::new());
}

#[tokio::test]
async fn the_last_administrator_is_not_removed_by_accident() {
    let office = Office::new().await;
    let ada = office.ada.user().id;
    let here = &office.bed.here;
    let alone = async |office: &Office| {
        let proof = DeleteAccount {
            current_password: PASSWORD.into(),
        };
        for refused in [
            office.roles(&office.ada, ada, &[], &["admin"]).await.err(),
            office
                .status(&office.ada, ada, UserStatus::Disabled)
                .await
                .err(),
            office
                .auth()
                .delete_account(&office.ada, proof, here)
                .await
                .err(),
        ] {
            assert!(
                matches!(refused, Some(AuthError::LastAdministrator)),
                "{refused:?}"
            );
        }
        assert_eq!(office.stored_roles(ada).await, ["admin"]);
        assert!(office.bed.login(ADMIN, PASSWORD).await.is_ok());
    };
    alone(&office).await;
    // One who is disabled, and one who may not grant roles, do not count.
    let second = office.staff("bea@example.org", &["admin"]).await;
    office.staff("sue@example.org", &["support"]).await;
    let id = second.user().id;
    office
        .status(&office.ada, id, UserStatus::Disabled)
        .await
        .unwrap();
    alone(&office).await;
    // With another one, an administrator may leave; then that one is the last.
    office
        .status(&office.ada, id, UserStatus::Active)
        .await
        .unwrap();
    let left = office
        .roles(&office.ada, ada, &["student"], &["admin"])
        .await;
    assert_eq!(left.unwrap().roles, BTreeSet::from([role("student")]));
    let second = office.bed.login("bea@example.org", PASSWORD).await.unwrap();
    let second = office.bed.validate(&second.tokens).await.unwrap();
    let refused = office.roles(&second, id, &[], &["admin"]).await;
    assert!(matches!(refused, Err(AuthError::LastAdministrator)));
    // A swap of one such role for another leaves an administrator.
    assert!(
        office
            .roles(&second, id, &["clerk"], &["admin"])
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn asvs_7_4_5_an_administrator_lists_and_ends_sessions_of_a_user() {
    let office = Office::new().await;
    let (auth, here) = (office.auth(), &office.bed.here);
    let (ada, ann) = (&office.ada, office.ann_id);
    let second = office.bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let list = auth
        .list_user_sessions(ada, ann, ListSessions::default(), here)
        .await
        .unwrap();
    assert_eq!(list.sessions.len(), 2);
    assert!(list.sessions.iter().all(|session| !session.current));

    let sid = office.bed.validate(&second).await.unwrap().session().id;
    auth.end_user_session(ada, ann, sid, here).await.unwrap();
    assert!(office.bed.validate(&second).await.is_err());
    assert!(office.bed.refresh(&second).await.is_err());
    assert!(office.bed.validate(&office.ann).await.is_ok());
    let event = office.bed.events.all();
    let event = event
        .iter()
        .find(|event| event.operation == Operation::EndUserSession);
    assert_eq!(event.unwrap().session_id, Some(sid));
    // Not one of somebody else, under Ann's name.
    let mine = ada.session().id;
    for sid in [sid, mine] {
        let again = auth.end_user_session(ada, ann, sid, here).await;
        assert!(matches!(again, Err(AuthError::NotFound)));
    }

    assert_eq!(auth.end_user_sessions(ada, ann, here).await.unwrap(), 1);
    assert!(office.bed.validate(&office.ann).await.is_err());
    let none = auth.end_user_sessions(ada, NOBODY, here).await;
    assert!(matches!(none, Err(AuthError::NotFound)));
}

#[tokio::test]
async fn ghsa_14_an_administrator_has_a_reset_mailed_and_chooses_no_password() {
    let office = Office::mailing().await;
    let (auth, here, bed) = (office.auth(), &office.bed.here, &office.bed);
    let _ = bed.mails().await;
    let sent = auth.send_password_reset(&office.ada, office.ann_id, here);
    let answer = serde_json::to_string(&sent.await.unwrap()).unwrap();
    let mail = bed.mail(MailKind::ResetPassword).await;
    assert_eq!(mail.to.as_str(), ANN, "to the owner, and to nobody else");
    let token = admittance::test_util::Mailbox::token(&mail).unwrap();
    assert!(!answer.contains(token.expose_secret()));
    // Nothing is ended by that; the owner goes on until the link is used.
    assert!(bed.validate(&office.ann).await.is_ok());
    // It counts like a mail that the owner asks for.
    for _ in 0..2 {
        let sent = auth.send_password_reset(&office.ada, office.ann_id, here);
        assert!(sent.await.is_ok());
    }
    let sent = auth.send_password_reset(&office.ada, office.ann_id, here);
    assert!(matches!(sent.await, Err(AuthError::RateLimited { .. })));
}

#[tokio::test]
async fn users_are_found_by_address_and_paged_through() {
    let office = Office::new().await;
    let (auth, here) = (office.auth(), &office.bed.here);
    for number in 0..7 {
        // Ids begin with the second they were made in.
        office.bed.clock.advance(std::time::Duration::from_secs(1));
        office.bed.register(&format!("u{number}@example.org")).await;
    }
    let find = async |email: &str| {
        let request = FindUser {
            email: email.into(),
        };
        auth.find_user(&office.ada, request, here).await
    };
    let found = find(" ANN@Example.ORG").await.unwrap();
    assert_eq!((found.user_id, found.email.as_str()), (office.ann_id, ANN));
    assert!(matches!(
        find("x@example.org").await,
        Err(AuthError::NotFound)
    ));
    assert!(find(".*@example.org").await.is_err());
    assert!(matches!(find("no").await, Err(AuthError::Validation(_))));
    let viewed = auth.view_user(&office.ada, office.ann_id, here).await;
    assert_eq!(viewed.unwrap(), found);

    let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let limit = Some(2);
        let page = ListUsers { after, limit };
        let page = auth.list_users(&office.ada, page, here).await.unwrap();
        assert!(page.users.len() <= 2);
        seen.extend(page.users.into_iter().map(|user| user.email));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, 5, "nine users, and no empty page at the end");
    let new = (0..7).map(|number| format!("u{number}@example.org"));
    let expected: Vec<_> = new.collect();
    assert_eq!(seen[2..], expected);
    assert_eq!(BTreeSet::from_iter(&seen).len(), 9);
    for limit in [0, 201, u32::MAX] {
        let page = ListUsers {
            after: None,
            limit: Some(limit),
        };
        let refused = auth.list_users(&office.ada, page, here).await;
        assert!(matches!(refused, Err(AuthError::Validation(_))), "{limit}");
    }
}

#[tokio::test]
async fn the_first_administrator_is_appointed_and_never_the_first_to_come() {
    let bed = Bed::mailing_with(settings());
    let first = bed.register(ADMIN).await;
    assert_eq!(
        bed.validate(&first.tokens).await.unwrap().user().roles,
        BTreeSet::new()
    );
    let appoint = async |email: &str, name: &str| {
        let role = role(name);
        bed.auth
            .appoint_administrator(email, &role, &bed.here)
            .await
    };
    // The person who registered the address may be a stranger.
    let early = appoint(ADMIN, "admin").await;
    assert!(matches!(early, Err(AuthError::NotVerified)), "{early:?}");
    let request = VerifyEmail {
        token: bed.mailed(MailKind::VerifyEmail).await,
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    let _ = bed
        .auth
        .verify_email(request, None, &bed.here)
        .await
        .unwrap();
    for (email, name) in [
        ("eve@example.org", "admin"),
        (ADMIN, "support"),
        ("no", "admin"),
    ] {
        assert!(appoint(email, name).await.is_err(), "{email} as {name}");
    }
    let view = appoint(" ADA@example.org", "admin").await.unwrap();
    assert_eq!(view.roles, BTreeSet::from([role("admin")]));
    let event = bed.events.last();
    assert_eq!(event.operation, Operation::AppointAdministrator);
    assert_eq!((event.user_id, event.refused), (Some(first.user_id), None));
    let ada = bed.validate(&first.tokens).await.unwrap();
    assert!(ada.has_permission(&AdminPermission::ChangeRoles.into()));
    // Again is no harm, and it is the way back when nobody is left.
    assert!(appoint(ADMIN, "admin").await.is_ok());
}

#[tokio::test]
async fn with_a_mailer_roles_are_granted_to_confirmed_accounts_only() {
    let office = Office::mailing().await;
    let refused = office
        .roles(&office.ada, office.ann_id, &["student"], &[])
        .await;
    assert!(
        matches!(refused, Err(AuthError::NotVerified)),
        "{refused:?}"
    );
    assert_eq!(office.stored_roles(office.ann_id).await, [""; 0]);
    // Taking one away needs no proof.
    office.make(office.ann_id, &["student"]).await;
    let view = office
        .roles(&office.ada, office.ann_id, &[], &["student"])
        .await;
    assert_eq!(view.unwrap().roles, BTreeSet::new());
}

#[tokio::test]
async fn asvs_8_2_3_a_profile_or_registration_sets_no_role_and_no_status() {
    let office = Office::new().await;
    let preferences = serde_json::json!({"roles": ["admin"], "status": "disabled"});
    let change = UpdateProfile {
        name: None,
        preferences: preferences.as_object().cloned(),
    };
    let ann = office.bed.validate(&office.ann).await.unwrap();
    let here = &office.bed.here;
    office
        .auth()
        .update_profile(&ann, change, here)
        .await
        .unwrap();
    let user = office.bed.store.user(office.ann_id).await.unwrap().unwrap();
    assert!(user.roles.is_empty());
    assert_eq!(user.status, UserStatus::Active);
    let body = serde_json::json!({
        "email": "eve@example.org", "password": PASSWORD, "confirm_password": PASSWORD,
        "name": "Eve", "roles": ["admin"],
    });
    let read: Result<admittance::service::RegisterRequest, _> = serde_json::from_value(body);
    assert!(read.is_err());
}

#[tokio::test]
async fn what_a_store_answers_for_another_user_is_not_taken() {
    use admittance::test_util::MockStore;
    let office = Office::new().await;
    let tokens = office.bed.login(ADMIN, PASSWORD).await.unwrap().tokens;
    let ada = office.bed.validate(&tokens).await.unwrap();
    let (session, user) = (ada.session().clone(), ada.user().clone());
    let wrong = office.bed.store.user(office.ann_id).await.unwrap();
    let mut store = MockStore::new();
    store
        .expect_session()
        .returning(move |_, _| Ok(Some(session.clone())));
    store.expect_user().returning(move |id| match id == NOBODY {
        true => Ok(wrong.clone()),
        false => Ok(Some(user.clone())),
    });
    let bed = Bed::over(Arc::new(store), settings());
    let ada = bed.validate(&tokens).await.unwrap();
    let refused = bed.auth.view_user(&ada, NOBODY, &bed.here).await;
    assert!(matches!(refused, Err(AuthError::NotFound)));
}

#[tokio::test]
async fn asvs_16_2_1_an_administrator_reads_what_happened_to_an_account_and_who_did_it() {
    let store = MemoryStore::new();
    let bed = Bed::built(store.clone(), settings(), |builder, _| {
        builder.audit_log(store, admittance::audit::AuditPolicy::default())
    });
    let office = Office::over(bed).await;
    let (auth, here) = (office.auth(), &office.bed.here);
    let (ada, ann) = (&office.ada, office.ann_id);
    let _ = office.bed.login(ANN, "not the right one").await;
    office.status(ada, ann, UserStatus::Disabled).await.unwrap();
    let read = async |who: &Authenticated, before, limit| {
        auth.flush_events().await;
        let page = ListEvents { before, limit };
        auth.list_user_events(who, ann, page, here).await
    };
    let list = read(ada, None, None).await.unwrap();
    let seen: Vec<_> = list
        .events
        .iter()
        .map(|event| (event.operation, event.refused, event.actor_id))
        .collect();
    let expected = [
        (Operation::DisableUser, None, Some(ada.user().id)),
        (Operation::Login, Some(ErrorCode::InvalidCredentials), None),
        (Operation::Register, None, None),
    ];
    assert_eq!(seen, expected);
    assert!(list.events.iter().all(|event| event.ip == here.ip()));
    // Page by page it is the same, and that it was read is kept, too.
    let first = read(ada, None, Some(1)).await.unwrap();
    assert_eq!(first.events[0].operation, Operation::ListUserEvents);
    let next = read(ada, first.next, Some(1)).await.unwrap();
    assert_eq!(next.events[0], list.events[0]);
    let none = read(ada, None, Some(0)).await;
    assert!(matches!(none, Err(AuthError::Validation(_))));
    // Nobody without the permission reads any of it.
    let clerk = office.staff("cle@example.org", &["clerk"]).await;
    let refused = read(&clerk, None, None).await;
    assert!(matches!(refused, Err(AuthError::Forbidden)));
}
