//! QUIC, as `solana-tpu-client` speaks it: one transaction in each unidirectional stream, which the sender ends.
//!
//! The certificate carries the node's identity and is otherwise empty; nobody checks it, on either side. A task
//! accepts connections, each connection has one that reads its streams, one after the other, and one hands in what
//! all have read. A stream that does not end in time, or is longer than a transaction, is given up.

use super::{BATCH_MAX, IngestLimits};
use crate::error::Error;
use bytes::{Bytes, BytesMut};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    Connection, Endpoint, EndpointConfig, IdleTimeout, Incoming, RecvStream, ServerConfig,
    TokioRuntime,
};
use sealane_runtime::Ingest;
use solana_keypair::Keypair;
use solana_tls_utils::{new_dummy_x509_certificate, tls_server_config_builder};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// What both sides call the protocol.
const ALPN: &[u8] = b"solana-tpu";
/// How long a stream may take from its beginning to its end.
const STREAM_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection on which nothing happens for so long is closed: quinn's default, and Agave's.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait until the pipeline may have room again.
const PATIENCE: Duration = Duration::from_micros(500);

/// Receives until the runtime ends.
pub(super) fn serve(
    socket: UdpSocket,
    ingest: Ingest,
    identity: &Keypair,
    limits: &IngestLimits,
) -> Result<(), Error> {
    let config = server_config(identity, limits).map_err(Error::Quic)?;
    let runtime = Arc::new(TokioRuntime);
    let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime)
        .map_err(|error| Error::Quic(error.to_string()))?;
    let (transactions, received) = mpsc::channel(2 * BATCH_MAX);
    tokio::spawn(accept(endpoint, transactions, limits.clone()));
    tokio::spawn(hand_in(received, ingest));
    Ok(())
}

fn server_config(identity: &Keypair, limits: &IngestLimits) -> Result<ServerConfig, String> {
    let (certificate, key) = new_dummy_x509_certificate(identity);
    let tls = tls_server_config_builder().with_single_cert(vec![certificate], key);
    let mut tls = tls.map_err(|error| error.to_string())?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let tls = QuicServerConfig::try_from(tls).map_err(|error| error.to_string())?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.migration(false);
    let transport = Arc::get_mut(&mut config.transport).expect("nobody else has it yet");
    let idle = IdleTimeout::try_from(IDLE_TIMEOUT).expect("half a minute is no overflow");
    let bytes_max = u32::try_from(limits.transaction_bytes_max).unwrap_or(u32::MAX);
    transport
        .max_idle_timeout(Some(idle))
        .max_concurrent_uni_streams(limits.streams_per_connection_max.into())
        .max_concurrent_bidi_streams(0u32.into())
        // One more, so that what is too long can be told from what fits.
        .stream_receive_window((bytes_max + 1).into())
        .datagram_receive_buffer_size(None)
        // The server sends next to nothing.
        .enable_segmentation_offload(false);
    Ok(config)
}

/// Accepts connections, as many as there is room for.
async fn accept(endpoint: Endpoint, transactions: mpsc::Sender<Bytes>, limits: IngestLimits) {
    let room = Arc::new(Semaphore::new(limits.connections_max));
    while let Some(incoming) = endpoint.accept().await {
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        let (transactions, bytes_max) = (transactions.clone(), limits.transaction_bytes_max);
        tokio::spawn(async move {
            // Errors are the client's: it went away, or does not speak the protocol.
            if let Some(connection) = connected(incoming).await {
                read_streams(&connection, &transactions, bytes_max).await;
            }
            drop(permit);
        });
    }
}

async fn connected(incoming: Incoming) -> Option<Connection> {
    incoming.accept().ok()?.await.ok()
}

async fn read_streams(
    connection: &Connection,
    transactions: &mpsc::Sender<Bytes>,
    bytes_max: usize,
) {
    while let Ok(mut stream) = connection.accept_uni().await {
        let read = read_stream(&mut stream, bytes_max);
        let Ok(Some(transaction)) = tokio::time::timeout(STREAM_TIMEOUT, read).await else {
            // It may have ended already.
            let _ = stream.stop(0u32.into());
            continue;
        };
        // Waits while too much waits: then the sender gets no more streams.
        if transactions.send(transaction).await.is_err() {
            return;
        }
    }
}

/// All bytes of a stream; `None` if it is empty, too long, or was given up.
async fn read_stream(stream: &mut RecvStream, bytes_max: usize) -> Option<Bytes> {
    let first = stream.read_chunk(bytes_max + 1, true).await.ok()??.bytes;
    let Some(second) = stream.read_chunk(bytes_max + 1, true).await.ok()? else {
        // Most come in one packet: then nothing is copied.
        return (first.len() <= bytes_max).then_some(first);
    };
    let mut all = BytesMut::from(&first[..]);
    all.extend_from_slice(&second.bytes);
    while all.len() <= bytes_max {
        match stream.read_chunk(bytes_max + 1, true).await.ok()? {
            Some(chunk) => all.extend_from_slice(&chunk.bytes),
            None => return Some(all.freeze()),
        }
    }
    None
}

/// Hands in what was received, as many at a time as there are.
async fn hand_in(mut received: mpsc::Receiver<Bytes>, ingest: Ingest) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while received.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let mut next = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_MAX));
        while let Err(back) = ingest.offer(next) {
            next = back;
            tokio::time::sleep(PATIENCE).await;
        }
    }
}
