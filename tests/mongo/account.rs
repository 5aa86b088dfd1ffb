//! The life of an account over MongoDB: what it costs, what instances share,
//! and that a deleted account is nowhere any more.

use std::cell::RefCell;

use admittance::authz::{Role, RolePolicy};
use admittance::config::{AuthConfig, LimitPolicy};
use admittance::mail::MailKind;
use admittance::service::{
    ChangeEmail, DeleteAccount, EmailRequest, LinkRequest, ResetPassword, VerifyEmail,
};
use admittance::store::mongodb::MongoStore;
use admittance::store::{RoleChange, TokenStore, UserStore};
use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};

use crate::sample::at;
use support::bed::{self, Bed, OTHER_PASSWORD, PASSWORD, hash_of};
use support::commands::Commands;
use support::mongo;

fn settings() -> AuthConfig {
    let mut settings = bed::config();
    settings.limits = LimitPolicy::default();
    settings.roles = RolePolicy::new().administrator(administrator());
    settings
}

fn administrator() -> Role {
    Role::new("administrator").unwrap()
}

fn instance(store: MongoStore) -> Bed<MongoStore> {
    let bed = Bed::mailing_over(store, settings());
    // Later than the server's own clock, so that it removes nothing.
    bed.clock.set(at(0));
    bed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_lives_within_its_commands() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let bed = instance(mongo::store_over(options).await);
    // The administrator, too.
    let warm = bed.register("warm@example.org").await;
    let change = RoleChange {
        grant: [administrator()].into(),
        ..RoleChange::default()
    };
    let given = bed.store.change_roles(warm.user_id, 0, &change).await;
    assert!(given.unwrap().is_some());
    let admin = bed.validate(&warm.tokens).await.unwrap();
    bed.auth.flush_mail().await;
    commands.take();
    let others = RefCell::new(Vec::new());
    let spent = async |operation: &str, expected: usize| {
        // What goes on in the background counts too.
        bed.auth.flush_mail().await;
        let sent: Vec<String> = commands.take().into_iter().map(|sent| sent.name).collect();
        println!("{operation}: {} commands: {}", sent.len(), sent.join(", "));
        if sent.len() != expected {
            let other = format!("{operation}: {} instead of {expected}", sent.len());
            others.borrow_mut().push(other);
        }
    };
    let (auth, here) = (&bed.auth, &bed.here);
    let email = |email: &str| EmailRequest {
        email: email.into(),
    };

    let tokens = bed.register("ann@example.org").await.tokens;
    // Two of them count the mail that confirms the address.
    spent("register", 6).await;
    let ann = bed.validate(&tokens).await.unwrap();
    spent("validate_token", 2).await;
    let request = VerifyEmail {
        token: bed.mailed(MailKind::VerifyEmail).await,
        password: None,
        ticket: None,
    };
    let _ = auth.verify_email(request, Some(&ann), here).await.unwrap();
    spent("verify_email", 6).await;
    auth.forgot_password(email("ann@example.org"), here)
        .await
        .unwrap();
    spent("forgot_password", 5).await;
    auth.forgot_password(email("nobody@example.org"), here)
        .await
        .unwrap();
    spent("forgot_password, unknown", 3).await;
    auth.export_account(&ann, here).await.unwrap();
    spent("export_account", 5).await;
    auth.send_password_reset(&admin, ann.user().id, here)
        .await
        .unwrap();
    spent("send_password_reset", 6).await;
    let request = ResetPassword {
        token: bed.mailed(MailKind::ResetPassword).await,
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    auth.reset_password(request, here).await.unwrap();
    // The last two forget what strangers, and others on such a device, failed.
    spent("reset_password", 10).await;
    let tokens = bed
        .login("ann@example.org", OTHER_PASSWORD)
        .await
        .unwrap()
        .tokens;
    spent("login", 10).await;
    let ann = bed.validate(&tokens).await.unwrap();
    spent("validate_token", 2).await;
    let request = ChangeEmail {
        new_email: "lee@example.org".into(),
        current_password: OTHER_PASSWORD.into(),
    };
    auth.change_email(&ann, request, here).await.unwrap();
    // One command counts the attempt and one forgets it, as with the deletion.
    spent("change_email", 11).await;
    let request = LinkRequest {
        token: bed.mailed(MailKind::ConfirmEmailChange).await,
    };
    auth.confirm_email_change(&ann, request, here)
        .await
        .unwrap();
    spent("confirm_email_change", 8).await;
    let ann = bed.validate(&tokens).await.unwrap();
    spent("validate_token", 2).await;
    let request = DeleteAccount {
        current_password: OTHER_PASSWORD.into(),
    };
    auth.delete_account(&ann, request, here).await.unwrap();
    spent("delete_account", 10).await;
    let others = others.into_inner();
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_one_instance_works_at_another_and_once_in_all() {
    let options = mongo::options().await;
    let one = instance(mongo::store_over(options.clone()).await);
    let two = instance(mongo::store_over(options).await);
    one.register("ann@example.org").await;
    let request = EmailRequest {
        email: "ann@example.org".into(),
    };
    one.auth.forgot_password(request, &one.here).await.unwrap();
    let token = one.mailed(MailKind::ResetPassword).await;
    let reset = async |bed: &Bed<MongoStore>, password: &str| {
        let request = ResetPassword {
            token: token.clone(),
            new_password: password.into(),
            confirm_password: password.into(),
        };
        bed.auth.reset_password(request, &bed.here).await.is_ok()
    };
    let (first, second) = tokio::join!(reset(&one, OTHER_PASSWORD), reset(&two, PASSWORD));
    assert!(first ^ second, "asvs_6_5_1: {first}, {second}");
    let password = if first { OTHER_PASSWORD } else { PASSWORD };
    assert!(two.login("ann@example.org", password).await.is_ok());
    assert!(!reset(&one, OTHER_PASSWORD).await && !reset(&two, OTHER_PASSWORD).await);
}

/// Every document of every collection, as bytes.
async fn everything(database: &Database) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for name in database.list_collection_names().await.unwrap() {
        let mut cursor = database
            .collection::<Document>(&name)
            .find(doc! {})
            .await
            .unwrap();
        while cursor.advance().await.unwrap() {
            let document = cursor.deserialize_current().unwrap();
            let bytes = mongodb::bson::to_vec(&document).unwrap();
            all.push((name.clone(), bytes));
        }
    }
    all
}

fn places(all: &[(String, Vec<u8>)], needle: &[u8]) -> Vec<String> {
    all.iter()
        .filter(|(_, bytes)| bytes.windows(needle.len()).any(|window| window == needle))
        .map(|(name, _)| name.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_4_2_a_deleted_account_is_nowhere_in_the_database() {
    let options: ClientOptions = mongo::options().await;
    let name = options.default_database.clone().unwrap();
    let database = Client::with_options(options.clone())
        .unwrap()
        .database(&name);
    let bed = instance(mongo::store_over(options).await);
    let ann = bed.register("Ann.Needle@example.org").await;
    bed.login("ann.needle@example.org", PASSWORD).await.unwrap();
    let who = bed.validate(&ann.tokens).await.unwrap();
    let request = ChangeEmail {
        new_email: "lee.needle@example.org".into(),
        current_password: PASSWORD.into(),
    };
    bed.auth
        .change_email(&who, request, &bed.here)
        .await
        .unwrap();
    let request = EmailRequest {
        email: "ann.needle@example.org".into(),
    };
    bed.auth.forgot_password(request, &bed.here).await.unwrap();
    bed.auth.flush_mail().await;
    bed.register("bob@example.org").await;

    let mut needles: Vec<(String, Vec<u8>)> = vec![
        ("id".to_owned(), ann.user_id.to_bytes().to_vec()),
        ("address".to_owned(), b"Ann.Needle@example.org".to_vec()),
        (
            "canonical address".to_owned(),
            b"ann.needle@example.org".to_vec(),
        ),
        ("new address".to_owned(), b"lee.needle@example.org".to_vec()),
        (
            "hash".to_owned(),
            hash_of(who.user()).expose_secret().as_bytes().to_vec(),
        ),
        ("session".to_owned(), who.session().id.to_bytes().to_vec()),
    ];
    let links = bed.store.tokens_of(ann.user_id, at(0)).await.unwrap();
    assert_eq!(links.len(), 3);
    for link in links {
        needles.push((
            format!("{:?}", link.purpose),
            link.digest.to_bytes().to_vec(),
        ));
    }
    let before = everything(&database).await;
    for (what, needle) in &needles {
        assert!(
            !places(&before, needle).is_empty(),
            "{what} is not there to be found"
        );
    }
    let request = DeleteAccount {
        current_password: PASSWORD.into(),
    };
    // Its address is not confirmed, and mails went there: wait for the budget.
    bed.clock.set(at(3600));
    let tokens = bed
        .login("ann.needle@example.org", PASSWORD)
        .await
        .unwrap()
        .tokens;
    let who = bed.validate(&tokens).await.unwrap();
    bed.auth
        .delete_account(&who, request, &bed.here)
        .await
        .unwrap();
    bed.auth.flush_mail().await;
    let after = everything(&database).await;
    for (what, needle) in &needles {
        assert_eq!(places(&after, needle), [""; 0], "{what} is left");
    }
    assert!(!places(&after, b"bob@example.org").is_empty());
}
