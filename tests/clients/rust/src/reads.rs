//! What is read: each answer must have the client's type for it.

use crate::{Step, World};
use anyhow::{Context, Result, ensure};
use solana_client::rpc_config::{
    RpcBlockConfig, RpcLargestAccountsConfig, RpcLargestAccountsFilter, RpcTransactionConfig,
};
use solana_client::rpc_request::TokenAccountsFilter;
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::{Pubkey, pubkey};
use solana_signer::Signer;
use solana_transaction_status_client_types::{TransactionDetails, UiTransactionEncoding};
use std::time::Duration;

pub(crate) const STEPS: &[Step] = &[
    ("the chain's numbers", numbers),
    ("leaders and the network", network),
    ("supply, inflation and fees", economy),
    ("blocks and transactions, in every encoding", blocks),
    ("accounts, in every encoding", accounts),
    ("token accounts", tokens),
];

const TOKEN: Pubkey = pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
const WRAPPED_SOL: Pubkey = pubkey!("So11111111111111111111111111111111111111112");

fn numbers(world: &World) -> Result<()> {
    let rpc = &world.rpc;
    rpc.get_health()?;
    ensure!(rpc.get_version()?.solana_core.starts_with("4."));
    rpc.get_genesis_hash()?;
    rpc.get_identity()?;
    ensure!(rpc.get_slot()? <= rpc.get_slot_with_commitment(CommitmentConfig::processed())? + 1);
    rpc.get_block_height()?;
    ensure!(rpc.get_transaction_count()? > 0);
    let info = rpc.get_epoch_info()?;
    ensure!(info.slots_in_epoch == rpc.get_epoch_schedule()?.slots_per_epoch);
    rpc.get_first_available_block()?;
    rpc.minimum_ledger_slot()?;
    rpc.get_max_retransmit_slot()?;
    rpc.get_max_shred_insert_slot()?;
    ensure!(
        rpc.get_highest_snapshot_slot().is_err(),
        "there is no snapshot"
    );
    let blockhash = rpc.get_latest_blockhash()?;
    ensure!(rpc.is_blockhash_valid(&blockhash, CommitmentConfig::processed())?);
    rpc.get_new_latest_blockhash(&blockhash)?;
    Ok(())
}

fn network(world: &World) -> Result<()> {
    let rpc = &world.rpc;
    let identity = rpc.get_identity()?;
    ensure!(rpc.get_slot_leader()? == identity);
    ensure!(rpc.get_slot_leaders(0, 10)? == vec![identity; 10]);
    let schedule = rpc
        .get_leader_schedule(None)?
        .context("there is a schedule")?;
    ensure!(schedule[&identity.to_string()].len() == 432_000);
    let nodes = rpc.get_cluster_nodes()?;
    ensure!(nodes.len() == 1 && nodes[0].tpu_quic.is_some());
    ensure!(rpc.get_vote_accounts()?.current.is_empty());
    let production = rpc.get_block_production()?.value;
    ensure!(production.by_identity.contains_key(&identity.to_string()));
    rpc.get_block_commitment(0)?;
    rpc.get_recent_performance_samples(Some(5))?;
    Ok(())
}

fn economy(world: &World) -> Result<()> {
    let rpc = &world.rpc;
    let supply = rpc.supply()?.value;
    ensure!(supply.total == supply.circulating && supply.total > 0);
    let config = RpcLargestAccountsConfig {
        filter: Some(RpcLargestAccountsFilter::Circulating),
        ..RpcLargestAccountsConfig::default()
    };
    let largest = rpc.get_largest_accounts_with_config(config)?.value;
    ensure!(largest.len() == 20 && largest[0].lamports >= largest[19].lamports);
    rpc.get_inflation_governor()?;
    rpc.get_inflation_rate()?;
    ensure!(rpc.get_stake_minimum_delegation()? == 1_000_000_000);
    rpc.get_recent_prioritization_fees(&[world.payer.pubkey()])?;
    let transaction = world.transfer(&Pubkey::new_unique(), 1)?;
    ensure!(rpc.get_fee_for_message(&transaction.message)? == 5_000);
    Ok(())
}

