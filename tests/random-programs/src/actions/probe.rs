//! Instructions for the program that does what it is told: syscalls with good and bad arguments, calls of other
//! programs as Rust and C describe them, and writes into its accounts.

use super::Action;
use crate::probe::{EXIT, LOAD, STEP_BYTES, STORE, STORE_BYTE, SYSCALLS};
use crate::scene::{
    MEMO_1, MEMO_3, PROBE, PROBE_FIRST_LOADER, SYSTEM, Scene, TOKEN, call, readonly, token_account,
};
use rand::{Rng, RngCore};
use sealane_sdk::{AccountMeta, Instruction, Pubkey, system_instruction};
use solana_sdk_ids::{compute_budget, sysvar};

pub(crate) const ACTIONS: &[Action] = &[create, probe, probe, probe, probe, probe, probe, probe];

const HEAP: u64 = 0x3_0000_0000;
const STACK: u64 = 0x2_0000_0000;
const INPUT: u64 = 0x4_0000_0000;
/// Where results go: behind whatever the data are.
const RESULTS: u64 = HEAP + 0x5000;

/// An account of the program's, to be written.
fn create(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let key = scene.vacant()?;
    let owner = scene.one_of(&[PROBE, PROBE, PROBE_FIRST_LOADER]);
    let bytes = scene.one_of(&[0, 1, 8, 100, 1_000]);
    Some(vec![scene.create(key, bytes, owner)])
}

/// Where an account lies in the program's memory.
#[derive(Clone, Copy)]
struct Place {
    key: u64,
    owner: u64,
    lamports: u64,
    data: u64,
    len: u64,
}

fn places(scene: &Scene<'_>, accounts: &[AccountMeta], is_aligned: bool) -> Vec<Place> {
    let mut at = INPUT + 8;
    let mut places: Vec<Place> = vec![];
    for (i, meta) in accounts.iter().enumerate() {
        let earlier = accounts[..i].iter().position(|it| it.pubkey == meta.pubkey);
        if let Some(earlier) = earlier {
            at += if is_aligned { 8 } else { 1 };
            places.push(places[earlier]);
            continue;
        }
        let len = scene.sealane.account(&meta.pubkey).data.len() as u64;
        places.push(if is_aligned {
            let head = at;
            at += 88 + len.next_multiple_of(8) + 10_240 + 8;
            Place {
                key: head + 8,
                owner: head + 40,
                lamports: head + 72,
                data: head + 88,
                len,
            }
        } else {
            let head = at;
            at += 3 + 32 + 8 + 8 + len + 32 + 1 + 8;
            Place {
                key: head + 3,
                owner: head + 51 + len,
                lamports: head + 35,
                data: head + 51,
                len,
            }
        });
    }
    places
}

/// What lies behind the steps.
struct Blob {
    base: u64,
    bytes: Vec<u8>,
}

impl Blob {
    fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.bytes.len().next_multiple_of(8);
        self.bytes.resize(at, 0);
        self.bytes.extend_from_slice(bytes);
        self.base + at as u64
    }

    fn words(&mut self, words: &[u64]) -> u64 {
        let bytes: Vec<_> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(&bytes)
    }
}

struct Maker<'s, 'a> {
    scene: &'s mut Scene<'a>,
    accounts: Vec<AccountMeta>,
    places: Vec<Place>,
    is_aligned: bool,
    blob: Blob,
}

type Step = [u64; 6];

fn number(name: &str) -> u64 {
    let found = SYSCALLS.iter().position(|known| *known == name);
    found.expect("it is a syscall") as u64
}

fn probe(scene: &mut Scene<'_>) -> Option<Vec<Instruction>> {
    let accounts = some_accounts(scene);
    Some(vec![instruction(scene, accounts, 0)])
}

fn some_accounts(scene: &mut Scene<'_>) -> Vec<AccountMeta> {
    let mut accounts = vec![];
    for _ in 0..scene.rng.random_range(0..6) {
        accounts.push(some_account(scene));
    }
    let callees = [
        SYSTEM,
        MEMO_1,
        MEMO_3,
        TOKEN,
        PROBE,
        PROBE,
        compute_budget::ID,
    ];
    for _ in 0..scene.rng.random_range(0..3) {
        accounts.push(readonly(scene.one_of(&callees)));
    }
    accounts
}

