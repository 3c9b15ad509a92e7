//! Memos: text, or what is none, and who signed it.

use crate::world::{MEMO, World};
use rand::{Rng, RngCore};
use sealane_sdk::{AccountMeta, Instruction};

pub(crate) fn some(world: &mut World) -> Instruction {
    let len = world.rng.random_range(0..300);
    let data = if world.once_in(5) {
        let mut data = vec![0; len];
        world.rng.fill_bytes(&mut data);
        data
    } else {
        let letters = ['a', 'ß', '€', '🦀', '\n', '"'];
        let text: String = (0..len / 4).map(|_| world.one_of(&letters)).collect();
        text.into_bytes()
    };
    let signers = (0..world.rng.random_range(0..4))
        .map(|_| AccountMeta::new_readonly(world.wallet(), !world.once_in(20)))
        .collect();
    Instruction::new_with_bytes(MEMO, &data, signers)
}
