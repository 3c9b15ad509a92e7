//! Transactions of any version as bytes.

use solana_message::VersionedMessage;
use solana_transaction::versioned::VersionedTransaction;

/// The transaction on the wire. What serde makes of version 1 is not that: its signatures follow the message.
pub fn wire(transaction: &VersionedTransaction) -> Vec<u8> {
    if !matches!(transaction.message, VersionedMessage::V1(_)) {
        return bincode::serialize(transaction).expect("a transaction can be serialised");
    }
    let mut bytes = transaction.message.serialize();
    for signature in &transaction.signatures {
        bytes.extend_from_slice(signature.as_ref());
    }
    bytes
}
