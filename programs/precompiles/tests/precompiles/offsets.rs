//! Faults that ed25519 and secp256r1 have alike: they say in the same 14 bytes where signature, key and message lie.

use crate::scene::{Error, check};
use sealane_sdk::{Instruction, Pubkey};

const THIS: u16 = u16::MAX;
const START: u16 = 2 + 14;
const MESSAGE: &[u8] = b"a message";

/// A curve's key and its signature of `MESSAGE`.
pub(crate) struct Signed {
    pub(crate) program: Pubkey,
    pub(crate) key: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// Place and instruction of the signature, of the key, of the message; the message's bytes before its instruction.
type Numbers = [u16; 7];

impl Signed {
    /// What is to be signed.
    pub(crate) const MESSAGE: &[u8] = MESSAGE;

    fn key_bytes(&self) -> u16 {
        self.key.len() as u16
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.key, &self.signature, MESSAGE].concat()
    }

    /// All three in instruction `from`, from `start` on.
    fn numbers(&self, start: u16, from: u16) -> Numbers {
        let key_end = start + self.key_bytes();
        let bytes = MESSAGE.len() as u16;
        [key_end, from, start, from, key_end + 64, bytes, from]
    }

    fn instruction(&self, count: u8, numbers: &[Numbers], rest: &[u8]) -> Instruction {
        let numbers = numbers
            .as_flattened()
            .iter()
            .flat_map(|it| it.to_le_bytes());
        let data = [count, 0].into_iter().chain(numbers).chain(rest.to_vec());
        Instruction {
            program_id: self.program,
            accounts: vec![],
            data: data.collect(),
        }
    }

    pub(crate) fn good(&self) -> Instruction {
        self.instruction(1, &[self.numbers(START, THIS)], &self.bytes())
    }

    fn check(&self, what: &str, change: impl FnOnce(&mut Numbers), expected: Option<Error>) {
        let mut numbers = self.numbers(START, THIS);
        change(&mut numbers);
        let instruction = self.instruction(1, &[numbers], &self.bytes());
        check(what, &instruction, &self.bytes(), expected);
    }

    pub(crate) fn check_all(&self) {
        self.check("all in here", |_| (), None);
        self.check("by its own index", |n| (n[1], n[3], n[6]) = (1, 1, 1), None);
        self.check("all before", |n| *n = self.numbers(0, 0), None);
        self.check("all behind", |n| *n = self.numbers(0, 2), None);
        self.check_places();
        self.check_numbers();
    }

    fn check_places(&self) {
        use Error::{Offsets, Signature};
        let end = START + self.bytes().len() as u16;
        for (what, at) in [("signature", 1), ("key", 3), ("message", 6)] {
            self.check(what, |n| n[at] = 3, Some(Offsets));
            self.check(what, |n| n[at] = u16::MAX - 1, Some(Offsets));
            self.check(
                what,
                |n| n[at - 1 - usize::from(at == 6)] = u16::MAX,
                Some(Offsets),
            );
        }
        self.check("signature beyond", |n| n[0] = end - 63, Some(Offsets));
        self.check(
            "key beyond",
            |n| n[2] = end - self.key_bytes() + 1,
            Some(Offsets),
        );
        self.check("message beyond", |n| n[5] += 1, Some(Offsets));
        self.check("long message", |n| n[5] = u16::MAX, Some(Offsets));
        self.check("other message", |n| n[5] -= 1, Some(Signature));
        self.check("no message", |n| n[5] = 0, Some(Signature));
        self.check(
            "empty at the end",
            |n| (n[4], n[5]) = (end, 0),
            Some(Signature),
        );
        self.check(
            "empty beyond",
            |n| (n[4], n[5]) = (end + 1, 0),
            Some(Offsets),
        );
    }

    fn check_numbers(&self) {
        use Error::Size;
        let bytes = self.bytes();
        let check = |what, instruction: Instruction, expected| {
            check(what, &instruction, &bytes, expected);
        };
        let there = self.numbers(0, 0);
        check("no data", self.truncated(0), Some(Size));
        check("one byte", self.truncated(1), Some(Size));
        check("a byte too few", self.truncated(15), Some(Size));
        check(
            "no more than needed",
            self.instruction(1, &[there], &[]),
            None,
        );
        check("two", self.instruction(2, &[there, there], &[]), None);
        check("one of two", self.instruction(2, &[there], &[]), Some(Size));
        check(
            "more than counted",
            self.instruction(1, &[there, there], b"more"),
            None,
        );
        check(
            "none, and more",
            self.instruction(0, &[there], &[]),
            Some(Size),
        );
        let mut padded = self.good();
        padded.data[1] = 255;
        check("any padding", padded, None);
        let mut bad = there;
        bad[5] -= 1;
        let second = self.instruction(2, &[there, bad], &[]);
        check("the second is bad", second, Some(Error::Signature));
    }

    fn truncated(&self, len: usize) -> Instruction {
        let mut instruction = self.good();
        instruction.data.truncate(len);
        instruction
    }

    /// So many good ones.
    pub(crate) fn many(&self, count: u8) -> (Instruction, Vec<u8>) {
        let all = vec![self.numbers(0, 0); usize::from(count)];
        (self.instruction(count, &all, &[]), self.bytes())
    }

    /// With other bytes in place of key and signature.
    pub(crate) fn check_as(&self, what: &str, expected: Option<Error>) {
        check(what, &self.good(), &[], expected);
    }
}
