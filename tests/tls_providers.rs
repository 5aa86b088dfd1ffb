//! A program in which rustls has two providers of cryptography, as when this crate brings
//! `ring` and the application `aws-lc-rs`. One test, since the default is one for the process.

use std::panic::catch_unwind;
use std::time::Duration;

use admittance::federation::Client;
use admittance::mail::{SmtpConfig, SmtpMailer};
use admittance::store::StoreError;
use admittance::store::mongodb::{MongoConfig, MongoStore, StartError};
use admittance::store::sql::{PostgresStore, SqlConfig};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;

#[tokio::test]
async fn the_crate_needs_no_default_provider_and_the_application_chooses_one_in_one_line() {
    // What the application meets without the line: rustls does not choose between two.
    catch_unwind(|| drop(ClientConfig::builder())).unwrap_err();

    // The crate's own connections name their provider.
    let smtp = SmtpConfig::from_url("smtps://user:password@mail.example.org", "a@example.org");
    SmtpMailer::new(smtp.unwrap()).unwrap();
    Client::new().unwrap();
    let mut config = MongoConfig::default();
    config.deadline = Duration::from_millis(100);
    let started = MongoStore::connect("mongodb://127.0.0.1:9/exam?tls=true", config).await;
    assert!(
        matches!(&started, Err(StartError::Store(StoreError::Unavailable(_)))),
        "{started:?}"
    );
    let mut config = SqlConfig::default();
    config.deadline = Duration::from_millis(100);
    let url = "postgres://127.0.0.1:9/exam?sslmode=require";
    let started = PostgresStore::connect(url, config).await;
    assert!(
        matches!(
            &started,
            Err(admittance::store::sql::StartError::Store(
                StoreError::Unavailable(_)
            ))
        ),
        "{started:?}"
    );
    // And they have not chosen for the application.
    catch_unwind(|| drop(ClientConfig::builder())).unwrap_err();

    // The line of docs/features.md.
    aws_lc_rs::default_provider().install_default().unwrap();
    drop(ClientConfig::builder());
}
