//! JSON-RPC as bytes on a socket: SPL tokens, accounts and transactions as parsed JSON, and all lamports.

use crate::support::{error, result, value};
use sealane_sdk::{AccountMeta, AccountState, Instruction};
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::{Pubkey, pubkey};
use solana_signer::Signer;
use solana_transaction::Transaction;

const TOKEN: Pubkey = pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
const TOKEN_2022: &str = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb";
const SYSTEM: &str = "11111111111111111111111111111111";

/// A mint with three decimals and accounts of it: 12.5 of the owner, of which a delegate may take 2, and 0.007 of
/// somebody else.
struct Tokens {
    node: ValidatorHandle,
    mint: Pubkey,
    owner: Keypair,
    delegate: Pubkey,
    ours: Pubkey,
    theirs: Pubkey,
}

fn owned_by_token(data: Vec<u8>) -> AccountState {
    AccountState {
        lamports: 10_000_000,
        owner: TOKEN,
        executable: false,
        data: data.into(),
    }
}

/// The layout of a mint (`spl_token_interface::state::Mint`).
fn mint(supply: u64, decimals: u8) -> AccountState {
    let mut data = vec![0; 82];
    data[36..44].copy_from_slice(&supply.to_le_bytes());
    (data[44], data[45]) = (decimals, 1);
    owned_by_token(data)
}

/// The layout of a token account (`spl_token_interface::state::Account`).
fn account(
    mint: &Pubkey,
    owner: &Pubkey,
    amount: u64,
    delegate: Option<(&Pubkey, u64)>,
) -> AccountState {
    let mut data = vec![0; 165];
    data[..32].copy_from_slice(mint.as_array());
    data[32..64].copy_from_slice(owner.as_array());
    data[64..72].copy_from_slice(&amount.to_le_bytes());
    if let Some((delegate, amount)) = delegate {
        data[72] = 1;
        data[76..108].copy_from_slice(delegate.as_array());
        data[121..129].copy_from_slice(&amount.to_le_bytes());
    }
    data[108] = 1;
    owned_by_token(data)
}

impl Tokens {
    fn start() -> Self {
        let (key, owner) = (Pubkey::new_unique, Keypair::new());
        let (mint_key, delegate, ours, theirs) = (key(), key(), key(), key());
        let delegated = Some((&delegate, 2_000));
        let builder = Validator::builder()
            .account(mint_key, mint(12_507, 3))
            .account(ours, account(&mint_key, &owner.pubkey(), 12_500, delegated))
            .account(theirs, account(&mint_key, &key(), 7, None));
        let node = builder.start().unwrap();
        node.airdrop(&owner.pubkey(), 1_000_000_000).unwrap();
        Self {
            node,
            mint: mint_key,
            owner,
            delegate,
            ours,
            theirs,
        }
    }

    /// A transfer of 5 thousandths to somebody else.
    fn transfer(&self) -> Transaction {
        let mut data = vec![3];
        data.extend_from_slice(&5u64.to_le_bytes());
        let accounts = vec![
            AccountMeta::new(self.ours, false),
            AccountMeta::new(self.theirs, false),
            AccountMeta::new_readonly(self.owner.pubkey(), true),
        ];
        let instruction = Instruction::new_with_bytes(TOKEN, &data, accounts);
        let payer = Some(&self.owner.pubkey());
        let blockhash = self.node.latest_blockhash();
        Transaction::new_signed_with_payer(&[instruction], payer, &[&self.owner], blockhash)
    }

    fn balance(&self, account_index: u8, owner: &str, amount: u64, ui: f64) -> Value {
        json!({
            "accountIndex": account_index,
            "mint": self.mint.to_string(),
            "owner": owner,
            "programId": TOKEN.to_string(),
            "uiTokenAmount": amount_json(amount, ui),
        })
    }
}

fn amount_json(amount: u64, ui: f64) -> Value {
    json!({
        "amount": amount.to_string(),
        "decimals": 3,
        "uiAmount": ui,
        "uiAmountString": ui.to_string(),
    })
}

