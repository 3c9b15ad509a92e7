//! Programs that are ELF files in the pipeline: the same accounts and results as the serial run, on any number of
//! banking threads.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_runtime::{BankingThreads, Runtime};
use sealane_sdk::{AccountMeta, Instruction, Pubkey};
use sealane_tests::{
    GENESIS_HASH, TOKEN_ID, filler_config, filler_transaction, mint, on_board, token_account,
    wallet,
};
use solana_message::Message;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);

fn key(kind: u8, number: usize) -> Pubkey {
    let mut bytes = [kind; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    Pubkey::new_from_array(bytes)
}

/// A transfer of Token's, by its owner.
fn transfer(from: usize, to: usize, amount: u64) -> Instruction {
    Instruction {
        program_id: TOKEN_ID,
        accounts: vec![
            AccountMeta::new(key(2, from), false),
            AccountMeta::new(key(2, to), false),
            AccountMeta::new_readonly(key(1, from), true),
        ],
        data: [&[3][..], &amount.to_le_bytes()].concat(),
    }
}

#[test]
fn token_transfers_on_any_number_of_threads_are_as_one_by_one() {
    const HOLDERS: usize = 40;
    const TRANSFERS: u64 = 3_000;
    for threads in [1, 2, 3] {
        let mut random = StdRng::seed_from_u64(threads as u64);
        let mut config = filler_config([]);
        config.genesis_accounts = on_board();
        let the_mint = key(3, 0);
        config
            .genesis_accounts
            .push((the_mint, mint(&key(1, 0), 1_000 * HOLDERS as u64)));
        for holder in 0..HOLDERS {
            let owner = key(1, holder);
            config.genesis_accounts.push(wallet(owner, 10_000_000_000));
            let account = token_account(&the_mint, &owner, 1_000);
            config.genesis_accounts.push((key(2, holder), account));
        }
        config.banking_threads = BankingThreads::Fixed(threads);
        config.slot_duration = Duration::from_millis(40);
        config.record_order = true;
        let runtime = Runtime::start(config.clone()).expect("it starts");
        let reader = runtime.reader();
        let transactions: Vec<_> = (0..TRANSFERS)
            .map(|number| {
                let (from, to) = (
                    random.random_range(0..HOLDERS),
                    random.random_range(0..HOLDERS),
                );
                // Some have not got so much.
                let instruction = transfer(from, to, random.random_range(1..400));
                let message =
                    Message::new_with_blockhash(&[instruction], Some(&key(1, from)), &GENESIS_HASH);
                filler_transaction(message, number)
            })
            .collect();
        for batch in transactions.chunks(64) {
            runtime.ingest().submit(batch.to_vec()).expect("it runs");
        }
        while reader.counters().settled() < TRANSFERS {
            assert!(reader.is_healthy());
            std::thread::yield_now();
        }
        let counters = reader.counters();
        assert!(runtime.shutdown(DEADLINE));
        println!(
            "{threads} threads: {} failed of {}",
            counters.failed, counters.visible
        );
        assert!(counters.failed > 0 && counters.failed < counters.visible / 2);

        let serial = reader.take_order().run_serially(&config);
        assert_eq!(serial.differences, []);
        let mut amounts = 0;
        reader
            .pin()
            .expect("nobody else reads")
            .all(&mut |key, state| {
                assert_eq!(serial.accounts.get(key), Some(state), "{key}");
                if state.owner == TOKEN_ID && state.data.len() == 165 {
                    let amount = state.data.as_slice()[64..72].first_chunk();
                    amounts += u64::from_le_bytes(*amount.expect("eight bytes"));
                }
            })
            .expect("all are in memory");
        assert_eq!(amounts, 1_000 * HOLDERS as u64, "no token came or went");
    }
}
