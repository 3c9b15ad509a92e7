//! A chain whose genesis has the workload's accounts.

use crate::compute;
use crate::decode;
use crate::exported::Exported;
use anyhow::{Context, Result};
use solana_account::AccountSharedData;
use solana_address::Address;
use solana_leader_schedule::SlotLeader;
use solana_runtime::bank::Bank;
use solana_runtime::bank_forks::BankForks;
use solana_runtime::genesis_utils::{
    GenesisConfigInfo, bootstrap_validator_stake_lamports, create_genesis_config_with_leader,
};
use std::sync::{Arc, RwLock};

/// What a signature costs, as on a cluster and with Sealane.
const LAMPORTS_PER_SIGNATURE: u64 = 5_000;

/// Who makes blocks: somebody has to have a stake.
const LEADER: Address = Address::new_from_array([7; 32]);

/// The second bank of a chain whose genesis has the workload's accounts.
pub(crate) fn bank(workload: &Exported) -> Result<(Arc<Bank>, Arc<RwLock<BankForks>>)> {
    let GenesisConfigInfo {
        mut genesis_config, ..
    } = create_genesis_config_with_leader(
        1_000_000_000_000,
        &LEADER,
        bootstrap_validator_stake_lamports(),
    );
    genesis_config
        .fee_rate_governor
        .target_lamports_per_signature = LAMPORTS_PER_SIGNATURE;
    genesis_config.fee_rate_governor.lamports_per_signature = LAMPORTS_PER_SIGNATURE;
    // Its slot does not end before the run does.
    genesis_config.ticks_per_slot *= 1024;
    let (genesis, forks) = Bank::new_for_benches(&genesis_config).wrap_with_bank_forks_for_tests();
    for accounts in workload.accounts.chunks(1 << 14) {
        let accounts: Vec<_> = accounts
            .iter()
            .map(|(address, account)| (*address, AccountSharedData::from(account.clone())))
            .collect();
        let accounts: Vec<_> = accounts
            .iter()
            .map(|(key, account)| (key, account))
            .collect();
        genesis.store_accounts((genesis.slot(), &accounts[..]), None);
    }
    for (address, account) in solana_program_binaries::spl_programs(&genesis_config.rent) {
        genesis.store_account(&address, &account);
    }
    genesis.freeze();
    let mut bank = Bank::new_from_parent(genesis, SlotLeader::default(), 1);
    bank.add_mockup_builtin(compute::ID, compute::REGISTERER);
    let bank = forks.write().expect("nobody panicked with it").insert(bank);
    let bank = bank.clone_without_scheduler();
    let first = workload.transactions.first().context("no transactions")?;
    let blockhash = *decode(first)?.message.recent_blockhash();
    bank.register_recent_blockhash_for_test(&blockhash, Some(LAMPORTS_PER_SIGNATURE));
    Ok((bank, forks))
}
