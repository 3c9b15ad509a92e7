//! What both token programs have: transfers, approvals, minting, burning, freezing, authorities, closing.

use super::Action;
use crate::scene::{
    Mint, NATIVE_MINT, NATIVE_MINT_2022, Scene, TOKEN, TOKEN_2022, TokenAccount, call, extensions,
    mint, optional, readonly, token_account, writable,
};
use rand::Rng;
use sealane_sdk::{AccountMeta, Instruction, Pubkey, system_instruction};

pub(crate) const ACTIONS: &[Action] = &[
    mint_to,
    mint_to,
    mint_to,
    transfer,
    transfer,
    transfer,
    transfer,
    transfer_as_delegate,
    approve,
    revoke,
    burn,
    set_authority_of_account,
    set_authority_of_mint,
    close_account,
    close_account,
    freeze_or_thaw,
    sync_native,
    amounts,
    sizes,
    withdraw_excess,
    unwrap,
    batch,
];

/// Data of an instruction: tag, amount, and decimals where it checks them.
fn with_amount(
    scene: &mut Scene<'_>,
    tag: u8,
    amount: u64,
    checked: Option<(u8, &Mint)>,
) -> Vec<u8> {
    match checked {
        Some((tag, mint)) => {
            let decimals = scene.decimals(mint);
            [&[tag][..], &amount.to_le_bytes()[..], &[decimals]].concat()
        }
        None => [&[tag][..], &amount.to_le_bytes()[..]].concat(),
    }
}

fn mint_to(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let account = scene.token_account(|account| !account.is_native)?;
    let mint = scene.mint_of(&account)?;
    let authority = mint.authority.unwrap_or_else(|| scene.wallet());
    let max = scene.one_of(&[1_000, 1_000_000, 1 << 40]);
    let amount = scene.amount(max);
    let checked = scene.once_in(2).then_some((14, &mint));
    let data = with_amount(scene, 7, amount, checked);
    let mut accounts = vec![writable(mint.key), writable(account.key)];
    accounts.extend(scene.signers(authority));
    Some(vec![call(mint.program, data, accounts)])
}

fn is_mint_native(account: &TokenAccount) -> bool {
    [NATIVE_MINT, *NATIVE_MINT_2022].contains(&account.mint)
}

/// The mint of an account, of lamports too.
fn mint_of(scene: &Scene<'_>, account: &TokenAccount) -> Option<Mint> {
    if is_mint_native(account) {
        return mint(&account.mint, scene.sealane.get(&account.mint)?);
    }
    scene.mint_of(account)
}

fn transfer_by(
    scene: &mut Scene<'_>,
    from: &TokenAccount,
    authority: Pubkey,
) -> Option<Vec<Instruction>> {
    let mint = mint_of(scene, from)?;
    let to = if scene.once_in(20) {
        *from
    } else {
        scene.token_account(|to| to.mint == from.mint && to.key != from.key)?
    };
    let amount = scene.amount(from.amount);
    // Fees want the checked kind.
    let checked = !scene.once_in(if mint.program == TOKEN { 2 } else { 6 });
    let data = with_amount(scene, 3, amount, checked.then_some((12, &mint)));
    let mut accounts = vec![writable(from.key)];
    accounts.extend(checked.then(|| readonly(mint.key)));
    accounts.push(writable(to.key));
    accounts.extend(scene.signers(authority));
    accounts.extend(hook(scene, &mint).map(readonly));
    let mut instructions = vec![];
    if scene.once_in(6) {
        // For those that want a memo before it.
        let memo = call(crate::scene::MEMO_3, b"for you".to_vec(), vec![]);
        instructions.push(memo);
    }
    instructions.push(call(mint.program, data, accounts));
    Some(instructions)
}

/// The program that wants to hear of transfers.
fn hook(scene: &Scene<'_>, mint: &Mint) -> Option<Pubkey> {
    let all = extensions(scene.sealane.get(&mint.key)?);
    let (_, value) = all.iter().find(|(kind, _)| *kind == 14)?;
    let program = Pubkey::try_from(value.get(32..64)?).ok()?;
    (program != Pubkey::default()).then_some(program)
}

