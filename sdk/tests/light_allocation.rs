//! Checking a header and its proofs allocates nothing, so that a program can do it with what it is given.

#[path = "support/counting.rs"]
mod counting;

use counting::ALLOCATIONS;
use sealane_sdk::light::{
    AccountProof, Domain, Found, SlotHeader, Step, TransactionLeaf, TransactionProof,
    TransactionsRoot, account_path, verify_header,
};
use sealane_sdk::{Hash, Pubkey};
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;

#[test]
fn checking_allocates_nothing() {
    let key = Pubkey::new_from_array([7; 32]);
    let (path, contents, sibling) = (account_path(&key), [1; 32], [2; 32]);
    let leaf = Domain::AccountLeaf.hash_pair(&path, &contents);
    let (left, right) = if path[0] & 0x80 == 0 {
        (leaf, sibling)
    } else {
        (sibling, leaf)
    };
    let steps = [Step { depth: 0, sibling }];
    let account_proof = AccountProof::encode(&Found::Account { contents }, steps.into_iter());

    let signature = Signature::from([3; 64]);
    let transaction = TransactionLeaf::new(signature, 0, false, b"record");
    let mut tree = TransactionsRoot::new();
    tree.extend([transaction.clone()]);
    tree.extend(
        (1..9).map(|i| TransactionLeaf::new(Signature::from([i; 64]), i.into(), true, b"")),
    );
    let transaction_proof = tree.prove(&transaction).unwrap();

    let identity = Keypair::new();
    let header = SlotHeader {
        slot: 1,
        parent: Hash::default(),
        unix_timestamp: 2,
        blockhash: Hash::default(),
        transactions_root: tree.root(),
        transaction_count: 9,
        state_root: Hash::new_from_array(Domain::AccountBranch(0).hash_pair(&left, &right)),
    };
    let signed = identity.sign_message(header.hash().as_bytes());
    let bytes = header.to_bytes();

    let before = ALLOCATIONS.get();
    let header = SlotHeader::from_bytes(&bytes).unwrap();
    let by_identity = verify_header(&header, &signed, &identity.pubkey());
    let account = AccountProof::from_bytes(&account_proof)
        .and_then(|proof| proof.verify(&header.state_root, &key));
    let transaction = TransactionProof::from_bytes(&transaction_proof).and_then(|proof| {
        proof.verify(
            &header.transactions_root,
            header.transaction_count,
            &signature,
        )
    });
    let after = ALLOCATIONS.get();
    assert_eq!(by_identity, Ok(()));
    assert_eq!(account, Ok(Some(Hash::new_from_array(contents))));
    assert_eq!(transaction.map(|proven| proven.index), Ok(0));
    assert_eq!(after - before, 0, "allocations");
}
