//! Names and connections, by the operating system.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use async_trait::async_trait;
use tokio::net::TcpStream;

/// What the client asks of the operating system, so that tests can answer instead.
#[async_trait]
pub(super) trait Network: Send + Sync + 'static {
    /// The addresses of `name`. Blocks its thread.
    fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// A connection to exactly `address`.
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

pub(super) struct System;

#[async_trait]
impl Network for System {
    fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((name, port).to_socket_addrs()?.collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
