//! QUIC, as `solana-tpu-client` speaks it: a unidirectional stream for each transaction.
//!
//! All connections are tasks of one thread, and take the next transactions in turn. Where the node gives no more
//! streams, they wait.

use super::Sent;
use crate::wire::WireTransactions;
use anyhow::{Context, Result};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, IdleTimeout, SendStream, TransportConfig};
use solana_keypair::Keypair;
use solana_tls_utils::{
    new_dummy_x509_certificate, socket_addr_to_quic_server_name, tls_client_config_builder,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What both sides call the protocol.
const ALPN: &[u8] = b"solana-tpu";
/// A connection on which nothing happens for so long is closed, as in Agave's clients.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Transactions that a connection takes at a time.
const AT_ONCE: usize = 16;
/// Streams whose end is awaited at last. A node lets a connection have fewer open at a time.
const OPEN_MAX: usize = 4_096;
/// How long closing the connections may take.
const CLOSES_WITHIN: Duration = Duration::from_secs(1);
/// How often it is looked whether all is over.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Connections over which nothing was sent yet.
pub(super) struct Connected {
    runtime: Runtime,
    endpoint: Endpoint,
    connections: Vec<Connection>,
}

/// Connects so many times.
pub(super) fn connect(target: SocketAddr, connections: usize) -> Result<Connected> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let connecting = async {
        let mut endpoint = Endpoint::client(super::any_address_for(target))?;
        endpoint.set_default_client_config(client_config()?);
        let server_name = socket_addr_to_quic_server_name(target);
        let mut connected = Vec::new();
        for _ in 0..connections.max(1) {
            let connecting = endpoint.connect(target, &server_name)?;
            connected.push(connecting.await.context("the node accepts no connection")?);
        }
        anyhow::Ok((endpoint, connected))
    };
    let (endpoint, connections) = runtime.block_on(connecting)?;
    Ok(Connected {
        runtime,
        endpoint,
        connections,
    })
}

impl Connected {
    /// Sends all; returns when the node has acknowledged the last, or `sent` is over.
    pub(super) fn send(
        self,
        transactions: &WireTransactions,
        rate: Option<u64>,
        sent: &Sent,
    ) -> Result<()> {
        let next = RefCell::new(transactions.iter().enumerate());
        let at_once = Sent::at_once(rate, AT_ONCE);
        let take = || -> Vec<(usize, &[u8])> { next.borrow_mut().by_ref().take(at_once).collect() };
        let sending =
            (self.connections.iter()).map(|connection| send_over(connection, &take, rate, sent));
        self.runtime.block_on(async {
            let sent_all = tokio::select! {
                open = futures::future::try_join_all(sending) => open,
                () = over(sent) => Ok(Vec::new()),
            };
            sent.has_ended();
            let result = match sent_all {
                Ok(open) => {
                    tokio::select! {
                        () = acknowledged(open) => {}
                        () = over(sent) => {}
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
            self.endpoint.close(0u32.into(), b"");
            // The node hears of it, unless it is gone.
            let _ = tokio::time::timeout(CLOSES_WITHIN, self.endpoint.wait_idle()).await;
            result
        })
    }
}

fn client_config() -> Result<ClientConfig> {
    let (certificate, key) = new_dummy_x509_certificate(&Keypair::new());
    let tls = tls_client_config_builder().with_client_auth_cert(vec![certificate], key);
    let mut tls = tls.context("the certificate is refused")?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IdleTimeout::try_from(IDLE_TIMEOUT)?))
        .keep_alive_interval(Some(IDLE_TIMEOUT / 4));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Sends what it `take`s, until there is no more; the streams that may not have arrived yet.
async fn send_over<'a>(
    connection: &Connection,
    take: &impl Fn() -> Vec<(usize, &'a [u8])>,
    rate: Option<u64>,
    sent: &Sent,
) -> Result<VecDeque<SendStream>> {
    let mut open = VecDeque::new();
    loop {
        let some = take();
        let Some(&(first, _)) = some.first() else {
            return Ok(open);
        };
        let due = sent.due(first as u64, rate);
        let early = due.saturating_sub(sent.started.elapsed());
        if early > Duration::ZERO {
            tokio::time::sleep(early).await;
        }
        for (i, transaction) in some {
            let opened = connection.open_uni().await;
            let mut stream = opened.context("the node closed a connection")?;
            sent.note(i as u64, i as u64 + 1, rate);
            let written = stream.write_all(transaction).await;
            written.context("the node stopped a stream")?;
            stream.finish().context("the node stopped a stream")?;
            open.push_back(stream);
            if open.len() > OPEN_MAX {
                open.pop_front();
            }
        }
    }
}

/// Waits until the node has read these, or stopped them.
async fn acknowledged(open: Vec<VecDeque<SendStream>>) {
    for stream in open.into_iter().flatten() {
        // A connection that ends has nothing left to wait for.
        let _ = stream.stopped().await;
    }
}

async fn over(sent: &Sent) {
    while !sent.is_over() {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
