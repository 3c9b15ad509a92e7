//! Transactions, sent in each of the clients' ways.

use crate::{Step, World};
use anyhow::{Context, Result, bail, ensure};
use solana_client::client_error::ClientErrorKind;
use solana_client::rpc_config::{RpcSendTransactionConfig, RpcSimulateTransactionConfig};
use solana_client::rpc_request::{RpcError, RpcResponseErrorData};
use solana_client::tpu_client::{TpuClient, TpuClientConfig};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction as system;
use solana_transaction::Transaction;
use std::sync::Arc;

pub(crate) const STEPS: &[Step] = &[
    ("a transfer is sent and confirmed", sent_and_confirmed),
    ("a transfer is sent and polled for", sent_and_polled_for),
    ("an overdraft fails in the preflight, with logs", overdraft),
    ("a simulation shows accounts and units", simulated),
    ("a nonce account lives and a transaction lives on it", nonce),
    ("transfers go over QUIC", over_quic),
];

impl World {
    pub(crate) fn transfer(&self, to: &Pubkey, lamports: u64) -> Result<Transaction> {
        let from = self.payer.pubkey();
        Ok(Transaction::new_signed_with_payer(
            &[system::transfer(&from, to, lamports)],
            Some(&from),
            &[&self.payer],
            self.rpc.get_latest_blockhash()?,
        ))
    }
}

fn sent_and_confirmed(world: &World) -> Result<()> {
    let to = Pubkey::new_unique();
    let transaction = world.transfer(&to, 1_000_000)?;
    let signature = world.rpc.send_and_confirm_transaction(&transaction)?;
    ensure!(world.rpc.get_balance(&to)? == 1_000_000);
    ensure!(world.rpc.confirm_transaction(&signature)?);
    let status = world.rpc.get_signature_status(&signature)?;
    ensure!(status.context("it has a status")?.is_ok());
    Ok(())
}

fn sent_and_polled_for(world: &World) -> Result<()> {
    let to = Pubkey::new_unique();
    let transaction = world.transfer(&to, 1_000_000)?;
    let config = RpcSendTransactionConfig {
        skip_preflight: true,
        ..RpcSendTransactionConfig::default()
    };
    let signature = world
        .rpc
        .send_transaction_with_config(&transaction, config)?;
    world
        .rpc
        .poll_for_signature_with_commitment(&signature, CommitmentConfig::finalized())?;
    world.rpc.poll_for_signature_confirmation(&signature, 1)?;
    ensure!(world.rpc.get_balance(&to)? == 1_000_000);
    Ok(())
}

fn overdraft(world: &World) -> Result<()> {
    let transaction = world.transfer(&Pubkey::new_unique(), u64::MAX / 2)?;
    let Err(error) = world.rpc.send_transaction(&transaction) else {
        bail!("it was taken");
    };
    let ClientErrorKind::RpcError(RpcError::RpcResponseError {
        code,
        message,
        data: RpcResponseErrorData::SendTransactionPreflightFailure(simulation),
    }) = error.kind()
    else {
        bail!("another error: {error}");
    };
    ensure!(*code == -32002, "{code}");
    ensure!(message.contains("custom program error: 0x1"), "{message}");
    let logs = simulation.logs.as_ref().context("it has logs")?;
    ensure!(
        logs.iter()
            .any(|line| line.contains("insufficient lamports")),
        "{logs:?}"
    );
    Ok(())
}

fn simulated(world: &World) -> Result<()> {
    let to = Pubkey::new_unique();
    let transaction = world.transfer(&to, 1_000_000)?;
    let config = RpcSimulateTransactionConfig {
        sig_verify: true,
        inner_instructions: true,
        accounts: Some(
            solana_client::rpc_config::RpcSimulateTransactionAccountsConfig {
                encoding: None,
                addresses: vec![to.to_string()],
            },
        ),
        ..RpcSimulateTransactionConfig::default()
    };
    let simulation = world
        .rpc
        .simulate_transaction_with_config(&transaction, config)?
        .value;
    ensure!(simulation.err.is_none(), "{:?}", simulation.err);
    ensure!(simulation.units_consumed == Some(150));
    let accounts = simulation.accounts.context("accounts were asked for")?;
    let account = accounts[0].as_ref().context("it would exist")?;
    ensure!(account.lamports == 1_000_000);
    Ok(())
}

fn nonce(world: &World) -> Result<()> {
    use solana_client::nonce_utils;
    let (payer, nonce) = (&world.payer, Keypair::new());
    let rent = world.rpc.get_minimum_balance_for_rent_exemption(80)?;
    let key = payer.pubkey();
    let create = system::create_nonce_account(&key, &nonce.pubkey(), &key, rent);
    let blockhash = world.rpc.get_latest_blockhash()?;
    let signers: [&Keypair; 2] = [payer, &nonce];
    let transaction = Transaction::new_signed_with_payer(&create, Some(&key), &signers, blockhash);
    world.rpc.send_and_confirm_transaction(&transaction)?;

    // In the slot in which it was made a nonce cannot be used yet.
    world.rpc.get_new_latest_blockhash(&blockhash)?;
    let data = |world: &World| {
        let account = world.rpc.get_account(&nonce.pubkey())?;
        anyhow::Ok(nonce_utils::data_from_account(&account)?)
    };
    let before = data(world)?;
    let to = Pubkey::new_unique();
    let instructions = [
        system::advance_nonce_account(&nonce.pubkey(), &key),
        system::transfer(&key, &to, 1_000_000),
    ];
    let blockhash = before.blockhash();
    let signed = Transaction::new_signed_with_payer(&instructions, Some(&key), &[payer], blockhash);
    world.rpc.send_and_confirm_transaction(&signed)?;
    ensure!(world.rpc.get_balance(&to)? == 1_000_000);
    ensure!(
        data(world)?.blockhash() != blockhash,
        "the nonce has advanced"
    );
    Ok(())
}

fn over_quic(world: &World) -> Result<()> {
    let (rpc, ws_url) = (Arc::clone(&world.rpc), &world.ws_url);
    let client = TpuClient::new(rpc, ws_url, TpuClientConfig::default())?;
    let to = Pubkey::new_unique();
    let transactions = (0..20)
        .map(|i| world.transfer(&to, 1_000_000 + i))
        .collect::<Result<Vec<_>>>()?;
    for transaction in &transactions {
        ensure!(client.send_transaction(transaction), "it was not sent");
    }
    for transaction in &transactions {
        world.rpc.poll_for_signature(&transaction.signatures[0])?;
    }
    let sum: u64 = (0..20).map(|i| 1_000_000 + i).sum();
    ensure!(world.rpc.get_balance(&to)? == sum);
    Ok(())
}
