//! The state root against a sorted map and a naive recursion, and its proofs against the SDK's light
//! verifier.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_accounts_db::{StateChanges, StateTrie, WholeState};
use sealane_sdk::light::{AccountContents, AccountProof, Domain, EMPTY_STATE_ROOT, account_path};
use sealane_sdk::{AccountState, Hash, Pubkey};
use std::collections::BTreeMap;

/// What exists: contents' hash by path.
type Model = BTreeMap<[u8; 32], Hash>;

/// The root as it is defined, with nothing remembered.
fn naive_root(accounts: &[([u8; 32], Hash)], depth: usize) -> [u8; 32] {
    match accounts {
        [] => EMPTY_STATE_ROOT.to_bytes(),
        [(path, contents)] => {
            let input = [*path, contents.to_bytes()].concat();
            Domain::AccountLeaf.hash(&input).to_bytes()
        }
        _ => {
            let is_left = |path: &[u8; 32]| path[depth / 8] & (0x80 >> (depth % 8)) == 0;
            let (left, right) =
                accounts.split_at(accounts.partition_point(|(path, _)| is_left(path)));
            if left.is_empty() || right.is_empty() {
                return naive_root(accounts, depth + 1);
            }
            let children = [naive_root(left, depth + 1), naive_root(right, depth + 1)];
            let depth = depth.try_into().unwrap();
            Domain::AccountBranch(depth)
                .hash(&children.concat())
                .to_bytes()
        }
    }
}

fn model_root(model: &Model) -> Hash {
    let accounts: Vec<_> = model.iter().map(|(path, hash)| (*path, *hash)).collect();
    Hash::new_from_array(naive_root(&accounts, 0))
}

fn key(number: u32) -> Pubkey {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    Pubkey::new_from_array(bytes)
}

fn any_hash(rng: &mut SmallRng) -> Hash {
    Hash::new_from_array(rng.random())
}

/// The trie proves of `key` what the model says.
fn check_proof(trie: &StateTrie, model: &Model, key: &Pubkey) -> Vec<u8> {
    let bytes = trie.prove(key);
    let proof = AccountProof::from_bytes(&bytes).unwrap();
    let expected = model.get(&account_path(key)).copied();
    assert_eq!(proof.verify(&trie.root(), key), Ok(expected));
    bytes
}

/// Batches of random changes among `keys` keys, of which `absent` in ten delete.
fn check_random_batches(seed: u64, keys: u32, batch_max: usize, updates: usize, absent: u32) {
    println!("seed {seed}: {updates} updates of {keys} keys, batches up to {batch_max}, {absent}");
    let mut rng = SmallRng::seed_from_u64(seed);
    let (mut trie, mut model) = (StateTrie::new(), Model::new());
    let mut done = 0;
    while done < updates {
        let batch: Vec<(Pubkey, Option<Hash>)> = (0..rng.random_range(0..=batch_max))
            .map(|_| {
                let key = key(rng.random_range(0..keys));
                let exists = rng.random_range(0..10) >= absent;
                let contents = match model.get(&account_path(&key)) {
                    // What it is already.
                    Some(contents) if rng.random_range(0..5) == 0 => Some(*contents),
                    _ => exists.then(|| any_hash(&mut rng)),
                };
                (key, contents)
            })
            .collect();
        done += batch.len() + 1;
        for (key, contents) in &batch {
            match contents {
                Some(contents) => model.insert(account_path(key), *contents),
                None => model.remove(&account_path(key)),
            };
        }
        let root = trie.apply(batch);
        assert_eq!(root, trie.root());
        assert_eq!(root, model_root(&model), "after {done} updates");
        assert_eq!(trie.len(), model.len());
        for _ in 0..4 {
            check_proof(&trie, &model, &key(rng.random_range(0..2 * keys)));
        }
    }
}

#[test]
fn a_million_random_updates_give_the_naive_root_and_proofs_of_what_the_map_says() {
    // Few keys: the trie is often empty, a leaf, a single branch.
    check_random_batches(1, 3, 3, 20_000, 5);
    check_random_batches(2, 20, 5, 60_000, 3);
    check_random_batches(3, 20, 40, 120_000, 6);
    check_random_batches(4, 500, 400, 400_000, 4);
    check_random_batches(5, 3_000, 1_500, 300_000, 2);
    check_random_batches(6, 60_000, 30_000, 120_000, 1);
    // Nothing goes away, so that soon nothing is new.
    check_random_batches(7, 200, 3, 20_000, 0);
    check_random_batches(8, 2_000, 1_500, 100_000, 0);
}

