//! What is asked of the node, over JSON-RPC and `GET /metrics`, as any client asks it.

use super::{Transport, signature};
use crate::wire::WireTransactions;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use solana_hash::Hash;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long an answer may take: a block with all its signatures has many megabytes.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long the node may take to seal the slots in which transactions were confirmed.
const SEALS_WITHIN: Duration = Duration::from_secs(150);
const SEAL_INTERVAL: Duration = Duration::from_millis(100);
/// A block of a whole slot, with all its signatures.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// A node, by its address.
pub(super) struct Node {
    url: String,
    host: String,
    port: u16,
    agent: ureq::Agent,
}

impl Node {
    /// At an address like `http://127.0.0.1:8899`.
    pub(super) fn at(url: &str) -> Result<Self> {
        let url = url.trim_end_matches('/');
        let parts = url.strip_prefix("http://").and_then(|rest| {
            let (host, port) = rest.rsplit_once(':')?;
            Some((host, port.parse().ok()?))
        });
        let (host, port) = parts.with_context(|| {
            format!("'{url}' is no address like http://127.0.0.1:8899, with http and a port")
        })?;
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Self {
            url: url.to_string(),
            host: host.to_string(),
            port,
            agent: config.into(),
        })
    }

    /// The result of a call; an error says what the node said.
    pub(super) fn call(&self, method: &str, params: Value) -> Result<Value> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let sent = self.agent.post(&self.url).send_json(&request);
        let mut answer = sent.with_context(|| {
            let url = &self.url;
            format!(
                "no node answers at {url}: start one (sealane-validator), or name another by --url"
            )
        })?;
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let mut answer: Value = body
            .read_json()
            .with_context(|| format!("{} does not speak JSON-RPC", self.url))?;
        if let Some(error) = answer.get("error") {
            bail!("{method}: {error}");
        }
        Ok(answer["result"].take())
    }

    /// Where its WebSocket is: the port after that of JSON-RPC, as Solana's clients take it.
    pub(super) fn websocket_url(&self) -> Result<String> {
        let port = self.port.checked_add(1);
        let port = port.context("there is no port after 65535 for the WebSocket")?;
        Ok(format!("ws://{}:{port}", self.host))
    }

    /// Where it takes transactions.
    pub(super) fn takes_transactions_at(&self, transport: Transport) -> Result<SocketAddr> {
        let identity = self.call("getIdentity", json!([]))?["identity"].take();
        let nodes = self.call("getClusterNodes", json!([]))?;
        let nodes = nodes.as_array().cloned().unwrap_or_default();
        let node = nodes.into_iter().find(|node| node["pubkey"] == identity);
        let node = node.context("the node is not among its cluster's nodes")?;
        let (field, name) = match transport {
            Transport::Quic => ("tpuQuic", "QUIC"),
            Transport::Udp => ("tpu", "UDP, which is open on loopback only"),
        };
        let address = node[field].as_str();
        let address = address.with_context(|| format!("the node takes nothing over {name}"))?;
        let address: SocketAddr = address.parse().context("its address is none")?;
        // A node that listens everywhere names its own loopback.
        let asked: Option<IpAddr> = self.host.trim_matches(['[', ']']).parse().ok();
        match asked {
            Some(asked) if address.ip().is_loopback() && !asked.is_loopback() => {
                Ok(SocketAddr::new(asked, address.port()))
            }
            _ => Ok(address),
        }
    }

    pub(super) fn blockhash(&self) -> Result<Hash> {
        let latest = self.call("getLatestBlockhash", json!([{ "commitment": "confirmed" }]))?;
        let blockhash = latest["value"]["blockhash"].as_str();
        blockhash
            .and_then(|it| it.parse().ok())
            .context("there is no blockhash")
    }

    pub(super) fn slot(&self) -> Result<u64> {
        let slot = self.call("getSlot", json!([{ "commitment": "confirmed" }]))?;
        slot.as_u64().context("the slot is no number")
    }

    /// Confirmed transactions since genesis.
    pub(super) fn transaction_count(&self) -> Result<u64> {
        let count = self.call(
            "getTransactionCount",
            json!([{ "commitment": "confirmed" }]),
        )?;
        count.as_u64().context("the count is no number")
    }

    /// What the node counts itself, if it tells.
    pub(super) fn metrics(&self) -> Option<(Metrics, Instant)> {
        let mut answer = self
            .agent
            .get(format!("{}/metrics", self.url))
            .call()
            .ok()?;
        let metrics = Metrics::parse(&answer.body_mut().read_to_string().ok()?)?;
        Some((metrics, Instant::now()))
    }

    /// How many of these are in blocks from this slot on, until all that is confirmed now is sealed.
    pub(super) fn count_in_blocks(
        &self,
        first_slot: u64,
        transactions: &WireTransactions,
    ) -> Result<u64> {
        let mut missing: HashSet<&[u8; 64]> = transactions.iter().map(signature).collect();
        // What is confirmed may be in the open slot, which is sealed before the second after it opens.
        let end = self.slot()? + 2;
        let until = Instant::now() + SEALS_WITHIN;
        while self.slot()? < end {
            ensure!(
                Instant::now() < until,
                "slot {end} is not sealed after {SEALS_WITHIN:?}, so the blocks cannot be counted"
            );
            std::thread::sleep(SEAL_INTERVAL);
        }
        let confirmed = json!({ "commitment": "confirmed" });
        let slots = self.call("getBlocks", json!([first_slot, end, confirmed]))?;
        for slot in slots.as_array().into_iter().flatten() {
            let what = json!({
                "commitment": "confirmed",
                "transactionDetails": "signatures",
                "rewards": false,
                "maxSupportedTransactionVersion": 0,
            });
            let block = self.call("getBlock", json!([slot, what]))?;
            for found in block["signatures"].as_array().into_iter().flatten() {
                let signature = found.as_str().and_then(|it| it.parse().ok());
                let signature: solana_signature::Signature =
                    signature.with_context(|| format!("{found} is no signature"))?;
                missing.remove(signature.as_array());
            }
        }
        Ok((transactions.len() - missing.len()) as u64)
    }
}

