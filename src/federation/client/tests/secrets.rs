//! What errors say.

use tokio::io::{AsyncWriteExt, copy, sink};

use super::server::{Server, ok};
use super::*;

#[tokio::test]
async fn asvs_16_2_5_errors_say_where_and_show_no_secret() {
    let replying = async |answer: &'static str| {
        Server::start(move |mut stream, counts| async move {
            counts.request(&mut stream).await;
            drop(stream.write_all(answer.as_bytes()).await);
        })
        .await
    };
    let closing = replying("").await;
    let garbage = replying("canary canary canary\r\n\r\n").await;
    let header = replying("HTTP/1.1 200 OK\r\ncanary\r\n\r\n").await;
    let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\ncanary\r\n";
    let chunk = replying(chunk).await;
    let plain = Server::start(|mut stream, _| async move {
        drop(stream.write_all(b"canary").await);
        drop(copy(&mut stream, &mut sink()).await);
    })
    .await;
    let compressed = Server::answering(ok("content-encoding: canary\r\n", "canary")).await;
    let client = Client::new().unwrap();
    let port = plain.address.port();
    for (request, place) in [
        (closing.url(""), "receiving the answer: "),
        (garbage.url(""), "receiving the answer: "),
        (header.url(""), "receiving the answer: "),
        (chunk.url(""), "receiving the answer: "),
        (compressed.url(""), "the answer is compressed"),
        (format!("https://127.0.0.1:{port}"), "TLS with 127.0.0.1: "),
        (
            "http://127.0.0.1:1".to_owned(),
            "connecting to 127.0.0.1:1: ",
        ),
        ("https://idp.invalid".to_owned(), "looking up idp.invalid: "),
        ("https://10.0.0.1".to_owned(), "10.0.0.1 leads to no "),
        ("ftp://10.0.0.1".to_owned(), "the URL cannot be requested"),
    ] {
        let allows_private = place != "10.0.0.1 leads to no ";
        let request = form(&format!("{request}/?q=canary"), "code=canary")
            .header("authorization", "Basic canary".to_owned())
            .bounded(LONG, allows_private);
        let error = client.send(request).await.unwrap_err();
        assert!(error.to_string().starts_with(place), "{error}");
        let mut shown = format!("{error} {error:?}");
        let mut source = error.source();
        while let Some(cause) = source {
            shown += &format!(" {cause} {cause:?}");
            source = cause.source();
        }
        assert!(!shown.contains("canary"), "{shown}");
    }
    let request = get("https://idp.invalid").header("authorization", "canary\r\n".to_owned());
    let error = refusal(&client, request).await;
    assert_eq!(error, "a header cannot be sent");
}