#[test]
fn the_root_does_not_depend_on_history() {
    let mut rng = SmallRng::seed_from_u64(7);
    let states: Vec<(Pubkey, Hash)> = (0..2_000).map(|i| (key(i), any_hash(&mut rng))).collect();
    let mut at_once = StateTrie::new();
    let root = at_once.apply(states.iter().map(|(key, hash)| (*key, Some(*hash))));

    let mut one_by_one = StateTrie::new();
    let mut shuffled = states.clone();
    for i in (1..shuffled.len()).rev() {
        shuffled.swap(i, rng.random_range(0..=i));
    }
    for (key, hash) in &shuffled {
        // Something else comes and goes, and the account is first something else.
        let other = any_hash(&mut rng);
        let stranger = self::key(rng.random_range(5_000..6_000));
        one_by_one.apply([(stranger, Some(other)), (*key, Some(other))]);
        one_by_one.apply([(*key, Some(*hash)), (stranger, None)]);
    }
    assert_eq!(one_by_one.root(), root);
    assert_eq!(one_by_one.len(), states.len());

    let gone = one_by_one.apply(states.iter().map(|(key, _)| (*key, None)));
    assert_eq!(gone, EMPTY_STATE_ROOT);
    assert!(one_by_one.is_empty());
}

#[test]
fn states_are_taken_over_in_the_order_in_which_they_were_written() {
    let state = |lamports, data: &[u8]| AccountState {
        lamports,
        owner: key(77),
        executable: lamports % 2 == 1,
        data: data.into(),
    };
    let written = [
        vec![(key(1), state(1, &[])), (key(2), state(2, b"two"))],
        vec![],
        vec![
            (key(1), state(5, &[9; 100])),
            (key(3), state(3, &[1; 20_000])),
        ],
        vec![
            (key(2), AccountState::default()),
            (key(4), AccountState::default()),
        ],
        // Much data is hashed when all is there: what comes after it counts, and what came before does not.
        vec![
            (key(5), state(5, &[5; 5_000])),
            (key(6), state(6, &[6; 5_000])),
            (key(7), state(7, &[7; 5_000])),
            (key(8), state(8, &[8; 10])),
        ],
        vec![
            (key(5), state(5, &[50; 6_000])),
            (key(6), state(6, &[6; 7])),
            (key(7), AccountState::default()),
            (key(8), state(8, &[8; 5_000])),
        ],
    ];
    let mut changes = StateChanges::new();
    for written in &written {
        written
            .iter()
            .for_each(|(key, state)| changes.add(key, state));
    }
    let mut from_states = StateTrie::new();
    let root = from_states.apply_changes(&mut changes);

    let contents =
        |state: &AccountState| AccountContents::of(state).map(|contents| contents.hash());
    let last = [
        (key(1), state(5, &[9; 100])),
        (key(3), state(3, &[1; 20_000])),
        (key(5), state(5, &[50; 6_000])),
        (key(6), state(6, &[6; 7])),
        (key(8), state(8, &[8; 5_000])),
    ];
    let mut from_hashes = StateTrie::new();
    from_hashes.apply(last.iter().map(|(key, state)| (*key, contents(state))));
    assert_eq!(root, from_hashes.root());
    assert_eq!(from_states.len(), 5);

    // Nothing is left of what was taken over, or forgotten.
    assert_eq!(from_states.apply_changes(&mut changes), root);
    changes.add(&key(5), &state(1, &[1; 6_000]));
    changes.add(&key(9), &state(1, &[]));
    changes.clear();
    assert_eq!(from_states.apply_changes(&mut changes), root);

    // Every length of data, and more accounts than are hashed at a time.
    let many: Vec<_> = (0..200)
        .map(|i| (key(i), state(i.into(), &vec![1; 50 * i as usize])))
        .collect();
    let of_hashes = many.iter().map(|(key, state)| (*key, contents(state)));
    let root = StateTrie::new().apply(of_hashes);
    many.iter().for_each(|(key, state)| changes.add(key, state));
    let mut trie = StateTrie::new();
    assert_eq!(trie.apply_changes(&mut changes), root);
    assert_eq!(trie.len(), 199, "no lamports, no account");
}

#[test]
fn a_whole_state_has_the_root_of_its_accounts_in_whatever_order_they_come() {
    for count in [0, 1, 2, 300, 20_000] {
        let state = |lamports| AccountState {
            lamports,
            ..AccountState::default()
        };
        let accounts = (0..count).map(|i| (key(i), state(i.into())));
        let mut changes = StateChanges::new();
        accounts
            .clone()
            .for_each(|(key, state)| changes.add(&key, &state));
        let mut at_once = StateTrie::new();
        at_once.apply_changes(&mut changes);
        let mut whole = WholeState::new();
        for (key, state) in accounts.rev() {
            whole.add(&key, &state);
        }
        let mut trie = whole.into_trie();
        assert_eq!(trie.root(), at_once.root(), "{count} accounts");
        // It is a trie like any other.
        let contents = Hash::new_from_array([1; 32]);
        let change = [(key(7), None), (key(count + 1), Some(contents))];
        assert_eq!(trie.apply(change), at_once.apply(change));
        assert_eq!(trie.len(), at_once.len());
        assert_eq!(trie.prove(&key(3)), at_once.prove(&key(3)));
    }
}

