//! Where requests go.

use tokio::io::AsyncWriteExt;

use super::server::{Server, ok};
use super::*;

#[tokio::test]
async fn ghsa_69_a_name_that_leads_inside_is_refused_unless_allowed() {
    let server = Server::answering(ok("", "here")).await;
    let names = Arc::new(Names::new(&[&[LOOPBACK]]));
    let client = over(&names);
    let url = format!("http://idp.example:{}/keys", server.address.port());
    assert_eq!(
        refusal(&client, outside(get(&url))).await,
        "idp.example leads to no address that requests may go to"
    );
    assert!(names.dialed().is_empty());
    let answer = client.send(get(&url)).await.unwrap();
    assert_eq!(*answer.body, b"here");
    // The connection that is kept was not allowed for this one.
    refusal(&client, outside(get(&url))).await;
    assert_eq!(server.counts.requests().len(), 1);
}

#[tokio::test]
async fn ghsa_69_an_address_in_the_url_is_judged_like_that_of_a_name() {
    let names = Arc::new(Names::default());
    let client = over(&names);
    for url in [
        "http://127.0.0.1:9/",
        "https://127.0.0.1:9/",
        "https://[::1]:9/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest",
    ] {
        let error = refusal(&client, outside(get(url))).await;
        assert!(
            error.ends_with("to no address that requests may go to"),
            "{error}"
        );
    }
    assert_eq!((names.dialed(), names.looked_up()), (vec![], 0));
}

#[tokio::test]
async fn ghsa_69_what_the_next_look_up_says_is_judged_anew() {
    let server = Server::start(async |stream, counts| {
        let mut stream = certificates::acceptor().accept(stream).await.unwrap();
        if counts.request(&mut stream).await {
            let answer = ok("connection: close\r\n", "here");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await;
    let mut names = Names::new(&[&[INSIDE, PUBLIC], &[LOOPBACK]]);
    names.server = Some(server.address);
    let names = Arc::new(names);
    let client = over(&names);
    let answer = client.send(outside(get("https://idp.example/"))).await;
    assert_eq!(*answer.unwrap().body, b"here");
    assert_eq!((names.dialed(), names.looked_up()), (vec![PUBLIC], 1));
    server.closed().await;
    let error = refusal(&client, outside(get("https://idp.example/"))).await;
    assert!(
        error.starts_with("idp.example leads to no address"),
        "{error}"
    );
    assert_eq!((names.dialed(), names.looked_up()), (vec![PUBLIC], 2));
}

#[tokio::test]
async fn without_tls_requests_go_to_the_loopback_only() {
    let names = Arc::new(Names::new(&[&[INSIDE, PUBLIC]]));
    let error = refusal(&over(&names), get("http://a.localhost/")).await;
    assert!(
        error.starts_with("a.localhost leads to no address"),
        "{error}"
    );
    assert!(names.dialed().is_empty());
}

#[tokio::test]
async fn an_address_that_refuses_is_followed_by_the_next() {
    let server = Server::answering(ok("", "here")).await;
    let second = IpAddr::from([127, 0, 0, 2]);
    let mut names = Names::new(&[&[second, LOOPBACK]]);
    names.refusing = vec![second];
    let names = Arc::new(names);
    let url = format!("http://idp.example:{}/", server.address.port());
    over(&names).send(get(&url)).await.unwrap();
    assert_eq!(names.dialed(), [second, LOOPBACK]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_silent_leaves_time_for_the_next() {
    let mut names = Names::new(&[&[INSIDE, PUBLIC]]);
    names.silent = vec![INSIDE];
    names.refusing = vec![PUBLIC];
    let client = over(&Arc::new(names));
    let addresses = [INSIDE, PUBLIC].map(|ip| SocketAddr::from((ip, 443)));
    let begun = Instant::now();
    let deadline = Deadline(begun + LONG);
    let failure = client.stream(&addresses, deadline).await.unwrap_err();
    assert!(matches!(failure, Failure::Connect(at, _) if at.ip() == PUBLIC));
    assert_eq!(begun.elapsed().as_secs(), LONG.as_secs() / 2);
}