fn transfer(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let from = scene.token_account(|account| account.amount > 0 && !account.is_frozen)?;
    transfer_by(scene, &from, from.owner)
}

fn transfer_as_delegate(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let from = scene.token_account(|account| account.delegate.is_some())?;
    transfer_by(scene, &from, from.delegate?)
}

fn approve(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let account = scene.token_account(|_| true)?;
    let mint = mint_of(scene, &account)?;
    let delegate = scene.owner(account.program);
    let amount = scene.amount(account.amount);
    let checked = scene.once_in(2);
    let data = with_amount(scene, 4, amount, checked.then_some((13, &mint)));
    let mut accounts = vec![writable(account.key)];
    accounts.extend(checked.then(|| readonly(mint.key)));
    accounts.push(readonly(delegate));
    accounts.extend(scene.signers(account.owner));
    Some(vec![call(account.program, data, accounts)])
}

fn revoke(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let account = scene.token_account(|account| account.delegate.is_some())?;
    let mut accounts = vec![writable(account.key)];
    accounts.extend(scene.signers(account.owner));
    Some(vec![call(account.program, vec![5], accounts)])
}

fn burn(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let account = scene.token_account(|account| account.amount > 0 && !account.is_native)?;
    let mint = mint_of(scene, &account)?;
    let amount = scene.amount(account.amount);
    let checked = scene.once_in(2).then_some((15, &mint));
    let data = with_amount(scene, 8, amount, checked);
    let authority = account.delegate.filter(|_| scene.once_in(3));
    let mut accounts = vec![writable(account.key), writable(mint.key)];
    accounts.extend(scene.signers(authority.unwrap_or(account.owner)));
    Some(vec![call(account.program, data, accounts)])
}

fn set_authority(
    scene: &mut Scene<'_>,
    program: Pubkey,
    of: Pubkey,
    kind: u8,
    authority: Option<Pubkey>,
) -> Vec<Instruction> {
    let new = if scene.once_in(15) {
        None
    } else {
        Some(scene.owner(program))
    };
    let authority = authority.unwrap_or_else(|| scene.wallet());
    let mut accounts = vec![writable(of)];
    accounts.extend(scene.signers(authority));
    let data = [&[6, kind][..], &*optional(new)].concat();
    vec![call(program, data, accounts)]
}

fn set_authority_of_account(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let account = scene.token_account(|_| true)?;
    let kind = scene.one_of(&[2, 3, 3]);
    let authority = match kind {
        3 => account.close_authority.unwrap_or(account.owner),
        _ => account.owner,
    };
    let (program, key) = (account.program, account.key);
    Some(set_authority(scene, program, key, kind, Some(authority)))
}

fn set_authority_of_mint(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let mint = scene.mint(|_| true)?;
    let kind = scene.one_of(&[0, 1, 1]);
    let authority = match kind {
        0 => mint.authority,
        _ => mint.freeze_authority,
    };
    Some(set_authority(
        scene,
        mint.program,
        mint.key,
        kind,
        authority,
    ))
}

fn close_account(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let any = scene.once_in(5);
    let account = scene.token_account(|account| any || account.amount == 0 || account.is_native)?;
    let authority = account.close_authority.unwrap_or(account.owner);
    let to = if scene.once_in(10) {
        scene.any()
    } else {
        scene.wallet()
    };
    let mut accounts = vec![writable(account.key), writable(to)];
    accounts.extend(scene.signers(authority));
    Some(vec![call(account.program, vec![9], accounts)])
}

/// A frozen account is thawed, another frozen.
fn freeze_or_thaw(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let wants_frozen = scene.once_in(2);
    let account = scene.token_account(|account| account.is_frozen == wants_frozen)?;
    let mint = scene.mint_of(&account)?;
    let authority = mint.freeze_authority.unwrap_or_else(|| scene.wallet());
    let thaws = account.is_frozen != scene.once_in(20);
    let mut accounts = vec![writable(account.key), readonly(mint.key)];
    accounts.extend(scene.signers(authority));
    let tag = if thaws { 11 } else { 10 };
    Some(vec![call(account.program, vec![tag], accounts)])
}