#[test]
fn a_batch_that_changes_nothing_leaves_the_root_and_takes_no_room() {
    let mut trie = StateTrie::new();
    let accounts = |count| (0..count).map(|i| (key(i), Some(Hash::new_from_array([1; 32]))));
    let root = trie.apply(accounts(100));
    let room = trie.memory_bytes();
    assert_eq!(trie.apply([]), root);
    assert_eq!(trie.apply(accounts(70)), root);
    assert_eq!(trie.apply((500..700).map(|i| (key(i), None))), root);
    assert_eq!(trie.memory_bytes(), room);
}

#[test]
fn an_account_takes_at_most_110_bytes_however_often_it_came_and_went() {
    let count = 50_000;
    let mut trie = StateTrie::new();
    let hash = Hash::new_from_array([1; 32]);
    trie.apply((0..count).map(|i| (key(i), Some(hash))));
    assert!(
        trie.memory_bytes() <= 110 * count as usize,
        "{}",
        trie.memory_bytes()
    );
    for round in 0..20 {
        let half = |i: &u32| i % 2 == round % 2;
        trie.apply((0..count).filter(half).map(|i| (key(i), None)));
        trie.apply((0..count).filter(half).map(|i| (key(i), Some(hash))));
    }
    // The free lists have room for what was free at once.
    assert!(
        trie.memory_bytes() <= 116 * count as usize,
        "{}",
        trie.memory_bytes()
    );
}

/// No altered proof proves anything else than the truth.
#[test]
fn forged_proofs_are_refused() {
    let mut rng = SmallRng::seed_from_u64(11);
    let (mut trie, mut model) = (StateTrie::new(), Model::new());
    for i in 0..300 {
        let hash = any_hash(&mut rng);
        model.insert(account_path(&key(i)), hash);
        trie.apply([(key(i), Some(hash))]);
    }
    let root = trie.root();
    let proves = |bytes: &[u8], root: &Hash, key: &Pubkey| {
        AccountProof::from_bytes(bytes)
            .and_then(|proof| proof.verify(root, key))
            .is_ok()
    };
    for number in (0..600).step_by(7) {
        let key = key(number);
        let bytes = check_proof(&trie, &model, &key);
        // Every single bit.
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !proves(&flipped, &root, &key),
                "bit {bit} of the proof of {number}"
            );
        }
        // Too short, too long.
        for len in 0..bytes.len() {
            assert!(!proves(&bytes[..len], &root, &key), "{len} bytes");
        }
        for more in [1, 32, 33, 66] {
            let extended = [bytes.clone(), vec![0; more]].concat();
            assert!(!proves(&extended, &root, &key), "{more} more");
        }
        // Steps in another order, left out, twice.
        let head = head_bytes(&bytes);
        let steps: Vec<&[u8]> = bytes[head..].chunks(33).collect();
        for i in 0..steps.len() {
            let mut left_out = steps.clone();
            left_out.remove(i);
            let mut twice = steps.clone();
            twice.insert(i, steps[i]);
            let mut swapped = steps.clone();
            swapped.swap(i, (i + 1) % steps.len());
            for steps in [left_out, twice, swapped] {
                let forged = [&bytes[..head], &steps.concat()].concat();
                assert!(!proves(&forged, &root, &key));
            }
        }
        // Another root, another key.
        assert!(!proves(&bytes, &any_hash(&mut rng), &key));
        assert!(!proves(&bytes, &EMPTY_STATE_ROOT, &key));
        for other in 0..600 {
            let other_key = self::key(other);
            let same_way = proves(&bytes, &root, &other_key);
            // Where no account is, the same leaf may show it of several.
            let both_absent = number >= 300 && other >= 300;
            assert!(
                other == number || !same_way || both_absent,
                "{number} for {other}"
            );
        }
        // An account is not shown to be absent by its own leaf, nor by another's.
        if let Some(contents) = model.get(&account_path(&key)) {
            let own = [
                &[1, 2],
                &account_path(&key)[..],
                contents.as_bytes(),
                &bytes[34..],
            ];
            assert!(!proves(&own.concat(), &root, &key));
        }
    }
    assert!(!proves(&[1, 0], &root, &key(1)), "something exists");
    assert!(
        proves(&[1, 0], &EMPTY_STATE_ROOT, &key(1)),
        "nothing exists"
    );
}

fn head_bytes(proof: &[u8]) -> usize {
    match proof[1] {
        0 => 2,
        1 => 34,
        _ => 66,
    }
}
