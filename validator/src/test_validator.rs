//! Flags of `solana-test-validator` that have no part of the node behind them, or a small one, so that scripts
//! and tools which start it can start this node instead: Anchor does, by that name.

use clap::Args;
use sealane_sdk::Pubkey;
use std::ops::Range;
use std::path::PathBuf;

/// The flags.
#[derive(Debug, Default, Args)]
pub(crate) struct TestValidatorArguments {
    /// UDP ports of which two are taken for transactions over QUIC and UDP, MIN included and MAX not. Without this any two
    /// that are free. `getClusterNodes` names them.
    #[arg(long, value_name = "MIN-MAX", value_parser = port_range)]
    dynamic_port_range: Option<Range<u16>>,

    /// Taken and not used: airdrops are asked for by JSON-RPC.
    #[arg(long, value_name = "PORT")]
    faucet_port: Option<u16>,

    /// Taken and not used: there is nobody to gossip with.
    #[arg(long, value_name = "PORT")]
    gossip_port: Option<u16>,

    /// Taken and not used: there is nobody to gossip with.
    #[arg(long, value_name = "HOST")]
    gossip_host: Option<String>,

    /// Taken and not used: accounts are indexed by their program.
    #[arg(long, value_name = "INDEX")]
    account_index: Vec<String>,

    /// Taken and not used: blocks can always be subscribed to.
    #[arg(long)]
    rpc_pubsub_enable_block_subscription: bool,

    /// Taken and not used: votes can always be subscribed to, and there are none.
    #[arg(long)]
    rpc_pubsub_enable_vote_subscription: bool,

    /// Let a new chain have no accounts for these features, so that clients take them for inactive. What the node does
    /// is not changed: it does what Agave does with all features active.
    #[arg(long, value_name = "FEATURE_PUBKEY", num_args = 1..)]
    pub(crate) deactivate_feature: Vec<Pubkey>,

    /// Not available: the node has no plugins. Subscribe to blocks, or export the ledger.
    #[arg(long, value_name = "FILE", hide = true)]
    geyser_plugin_config: Vec<PathBuf>,
}

impl TestValidatorArguments {
    pub(crate) fn ingest_ports(&self) -> Option<Range<u16>> {
        self.dynamic_port_range.clone()
    }

    /// What must be said before the node starts. `Err`: what was asked for cannot be had.
    pub(crate) fn warnings(&self) -> anyhow::Result<Vec<String>> {
        anyhow::ensure!(
            self.geyser_plugin_config.is_empty(),
            "--geyser-plugin-config is not available: subscribe to blocks, or export the ledger"
        );
        let warnings = self.deactivate_feature.iter().map(|feature| {
            format!(
                "feature {feature} has no account, so clients take it for inactive; the node does as if it were \
                 active"
            )
        });
        Ok(warnings.collect())
    }
}

fn port_range(text: &str) -> Result<Range<u16>, String> {
    let parse = || {
        let (first, end) = text.split_once('-')?;
        Some(first.trim().parse().ok()?..end.trim().parse().ok()?)
    };
    match parse() {
        Some(ports) if ports.start > 0 && ports.len() >= 2 => Ok(ports),
        _ => Err("write two ports, such as 8000-10000; two of them are needed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_room_for_two_ports() {
        assert_eq!(port_range("8000-10000"), Ok(8_000..10_000));
        for wrong in ["", "8000", "8000-8001", "9-8", "0-9", "1-70000", "a-b"] {
            assert!(port_range(wrong).is_err(), "{wrong}");
        }
    }
}
