//! The real Token program, in the machine.

mod support;

use sealane_sdk::{AccountMeta, AccountState, Instruction, InstructionError, Pubkey, pubkey};

const TOKEN: Pubkey = pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

fn key(byte: u8) -> Pubkey {
    Pubkey::new_from_array([byte; 32])
}

fn token_account(bytes: usize) -> AccountState {
    AccountState {
        lamports: 10_000_000,
        owner: TOKEN,
        executable: false,
        data: vec![0; bytes].into(),
    }
}

fn call(data: Vec<u8>, accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program_id: TOKEN,
        accounts,
        data,
    }
}

#[test]
fn tokens_are_minted_and_transferred() {
    let (mint, alice, bob, owner) = (key(1), key(2), key(3), key(4));
    let mut harness = support::harness()
        .with_account(mint, token_account(82))
        .with_account(alice, token_account(165))
        .with_account(bob, token_account(165));
    // InitializeMint2: decimals, authority, no freeze authority.
    let initialize_mint = [&[20, 6][..], owner.as_array(), &[0]].concat();
    let initialize_account = [&[18][..], owner.as_array()].concat();
    let mint_to = [&[7][..], &1_000u64.to_le_bytes()].concat();
    let transfer = [&[3][..], &400u64.to_le_bytes()].concat();
    let setup = [
        call(initialize_mint, vec![AccountMeta::new(mint, false)]),
        call(
            initialize_account.clone(),
            vec![
                AccountMeta::new(alice, false),
                AccountMeta::new_readonly(mint, false),
            ],
        ),
        call(
            initialize_account,
            vec![
                AccountMeta::new(bob, false),
                AccountMeta::new_readonly(mint, false),
            ],
        ),
        call(
            mint_to,
            vec![
                AccountMeta::new(mint, false),
                AccountMeta::new(alice, false),
                AccountMeta::new_readonly(owner, true),
            ],
        ),
    ];
    let outcome = harness.process_transaction(&setup);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    let send = call(
        transfer,
        vec![
            AccountMeta::new(alice, false),
            AccountMeta::new(bob, false),
            AccountMeta::new_readonly(owner, true),
        ],
    );
    let outcome = harness.process_instruction(&send);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    println!("{:#?} {}", outcome.logs, outcome.compute_units);
    let amount = |key: &Pubkey| harness.account(key).data.as_slice()[64..72].to_vec();
    assert_eq!(amount(&alice), 600u64.to_le_bytes());
    assert_eq!(amount(&bob), 400u64.to_le_bytes());

    let too_much = call([&[3][..], &601u64.to_le_bytes()].concat(), send.accounts);
    let outcome = harness.process_instruction(&too_much);
    println!("{:#?}", outcome.logs);
    assert_eq!(outcome.result, Err((0, InstructionError::Custom(1))));
}

#[test]
fn a_memo_is_logged() {
    let mut harness = support::harness();
    for memo in [
        pubkey!("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo"),
        pubkey!("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"),
        pubkey!("Memo4c2pN8afCj432Lb7RMVKi9PbQnnW7ewFFaV3oAH"),
    ] {
        let instruction = Instruction::new_with_bytes(memo, b"hello", vec![]);
        let outcome = harness.process_instruction(&instruction);
        println!("{:#?} {}", outcome.logs, outcome.compute_units);
        assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    }
}
