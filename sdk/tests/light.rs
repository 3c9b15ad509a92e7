//! The light verifier: the bytes as they are documented, and that nothing but the truth is proven.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use sealane_sdk::light::{
    AccountContents, AccountProof, EMPTY_DATA_HASH, EMPTY_STATE_ROOT, EMPTY_TRANSACTIONS_ROOT,
    Found, ProofError, SLOT_HEADER_BYTES, SlotHeader, Step, TransactionLeaf, TransactionProof,
    TransactionsRoot, account_path, verify_header,
};
use sealane_sdk::{AccountState, Hash, Pubkey};
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;

/// Path and contents of the leaf where a walk ended, if at one.
type FoundLeaf = Option<([u8; 32], [u8; 32])>;

/// BLAKE3 with a name as its key, as docs/formats.md says.
fn keyed(name: &str, last: u8, parts: &[&[u8]]) -> [u8; 32] {
    let mut key = [0; 32];
    key[..name.len()].copy_from_slice(name.as_bytes());
    key[31] = last;
    *blake3::keyed_hash(&key, &parts.concat()).as_bytes()
}

fn header() -> SlotHeader {
    SlotHeader {
        slot: 0x0102_0304_0506_0708,
        parent: Hash::new_from_array([1; 32]),
        unix_timestamp: -2,
        blockhash: Hash::new_from_array([3; 32]),
        transactions_root: Hash::new_from_array([4; 32]),
        transaction_count: 5,
        state_root: Hash::new_from_array([6; 32]),
    }
}

#[test]
fn a_header_has_the_documented_bytes_and_hash() {
    let bytes = header().to_bytes();
    let expected = [
        &[8, 7, 6, 5, 4, 3, 2, 1],
        &[1; 32][..],
        &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[3; 32],
        &[4; 32],
        &[5, 0, 0, 0, 0, 0, 0, 0],
        &[6; 32],
    ];
    assert_eq!(bytes[..], expected.concat());
    assert_eq!(
        header().hash().to_bytes(),
        keyed("sealane header", 0, &[&bytes])
    );
    assert_eq!(SlotHeader::from_bytes(&bytes), Ok(header()));
    for len in (0..SLOT_HEADER_BYTES).chain([SLOT_HEADER_BYTES + 1]) {
        assert_eq!(
            SlotHeader::from_bytes(&vec![0; len]),
            Err(ProofError::Length)
        );
    }
}

#[test]
fn a_header_is_its_identitys_only_as_it_was_signed() {
    let (identity, stranger) = (Keypair::new(), Keypair::new());
    let header = header();
    let signature = identity.sign_message(header.hash().as_bytes());
    assert_eq!(
        verify_header(&header, &signature, &identity.pubkey()),
        Ok(())
    );
    let refused = Err(ProofError::WrongSignature);
    assert_eq!(
        verify_header(&header, &signature, &stranger.pubkey()),
        refused
    );
    let bytes = header.to_bytes();
    for bit in 0..8 * bytes.len() {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let other = SlotHeader::from_bytes(&flipped).unwrap();
        assert_eq!(
            verify_header(&other, &signature, &identity.pubkey()),
            refused,
            "bit {bit}"
        );
    }
    for bit in 0..512 {
        let mut flipped = *signature.as_array();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let other = Signature::from(flipped);
        assert_eq!(
            verify_header(&header, &other, &identity.pubkey()),
            refused,
            "bit {bit}"
        );
    }
    // What is no key at all.
    for byte in 0..=255 {
        let _ = verify_header(&header, &signature, &Pubkey::new_from_array([byte; 32]));
    }
}