fn instruction(scene: &mut Scene<'_>, accounts: Vec<AccountMeta>, depth: u32) -> Instruction {
    let program = scene.one_of(&[PROBE, PROBE, PROBE, PROBE_FIRST_LOADER]);
    let is_aligned = program == PROBE;
    let places = places(scene, &accounts, is_aligned);
    let count = scene.rng.random_range(1..8);
    let base = HEAP + 8 + STEP_BYTES * count;
    let bytes = vec![];
    let mut maker = Maker {
        scene,
        accounts,
        places,
        is_aligned,
        blob: Blob { base, bytes },
    };
    let mut steps: Vec<Step> = (0..count).map(|_| maker.step(depth)).collect();
    let Maker {
        accounts, mut blob, ..
    } = maker;
    if scene.once_in(6) {
        let (step, word) = (
            scene.rng.random_range(0..steps.len()),
            scene.rng.random_range(1..6),
        );
        steps[step][word] = odd_number(scene, steps[step][word]);
    }
    if scene.once_in(8) && blob.bytes.len() >= 8 {
        let at = 8 * scene.rng.random_range(0..blob.bytes.len() / 8);
        let old = u64::from_le_bytes(*blob.bytes[at..].first_chunk().expect("8 bytes"));
        let new = odd_number(scene, old);
        blob.bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
    }
    let mut data = (STEP_BYTES * count).to_le_bytes().to_vec();
    data.extend(steps.iter().flatten().flat_map(|word| word.to_le_bytes()));
    data.extend(blob.bytes);
    call(program, data, accounts)
}

fn some_account(scene: &mut Scene<'_>) -> AccountMeta {
    let own = |scene: &mut Scene<'_>| {
        scene.find(|key, state| {
            [PROBE, PROBE_FIRST_LOADER]
                .contains(&state.owner)
                .then_some(*key)
        })
    };
    match scene.rng.random_range(0..6) {
        0..3 if let Some(key) = own(scene) => AccountMeta::new(key, scene.once_in(3)),
        3 => AccountMeta::new(scene.wallet(), true),
        4 => readonly(scene.any()),
        _ => AccountMeta::new(scene.any(), scene.once_in(2)),
    }
}

/// Something near to what it was, or an edge of something else.
fn odd_number(scene: &mut Scene<'_>, old: u64) -> u64 {
    let edges = [
        0,
        1,
        7,
        16,
        17,
        32,
        33,
        255,
        256,
        1_024,
        1_025,
        10_240,
        10_241,
        20_001,
        1 << 31,
        1 << 32,
        u64::MAX,
        u64::MAX - 7,
        1 << 63,
        HEAP,
        HEAP + 0x7ff8,
        HEAP + 0x7fff,
        HEAP + 0x8000,
        STACK,
        STACK + 4_090,
        STACK + 0x1000,
        STACK + 0x40_000,
        INPUT,
        INPUT + 96,
        0x1_0000_0000,
        old.wrapping_add(1),
        old.wrapping_sub(1),
        old.wrapping_add(4),
        old.wrapping_add(8),
        old / 2,
        old.wrapping_mul(2),
        RESULTS,
        RESULTS + 1,
    ];
    scene.one_of(&edges)
}

impl Maker<'_, '_> {
    fn below(&mut self, max: u64) -> u64 {
        self.scene.rng.random_range(0..max)
    }

    fn result(&mut self) -> u64 {
        RESULTS + 16 * self.below(64)
    }

    fn text(&mut self, max: usize) -> (u64, u64) {
        let mut bytes = self.scene.text(max).into_bytes();
        if self.scene.once_in(20) {
            bytes.push(0xff);
        }
        (self.blob.put(&bytes), bytes.len() as u64)
    }

    /// An array of slices.
    fn slices(&mut self, count_max: u64, len_max: usize) -> (u64, u64) {
        let count = self.below(count_max + 1);
        let mut words = vec![];
        for _ in 0..count {
            let (address, len) = self.text(len_max);
            words.extend([address, len]);
        }
        (self.blob.words(&words), count)
    }

    fn key(&mut self) -> u64 {
        let ids = [
            sysvar::clock::ID,
            sysvar::rent::ID,
            sysvar::slot_hashes::ID,
            sysvar::epoch_schedule::ID,
            sysvar::stake_history::ID,
            sysvar::last_restart_slot::ID,
            sysvar::epoch_rewards::ID,
            sysvar::recent_blockhashes::ID,
            PROBE,
            TOKEN,
        ];
        let id = self.scene.one_of(&ids);
        self.blob.put(id.as_array())
    }

    fn step(&mut self, depth: u32) -> Step {
        match self.below(10) {
            0..3 if depth < 4 => self.invoke(depth),
            3 => self.write(),
            _ => self.syscall(),
        }
    }

