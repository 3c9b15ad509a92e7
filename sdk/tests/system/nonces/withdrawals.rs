//! WithdrawNonceAccount.

use super::*;

fn withdraw(lamports: u64) -> Instruction {
    withdraw_nonce_account(&key(NONCE), &key(AUTHORITY), &key(TO), lamports)
}

#[test]
fn the_authority_withdraws_what_is_beyond_the_rent() {
    for lamports in [0, 1, 10] {
        check_in(
            slot(),
            &[(key(NONCE), nonce(now().0, 10)), (key(TO), wallet(5))],
            &withdraw(lamports),
            Ok(&[
                (key(NONCE), nonce(now().0, 10 - lamports)),
                (key(TO), wallet(5 + lamports)),
            ]),
        );
    }
}

#[test]
fn an_account_that_was_not_initialized_is_withdrawn_from_by_its_own_signature() {
    let take = |lamports| with(withdraw(lamports), |i| i.accounts[0].is_signer = true);
    check_in(
        slot(),
        &[(key(NONCE), uninitialized(0))],
        &take(rent() - 1),
        Ok(&[
            (key(NONCE), sized(1, system_program::ID, LEN)),
            (key(TO), wallet(rent() - 1)),
        ]),
    );
    check_in(
        slot(),
        &[(key(NONCE), uninitialized(0))],
        &take(rent()),
        Ok(&[(key(NONCE), wallet(0)), (key(TO), wallet(rent()))]),
    );
}

#[test]
fn withdrawing_to_the_account_itself_changes_no_balance() {
    let itself = withdraw_nonce_account(&key(NONCE), &key(AUTHORITY), &key(NONCE), 10);
    check_nonce(nonce(old(), 10), &itself, Ok(nonce(old(), 10)));
    // Withdrawing all leaves it uninitialized, with the bytes of the last nonce behind that.
    let all = withdraw_nonce_account(&key(NONCE), &key(AUTHORITY), &key(NONCE), rent());
    let mut data = nonce(old(), 0).data.as_slice().to_vec();
    data[4..8].fill(0);
    let closed = AccountState {
        data: data.into(),
        ..wallet(rent())
    };
    check_nonce(nonce(old(), 0), &all, Ok(closed));
}

#[test]
fn withdrawing_is_refused_for_one_reason_at_a_time() {
    let once = "Withdraw nonce account: nonce can only advance once per slot";
    let short = |need: u64| {
        let have = rent() + 10;
        format!("Withdraw nonce account: insufficient lamports {have}, need {need}")
    };
    let (beyond_rent, beyond_all) = (short(rent() + 11), short(rent() + 11));
    let unsigned = line("Withdraw", AUTHORITY, "must sign");
    let unsigned_itself = line("Withdraw", NONCE, "must sign");
    let read_only = line("Withdraw", NONCE, "must be writeable");
    let by_nobody = |lamports| with(withdraw(lamports), |i| i.accounts[4].is_signer = false);
    let too_early = system_error(SystemError::NonceBlockhashNotExpired);
    let current = || nonce(now().0, 10);
    let cases: [(AccountState, Instruction, Refusal<'_>); 15] = [
        (
            current(),
            withdraw(11),
            (E::InsufficientFunds, &beyond_rent),
        ),
        (current(), withdraw(u64::MAX), (E::InsufficientFunds, "")),
        (current(), withdraw(rent() + 10), (too_early.clone(), once)),
        // Too early is noticed before the missing signature; a missing balance too.
        (current(), by_nobody(rent() + 10), (too_early, once)),
        (
            current(),
            by_nobody(11),
            (E::InsufficientFunds, &beyond_rent),
        ),
        (
            current(),
            by_nobody(10),
            (E::MissingRequiredSignature, &unsigned),
        ),
        (
            nonce(old(), 10),
            by_nobody(rent() + 10),
            (E::MissingRequiredSignature, &unsigned),
        ),
        (
            uninitialized(10),
            withdraw(rent() + 11),
            (E::InsufficientFunds, &beyond_all),
        ),
        (
            uninitialized(10),
            withdraw(1),
            (E::MissingRequiredSignature, &unsigned_itself),
        ),
        (wallet(rent()), withdraw(1), (E::InvalidAccountData, "")),
        (
            current(),
            with(withdraw(1), |i| i.accounts[0].is_writable = false),
            (E::InvalidArgument, &read_only),
        ),
        (
            current(),
            with(withdraw(1), |i| i.accounts[1].is_writable = false),
            (E::ReadonlyLamportChange, ""),
        ),
        (
            current(),
            with(withdraw(1), |i| i.accounts.swap(2, 3)),
            (E::InvalidArgument, ""),
        ),
        (
            current(),
            with(withdraw(1), |i| i.accounts.truncate(3)),
            (E::MissingAccount, ""),
        ),
        (
            current(),
            with(withdraw(1), |i| i.accounts.truncate(1)),
            (E::MissingAccount, ""),
        ),
    ];
    for (before, instruction, refusal) in cases {
        check_nonce(before, &instruction, Err(refusal));
    }
}