#[test]
fn an_accounts_contents_have_the_documented_hash() {
    let check = |data: Vec<u8>| {
        let state = AccountState {
            lamports: 0x0102,
            owner: Pubkey::new_from_array([9; 32]),
            executable: true,
            data: data.clone().into(),
        };
        let data_hash = blake3::hash(&data);
        let parts: [&[u8]; 6] = [
            &[2, 1, 0, 0, 0, 0, 0, 0],
            &[1],
            &[0; 23],
            &[9; 32],
            data_hash.as_bytes(),
            &[0; 32],
        ];
        let contents = AccountContents::of(&state).unwrap();
        let expected = keyed("sealane account contents", 0, &parts);
        assert_eq!(contents.hash().to_bytes(), expected, "{} bytes", data.len());
    };
    for len in [0, 1, 31, 32, 165, 1024, 8192, 8193, 100_000] {
        check((0..len).map(|i| i as u8).collect());
    }
    // Pages that were written beside the base.
    let mut data = sealane_sdk::AccountData::from(vec![1; 50_000]);
    data.write(20_000, &[2; 100]);
    let paged = AccountState {
        lamports: 1,
        data: data.clone(),
        ..AccountState::default()
    };
    let hash = blake3::hash(data.as_slice());
    assert_eq!(
        AccountContents::of(&paged).unwrap().data_hash.as_bytes(),
        hash.as_bytes()
    );
    assert_eq!(EMPTY_DATA_HASH.as_bytes(), blake3::hash(b"").as_bytes());
    assert_eq!(AccountContents::of(&AccountState::default()), None);
}

#[test]
fn two_accounts_make_the_documented_root_and_proof() {
    let keys = [
        Pubkey::new_from_array([1; 32]),
        Pubkey::new_from_array([2; 32]),
    ];
    let contents = [[11; 32], [12; 32]];
    let path = |key: &Pubkey| keyed("sealane account path", 0, &[key.as_array(), &[0; 32]]);
    let paths = keys.each_ref().map(path);
    assert_eq!(account_path(&keys[0]), paths[0]);
    let leaf = |i: usize| keyed("sealane account leaf", 0, &[&paths[i], &contents[i]]);
    let (first, second) = (leaf(0), leaf(1));
    let depth = (0..=255_u8)
        .find(|depth| bit(&paths[0], *depth) != bit(&paths[1], *depth))
        .unwrap();
    let (left, right) = if bit(&paths[0], depth) {
        (second, first)
    } else {
        (first, second)
    };
    let root = keyed("sealane account branch", depth, &[&left, &right]);
    let proof = [&[1, 1], &contents[0][..], &[depth], &second].concat();
    let proven = AccountProof::from_bytes(&proof)
        .unwrap()
        .verify(&Hash::new_from_array(root), &keys[0]);
    assert_eq!(proven, Ok(Some(Hash::new_from_array(contents[0]))));
}

fn bit(path: &[u8; 32], depth: u8) -> bool {
    path[usize::from(depth / 8)] & (0x80 >> (depth % 8)) != 0
}

/// A tree over these accounts by hand: its root, and a proof of `key`.
fn prove(accounts: &[([u8; 32], [u8; 32])], path: &[u8; 32]) -> (Hash, Vec<u8>) {
    fn go(
        accounts: &[([u8; 32], [u8; 32])],
        depth: u8,
        path: &[u8; 32],
        steps: &mut Vec<Step>,
    ) -> ([u8; 32], FoundLeaf) {
        if let [(leaf, contents)] = accounts {
            let hash = keyed("sealane account leaf", 0, &[leaf, contents]);
            return (hash, Some((*leaf, *contents)));
        }
        let goes_right = |(path, _): &&([u8; 32], [u8; 32])| bit(path, depth);
        let (right, left): (Vec<_>, Vec<_>) = accounts.iter().partition(goes_right);
        if left.is_empty() || right.is_empty() {
            return go(accounts, depth + 1, path, steps);
        }
        let mut beside = Vec::new();
        let right_way = bit(path, depth);
        let (on_way, other) = if right_way {
            (right, left)
        } else {
            (left, right)
        };
        let (sibling, _) = go(&other, depth + 1, path, &mut beside);
        let (hash, found) = go(&on_way, depth + 1, path, steps);
        steps.push(Step { depth, sibling });
        let (left, right) = if right_way {
            (sibling, hash)
        } else {
            (hash, sibling)
        };
        (
            keyed("sealane account branch", depth, &[&left, &right]),
            found,
        )
    }
    if accounts.is_empty() {
        let proof = AccountProof::encode(&Found::Nothing, std::iter::empty());
        return (EMPTY_STATE_ROOT, proof);
    }
    let mut steps = Vec::new();
    let (root, found) = go(accounts, 0, path, &mut steps);
    let (leaf, contents) = found.expect("a way ends at a leaf");
    let found = if leaf == *path {
        Found::Account { contents }
    } else {
        Found::Other {
            path: leaf,
            contents,
        }
    };
    let proof = AccountProof::encode(&found, steps.into_iter());
    (Hash::new_from_array(root), proof)
}

