//! A program of your own, a node with it, and a client, in one file and one process.
//!
//! `cargo run --release -p sealane-validator --example light_switch`

use sealane_sdk::{
    AccountInfo, AccountMeta, AccountState, Instruction, ProgramResult, Pubkey, declare_id,
    entrypoint, msg, next_account_info,
};
use sealane_validator::{LAMPORTS_PER_SOL, Validator};
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::Transaction;

declare_id!("LightSwitch11111111111111111111111111111111");
entrypoint!(process_instruction, compute_units = 200);

/// Turns the light of the first account, its first byte, on or off.
fn process_instruction(_: &Pubkey, accounts: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    let switch = next_account_info(&mut accounts.iter())?;
    let mut light = switch.data_mut(0..1)?;
    light[0] ^= 1;
    msg!("the light is {}", if light[0] == 1 { "on" } else { "off" });
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let switch = Keypair::new().pubkey();
    let dark = AccountState {
        lamports: LAMPORTS_PER_SOL,
        owner: ID,
        data: vec![0].into(),
        ..AccountState::default()
    };
    let node = Validator::builder()
        .add_program(program())
        .account(switch, dark)
        .start()?;
    println!("clients reach it at {}", node.rpc_url().unwrap_or_default());

    let payer = Keypair::new();
    node.airdrop(&payer.pubkey(), LAMPORTS_PER_SOL)?;
    let flip = Instruction::new_with_bytes(ID, &[], vec![AccountMeta::new(switch, false)]);
    let transaction = Transaction::new_signed_with_payer(
        &[flip],
        Some(&payer.pubkey()),
        &[&payer],
        node.latest_blockhash(),
    );
    let signature = node.send_and_confirm(&transaction)?;

    let published = node.reader().transaction(&signature)?;
    for line in published.iter().flat_map(|found| found.record().logs) {
        println!("{line}");
    }
    let state = node.account(&switch)?.unwrap_or_default();
    println!("the account holds {:?}", state.data.as_slice());
    Ok(())
}
