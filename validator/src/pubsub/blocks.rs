//! Block subscriptions: each block when it is sealed, as its subscribers want it.
//!
//! They have a hub, and so a thread, of their own: encoding a full block takes longer than others may wait.
//! Source of the behaviour: `rpc/src/rpc_subscriptions.rs` of agave 4.2.

use crate::rpc::{AnswersBytes, BlockConfig, NotShown, encode_block};
use sealane_runtime::Reader;
use solana_pubkey::Pubkey;
use solana_rpc_client_types::response::{RpcBlockUpdate, RpcBlockUpdateError};
use std::sync::Arc;

/// Of which blocks a subscriber hears, and what of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockTopic {
    /// Only blocks with transactions that name this address, and of them only those.
    pub(super) mentions: Option<Pubkey>,
    pub(super) config: BlockConfig,
}

/// Makes the notifications of one block, each kind once.
pub(super) struct BlockUpdates<'a> {
    reader: &'a Reader,
    answers_bytes: &'a Arc<AnswersBytes>,
    slot: u64,
    made: Vec<(BlockTopic, Option<RpcBlockUpdate>)>,
}

impl<'a> BlockUpdates<'a> {
    pub(super) fn new(reader: &'a Reader, answers_bytes: &'a Arc<AnswersBytes>, slot: u64) -> Self {
        Self {
            reader,
            answers_bytes,
            slot,
            made: Vec::new(),
        }
    }

    /// What a subscriber hears of the block; `None`: nothing in it concerns them.
    pub(super) fn of(&mut self, topic: &BlockTopic) -> Option<&RpcBlockUpdate> {
        let known = self.made.iter().position(|(made, _)| made == topic);
        let place = known.unwrap_or_else(|| {
            let update = self.make(topic);
            self.made.push((topic.clone(), update));
            self.made.len() - 1
        });
        self.made[place].1.as_ref()
    }

    fn make(&self, topic: &BlockTopic) -> Option<RpcBlockUpdate> {
        let slot = self.slot;
        let failed = |err| {
            Some(RpcBlockUpdate {
                slot,
                block: None,
                err: Some(err),
            })
        };
        let Ok(block) = self.reader.block(slot) else {
            return failed(RpcBlockUpdateError::BlockStoreError);
        };
        let mentions = topic.mentions.as_ref();
        match encode_block(
            self.reader,
            self.answers_bytes,
            &block,
            &topic.config,
            mentions,
        ) {
            Ok(None) => None,
            Ok(Some(block)) => Some(RpcBlockUpdate {
                slot,
                block: Some(block),
                err: None,
            }),
            Err(why) => failed(match why {
                NotShown::Version(version) => {
                    RpcBlockUpdateError::UnsupportedTransactionVersion(version)
                }
                NotShown::Error(_) => RpcBlockUpdateError::BlockStoreError,
            }),
        }
    }
}
