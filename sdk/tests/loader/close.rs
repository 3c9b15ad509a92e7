//! Close.

use super::scene::*;
use sealane_sdk::loader::UpgradeableLoaderInstruction as Loader;
use sealane_sdk::{AccountState, InstructionError as E, Pubkey};

const CLOSED: u8 = 1;
const RECIPIENT: u8 = 2;
const AUTHORITY: u8 = 3;
const PROGRAM: u8 = 4;

fn close(state: AccountState) -> Scene {
    Scene::new(
        Loader::Close,
        vec![
            (key(CLOSED), state),
            (key(RECIPIENT), wallet(1)),
            (key(PROGRAM), program(key(CLOSED))),
        ],
        vec![
            rw(key(CLOSED)),
            rw(key(RECIPIENT)),
            signer(key(AUTHORITY)),
            rw(key(PROGRAM)),
        ],
    )
}

fn a_buffer(authority: Option<Pubkey>) -> AccountState {
    buffer(authority, &elf(100))
}

fn a_program(authority: Option<Pubkey>) -> AccountState {
    programdata(BEFORE, authority, &elf(100))
}

/// Expects the end of a program to be refused in which something is spoiled.
#[track_caller]
fn check(spoil: impl FnOnce(&mut Scene), error: E, line: &str) {
    let mut scene = close(a_program(Some(key(AUTHORITY))));
    spoil(&mut scene);
    scene.refused(error, line);
}

#[test]
fn the_lamports_go_to_the_recipient() {
    let authority = Some(key(AUTHORITY));
    let program_line = format!("Closed Program {}", key(PROGRAM));
    for (state, accounts, line, deployed) in [
        (
            blank(60),
            2,
            format!("Closed Uninitialized {}", key(CLOSED)),
            vec![],
        ),
        (
            a_buffer(authority),
            3,
            format!("Closed Buffer {}", key(CLOSED)),
            vec![],
        ),
        (
            a_program(authority),
            4,
            program_line,
            vec![(key(PROGRAM), key(CLOSED))],
        ),
    ] {
        let lamports = state.lamports;
        let mut scene = close(state);
        scene.metas.truncate(accounts);
        let outcome = scene.succeeds(&line, UNITS);
        assert_eq!(outcome.deployed, deployed);
        assert_eq!(scene.account(key(CLOSED)), Default::default());
        assert_eq!(scene.account(key(RECIPIENT)), wallet(1 + lamports));
        assert_eq!(scene.account(key(PROGRAM)), program(key(CLOSED)));

        scene.metas.pop();
        scene.refused(E::MissingAccount, "");
    }
}

#[test]
fn what_cannot_be_closed() {
    close(program(key(9))).refused(E::InvalidArgument, "Account does not support closing");
    close(wallet(1)).refused(E::InvalidAccountData, "");
    for state in [blank(4), a_buffer(Some(key(AUTHORITY)))] {
        let mut scene = close(state.clone());
        scene.metas[1] = rw(key(CLOSED));
        let line = "Recipient is the same as the account being closed";
        scene.refused(E::InvalidArgument, line);
        let mut scene = close(state.clone());
        scene.metas[0] = ro(key(CLOSED));
        scene.refused(E::ReadonlyDataModified, "");
        let mut scene = close(state.clone());
        scene.metas[1] = ro(key(RECIPIENT));
        scene.refused(E::ReadonlyLamportChange, "");
        let mut scene = close(state);
        scene.at(key(CLOSED)).owner = key(99);
        scene.refused(E::ExternalAccountDataModified, "");
    }
}

#[test]
fn who_cannot_close() {
    for make in [a_buffer, a_program] {
        close(make(None)).refused(E::Immutable, "Account is immutable");
        let line = "Incorrect authority provided";
        close(make(Some(key(9)))).refused(E::IncorrectAuthority, line);
        let mut scene = close(make(Some(key(AUTHORITY))));
        scene.metas[2] = ro(key(AUTHORITY));
        scene.refused(E::MissingRequiredSignature, "Authority did not sign");
    }
}

#[test]
fn what_is_not_the_program() {
    check(
        |it| it.metas[3] = ro(key(PROGRAM)),
        E::InvalidArgument,
        "Program account is not writable",
    );
    check(
        |it| it.at(key(PROGRAM)).owner = key(99),
        E::IncorrectProgramId,
        "Program account not owned by loader",
    );
    check(
        |it| *it.at(key(CLOSED)) = programdata(NOW, Some(key(AUTHORITY)), &elf(100)),
        E::InvalidArgument,
        "Program was deployed in this block already",
    );
    check(
        |it| *it.at(key(PROGRAM)) = program(key(9)),
        E::InvalidArgument,
        "ProgramData account does not match ProgramData account",
    );
    check(
        |it| *it.at(key(PROGRAM)) = blank(36),
        E::InvalidArgument,
        "Invalid Program account",
    );
    // Its data were cut off before it was looked at as a program.
    check(
        |it| it.metas[3] = rw(key(CLOSED)),
        E::InvalidAccountData,
        "",
    );
}