#[test]
fn balances_and_supplies_are_shown_with_the_decimals_of_the_mint() {
    let tokens = Tokens::start();
    let Tokens { node, .. } = &tokens;
    let get = |method, key: &Pubkey| value(node, method, json!([key.to_string()]));
    assert_eq!(
        get("getTokenAccountBalance", &tokens.ours),
        amount_json(12_500, 12.5)
    );
    assert_eq!(
        get("getTokenSupply", &tokens.mint),
        amount_json(12_507, 12.507)
    );
    let (first, second) = (amount_json(12_500, 12.5), amount_json(7, 0.007));
    let with_address = |mut amount: Value, key: &Pubkey| {
        amount["address"] = json!(key.to_string());
        amount
    };
    assert_eq!(
        get("getTokenLargestAccounts", &tokens.mint),
        json!([
            with_address(first, &tokens.ours),
            with_address(second, &tokens.theirs)
        ])
    );
    let nobody = Pubkey::new_unique();
    for (method, key, message) in [
        ("getTokenAccountBalance", &nobody, "could not find account"),
        (
            "getTokenAccountBalance",
            &tokens.mint,
            "not a Token account",
        ),
        ("getTokenSupply", &nobody, "could not find account"),
        ("getTokenSupply", &tokens.ours, "mint could not be unpacked"),
        ("getTokenSupply", &tokens.owner.pubkey(), "not a Token mint"),
        ("getTokenLargestAccounts", &nobody, "could not find mint"),
    ] {
        assert_eq!(
            error(node, method, json!([key.to_string()])),
            (-32602, format!("Invalid param: {message}"))
        );
    }
}