/// What the node counts of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Transactions that reached its pipeline.
    pub received: u64,
    /// Of these, refused at admission.
    pub refused: u64,
    /// Of these, displaced later by others that pay more.
    pub evicted: u64,
    /// Of these, not charged by the bank.
    pub dropped: u64,
    /// Of these, charged and failed.
    pub failed: u64,
    /// Processor time of its process.
    pub processor: Duration,
}

impl Metrics {
    /// What came between the two; `None` where the node started anew meanwhile.
    fn since(self, before: Self) -> Option<Self> {
        Some(Self {
            received: self.received.checked_sub(before.received)?,
            refused: self.refused.checked_sub(before.refused)?,
            evicted: self.evicted.checked_sub(before.evicted)?,
            dropped: self.dropped.checked_sub(before.dropped)?,
            failed: self.failed.checked_sub(before.failed)?,
            processor: self.processor.checked_sub(before.processor)?,
        })
    }

    /// What came between the first and the last, and how many processors the node kept busy between the first two.
    pub(super) fn between(
        [before, sent, after]: [Option<(Self, Instant)>; 3],
    ) -> Option<(Self, f64)> {
        let ((before, began), (sent, ended), (after, _)) = (before?, sent?, after?);
        let busy = sent.since(before)?.processor;
        let cores = busy.as_secs_f64() / (ended - began).as_secs_f64();
        Some((after.since(before)?, cores))
    }

    /// From Prometheus' text format; `None` if it is another program's.
    fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            text.lines().find_map(|line| {
                let value = line.strip_prefix(name)?.strip_prefix(' ')?;
                value.trim().parse::<f64>().ok()
            })
        };
        let seconds = value("process_cpu_seconds_total")?;
        Some(Self {
            received: value("sealane_received_total")? as u64,
            refused: value("sealane_refused_total")? as u64,
            evicted: value("sealane_evicted_total")? as u64,
            dropped: value("sealane_dropped_total")? as u64,
            failed: value("sealane_failed_total")? as u64,
            processor: Duration::try_from_secs_f64(seconds).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_by_their_whole_names() {
        let text = "# HELP sealane_received_total x\n\
            sealane_received_total 12\n\
            sealane_refused_total 3\n\
            sealane_refused_total_of_others 9\n\
            sealane_evicted_total 2\n\
            sealane_dropped_total 1\n\
            sealane_failed_total 4\n\
            process_cpu_seconds_total 1.5\n";
        let expected = Metrics {
            received: 12,
            refused: 3,
            evicted: 2,
            dropped: 1,
            failed: 4,
            processor: Duration::from_millis(1_500),
        };
        assert_eq!(Metrics::parse(text), Some(expected));
        assert_eq!(Metrics::parse("process_cpu_seconds_total 1.5\n"), None);
    }

    #[test]
    fn the_websocket_is_at_the_port_after() {
        let node = Node::at("http://127.0.0.1:8899/").unwrap();
        assert_eq!(node.websocket_url().unwrap(), "ws://127.0.0.1:8900");
        let last = Node::at("http://127.0.0.1:65535").unwrap();
        assert!(last.websocket_url().is_err());
        for url in ["127.0.0.1", "http://localhost", "https://localhost:8899"] {
            assert!(Node::at(url).is_err(), "{url}");
        }
    }
}
