//! What people do with a service, every operation of it.

use admittance::audit::AuditPolicy;
use admittance::authz::{Role, RolePolicy};
use admittance::config::AuthConfig;
use admittance::mail::MailKind;
use admittance::service::{
    ChangeRoles, ListEvents, ListSessions, ListUsers, PasswordStrengthRequest, RequestContext,
    SetStatus, UpdateProfile,
};
use admittance::store::Store;
use admittance::user::UserStatus;

use support::asks::{
    change_email, confirm_email, confirm_password, delete, disown, forgot, resend, reset, verify,
};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, mail_config, registration};

const ANN: &str = "ann.canary@example.org";
const BOB: &str = "bob.canary@example.org";
const NEW: &str = "new.canary@example.org";
const ADA: &str = "ada.canary@example.org";
const EVE: &str = "eve.canary@example.org";
const AGENT: &str = "canary-browser";

pub(crate) fn bed<S: Store + Clone>(store: S) -> Bed<S> {
    let log = store.clone();
    let mut bed = Bed::built(store, settings(), |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config());
        builder.audit_log(log, AuditPolicy::default())
    });
    bed.here = RequestContext::from_ip([203, 0, 113, 77].into()).with_user_agent(AGENT);
    bed
}

fn settings() -> AuthConfig {
    let mut settings = config();
    settings.roles = RolePolicy::new().administrator(Role::new("admin").unwrap());
    settings
}

/// Every operation, with success and with some refusals.
pub(crate) async fn live<S: Store + Clone>(bed: &Bed<S>) {
    let registered = bed.register(ANN).await;
    drop(bed.auth.register(registration(ANN), &bed.here).await);
    let verify_link = bed.mailed(MailKind::VerifyEmail).await;
    let elsewhere = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    drop(bed.login(ANN, OTHER_PASSWORD).await);
    let ann = bed.validate(&registered.tokens).await.unwrap();
    drop(bed.auth.validate_token("canary-no-token", &bed.here).await);

    resend(bed, ANN).await.unwrap();
    verify(bed, &verify_link, None, Some(&ann)).await.unwrap();
    let change = UpdateProfile {
        name: Some("Canary Lee".into()),
        preferences: None,
    };
    bed.auth
        .update_profile(&ann, change, &bed.here)
        .await
        .unwrap();
    bed.auth
        .list_sessions(&ann, ListSessions::default(), &bed.here)
        .await
        .unwrap();
    drop(bed.auth.export_account(&ann, &bed.here).await.unwrap());
    let page = ListEvents::default();
    let events = bed.auth.list_events(&ann, page, &bed.here).await;
    assert!(!events.unwrap().events.is_empty());

    let next = bed.refresh(&elsewhere).await.unwrap();
    bed.refresh(&next).await.unwrap();
    drop(bed.refresh(&elsewhere).await);
    let id = ann.session().id;
    let third = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let other = bed.validate(&third).await.unwrap().session().id;
    bed.auth.end_session(&ann, other, &bed.here).await.unwrap();
    drop(bed.auth.end_session(&ann, other, &bed.here).await);
    bed.auth.end_all_sessions(&ann, &bed.here).await.unwrap();
    assert_eq!(ann.session().id, id);

    change_email(bed, &ann, NEW, PASSWORD).await.unwrap();
    let link = bed.mailed(MailKind::ConfirmEmailChange).await;
    confirm_email(bed, &ann, &link).await.unwrap();
    let tokens = bed
        .change_password(&ann, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap()
        .tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let confirmed = confirm_password(bed, &ann, OTHER_PASSWORD).await;
    let tokens = confirmed.unwrap().unwrap();
    let ann = bed.validate(&tokens).await.unwrap();
    bed.auth.logout(&ann, &bed.here).await.unwrap();

    forgot(bed, NEW).await.unwrap();
    let link = bed.mailed(MailKind::ResetPassword).await;
    reset(bed, &link, PASSWORD).await.unwrap();
    let tokens = bed.login(NEW, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    delete(bed, &ann, PASSWORD).await.unwrap();

    let typed = PasswordStrengthRequest::default();
    let told = bed.auth.password_strength(typed, &bed.here).await.unwrap();
    assert!(!told.acceptable);
    bed.register(BOB).await;
    let link = bed.mailed(MailKind::VerifyEmail).await;
    disown(bed, &link).await.unwrap();
    for _ in 0..5 {
        drop(bed.login(BOB, OTHER_PASSWORD).await);
    }
    drop(bed.login(BOB, OTHER_PASSWORD).await);
    administer(bed).await;
    bed.auth.flush_mail().await;
}

/// What an administrator does.
async fn administer<S: Store + Clone>(bed: &Bed<S>) {
    let tokens = bed.register(ADA).await.tokens;
    let (ada, here) = (bed.validate(&tokens).await.unwrap(), &bed.here);
    let link = bed.mailed(MailKind::VerifyEmail).await;
    verify(bed, &link, None, Some(&ada)).await.unwrap();
    let role = Role::new("admin").unwrap();
    let auth = &bed.auth;
    auth.appoint_administrator(ADA, &role, here).await.unwrap();
    let ada = bed.validate(&tokens).await.unwrap();

    let eve = bed.register(EVE).await;
    let (id, session) = (eve.user_id, bed.validate(&eve.tokens).await.unwrap());
    let session = session.session().id;
    auth.list_users(&ada, ListUsers::default(), here)
        .await
        .unwrap();
    auth.view_user(&ada, id, here).await.unwrap();
    auth.list_user_sessions(&ada, id, ListSessions::default(), here)
        .await
        .unwrap();
    auth.list_user_events(&ada, id, ListEvents::default(), here)
        .await
        .unwrap();
    auth.end_user_session(&ada, id, session, here)
        .await
        .unwrap();
    auth.end_user_sessions(&ada, id, here).await.unwrap();
    drop(auth.send_password_reset(&ada, id, here).await.unwrap());
    auth.change_user_roles(&ada, id, ChangeRoles::default(), here)
        .await
        .unwrap();
    for status in [UserStatus::Disabled, UserStatus::Active] {
        let request = SetStatus { status };
        auth.set_user_status(&ada, id, request, here).await.unwrap();
    }
}