#[test]
fn token_accounts_are_found_by_owner_and_by_delegate() {
    let tokens = Tokens::start();
    let Tokens { node, .. } = &tokens;
    let encoded = json!({"encoding": "base64"});
    let find = |method, key: &Pubkey, filter: Value| {
        let found = value(node, method, json!([key.to_string(), filter, encoded]));
        let found = found.as_array().unwrap().iter();
        found
            .map(|account| account["pubkey"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let by_mint = json!({"mint": tokens.mint.to_string()});
    let by_program = json!({"programId": TOKEN.to_string()});
    let ours = [tokens.ours.to_string()];
    for filter in [&by_mint, &by_program] {
        let owner = &tokens.owner.pubkey();
        assert_eq!(find("getTokenAccountsByOwner", owner, filter.clone()), ours);
        let delegate = &tokens.delegate;
        assert_eq!(
            find("getTokenAccountsByDelegate", delegate, filter.clone()),
            ours
        );
        assert!(find("getTokenAccountsByDelegate", owner, filter.clone()).is_empty());
    }
    let other = json!({"programId": TOKEN_2022});
    assert!(find("getTokenAccountsByOwner", &tokens.owner.pubkey(), other).is_empty());
    let wrong = json!([tokens.delegate.to_string(), {"programId": SYSTEM}]);
    assert_eq!(
        error(node, "getTokenAccountsByOwner", wrong),
        (
            -32602,
            "Invalid param: unrecognized Token program id".to_owned()
        )
    );
}

#[test]
fn token_accounts_mints_and_sysvars_are_parsed() {
    let tokens = Tokens::start();
    let Tokens { node, .. } = &tokens;
    let parsed = json!({"encoding": "jsonParsed"});
    let account = |key: &str| value(node, "getAccountInfo", json!([key, parsed]))["data"].clone();
    let ours = json!({
        "program": "spl-token",
        "space": 165,
        "parsed": {
            "type": "account",
            "info": {
                "mint": tokens.mint.to_string(),
                "owner": tokens.owner.pubkey().to_string(),
                "tokenAmount": amount_json(12_500, 12.5),
                "delegate": tokens.delegate.to_string(),
                "delegatedAmount": amount_json(2_000, 2.0),
                "isNative": false,
                "state": "initialized",
            },
        },
    });
    assert_eq!(account(&tokens.ours.to_string()), ours);
    let mint = &account(&tokens.mint.to_string())["parsed"];
    assert_eq!(
        (
            &mint["type"],
            &mint["info"]["decimals"],
            &mint["info"]["supply"]
        ),
        (&json!("mint"), &json!(3), &json!("12507"))
    );
    let clock = account("SysvarC1ock11111111111111111111111111111111");
    assert_eq!(clock["program"], "sysvar");
    assert!(clock["parsed"]["info"]["unixTimestamp"].is_i64());

    // The other methods that show accounts do the same.
    let several = value(
        node,
        "getMultipleAccounts",
        json!([[tokens.ours.to_string(), SYSTEM], parsed]),
    );
    assert_eq!(several[0]["data"], ours);
    let filters = [
        json!({"dataSize": 165}),
        json!({"memcmp": {"offset": 64, "bytes": [212, 48]}}),
    ];
    let all = result(
        node,
        "getProgramAccounts",
        json!([TOKEN.to_string(), {"encoding": "jsonParsed", "filters": filters}]),
    );
    assert_eq!(all[0]["account"]["data"], ours);
    let by_owner = value(
        node,
        "getTokenAccountsByOwner",
        json!([tokens.owner.pubkey().to_string(), {"mint": tokens.mint.to_string()}, parsed]),
    );
    assert_eq!(by_owner[0]["account"]["data"], ours);
}

#[test]
fn a_token_transfer_tells_what_its_accounts_held() {
    let tokens = Tokens::start();
    let Tokens { node, .. } = &tokens;
    let transaction = tokens.transfer();
    let wire = bincode::serialize(&transaction).unwrap();
    let wire = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, wire);
    let simulated = value(
        node,
        "simulateTransaction",
        json!([wire, {"encoding": "base64"}]),
    );
    let signature = node.send_and_confirm(&transaction).unwrap().to_string();
    let found = result(node, "getTransaction", json!([signature, "jsonParsed"]));
    let theirs = node.account(&tokens.theirs).unwrap().unwrap();
    let their_owner = Pubkey::try_from(&theirs.data.as_slice()[32..64])
        .unwrap()
        .to_string();
    let owner = tokens.owner.pubkey().to_string();
    let mut before = vec![
        tokens.balance(1, &owner, 12_500, 12.5),
        tokens.balance(2, &their_owner, 7, 0.007),
    ];
    let mut after = vec![
        tokens.balance(1, &owner, 12_495, 12.495),
        tokens.balance(2, &their_owner, 12, 0.012),
    ];
    // The message has its writable accounts in the order of their addresses.
    if found["transaction"]["message"]["accountKeys"][1]["pubkey"] != tokens.ours.to_string() {
        for balances in [&mut before, &mut after] {
            balances.reverse();
            for (index, balance) in balances.iter_mut().enumerate() {
                balance["accountIndex"] = json!(index + 1);
            }
        }
    }
    for from in [&found["meta"], &simulated] {
        assert_eq!(from["preTokenBalances"], json!(before));
        assert_eq!(from["postTokenBalances"], json!(after));
    }
    assert_eq!(
        found["transaction"]["message"]["instructions"][0]["parsed"],
        json!({
            "type": "transfer",
            "info": {
                "source": tokens.ours.to_string(),
                "destination": tokens.theirs.to_string(),
                "authority": owner,
                "amount": "5",
            },
        })
    );
}

#[test]
fn all_lamports_are_counted() {
    let node = Validator::builder()
        .nothing_on_board()
        .faucet_lamports(5_000_000_000_000)
        .start()
        .unwrap();
    let supply = value(&node, "getSupply", json!([]));
    let total = supply["total"].as_u64().unwrap();
    // A lamport for each native program that has an account.
    let more = total - (5_000_000_000_000 + 500 * 1_000_000_000);
    assert!(more < 100, "{more}");
    assert_eq!(
        supply,
        json!({
            "total": total,
            "circulating": total,
            "nonCirculating": 0,
            "nonCirculatingAccounts": [],
        })
    );
    let largest = value(
        &node,
        "getLargestAccounts",
        json!([{"filter": "circulating"}]),
    );
    assert_eq!(
        largest[0],
        json!({"address": node.faucet_address().to_string(), "lamports": 5_000_000_000_000u64})
    );
    let none = value(
        &node,
        "getLargestAccounts",
        json!([{"filter": "nonCirculating"}]),
    );
    assert_eq!(none, json!([]));
}
