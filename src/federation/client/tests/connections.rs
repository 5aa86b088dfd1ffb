//! How many connections there are, and when they are used again.

use std::sync::mpsc;

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::sync::Barrier;

use super::server::{Server, ok};
use super::*;

const BOUNDS: Bounds = Bounds {
    per_host: 4,
    kept: 4,
    kept_for: LONG,
};

#[tokio::test]
async fn many_requests_at_once_share_a_few_connections() {
    let barrier = Arc::new(Barrier::new(Bounds::DEFAULT.per_host));
    let server = Server::start(move |mut stream, counts| {
        let barrier = Arc::clone(&barrier);
        async move {
            // The first requests are answered when there are as many as there can be.
            if counts.request(&mut stream).await {
                barrier.wait().await;
                drop(stream.write_all(ok("", "here").as_bytes()).await);
            }
            while counts.request(&mut stream).await {
                drop(stream.write_all(ok("", "here").as_bytes()).await);
            }
        }
    })
    .await;
    let client = Client::new().unwrap();
    let sending = (0..50).map(|_| client.send(get(&server.url("/"))));
    for answer in timeout(LONG, join_all(sending)).await.unwrap() {
        assert_eq!(*answer.unwrap().body, b"here");
    }
    assert_eq!(server.counts.accepted(), Bounds::DEFAULT.per_host);
    assert_eq!(server.counts.most(), Bounds::DEFAULT.per_host);
    assert_eq!(server.counts.requests().len(), 50);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::answering(ok("", "here")).await;
    let client = Client::new().unwrap();
    for _ in 0..3 {
        client.send(get(&server.url("/"))).await.unwrap();
        client.send(form(&server.url("/"), "a=b")).await.unwrap();
    }
    assert_eq!(server.counts.accepted(), 1);
}

#[tokio::test]
async fn a_connection_that_is_not_used_is_closed_in_time() {
    let server = Server::answering(ok("", "here")).await;
    let client = bounded(Bounds {
        kept_for: Duration::from_millis(1),
        ..BOUNDS
    });
    client.send(get(&server.url("/"))).await.unwrap();
    server.closed().await;
}

#[tokio::test]
async fn few_connections_are_kept_to_all_hosts_together() {
    let client = bounded(Bounds { kept: 2, ..BOUNDS });
    let mut servers = Vec::new();
    for _ in 0..3 {
        let server = Server::answering(ok("", "here")).await;
        client.send(get(&server.url("/"))).await.unwrap();
        servers.push(server);
    }
    servers[0].closed().await;
    assert_eq!(servers[1].counts.open(), 1);
    assert_eq!(servers[2].counts.open(), 1);
}

#[tokio::test]
async fn hosts_that_are_not_used_any_more_are_forgotten() {
    let client = bounded(Bounds { kept: 0, ..BOUNDS });
    for _ in 0..3 {
        let server = Server::answering(ok("", "here")).await;
        client.send(get(&server.url("/"))).await.unwrap();
    }
    assert_eq!(client.pool.places(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_costs_no_get_and_repeats_no_post() {
    // Each connection answers once, and is closed by the next request.
    let server = Server::start(async |mut stream, counts| {
        counts.request(&mut stream).await;
        drop(stream.write_all(ok("", "here").as_bytes()).await);
        counts.request(&mut stream).await;
    })
    .await;
    let client = Client::new().unwrap();
    client.send(get(&server.url("/1"))).await.unwrap();
    client.send(get(&server.url("/2"))).await.unwrap();
    let error = refusal(&client, form(&server.url("/3"), "code=c")).await;
    assert!(error.starts_with("receiving the answer: "), "{error}");
    let requests = server.counts.requests();
    let paths = requests
        .iter()
        .filter_map(|request| request.split(' ').nth(1));
    assert_eq!(paths.collect::<Vec<_>>(), ["/1", "/2", "/2", "/3"]);
}

#[tokio::test]
async fn a_post_goes_out_anew_if_the_kept_connection_was_closed_before() {
    let server = Server::start(async |mut stream, counts| {
        counts.request(&mut stream).await;
        drop(stream.write_all(ok("", "here").as_bytes()).await);
    })
    .await;
    let client = Client::new().unwrap();
    client.send(form(&server.url("/1"), "a=b")).await.unwrap();
    server.closed().await;
    client.pool.closed().await;
    client.send(form(&server.url("/2"), "a=b")).await.unwrap();
    assert_eq!(server.counts.accepted(), 2);
}

#[tokio::test]
async fn a_request_that_is_dropped_closes_its_connection_and_makes_room() {
    let server = Server::start(async |mut stream, counts| {
        while counts.request(&mut stream).await {
            if counts.requests().len() > 1 {
                drop(stream.write_all(ok("", "here").as_bytes()).await);
            }
        }
    })
    .await;
    let client = bounded(Bounds {
        per_host: 1,
        ..BOUNDS
    });
    let mut dropped = Box::pin(client.send(get(&server.url("/"))));
    while server.counts.requests().is_empty() {
        let waiting = timeout(Duration::from_millis(1), &mut dropped).await;
        assert!(waiting.is_err());
    }
    drop(dropped);
    server.closed().await;
    client.send(get(&server.url("/"))).await.unwrap();
    assert_eq!(server.counts.most(), 1);
}

#[tokio::test]
async fn a_look_up_that_hangs_counts_until_it_ends() {
    let (release, wait) = mpsc::channel();
    let hanging = Arc::new(Hanging(Mutex::new(wait), Mutex::new(0)));
    let bounds = Bounds {
        per_host: 1,
        ..BOUNDS
    };
    let client = Client::over(hanging.clone(), tls::connector("").unwrap(), bounds);
    let request = || get("https://idp.example/").bounded(Duration::from_millis(100), true);
    let error = refusal(&client, request()).await;
    assert_eq!(error, "the time ran out while looking up the host");
    let error = refusal(&client, request()).await;
    assert_eq!(
        error,
        "the time ran out while other requests to the host were under way"
    );
    drop(release);
    let error = refusal(&client, get("https://idp.example/")).await;
    assert_eq!(error, "looking up idp.example: entity not found");
    assert_eq!(*hanging.1.lock().unwrap(), 2);
}

/// Looks up until the channel closes.
struct Hanging(Mutex<mpsc::Receiver<()>>, Mutex<usize>);

#[async_trait]
impl Network for Hanging {
    fn look_up(&self, _name: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        *self.1.lock().unwrap() += 1;
        self.0.lock().unwrap().recv().unwrap_err();
        Err(io::ErrorKind::NotFound.into())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        panic!("{address}")
    }
}
