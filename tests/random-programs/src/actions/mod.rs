//! What a transaction may do: each action looks at the scene and makes a few instructions that belong together,
//! mostly such that they succeed. `None` where there is nothing to do it with.

mod associated;
mod extensions;
pub(crate) mod interfaces;
mod other;
mod probe;
mod system;
mod token;
mod token_setup;

use crate::scene::Scene;
use rand::Rng;
use sealane_sdk::Instruction;

pub(crate) type Action = fn(&mut Scene<'_>) -> Option<Vec<Instruction>>;

/// All actions, with how often each is taken.
const GROUPS: &[(u32, &[Action])] = &[
    (14, token_setup::ACTIONS),
    (40, token::ACTIONS),
    (18, extensions::ACTIONS),
    (8, interfaces::ACTIONS),
    (10, associated::ACTIONS),
    (9, other::ACTIONS),
    (7, system::ACTIONS),
    (16, probe::ACTIONS),
];

/// Takes some action that can be taken.
pub(crate) fn some(scene: &mut Scene<'_>) -> Vec<Instruction> {
    let sum: u32 = GROUPS.iter().map(|(weight, _)| weight).sum();
    loop {
        let mut at = scene.rng.random_range(0..sum);
        let mut groups = GROUPS.iter();
        let actions = loop {
            let (weight, actions) = groups.next().expect("the weights add up");
            if at < *weight {
                break *actions;
            }
            at -= weight;
        };
        let action = scene.one_of(actions);
        if let Some(instructions) = action(scene) {
            return instructions;
        }
    }
}