    /// A write into an account, or a read of one.
    fn write(&mut self) -> Step {
        if self.places.is_empty() || self.scene.once_in(12) {
            let status = [
                0,
                1,
                1 << 32,
                5 << 32,
                26 << 32,
                27 << 32,
                u64::MAX,
                1 << 33 | 7,
            ];
            return [EXIT, self.scene.one_of(&status), 0, 0, 0, 0];
        }
        let place = self.scene.one_of(&self.places.clone());
        let lamports = [0, 1, 1_000_000, u64::MAX];
        let owner = self.scene.one_of(&[0, u64::from_le_bytes([0x77; 8])]);
        let len = [
            0,
            place.len,
            place.len + 1,
            place.len + 10_240,
            place.len + 10_241,
        ];
        let near = place.data + self.below(place.len + 16);
        let (address, value) = match self.below(8) {
            0 => (place.lamports, self.scene.one_of(&lamports)),
            1 => (place.owner, owner),
            2..4 => (place.data - 8, self.scene.one_of(&len)),
            4 => return [STORE_BYTE, near, 1, 0, 0, 0],
            5 => return [LOAD, near, 0, 0, 0, 0],
            6 => (place.key, 0),
            _ => (near, 0),
        };
        [STORE, address, value, 0, 0, 0]
    }

    fn syscall(&mut self) -> Step {
        let at = self.scene.rng.random_range(0..SYSCALLS.len() as u64);
        let name = SYSCALLS[at as usize];
        let (result, result_2) = (self.result(), self.result());
        let len = self.scene.one_of(&[0, 1, 8, 32, 100, 249, 250, 2_000]);
        let arguments = match name {
            "sol_log_" | "sol_panic_" => {
                let (address, len) = self.text(150);
                [address, len, 7, 8, 0]
            }
            "sol_log_64_" => [1, 2, u64::MAX, 0x1234, 5],
            "sol_log_pubkey" => [self.key(), 0, 0, 0, 0],
            "sol_log_data" | "sol_sha256" | "sol_keccak256" => {
                let (address, count) = self.slices(5, 60);
                [address, count, result, 0, 0]
            }
            "sol_create_program_address" | "sol_try_find_program_address" => {
                let (address, count) = self.slices(4, 12);
                [address, count, self.key(), result, result_2]
            }
            "sol_get_sysvar" => {
                let offset = self.scene.one_of(&[0, 0, 8, 9, 40, 16_000, 20_488]);
                [self.key(), result, offset, len, 0]
            }
            "sol_get_epoch_stake" => [self.scene.one_of(&[0, HEAP]), 0, 0, 0, 0],
            "sol_memcpy_" | "sol_memmove_" => [result, result_2, len, 0, 0],
            "sol_memset_" => [result, 0x1_07, len, 0, 0],
            "sol_memcmp_" => [result, HEAP + self.below(64), len, result_2, 0],
            "sol_get_processed_sibling_instruction" => {
                // Mostly too small a buffer: then its sizes are told.
                let sizes = self.scene.one_of(&[[0, 0], [5, 0], [300, 3], [12, 2]]);
                let sizes = self.blob.words(&sizes);
                [
                    self.below(3),
                    sizes,
                    result,
                    result + 0x400,
                    result + 0x1000,
                ]
            }
            "sol_set_return_data" => [
                HEAP,
                self.scene.one_of(&[0, 1, 32, 300, 1_024, 1_025]),
                0,
                0,
                0,
            ],
            "sol_get_return_data" => [result, len, result_2, 0, 0],
            "sol_alloc_free_" => [len, self.scene.one_of(&[0, 0, 0, HEAP]), 0, 0, 0],
            "sol_invoke_signed_c" | "sol_invoke_signed_rust" => {
                [result, HEAP, self.below(3), 0, self.below(2)]
            }
            "abort" if !self.scene.once_in(4) => return [99, 0, 0, 0, 0, 0],
            _ => [result, 0, 0, 0, 0],
        };
        let [a, b, c, d, e] = arguments;
        [at, a, b, c, d, e]
    }

    /// A call of another program, described as Rust or C do.
    fn invoke(&mut self, depth: u32) -> Step {
        let called = self.called(depth);
        let (seeds, seeds_len) = match self.below(6) {
            0 => {
                let (seeds, count) = self.slices(3, 10);
                (self.blob.words(&[seeds, count]), 1)
            }
            _ => (0, 0),
        };
        // What the caller hands over: all that it has, mostly.
        let mut given: Vec<usize> = (0..self.accounts.len()).collect();
        if !given.is_empty() && self.scene.once_in(8) {
            given.remove(self.scene.rng.random_range(0..given.len()));
        }
        let is_rust = self.scene.once_in(2);
        let (instruction, infos) = if is_rust {
            (self.rust_instruction(&called), self.rust_infos(&given))
        } else {
            (self.c_instruction(&called), self.c_infos(&given))
        };
        let name = if is_rust {
            "sol_invoke_signed_rust"
        } else {
            "sol_invoke_signed_c"
        };
        let count = given.len() as u64;
        [number(name), instruction, infos, count, seeds, seeds_len]
    }

