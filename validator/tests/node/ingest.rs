//! Transactions over QUIC and UDP.

use crate::support::{PATIENCE, result};
use crate::transfers::{node_and_payer, transfer};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint};
use sealane_validator::{RpcLimits, Validator, ValidatorHandle};
use serde_json::json;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_tls_utils::{new_dummy_x509_certificate, tls_client_config_builder};
use solana_transaction::Transaction;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A client as `solana-quic-client` is one: any certificate, the protocol's name, a stream for each transaction.
pub(crate) struct Client {
    runtime: Runtime,
    endpoint: Endpoint,
}

impl Client {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (certificate, key) = new_dummy_x509_certificate(&Keypair::new());
        let mut tls = tls_client_config_builder()
            .with_client_auth_cert(vec![certificate], key)
            .unwrap();
        tls.alpn_protocols = vec![b"solana-tpu".to_vec()];
        let tls = QuicClientConfig::try_from(tls).unwrap();
        let entered = runtime.enter();
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        drop(entered);
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(tls)));
        Self { runtime, endpoint }
    }

    pub(crate) fn connect(&self, node: &ValidatorHandle) -> Option<Connection> {
        let address = node.quic_address().unwrap();
        let _entered = self.runtime.enter();
        let connecting = self.endpoint.connect(address, "sealane").unwrap();
        self.runtime.block_on(connecting).ok()
    }

    /// Sends some bytes in a stream of its own, and ends it.
    pub(crate) fn send(&self, connection: &Connection, bytes: &[u8]) {
        self.runtime.block_on(async {
            let mut stream = connection.open_uni().await.unwrap();
            // Of what is too long the server reads no more than the beginning.
            if stream.write_all(bytes).await.is_ok() {
                stream.finish().unwrap();
            }
        });
    }
}

fn transfers(node: &ValidatorHandle, payer: &Keypair, count: u64) -> (Pubkey, Vec<Transaction>) {
    let (to, blockhash) = (Pubkey::new_unique(), node.latest_blockhash());
    let transfer = |i| transfer(payer, &to, 1_000_000 + i, blockhash);
    (to, (0..count).map(transfer).collect())
}

fn wire(transaction: &Transaction) -> Vec<u8> {
    bincode::serialize(transaction).unwrap()
}

fn confirm_all(node: &ValidatorHandle, transactions: &[Transaction]) {
    for transaction in transactions {
        let signature = &transaction.signatures[0];
        node.confirm(signature, PATIENCE).expect("it is confirmed");
    }
}

#[test]
fn each_stream_of_a_quic_connection_is_a_transaction() {
    let (node, payer) = node_and_payer();
    let (to, transactions) = transfers(&node, &payer, 300);
    let client = Client::new();
    let connection = client.connect(&node).unwrap();
    for transaction in &transactions {
        client.send(&connection, &wire(transaction));
    }
    confirm_all(&node, &transactions);
    let sum: u64 = (0..300).map(|i| 1_000_000 + i).sum();
    assert_eq!(node.balance(&to).unwrap(), sum);
}

#[test]
fn streams_that_are_no_transactions_hold_nobody_up() {
    let (node, payer) = node_and_payer();
    let (_, transactions) = transfers(&node, &payer, 1);
    let client = Client::new();
    let connection = client.connect(&node).unwrap();
    for bytes in [&[][..], &[7; 10], &[7; 1_233], &[7; 5_000]] {
        client.send(&connection, bytes);
    }
    // One that never ends.
    let mut endless = client.runtime.block_on(connection.open_uni()).unwrap();
    client.runtime.block_on(endless.write_all(b"x")).unwrap();
    client.send(&connection, &wire(&transactions[0]));
    confirm_all(&node, &transactions);
}

#[test]
fn there_is_room_for_so_many_connections() {
    let mut limits = RpcLimits::default();
    limits.quic_connections_max = 1;
    let node = Validator::builder().rpc_limits(limits).start().unwrap();
    let client = Client::new();
    let first = client.connect(&node).expect("there is room for one");
    assert!(client.connect(&node).is_none());
    first.close(0u32.into(), b"");
    // The node hears of it soon.
    let closed = std::time::Instant::now();
    while client.connect(&node).is_none() {
        assert!(closed.elapsed() < PATIENCE, "the room is given back");
    }
}

#[test]
fn each_datagram_is_a_transaction() {
    let (node, payer) = node_and_payer();
    let (_, transactions) = transfers(&node, &payer, 50);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = node.udp_address().unwrap();
    socket.send_to(&[7; 1_300], address).unwrap();
    for transaction in &transactions {
        socket.send_to(&wire(transaction), address).unwrap();
    }
    confirm_all(&node, &transactions);
    let nodes = result(&node, "getClusterNodes", json!([]));
    assert_eq!(nodes[0]["tpu"], json!(address.to_string()));
    let quic = node.quic_address().unwrap();
    assert_eq!(nodes[0]["tpuQuic"], json!(quic.to_string()));
}

#[test]
fn the_ports_are_of_the_range_that_was_named() {
    // Whichever of them others use, some are free.
    let ports = 20_000..21_000;
    let node = Validator::builder()
        .ingest_ports(ports.clone())
        .start()
        .unwrap();
    for address in [node.quic_address(), node.udp_address()] {
        assert!(ports.contains(&address.unwrap().port()), "{address:?}");
    }
    let taken = node.udp_address().unwrap().port();
    let error = Validator::builder()
        .ingest_ports(taken..taken + 1)
        .start()
        .err()
        .expect("it is taken");
    assert!(
        error.to_string().contains("--dynamic-port-range"),
        "{error}"
    );
}
