//! Instructions for Compute Budget, and the configuration that version 1 has in their place.

use crate::scene::Scene;
use rand::{Rng, RngCore};
use sealane_sdk::Instruction;
use solana_compute_budget_interface::ComputeBudgetInstruction as Request;
use solana_message::v1::TransactionConfig;

/// One that asks for something, mostly possible.
pub(crate) fn some(scene: &mut Scene<'_>) -> Instruction {
    let mut instruction = match scene.rng.random_range(0..8) {
        0..3 => Request::set_compute_unit_limit(unit_limit(scene)),
        3..5 => Request::set_compute_unit_price(unit_price(scene)),
        5 | 6 => Request::set_loaded_accounts_data_size_limit(data_limit(scene)),
        _ => Request::request_heap_frame(heap(scene)),
    };
    if scene.once_in(24) {
        break_data(scene, &mut instruction.data);
    }
    instruction
}

/// A configuration that asks for what is needed, mostly, and is possible, mostly.
pub(crate) fn configuration(scene: &mut Scene<'_>) -> TransactionConfig {
    let mut config = TransactionConfig::empty();
    if scene.once_in(2) {
        config.priority_fee = Some(match scene.rng.random_range(0..16) {
            0 => scene.rng.random(),
            1 => u64::MAX,
            _ => scene.rng.random_range(0..30_000),
        });
    }
    if !scene.once_in(16) {
        config.compute_unit_limit = Some(unit_limit(scene));
    }
    if !scene.once_in(16) {
        config.loaded_accounts_data_size_limit = Some(data_limit(scene));
    }
    if scene.once_in(4) {
        config.heap_size = Some(heap(scene));
    }
    config
}

fn unit_limit(scene: &mut Scene<'_>) -> u32 {
    match scene.rng.random_range(0..6) {
        0 => scene.rng.random_range(0..1_000),
        1 => scene.rng.random_range(0..30_000),
        2 => scene.one_of(&[
            0,
            1,
            149,
            150,
            151,
            300,
            1_399_999,
            1_400_000,
            1_400_001,
            u32::MAX,
        ]),
        _ => 1_000_000,
    }
}

fn unit_price(scene: &mut Scene<'_>) -> u64 {
    match scene.rng.random_range(0..8) {
        0 => scene.rng.random(),
        1 => u64::MAX,
        2 => 0,
        3 => 1,
        _ => scene.rng.random_range(0..3_000_000),
    }
}

fn data_limit(scene: &mut Scene<'_>) -> u32 {
    match scene.rng.random_range(0..8) {
        0 => scene.rng.random_range(0..400),
        1 => scene.rng.random_range(0..10_000),
        2 => scene.rng.random_range(0..150_000),
        3 => scene.one_of(&[0, 1, 64 * 1024 * 1024, 64 * 1024 * 1024 + 1, u32::MAX]),
        _ => 1_000_000,
    }
}

fn heap(scene: &mut Scene<'_>) -> u32 {
    let good = 1_024 * scene.rng.random_range(32..=256);
    match scene.rng.random_range(0..8) {
        0 => good + 1,
        1 => scene.one_of(&[0, 1_024, 31 * 1_024, 257 * 1_024, u32::MAX]),
        _ => good,
    }
}

fn break_data(scene: &mut Scene<'_>, data: &mut Vec<u8>) {
    match scene.rng.random_range(0..4) {
        0 => data.truncate(scene.rng.random_range(0..data.len())),
        1 => data[0] = scene.one_of(&[0, 5, 6, 255]),
        2 => data.extend([1, 2, 3]),
        _ => scene.rng.fill_bytes(data),
    }
}