    fn own(&mut self) -> Option<AccountMeta> {
        let count = self.accounts.len();
        (count > 0).then(|| self.accounts[self.scene.rng.random_range(0..count)].clone())
    }

    fn own_signer(&mut self) -> Option<AccountMeta> {
        let mut signers = self.accounts.iter().filter(|meta| meta.is_signer);
        signers.next().cloned().filter(|_| !self.scene.once_in(10))
    }

    fn called(&mut self, depth: u32) -> Instruction {
        let mut called = match self.below(6) {
            0 if let (Some(from), Some(to)) = (self.own_signer(), self.own()) => {
                let lamports = self.scene.one_of(&[0, 1, 1_000_000, 1 << 60]);
                system_instruction::transfer(&from.pubkey, &to.pubkey, lamports)
            }
            1 if let (Some(from), Some(to)) = (self.own_signer(), self.own()) => {
                let bytes = self.scene.one_of(&[0, 8, 10_240, 10_241]);
                system_instruction::create_account(&from.pubkey, &to.pubkey, 1 << 30, bytes, &PROBE)
            }
            2 => {
                let signers: Vec<_> = self.own_signer().into_iter().collect();
                let id = self.scene.one_of(&[MEMO_1, MEMO_3]);
                call(id, self.scene.text(40).into_bytes(), signers)
            }
            3 if let Some(account) = self.own()
                && let state = self.scene.sealane.account(&account.pubkey)
                && token_account(&account.pubkey, &state).is_some() =>
            {
                call(state.owner, vec![17], vec![account])
            }
            4 => call(compute_budget::ID, vec![], vec![]),
            _ => {
                // It may use what the caller has.
                let count = self.below(6);
                let accounts = (0..count).filter_map(|_| self.own()).collect();
                let mut inner = instruction(self.scene, accounts, depth + 2);
                inner.data.truncate(1_500);
                inner
            }
        };
        for meta in &mut called.accounts {
            if self.scene.once_in(25) {
                meta.is_signer ^= true;
            }
            if self.scene.once_in(25) {
                meta.is_writable ^= true;
            }
        }
        let is_there = |id: &Pubkey| self.accounts.iter().any(|meta| meta.pubkey == *id);
        if !is_there(&called.program_id) && !self.scene.once_in(10) {
            // It is among the accounts after all, at the end, where it moves no other.
            self.accounts.push(readonly(called.program_id));
            self.places = places(self.scene, &self.accounts, self.is_aligned);
        }
        called
    }

    fn rust_instruction(&mut self, called: &Instruction) -> u64 {
        let mut metas = vec![];
        for meta in &called.accounts {
            metas.extend_from_slice(meta.pubkey.as_array());
            metas.extend([u8::from(meta.is_signer), u8::from(meta.is_writable)]);
        }
        let count = called.accounts.len() as u64;
        let (metas, data) = (self.blob.put(&metas), self.blob.put(&called.data));
        let len = called.data.len() as u64;
        let address = self.blob.words(&[metas, count, count, data, len, len]);
        self.blob
            .bytes
            .extend_from_slice(called.program_id.as_array());
        address
    }

    fn rust_infos(&mut self, given: &[usize]) -> u64 {
        let mut infos = vec![];
        for &at in given {
            let place = self.places[at];
            let lamports = self.blob.words(&[1, 1, 0, place.lamports]);
            let data = self.blob.words(&[1, 1, 0, place.data, place.len]);
            let flags = self.scene.rng.next_u64() & 0x1_0101;
            infos.extend([place.key, lamports, data, place.owner, 0, flags]);
        }
        self.blob.words(&infos)
    }

    fn c_instruction(&mut self, called: &Instruction) -> u64 {
        let mut metas = vec![];
        for meta in &called.accounts {
            let key = self.blob.put(meta.pubkey.as_array());
            metas.push(key);
            metas.push(u64::from(meta.is_writable) | u64::from(meta.is_signer) << 8);
        }
        let count = called.accounts.len() as u64;
        let (metas, data) = (self.blob.words(&metas), self.blob.put(&called.data));
        let id = self.blob.put(called.program_id.as_array());
        let len = called.data.len() as u64;
        self.blob.words(&[id, metas, count, data, len])
    }

    fn c_infos(&mut self, given: &[usize]) -> u64 {
        let mut infos = vec![];
        for &at in given {
            let place = self.places[at];
            let Place {
                key,
                owner,
                lamports,
                data,
                len,
            } = place;
            infos.extend([key, lamports, len, data, owner, 0, 0x1_0101]);
        }
        self.blob.words(&infos)
    }
}