fn sync_native(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let account = scene.token_account(is_mint_native)?;
    let mut instructions = vec![];
    if scene.once_in(2) {
        let lamports = scene.rng.random_range(0..10_000_000);
        let from = scene.wallet();
        instructions.push(system_instruction::transfer(&from, &account.key, lamports));
    }
    let data = vec![17];
    instructions.push(call(account.program, data, vec![writable(account.key)]));
    Some(instructions)
}

/// Amounts as text, and back: in the return data.
fn amounts(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let mint = scene.mint(|_| true)?;
    let data = if scene.once_in(2) {
        let amount = scene.amount(1 << 50);
        [&[23][..], &amount.to_le_bytes()[..]].concat()
    } else {
        let amount: f64 = scene.rng.random_range(0.0..1e6);
        let text = match scene.rng.random_range(0..6) {
            0 => scene.text(20),
            1 => String::new(),
            2 => "18446744073709551616".to_owned(),
            3 => format!("{amount:.4}"),
            _ => format!("{amount:.*}", usize::from(mint.decimals.min(4))),
        };
        [&[24][..], text.as_bytes()].concat()
    };
    Some(vec![call(mint.program, data, vec![readonly(mint.key)])])
}

/// `GetAccountDataSize`.
fn sizes(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let mint = scene.mint(|_| true)?;
    let mut data = vec![21];
    if mint.program == TOKEN_2022 {
        for _ in 0..scene.rng.random_range(0..3) {
            let kind: u16 = scene.rng.random_range(0..30);
            data.extend_from_slice(&kind.to_le_bytes());
        }
    }
    Some(vec![call(mint.program, data, vec![readonly(mint.key)])])
}

/// `WithdrawExcessLamports`, of accounts, mints and multisigs.
fn withdraw_excess(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let of_mint = scene.once_in(2);
    let (program, key, authority) = scene.find(|key, state| {
        if of_mint {
            let mint = mint(key, state)?;
            Some((mint.program, *key, mint.authority.unwrap_or(*key)))
        } else {
            let account = token_account(key, state)?;
            Some((account.program, *key, account.owner))
        }
    })?;
    let mut accounts = vec![writable(key), writable(scene.wallet())];
    accounts.extend(scene.signers(authority));
    Some(vec![call(program, vec![38], accounts)])
}

/// `UnwrapLamports`.
fn unwrap(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let account = scene.token_account(is_mint_native)?;
    let amount = (!scene.once_in(3)).then(|| scene.amount(account.amount));
    let mut data = vec![45];
    match amount {
        Some(amount) => data.extend([&[1][..], &amount.to_le_bytes()[..]].concat()),
        None => data.push(0),
    }
    let mut accounts = vec![writable(account.key), writable(scene.wallet())];
    accounts.extend(scene.signers(account.owner));
    Some(vec![call(account.program, data, accounts)])
}

/// Several of Token's instructions in one.
fn batch(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let mut data = vec![255];
    let mut accounts: Vec<AccountMeta> = vec![];
    let count = scene.rng.random_range(1..4);
    // Not everything there is belongs to Token: some tries are for nothing.
    for _ in 0..20 {
        let action = scene.one_of(&[transfer as Action, mint_to, approve, revoke, close_account]);
        for instruction in action(scene).unwrap_or_default() {
            if instruction.program_id != TOKEN {
                continue;
            }
            data.push(instruction.accounts.len() as u8);
            data.push(instruction.data.len() as u8);
            data.extend(instruction.data);
            accounts.extend(instruction.accounts);
        }
        if accounts.len() >= 3 * count {
            break;
        }
    }
    let program = if scene.once_in(20) { TOKEN_2022 } else { TOKEN };
    Some(vec![call(program, data, accounts)])
}