fn verify(bytes: &[u8], root: &Hash, key: &Pubkey) -> Result<Option<Hash>, ProofError> {
    AccountProof::from_bytes(bytes)?.verify(root, key)
}

fn leaf(number: u64) -> TransactionLeaf {
    let mut signature = [3; 64];
    signature[..8].copy_from_slice(&number.to_le_bytes());
    TransactionLeaf::new(
        Signature::from(signature),
        number,
        number.is_multiple_of(3),
        &[1; 50],
    )
}

fn tree(count: u64) -> TransactionsRoot {
    let mut tree = TransactionsRoot::new();
    // In runs of several lengths, as entries come.
    let mut at = 0;
    for run in [1, 5, 16, 40].into_iter().cycle() {
        let end = count.min(at + run);
        tree.extend((at..end).map(leaf));
        at = end;
        if at == count {
            break;
        }
    }
    tree
}

/// The root as docs/formats.md defines it: a tree of n leaves is a branch of the tree of the first p, p the
/// greatest power of two below n, and of that of the rest.
fn naive_root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => [0; 32],
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            let children = [naive_root(left), naive_root(right)];
            keyed(
                "sealane transaction branch",
                0,
                &[&children[0], &children[1]],
            )
        }
    }
}

#[test]
fn a_slots_transactions_have_the_documented_root_and_each_is_proven() {
    assert_eq!(TransactionsRoot::new().root(), EMPTY_TRANSACTIONS_ROOT);
    for count in (1..70).chain([
        127, 128, 129, 1_000, 1_023, 1_024, 1_025, 2_047, 2_048, 2_049, 3_500,
    ]) {
        let tree = tree(count);
        let leaves: Vec<[u8; 32]> = (0..count)
            .map(|number| {
                let leaf = leaf(number);
                let record_hash = blake3::hash(&[1; 50]);
                let parts: [&[u8]; 5] = [
                    leaf.signature.as_array(),
                    &number.to_le_bytes(),
                    &[u8::from(leaf.failed)],
                    &[0; 23],
                    record_hash.as_bytes(),
                ];
                keyed("sealane transaction leaf", 0, &parts)
            })
            .collect();
        let root = tree.root();
        assert_eq!(root.to_bytes(), naive_root(&leaves), "{count} transactions");
        for number in (0..count).step_by(1 + count as usize / 70) {
            let leaf = leaf(number);
            let bytes = tree.prove(&leaf).unwrap();
            let proof = TransactionProof::from_bytes(&bytes).unwrap();
            let proven = proof.verify(&root, count, &leaf.signature).unwrap();
            assert_eq!((proven.index, proven.failed), (number, leaf.failed));
            assert_eq!(proven.record_hash, leaf.record_hash);
            let wrong_leaf = TransactionLeaf {
                failed: !leaf.failed,
                ..leaf
            };
            assert_eq!(tree.prove(&wrong_leaf), None);
        }
        assert_eq!(tree.prove(&leaf(count)), None);
    }
}

