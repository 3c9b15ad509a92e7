//! `surfnet_setTokenAccount`: what the token programs themselves make of it.

use super::start;
use crate::support::{error, value};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_sdk::{AccountMeta, AccountState, Instruction, Pubkey, pubkey};
use sealane_validator::ValidatorHandle;
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::Transaction;

const TOKEN: Pubkey = pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
const TOKEN_2022: Pubkey = pubkey!("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
const ASSOCIATED: Pubkey = pubkey!("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
const NATIVE_MINT: &str = "So11111111111111111111111111111111111111112";

fn associated(owner: &Pubkey, mint: &Pubkey, program: &Pubkey) -> Pubkey {
    let seeds = [owner.as_ref(), program.as_ref(), mint.as_ref()];
    Pubkey::find_program_address(&seeds, &ASSOCIATED).0
}

/// A mint of either program, without authorities, and with these extensions behind it.
fn mint(node: &ValidatorHandle, program: Pubkey, extensions: &[u8]) -> Pubkey {
    let key = Pubkey::new_unique();
    let mut data = vec![0; 82];
    (data[44], data[45]) = (6, 1);
    if !extensions.is_empty() {
        data.resize(165, 0);
        data.push(1);
        data.extend_from_slice(extensions);
    }
    let state = AccountState {
        lamports: 1 << 30,
        owner: program,
        data: data.into(),
        executable: false,
    };
    node.set_account(&key, state).unwrap();
    key
}

fn send(node: &ValidatorHandle, signer: &Keypair, instruction: Instruction) -> Result<(), String> {
    let faucet = node.faucet();
    let named = |meta: &AccountMeta| meta.is_signer && meta.pubkey == signer.pubkey();
    let signs = instruction.accounts.iter().any(named);
    let signers = if signs {
        vec![faucet, signer]
    } else {
        vec![faucet]
    };
    let transaction = Transaction::new_signed_with_payer(
        &[instruction],
        Some(&faucet.pubkey()),
        &signers,
        node.latest_blockhash(),
    );
    let sent = node.send_and_confirm(&transaction);
    sent.map(|_| ()).map_err(|error| error.to_string())
}

fn transfer_checked(
    program: Pubkey,
    [from, mint, to, authority]: [Pubkey; 4],
    amount: u64,
) -> Instruction {
    let mut data = vec![12];
    data.extend_from_slice(&amount.to_le_bytes());
    data.push(6);
    let accounts = vec![
        AccountMeta::new(from, false),
        AccountMeta::new_readonly(mint, false),
        AccountMeta::new(to, false),
        AccountMeta::new_readonly(authority, true),
    ];
    Instruction {
        program_id: program,
        accounts,
        data,
    }
}

/// The amount of an account, as its bytes say.
fn amount(node: &ValidatorHandle, key: &Pubkey) -> u64 {
    let data = node.account(key).unwrap().expect("it exists").data;
    u64::from_le_bytes(*data.as_slice()[64..].first_chunk().unwrap())
}

#[test]
fn both_programs_take_the_account_for_their_own() {
    let node = start();
    for program in [TOKEN, TOKEN_2022] {
        let (mint, owner, delegate) = (mint(&node, program, &[]), Keypair::new(), Keypair::new());
        let to = Pubkey::new_unique();
        let set = |owner: &Pubkey, update: Value| {
            let params = json!([
                owner.to_string(),
                mint.to_string(),
                update,
                program.to_string()
            ]);
            assert_eq!(value(&node, "surfnet_setTokenAccount", params), Value::Null);
            associated(owner, &mint, &program)
        };
        let from_key = set(&owner.pubkey(), json!({"amount": 1_000}));
        let to_key = set(&to, json!({}));
        let space = node.account(&from_key).unwrap().unwrap().data.len();
        assert_eq!(space, if program == TOKEN { 165 } else { 170 });
        let by = |authority: &Keypair, amount| {
            let keys = [from_key, mint, to_key, authority.pubkey()];
            send(&node, authority, transfer_checked(program, keys, amount))
        };
        by(&owner, 300).unwrap();
        assert_eq!(
            (amount(&node, &from_key), amount(&node, &to_key)),
            (700, 300)
        );
        // An update leaves the rest as it is.
        let update = json!({"delegate": delegate.pubkey().to_string(), "delegatedAmount": 50});
        set(&owner.pubkey(), update);
        by(&delegate, 51).unwrap_err();
        by(&delegate, 50).unwrap();
        assert_eq!(
            (amount(&node, &from_key), amount(&node, &to_key)),
            (650, 350)
        );
        set(&owner.pubkey(), json!({"delegate": "null"}));
        by(&delegate, 1).unwrap_err();
        set(&owner.pubkey(), json!({"state": "frozen"}));
        let frozen = by(&owner, 1).unwrap_err();
        assert!(frozen.contains("0x11"), "{frozen}");
        set(
            &owner.pubkey(),
            json!({"state": "initialized", "closeAuthority": to.to_string()}),
        );
        by(&owner, 650).unwrap();
    }
}

#[test]
fn the_associated_token_program_makes_the_same_account() {
    let node = start();
    // TransferFeeConfig (108 bytes) asks each account for 8 bytes of its own.
    let mut fees = vec![1, 0, 108, 0];
    fees.resize(4 + 108, 0);
    let mints = [
        mint(&node, TOKEN_2022, &[]),
        mint(&node, TOKEN_2022, &fees),
        mint(&node, TOKEN, &[]),
    ];
    for (mint, program) in mints.into_iter().zip([TOKEN_2022, TOKEN_2022, TOKEN]) {
        let owner = Pubkey::new_unique();
        let (key, faucet) = (associated(&owner, &mint, &program), node.faucet_address());
        let accounts = vec![
            AccountMeta::new(faucet, true),
            AccountMeta::new(key, false),
            AccountMeta::new_readonly(owner, false),
            AccountMeta::new_readonly(mint, false),
            AccountMeta::new_readonly(Pubkey::default(), false),
            AccountMeta::new_readonly(program, false),
        ];
        let create = Instruction {
            program_id: ASSOCIATED,
            accounts,
            data: vec![],
        };
        send(&node, &Keypair::new(), create).unwrap();
        let made = node.account(&key).unwrap().expect("it was made");
        let other = Pubkey::new_unique();
        let params = json!([other.to_string(), mint.to_string(), {}, program.to_string()]);
        value(&node, "surfnet_setTokenAccount", params);
        let set = node.account(&associated(&other, &mint, &program)).unwrap();
        let mut set = set.expect("it was set");
        // But for whose it is.
        set.data.write(32, owner.as_ref());
        assert_eq!(set, made);
    }
}

#[test]
fn wrapped_sol_has_the_lamports_that_it_stands_for() {
    let (node, owner) = (start(), Pubkey::new_unique());
    let params = json!([owner.to_string(), NATIVE_MINT, {"amount": 5_000_000_000_u64}]);
    value(&node, "surfnet_setTokenAccount", params);
    let key = associated(&owner, &NATIVE_MINT.parse().unwrap(), &TOKEN);
    let state = node.account(&key).unwrap().unwrap();
    assert_eq!(state.lamports, 5_002_039_280);
    let data = BASE64_STANDARD.encode(&state.data.as_slice()[109..121]);
    let expected = [&1_u32.to_le_bytes()[..], &2_039_280_u64.to_le_bytes()].concat();
    assert_eq!(data, BASE64_STANDARD.encode(expected));
}

#[test]
fn what_is_no_mint_or_no_token_account_is_refused() {
    let node = start();
    let (owner, mint_key) = (Pubkey::new_unique(), mint(&node, TOKEN, &[]));
    let check = |params: Value, reason: &str| {
        let (code, message) = error(&node, "surfnet_setTokenAccount", params);
        assert_eq!(code, -32602, "{message}");
        assert!(message.contains(reason), "{message}");
    };
    let (owner, mint_key) = (owner.to_string(), mint_key.to_string());
    check(json!([owner, owner, {}]), "is no mint");
    check(
        json!([owner, mint_key, {}, TOKEN_2022.to_string()]),
        "is no mint",
    );
    check(json!([owner, mint_key, {}, owner]), "is no token program");
    check(json!([owner, mint_key, {"state": "melted"}]), "melted");
    check(json!([owner, mint_key, {"delegate": "x"}]), "WrongSize");
    let address = associated(&owner.parse().unwrap(), &mint_key.parse().unwrap(), &TOKEN);
    let state = AccountState {
        lamports: 5,
        ..AccountState::default()
    };
    node.set_account(&address, state).unwrap();
    check(
        json!([owner, mint_key, {}]),
        "is no account of the token program",
    );
}
