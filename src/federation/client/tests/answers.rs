//! What comes back, and what does not.

use std::future::pending;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::server::{Server, ok};
use super::*;
use crate::federation::MAX_ANSWER_BYTES;

/// Long enough to be seen, and no test relies on anything being faster.
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn headers_body_and_type_arrive_in_both_directions() {
    let answer = ok("content-type: application/json; charset=utf-8\r\n", "{}");
    let server = Server::answering(answer).await;
    let client = Client::new().unwrap();
    let request = form(&server.url("/token?a=%20b"), "code=c&x=%2B")
        .header("authorization", "Basic Zm9v".to_owned());
    let answer = client.send(request).await.unwrap();
    assert_eq!(answer.status, 200);
    let kind = answer.content_type.as_deref();
    assert_eq!(kind, Some("application/json; charset=utf-8"));
    assert_eq!(*answer.body, b"{}");
    client.send(get(&server.url(""))).await.unwrap();
    let requests = server.counts.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /token?a=%20b HTTP/1.1");
    lines.sort_unstable();
    let host = format!("host: {}", server.address);
    assert_eq!(
        lines,
        [
            "accept-encoding: identity",
            "accept: application/json",
            "authorization: Basic Zm9v",
            "content-length: 12",
            "content-type: application/x-www-form-urlencoded",
            &host,
            "user-agent: admittance",
        ]
    );
    assert_eq!(body, "code=c&x=%2B");
    assert!(requests[1].starts_with("GET / HTTP/1.1\r\n"));
    assert!(!requests[1].contains("content-"), "{}", requests[1]);
}

#[tokio::test]
async fn ghsa_69_a_redirect_is_returned_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: /elsewhere\r\n\
             set-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
        );
        let server = Server::answering(answer).await;
        let client = Client::new().unwrap();
        for _ in 0..2 {
            let answer = client.send(get(&server.url("/here"))).await.unwrap();
            assert_eq!(answer.status, status);
        }
        let requests = server.counts.requests();
        assert_eq!(requests.len(), 2, "{requests:?}");
        assert!(!requests[1].contains("cookie"), "{requests:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_stops_at_the_limit() {
    let whole = "x".repeat(MAX_ANSWER_BYTES);
    let long = "x".repeat(10 << 20);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    for (answer, length) in [
        (ok("", &whole), MAX_ANSWER_BYTES),
        (ok("", &long), MAX_ANSWER_BYTES + 1),
        (chunked, MAX_ANSWER_BYTES + 1),
    ] {
        let server = Server::answering(answer).await;
        let client = Client::new().unwrap();
        let answer = client.send(get(&server.url("/"))).await.unwrap();
        assert_eq!(answer.body.len(), length);
        if length > MAX_ANSWER_BYTES {
            server.closed().await;
        }
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let header = format!("x: {}\r\n", "x".repeat(300 << 10));
    let server = Server::answering(ok(&header, "")).await;
    let error = refusal(&Client::new().unwrap(), get(&server.url("/"))).await;
    assert!(error.starts_with("receiving the answer: "), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_compressed_is_refused() {
    let client = Client::new().unwrap();
    let server = Server::answering(ok("content-encoding: identity\r\n", "{}")).await;
    client.send(get(&server.url("/"))).await.unwrap();
    let server = Server::answering(ok("content-encoding: gzip\r\n", "{}")).await;
    let error = refusal(&client, get(&server.url("/"))).await;
    assert_eq!(error, "the answer is compressed");
}

#[tokio::test]
async fn an_answer_that_drips_ends_at_the_timeout() {
    for head in ["", "HTTP/1.1 200 OK\r\n\r\n"] {
        let server = Server::start(move |mut stream, counts| async move {
            counts.request(&mut stream).await;
            let mut text = format!("{head}HTTP/1.1 200 OK\r\nx: ");
            while stream.write_all(text.as_bytes()).await.is_ok() {
                text = "x".to_owned();
                sleep(SHORT / 10).await;
            }
        })
        .await;
        let request = get(&server.url("/")).bounded(SHORT, true);
        let error = refusal(&Client::new().unwrap(), request).await;
        assert_eq!(
            error,
            "the time ran out while sending the request or receiving the answer"
        );
        server.closed().await;
    }
}

#[tokio::test]
async fn a_server_that_is_silent_in_the_handshake_ends_at_the_timeout() {
    let server = Server::start(async |_stream, _| pending().await).await;
    let url = format!("https://{}/", server.address);
    let request = get(&url).bounded(SHORT, true);
    let error = refusal(&Client::new().unwrap(), request).await;
    assert_eq!(error, "the time ran out while setting up TLS");
}

#[tokio::test]
async fn a_server_that_closes_early_is_an_error() {
    for sent in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhere",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhere\r\n",
    ] {
        let server = Server::start(move |mut stream, counts| async move {
            counts.request(&mut stream).await;
            stream.write_all(sent.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            // Until the client has closed it, or the end would be a reset.
            drop(stream.read_u8().await);
        })
        .await;
        let client = Client::new().unwrap();
        let error = refusal(&client, form(&server.url("/"), "a=b")).await;
        assert!(
            error.starts_with("receiving the answer: "),
            "{sent}: {error}"
        );
        assert_eq!(server.counts.requests().len(), 1);
    }
}
