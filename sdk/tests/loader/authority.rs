//! SetAuthority and SetAuthorityChecked.

use super::scene::*;
use sealane_sdk::loader::UpgradeableLoaderInstruction as Loader;
use sealane_sdk::{AccountState, InstructionError as E, Pubkey};

const ACCOUNT: u8 = 1;
const OLD: u8 = 2;
const NEW: u8 = 3;

fn set(state: AccountState) -> Scene {
    Scene::new(
        Loader::SetAuthority,
        vec![(key(ACCOUNT), state)],
        vec![rw(key(ACCOUNT)), signer(key(OLD)), ro(key(NEW))],
    )
}

fn set_checked(state: AccountState) -> Scene {
    Scene {
        instruction: Loader::SetAuthorityChecked,
        metas: vec![rw(key(ACCOUNT)), signer(key(OLD)), signer(key(NEW))],
        ..set(state)
    }
}

/// A buffer and a programdata account of `authority`.
fn both(authority: Option<Pubkey>) -> [AccountState; 2] {
    [
        buffer(authority, &elf(8)),
        programdata(NOW, authority, &elf(8)),
    ]
}

#[test]
fn an_authority_hands_on() {
    for (before, after) in both(Some(key(OLD))).into_iter().zip(both(Some(key(NEW)))) {
        let mut scene = set(before.clone());
        scene.succeeds(&format!("New authority Some({})", key(NEW)), UNITS);
        assert_eq!(scene.account(key(ACCOUNT)), after);

        let mut scene = set_checked(before);
        scene.succeeds(&format!("New authority {}", key(NEW)), UNITS);
        assert_eq!(scene.account(key(ACCOUNT)), after);
    }
}

#[test]
fn a_program_may_give_its_authority_up_and_a_buffer_may_not() {
    let [buffer, before] = both(Some(key(OLD)));
    let mut scene = set(before.clone());
    scene.metas.pop();
    scene.succeeds("New authority None", UNITS);
    // The old address stays where it was, unread.
    let mut expected = before;
    expected.data = {
        let mut data = expected.data.as_slice().to_vec();
        data[12] = 0;
        data.into()
    };
    assert_eq!(scene.account(key(ACCOUNT)), expected);

    let mut scene = set(buffer);
    scene.metas.pop();
    scene.refused(E::IncorrectAuthority, "Buffer authority is not optional");
}

#[test]
fn who_may_not_hand_on() {
    let words = [
        [
            "Buffer is immutable",
            "Incorrect buffer authority provided",
            "Buffer authority did not sign",
        ],
        [
            "Program not upgradeable",
            "Incorrect upgrade authority provided",
            "Upgrade authority did not sign",
        ],
    ];
    for make in [set, set_checked] {
        for (kind, [none, other, unsigned]) in words.into_iter().enumerate() {
            let at = |authority: Option<Pubkey>| make(both(authority)[kind].clone());
            at(None).refused(E::Immutable, none);
            at(Some(key(9))).refused(E::IncorrectAuthority, other);
            let mut scene = at(Some(key(OLD)));
            scene.metas[1] = ro(key(OLD));
            scene.refused(E::MissingRequiredSignature, unsigned);
            let mut scene = at(Some(key(OLD)));
            scene.metas[0] = ro(key(ACCOUNT));
            scene.refused(E::ReadonlyDataModified, "");
            let mut scene = at(Some(key(OLD)));
            scene.at(key(ACCOUNT)).owner = key(99);
            scene.refused(E::ExternalAccountDataModified, "");
        }
        let line = "Account does not support authorities";
        make(blank(45)).refused(E::InvalidArgument, line);
        make(program(key(9))).refused(E::InvalidArgument, line);
        make(wallet(1)).refused(E::InvalidAccountData, "");
    }
    for state in both(Some(key(OLD))) {
        let mut scene = set_checked(state);
        scene.metas[2] = ro(key(NEW));
        scene.refused(E::MissingRequiredSignature, "New authority did not sign");
        scene.metas.pop();
        scene.refused(E::MissingAccount, "");
    }
}