#[test]
fn forged_transaction_proofs_are_refused() {
    for count in [1, 2, 3, 7, 8, 21] {
        let (tree, root) = (tree(count), tree(count).root());
        let proves = |bytes: &[u8], root: &Hash, count: u64, signature: &Signature| {
            TransactionProof::from_bytes(bytes)
                .and_then(|proof| proof.verify(root, count, signature))
                .is_ok()
        };
        for number in 0..count {
            let signature = leaf(number).signature;
            let bytes = tree.prove(&leaf(number)).unwrap();
            assert!(proves(&bytes, &root, count, &signature));
            for bit in 0..8 * bytes.len() {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(!proves(&flipped, &root, count, &signature), "bit {bit}");
            }
            for len in 0..bytes.len() {
                assert!(
                    !proves(&bytes[..len], &root, count, &signature),
                    "{len} bytes"
                );
            }
            for more in [1, 32, 64] {
                let extended = [bytes.clone(), vec![0; more]].concat();
                assert!(!proves(&extended, &root, count, &signature), "{more} more");
            }
            let siblings: Vec<&[u8]> = bytes[42..].chunks(32).collect();
            for i in 1..siblings.len() {
                let mut swapped = siblings.clone();
                swapped.swap(i - 1, i);
                let forged = [&bytes[..42], &swapped.concat()].concat();
                assert!(!proves(&forged, &root, count, &signature));
            }
            assert!(!proves(&bytes, &EMPTY_TRANSACTIONS_ROOT, count, &signature));
            assert!(!proves(&bytes, &root, 0, &signature));
            assert!(!proves(&bytes, &root, count, &leaf(number + 1).signature));
            // A branch is not a leaf: nothing is proven one level up.
            assert!(!proves(&bytes, &root, count.div_ceil(2), &signature) || count == 1);
        }
    }
}

proptest! {
    #[test]
    fn what_the_tree_holds_is_proven_and_nothing_else(
        accounts in btree_map(any::<u16>(), any::<[u8; 32]>(), 0..40),
        asked in any::<u16>(),
        present in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let key = |number: u16| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&number.to_le_bytes());
            Pubkey::new_from_array(bytes)
        };
        let mut leaves: Vec<([u8; 32], [u8; 32])> = accounts
            .iter()
            .map(|(number, contents)| (account_path(&key(*number)), *contents))
            .collect();
        leaves.sort_unstable();
        let numbers: Vec<u16> = accounts.keys().copied().collect();
        let mut asked = vec![asked];
        if !numbers.is_empty() {
            asked.push(*present.get(&numbers));
        }
        for number in asked {
            let key = key(number);
            let (root, bytes) = prove(&leaves, &account_path(&key));
            let expected = accounts.get(&number).map(|contents| Hash::new_from_array(*contents));
            prop_assert_eq!(verify(&bytes, &root, &key), Ok(expected));
            let mut flipped = bytes.clone();
            let bit = flip.index(8 * bytes.len());
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify(&flipped, &root, &key).is_err(), "bit {}", bit);
        }
    }

    #[test]
    fn any_bytes_are_a_proof_or_an_error(
        bytes in vec(any::<u8>(), 0..400),
        head in 0_u8..4,
        root in any::<[u8; 32]>(),
        count in any::<u64>(),
    ) {
        let (root, key) = (Hash::new_from_array(root), Pubkey::new_from_array([1; 32]));
        // Half of them begin as a proof does.
        let mut like_a_proof = bytes.clone();
        for (byte, known) in like_a_proof.iter_mut().zip([1, head]) {
            *byte = known;
        }
        for bytes in [&bytes, &like_a_proof] {
            prop_assert!(verify(bytes, &root, &key).is_err());
            let signature = Signature::from([2; 64]);
            if let Ok(proof) = TransactionProof::from_bytes(bytes) {
                prop_assert!(proof.verify(&root, count, &signature).is_err());
            }
        }
    }
}
