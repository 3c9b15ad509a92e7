//! Subscriptions.

use crate::{Step, World};
use anyhow::{Context, Result, ensure};
use solana_client::pubsub_client::PubsubClient;
use solana_client::rpc_config::{
    RpcAccountInfoConfig, RpcBlockSubscribeConfig, RpcBlockSubscribeFilter,
    RpcSignatureSubscribeConfig, RpcTransactionLogsConfig, RpcTransactionLogsFilter,
    UiAccountEncoding,
};
use solana_client::rpc_response::{RpcSignatureResult, SlotUpdate};
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_transaction_status_client_types::TransactionDetails;
use std::time::Duration;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const STEPS: &[Step] = &[
    ("an account and its logs are heard of", account_and_logs),
    ("a signature is heard of, received and processed", signature),
    ("slots, their updates and roots are heard of", slots),
    ("blocks are heard of", blocks),
];

fn account_and_logs(world: &World) -> Result<()> {
    let to = Pubkey::new_unique();
    let config = RpcAccountInfoConfig {
        encoding: Some(UiAccountEncoding::Base64Zstd),
        commitment: Some(CommitmentConfig::confirmed()),
        ..RpcAccountInfoConfig::default()
    };
    let (account_subscription, accounts) =
        PubsubClient::account_subscribe(&world.ws_url, &to, Some(config))?;
    let (logs_subscription, logs) = PubsubClient::logs_subscribe(
        &world.ws_url,
        RpcTransactionLogsFilter::Mentions(vec![to.to_string()]),
        RpcTransactionLogsConfig {
            commitment: Some(CommitmentConfig::confirmed()),
        },
    )?;
    let transaction = world.transfer(&to, 1_234_567)?;
    world.rpc.send_and_confirm_transaction(&transaction)?;
    let account = accounts.recv_timeout(PATIENCE)?.value;
    ensure!(account.lamports == 1_234_567);
    let heard = logs.recv_timeout(PATIENCE)?.value;
    ensure!(heard.signature == transaction.signatures[0].to_string() && heard.err.is_none());
    // Dropped, they would wait for one more message each, as `PubsubClientSubscription::shutdown` says.
    std::mem::forget((account_subscription, logs_subscription));
    Ok(())
}

fn signature(world: &World) -> Result<()> {
    let transaction = world.transfer(&Pubkey::new_unique(), 1_000_000)?;
    let config = RpcSignatureSubscribeConfig {
        commitment: Some(CommitmentConfig::confirmed()),
        enable_received_notification: Some(true),
    };
    let signature = &transaction.signatures[0];
    let (subscription, results) =
        PubsubClient::signature_subscribe(&world.ws_url, signature, Some(config))?;
    world.rpc.send_transaction(&transaction)?;
    loop {
        match results.recv_timeout(PATIENCE)?.value {
            RpcSignatureResult::ReceivedSignature(_) => {}
            RpcSignatureResult::ProcessedSignature(result) => {
                ensure!(result.err.is_none());
                std::mem::forget(subscription);
                return Ok(());
            }
        }
    }
}

fn slots(world: &World) -> Result<()> {
    let (_slots, slots) = PubsubClient::slot_subscribe(&world.ws_url)?;
    let (_roots, roots) = PubsubClient::root_subscribe(&world.ws_url)?;
    let (updates, heard) = std::sync::mpsc::channel();
    let _updates = PubsubClient::slot_updates_subscribe(&world.ws_url, move |update| {
        // Nobody listens when the step is over.
        let _ = updates.send(update);
    })?;
    let first = slots.recv_timeout(PATIENCE)?;
    let second = slots.recv_timeout(PATIENCE)?;
    ensure!(second.parent == first.slot, "{first:?} {second:?}");
    roots.recv_timeout(PATIENCE)?;
    loop {
        if let SlotUpdate::Frozen { .. } = heard.recv_timeout(PATIENCE)? {
            return Ok(());
        }
    }
}

fn blocks(world: &World) -> Result<()> {
    let config = RpcBlockSubscribeConfig {
        commitment: Some(CommitmentConfig::confirmed()),
        transaction_details: Some(TransactionDetails::Full),
        max_supported_transaction_version: Some(0),
        ..RpcBlockSubscribeConfig::default()
    };
    let filter = RpcBlockSubscribeFilter::All;
    let (_blocks, blocks) = PubsubClient::block_subscribe(&world.ws_url, filter, Some(config))?;
    let update = blocks.recv_timeout(PATIENCE)?.value;
    ensure!(update.err.is_none(), "{:?}", update.err);
    update.block.context("it has a block")?;
    Ok(())
}