fn blocks(world: &World) -> Result<()> {
    let rpc = &world.rpc;
    let transaction = world.transfer(&Pubkey::new_unique(), 1_000_000)?;
    let signature = rpc.send_and_confirm_transaction(&transaction)?;
    let encodings = [
        UiTransactionEncoding::Json,
        UiTransactionEncoding::JsonParsed,
        UiTransactionEncoding::Base64,
        UiTransactionEncoding::Base58,
    ];
    let slot = rpc
        .get_transaction(&signature, UiTransactionEncoding::Base64)?
        .slot;
    // The first slot of all is named before it is sealed.
    while rpc.get_slot()? <= slot {
        std::thread::sleep(Duration::from_millis(50));
    }
    for encoding in encodings {
        let config = RpcTransactionConfig {
            encoding: Some(encoding),
            commitment: Some(CommitmentConfig::confirmed()),
            max_supported_transaction_version: Some(0),
        };
        let found = rpc.get_transaction_with_config(&signature, config)?;
        ensure!(found.transaction.meta.is_some());
        let config = RpcBlockConfig {
            encoding: Some(encoding),
            transaction_details: Some(TransactionDetails::Full),
            rewards: Some(true),
            commitment: None,
            max_supported_transaction_version: Some(0),
        };
        let block = rpc.get_block_with_config(slot, config)?;
        ensure!(
            !block
                .transactions
                .context("it has transactions")?
                .is_empty()
        );
    }
    rpc.get_block(slot)?;
    rpc.get_block_time(slot)?;
    ensure!(rpc.get_blocks(slot, Some(slot))? == [slot]);
    ensure!(rpc.get_blocks_with_limit(slot, 1)? == [slot]);
    let signatures = rpc.get_signatures_for_address(&world.payer.pubkey())?;
    ensure!(signatures[0].signature == signature.to_string());
    let statuses = rpc.get_signature_statuses_with_history(&[signature])?.value;
    ensure!(
        statuses[0]
            .as_ref()
            .context("it has a status")?
            .err
            .is_none()
    );
    Ok(())
}

fn accounts(world: &World) -> Result<()> {
    use solana_client::rpc_config::{RpcAccountInfoConfig, UiAccountEncoding};
    let rpc = &world.rpc;
    let payer = world.payer.pubkey();
    ensure!(rpc.get_account(&payer)?.lamports == rpc.get_balance(&payer)?);
    let missing =
        rpc.get_account_with_commitment(&Pubkey::new_unique(), CommitmentConfig::processed())?;
    ensure!(missing.value.is_none());
    ensure!(rpc.get_multiple_accounts(&[payer, Pubkey::new_unique()])?[1].is_none());
    ensure!(rpc.get_account_data(&WRAPPED_SOL)?.len() == 82);
    ensure!(!rpc.get_program_accounts(&TOKEN)?.is_empty());
    for encoding in [
        UiAccountEncoding::Base58,
        UiAccountEncoding::Base64,
        UiAccountEncoding::Base64Zstd,
        UiAccountEncoding::JsonParsed,
    ] {
        let config = RpcAccountInfoConfig {
            encoding: Some(encoding),
            ..RpcAccountInfoConfig::default()
        };
        let account = rpc.get_ui_account_with_config(&WRAPPED_SOL, config)?.value;
        let account = account.context("the mint of wrapped SOL exists")?;
        let length = account.data.decode().map(|data| data.len());
        ensure!(
            length.is_none_or(|length| length == 82),
            "{encoding:?}: {length:?}"
        );
    }
    rpc.get_feature_activation_slot(&pubkey!("E3PHP7w8kB7np3CTQ1qQ2tW3KCtjRSXBQgW9vM2mWv2Y"))?;
    Ok(())
}

fn tokens(world: &World) -> Result<()> {
    let rpc = &world.rpc;
    ensure!(rpc.get_token_supply(&WRAPPED_SOL)?.decimals == 9);
    let owner = world.payer.pubkey();
    let filter = || TokenAccountsFilter::ProgramId(TOKEN);
    ensure!(
        rpc.get_token_accounts_by_owner(&owner, filter())?
            .is_empty()
    );
    ensure!(
        rpc.get_token_accounts_by_delegate(&owner, filter())?
            .is_empty()
    );
    ensure!(rpc.get_token_largest_accounts(&WRAPPED_SOL)?.is_empty());
    let error = rpc
        .get_token_account_balance(&owner)
        .expect_err("it is no token account");
    ensure!(error.to_string().contains("not a Token account"), "{error}");
    Ok(())
}
