//! The priority buffer against a sorted list.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_scheduler::{PriorityBuffer, Pushed};

/// Items as (priority, number), the first to serve at the front.
struct Naive {
    items: Vec<(u64, u32)>,
    capacity: usize,
}

impl Naive {
    fn push(&mut self, priority: u64, number: u32) -> Pushed<u32> {
        let place = self.items.partition_point(|&(other, _)| other >= priority);
        self.items.insert(place, (priority, number));
        if self.items.len() <= self.capacity {
            return Pushed::Kept;
        }
        match self.items.pop() {
            Some((_, last)) if last != number => Pushed::Evicted(last),
            _ => Pushed::Refused(number),
        }
    }

    fn pop(&mut self) -> Option<u32> {
        (!self.items.is_empty()).then(|| self.items.remove(0).1)
    }
}

/// Random pushes and pops; `priority` draws, and tends to repeat the last with `repeat` in 10.
fn check(seed: u64, capacity: usize, priorities: u64, repeat: u32) {
    let case = format!("seed {seed}, capacity {capacity}, {priorities} priorities, {repeat}");
    let mut random = SmallRng::seed_from_u64(seed);
    let mut buffer = PriorityBuffer::new(capacity);
    let mut naive = Naive {
        items: Vec::new(),
        capacity,
    };
    let mut priority = 0;
    for number in 0..3000 {
        // Tides, so that it is full and empty now and then.
        let push = random.random_ratio(if number / 300 % 2 == 0 { 8 } else { 3 }, 10);
        if push {
            if !random.random_ratio(repeat, 10) {
                priority = random.random_range(0..priorities);
            }
            assert_eq!(
                buffer.push(priority, number),
                naive.push(priority, number),
                "{case}"
            );
        } else {
            assert_eq!(buffer.pop(), naive.pop(), "{case}");
        }
        assert_eq!(buffer.len(), naive.items.len(), "{case}");
        assert_eq!(buffer.is_empty(), naive.items.is_empty(), "{case}");
    }
    for place in [0, 1, 2, 3, 10, 99, 100, 101] {
        let exact = naive.items.get(place.max(1) - 1);
        let told = buffer.priority_at(place);
        assert_eq!(told.is_some(), exact.is_some(), "{case}, place {place}");
        if let (Some(told), Some((exact, _))) = (told, exact) {
            let least = exact - exact / 128;
            assert!((least..=*exact).contains(&told), "{case}, place {place}");
        }
    }
    while let Some(number) = naive.pop() {
        assert_eq!(buffer.pop(), Some(number), "{case}");
    }
    assert_eq!(buffer.pop(), None, "{case}");
}

#[test]
fn the_buffer_serves_and_refuses_like_a_sorted_list() {
    for seed in 0..10 {
        for capacity in [0, 1, 2, 3, 4, 10, 100, 1000] {
            for priorities in [1, 2, 5, 50, u64::MAX] {
                check(seed, capacity, priorities, 0);
                check(seed, capacity, priorities, 8);
            }
        }
    }
}

#[test]
fn equal_priorities_are_served_in_the_order_of_arrival_and_refused_when_full() {
    let mut buffer = PriorityBuffer::new(3);
    for item in ["a", "b", "c"] {
        assert_eq!(buffer.push(5, item), Pushed::Kept);
    }
    assert_eq!(buffer.push(5, "d"), Pushed::Refused("d"));
    assert_eq!(buffer.push(4, "e"), Pushed::Refused("e"));
    assert_eq!(buffer.push(6, "f"), Pushed::Evicted("c"));
    let served: Vec<_> = std::iter::from_fn(|| buffer.pop()).collect();
    assert_eq!(served, ["f", "a", "b"]);
}
