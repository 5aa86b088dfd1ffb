//! The client over TCP on the loopback.

mod addresses;
mod answers;
mod certificates;
mod connections;
mod secrets;
mod server;

use std::collections::VecDeque;
use std::future::pending;
use std::net::IpAddr;
use std::sync::Mutex;

use super::*;

/// No test waits this long, however slow the machine is.
const LONG: Duration = Duration::from_secs(60);
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
/// An address that is public. Tests never connect to it.
const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(9, 9, 9, 9));
const INSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

fn get(url: &str) -> HttpRequest {
    HttpRequest::get(Url::parse(url).unwrap()).bounded(LONG, true)
}

fn outside(request: HttpRequest) -> HttpRequest {
    request.bounded(LONG, false)
}

fn form(url: &str, body: &str) -> HttpRequest {
    let url = Url::parse(url).unwrap();
    HttpRequest::form(url, body.to_owned().into()).bounded(LONG, true)
}

/// A client with `bounds` that asks the operating system.
fn bounded(bounds: Bounds) -> Client {
    Client::over(Arc::new(System), tls::connector("").unwrap(), bounds)
}

/// A client with `network`.
fn over(network: &Arc<Names>) -> Client {
    let tls = tls::connector(&certificates::authority_pem()).unwrap();
    Client::over(network.clone(), tls, Bounds::DEFAULT)
}

/// The text of the error, after a minute at most.
async fn refusal(client: &Client, request: HttpRequest) -> String {
    let answer = timeout(LONG * 2, client.send(request)).await.unwrap();
    answer.unwrap_err().to_string()
}

/// What every name resolves to, and where connections really go.
#[derive(Default)]
struct Names {
    /// One for each look-up; the last one stays.
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    looked_up: Mutex<usize>,
    dialed: Mutex<Vec<IpAddr>>,
    /// The server that is reached, whatever address is dialed.
    server: Option<SocketAddr>,
    refusing: Vec<IpAddr>,
    silent: Vec<IpAddr>,
}

impl Names {
    fn new(answers: &[&[IpAddr]]) -> Self {
        let answers = answers.iter().map(|answer| answer.to_vec());
        Self {
            answers: Mutex::new(answers.collect()),
            ..Self::default()
        }
    }

    fn dialed(&self) -> Vec<IpAddr> {
        self.dialed.lock().unwrap().clone()
    }

    fn looked_up(&self) -> usize {
        *self.looked_up.lock().unwrap()
    }
}

#[async_trait]
impl Network for Names {
    fn look_up(&self, _name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        *self.looked_up.lock().unwrap() += 1;
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        Ok(answer.iter().map(|ip| (*ip, port).into()).collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let ip = address.ip();
        self.dialed.lock().unwrap().push(ip);
        if self.refusing.contains(&ip) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        if self.silent.contains(&ip) {
            pending::<()>().await;
        }
        assert!(self.server.is_some() || ip.is_loopback(), "{ip}");
        TcpStream::connect(self.server.unwrap_or(address)).await
    }
}
