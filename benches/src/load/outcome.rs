//! What came of a load, for people and for programs.

use super::Transport;
use super::node::Metrics;
use super::probes::Heard;
use serde_json::{Value, json};
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What came of a load.
#[derive(Clone, Debug)]
pub struct LoadOutcome {
    /// What carried the transactions.
    pub transport: Transport,
    /// Where to.
    pub target: SocketAddr,
    /// How many were sent.
    pub sent: u64,
    /// From the first one's sending to the last one's.
    pub sending: Duration,
    /// How many of them are in the node's blocks.
    pub confirmed: u64,
    /// From the first one's sending until the last was confirmed.
    pub confirming: Duration,
    /// Of those that were watched.
    pub latencies: Watched,
    /// What the node counted meanwhile, and how many processors it kept busy while they were sent, if it tells.
    pub node: Option<(Metrics, f64)>,
    /// Processor time of this process from the first one's sending until the last was confirmed.
    pub own_processor: Duration,
}

/// Transactions whose confirmation was awaited: how long it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// How many there were.
    pub count: u64,
    /// Of these, confirmed and successful.
    pub succeeded: u64,
    /// From sending to confirmation, of these, in order.
    latencies: Vec<Duration>,
}

impl Watched {
    pub(super) fn between(started: Instant, sent_at: &[Option<Duration>], heard: &[Heard]) -> Self {
        let mut latencies: Vec<Duration> = Vec::new();
        for (sent, heard) in sent_at.iter().zip(heard) {
            if let (Some(sent), Some((at, true))) = (sent, heard) {
                latencies.push((*at - started).saturating_sub(*sent));
            }
        }
        latencies.sort_unstable();
        Self {
            count: sent_at.len() as u64,
            succeeded: latencies.len() as u64,
            latencies,
        }
    }

    /// What this share of them did not exceed; `None`: none succeeded.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = (self.latencies.len() as f64 * share).ceil() as usize;
        self.latencies.get(rank.saturating_sub(1)).copied()
    }
}

impl LoadOutcome {
    /// Transactions a second that were sent.
    pub fn sent_rate(&self) -> f64 {
        self.sent as f64 / self.sending.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Transactions a second that were confirmed.
    pub fn rate(&self) -> f64 {
        self.confirmed as f64 / self.confirming.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Of the processors, how many this process kept busy.
    pub fn own_cores(&self) -> f64 {
        self.own_processor.as_secs_f64() / self.confirming.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Of a node without a network, on these cores at this rate: how many would be executed a second on what this process
    /// leaves of them; and the share of these that the node executed.
    pub fn share_of(&self, in_process_rate: f64, cores: f64) -> (f64, f64) {
        let left = (cores - self.own_cores()).max(0.0);
        let allowed = in_process_rate * left / cores;
        (allowed, self.rate() / allowed.max(1.0))
    }

    /// All figures, with their units in their names.
    pub fn json(&self) -> Value {
        let latency = |share| {
            self.latencies
                .quantile(share)
                .map(|it| it.as_secs_f64() * 1e3)
        };
        let node = self.node.map(|(it, cores)| {
            json!({
                "received": it.received,
                "lost": self.sent.saturating_sub(it.received),
                "refused": it.refused,
                "evicted": it.evicted,
                "dropped": it.dropped,
                "failed": it.failed,
                "cores": cores,
            })
        });
        json!({
            "transport": self.transport.to_string(),
            "target": self.target.to_string(),
            "sent": self.sent,
            "sending_s": self.sending.as_secs_f64(),
            "sent_per_second": self.sent_rate(),
            "confirmed": self.confirmed,
            "confirming_s": self.confirming.as_secs_f64(),
            "confirmed_per_second": self.rate(),
            "node": node,
            "watched": self.latencies.count,
            "watched_succeeded": self.latencies.succeeded,
            "latency_p50_ms": latency(0.5),
            "latency_p90_ms": latency(0.9),
            "latency_p99_ms": latency(0.99),
            "latency_max_ms": latency(1.0),
            "own_cores": self.own_cores(),
        })
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quic => "QUIC",
            Self::Udp => "UDP",
        })
    }
}

impl fmt::Display for LoadOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, count: u64, what: &str| {
            writeln!(f, "{name:<11} {count:>10} {what}")
        };
        let sent = format!(
            "over {} to {} in {:.2} s: {:.0} a second",
            self.transport,
            self.target,
            self.sending.as_secs_f64(),
            self.sent_rate()
        );
        line(f, "sent", self.sent, &sent)?;
        let confirmed = format!(
            "in {:.2} s: {:.0} a second",
            self.confirming.as_secs_f64(),
            self.rate()
        );
        line(f, "confirmed", self.confirmed, &confirmed)?;
        match self.node {
            Some((node, _)) => {
                let lost = self.sent.saturating_sub(node.received);
                line(f, "failed", node.failed, "of all that the node confirmed")?;
                line(f, "lost", lost, "on the way to the node")?;
                line(f, "refused", node.refused, "by the node, unsaid")?;
                line(f, "evicted", node.evicted, "by others that pay more")?;
                line(f, "dropped", node.dropped, "by the bank, uncharged")?;
            }
            None => {
                let missing = self.sent - self.confirmed;
                line(f, "missing", missing, "and the node does not tell why")?;
            }
        }
        write!(f, "latency     ")?;
        for (share, name) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "at most")] {
            match self.latencies.quantile(share) {
                Some(latency) => write!(f, "{:.1} ms ({name}), ", latency.as_secs_f64() * 1e3)?,
                None => write!(f, "none ({name}), ")?,
            }
        }
        writeln!(
            f,
            "from when it was due or sent to the notification; {} of {} watched",
            self.latencies.succeeded, self.latencies.count
        )?;
        write!(f, "processors  {:>10.2} busy here", self.own_cores())?;
        match self.node {
            Some((_, cores)) => write!(f, ", {cores:.2} at the node while they were sent"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_of_those_that_succeeded() {
        let started = Instant::now();
        let ms = Duration::from_millis;
        let sent = [Some(ms(10)), Some(ms(20)), Some(ms(30)), None];
        let heard = [
            Some((started + ms(15), true)),
            Some((started + ms(40), true)),
            Some((started + ms(90), false)),
            None,
        ];
        let watched = Watched::between(started, &sent, &heard);
        assert_eq!((watched.count, watched.succeeded), (4, 2));
        assert_eq!(watched.quantile(0.5), Some(ms(5)));
        assert_eq!(watched.quantile(1.0), Some(ms(20)));
        assert_eq!(Watched::default().quantile(0.5), None);
    }

    #[test]
    fn the_share_is_of_what_this_process_leaves() {
        let outcome = LoadOutcome {
            transport: Transport::Udp,
            target: ([127, 0, 0, 1], 1).into(),
            sent: 100,
            sending: Duration::from_secs(1),
            confirmed: 60,
            confirming: Duration::from_secs(1),
            latencies: Watched::default(),
            node: None,
            own_processor: Duration::from_millis(500),
        };
        let (allowed, share) = outcome.share_of(100.0, 2.0);
        assert_eq!((allowed, share), (75.0, 0.8));
        assert!(outcome.to_string().contains("missing             40"));
    }
}
