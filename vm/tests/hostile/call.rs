//! Calls of other programs as a program writes them down, in C's layout or in Rust's, right or wrong.

use crate::run::{ACCOUNT, HARMLESS};
use crate::support::elf::elf_v3;
use sealane_sdk::Pubkey;

pub(crate) const INPUT: u64 = 0x4_0000_0000;
pub(crate) const HEAP: u64 = 0x3_0000_0000;

/// Copies what its data say onto the heap, and calls with it; then what follows in its data. No data, no call.
pub(crate) fn caller(syscall: &str) -> Vec<u8> {
    let assembly = format!(
        "entrypoint:
        mov64 r6, r2
        next:
        ldxdw r7, [r6+0]
        jeq r7, 0, end
        mov64 r1, 3
        lsh64 r1, 32
        mov64 r2, r6
        add64 r2, 48
        mov64 r3, r7
        syscall sol_memcpy_
        ldxdw r1, [r6+8]
        ldxdw r2, [r6+16]
        ldxdw r3, [r6+24]
        ldxdw r4, [r6+32]
        ldxdw r5, [r6+40]
        syscall {syscall}
        add64 r6, r7
        add64 r6, 48
        ja next
        end:
        mov64 r0, 0
        exit"
    );
    elf_v3(&assembly, &[0; 8])
}

/// A caller that does something first.
pub(crate) fn with_prefix(prefix: &str, syscall: &str) -> Vec<u8> {
    let assembly = format!(
        "{prefix}
        mov64 r6, r2
        ldxdw r3, [r6+0]
        mov64 r1, 3
        lsh64 r1, 32
        mov64 r2, r6
        add64 r2, 48
        syscall sol_memcpy_
        ldxdw r1, [r6+8]
        ldxdw r2, [r6+16]
        ldxdw r3, [r6+24]
        ldxdw r4, [r6+32]
        ldxdw r5, [r6+40]
        syscall {syscall}
        mov64 r0, 0
        exit"
    );
    elf_v3(&assembly, &[0; 8])
}

/// What a caller puts on its heap.
#[derive(Default)]
struct Heap(Vec<u8>);

impl Heap {
    fn put(&mut self, bytes: &[u8]) -> u64 {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let address = HEAP + self.0.len() as u64;
        self.0.extend_from_slice(bytes);
        address
    }

    fn put_words(&mut self, words: &[u64]) -> u64 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(&bytes)
    }
}

/// Where an account lies in the caller's input.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) key: u64,
    pub(crate) owner: u64,
    pub(crate) lamports: u64,
    pub(crate) data: u64,
    pub(crate) len: u64,
}

/// The places of accounts with data of these lengths, none twice.
pub(crate) fn places(lens: &[usize]) -> Vec<Place> {
    let mut at = INPUT + 8;
    let place = |len: &usize| {
        let place = Place {
            key: at + 8,
            owner: at + 40,
            lamports: at + 72,
            data: at + 88,
            len: *len as u64,
        };
        at = place.data + (len.next_multiple_of(8) + 10_240 + 8) as u64;
        place
    };
    lens.iter().map(place).collect()
}

/// A call, before it is written down. Whatever a test changes is what a hostile caller writes.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) program: Pubkey,
    /// Key, signer, writable.
    pub(crate) metas: Vec<(Pubkey, u8, u8)>,
    pub(crate) data: Vec<u8>,
    pub(crate) infos: Vec<Place>,
    /// Seeds of signers.
    pub(crate) seeds: Vec<Vec<Vec<u8>>>,
    /// Added to the addresses of the instruction, the infos and the seeds.
    pub(crate) shift: [u64; 3],
    pub(crate) infos_len: Option<u64>,
    pub(crate) seeds_len: Option<u64>,
    /// Keys that infos point to on the heap, instead of in the input.
    pub(crate) own_keys: Vec<Pubkey>,
    /// Where Rust's cells of lamports and data are, if not on the heap.
    pub(crate) cells: [Option<u64>; 2],
}

impl Call {
    /// A harmless call with the first account.
    pub(crate) fn new(place: Place) -> Self {
        Self {
            program: HARMLESS,
            metas: vec![(ACCOUNT, 0, 1)],
            data: vec![],
            infos: vec![place],
            seeds: vec![],
            shift: [0; 3],
            infos_len: None,
            seeds_len: None,
            own_keys: vec![],
            cells: [None; 2],
        }
    }

    /// As data of the caller, in C's layout.
    pub(crate) fn in_c(&self) -> Vec<u8> {
        let mut heap = Heap::default();
        let mut metas = vec![];
        for (key, is_signer, is_writable) in &self.metas {
            let key = heap.put(key.as_array());
            metas.extend([key, u64::from(*is_writable) | u64::from(*is_signer) << 8]);
        }
        let metas = heap.put_words(&metas);
        let data = heap.put(&self.data);
        let program = heap.put(self.program.as_array());
        let (count, len) = (self.metas.len() as u64, self.data.len() as u64);
        let instruction = heap.put_words(&[program, metas, count, data, len]);
        let mut infos = vec![];
        for (at, place) in self.infos.iter().enumerate() {
            let own = self.own_keys.get(at);
            let key = own.map_or(place.key, |key| heap.put(key.as_array()));
            infos.extend([
                key,
                place.lamports,
                place.len,
                place.data,
                place.owner,
                0,
                0,
            ]);
        }
        let infos = heap.put_words(&infos);
        self.written(heap, instruction, infos)
    }

    /// In Rust's layout.
    pub(crate) fn in_rust(&self) -> Vec<u8> {
        let mut heap = Heap::default();
        let metas = self.metas.iter().flat_map(|(key, is_signer, is_writable)| {
            [key.as_array(), &[*is_signer, *is_writable][..]].concat()
        });
        let metas: Vec<u8> = metas.collect();
        let metas = heap.put(&metas);
        let data = heap.put(&self.data);
        let (count, len) = (self.metas.len() as u64, self.data.len() as u64);
        let instruction = heap.put_words(&[metas, count, count, data, len, len]);
        heap.put(self.program.as_array());
        let mut infos = vec![];
        for (at, place) in self.infos.iter().enumerate() {
            let own = self.own_keys.get(at);
            let key = own.map_or(place.key, |key| heap.put(key.as_array()));
            let lamports = heap.put_words(&[1, 1, 0, place.lamports]);
            let data = heap.put_words(&[1, 1, 0, place.data, place.len]);
            let [lamports_cell, data_cell] = self.cells;
            let lamports = lamports_cell.unwrap_or(lamports);
            let data = data_cell.unwrap_or(data);
            infos.extend([key, lamports, data, place.owner, 0, 0]);
        }
        let infos = heap.put_words(&infos);
        self.written(heap, instruction, infos)
    }

    fn written(&self, mut heap: Heap, instruction: u64, infos: u64) -> Vec<u8> {
        let mut signers = vec![];
        for seeds in &self.seeds {
            let slices: Vec<u64> = seeds
                .iter()
                .flat_map(|seed| [heap.put(seed), seed.len() as u64])
                .collect();
            signers.extend([heap.put_words(&slices), seeds.len() as u64]);
        }
        let signers = heap.put_words(&signers);
        heap.put(&[]);
        let arguments = [
            heap.0.len() as u64,
            instruction + self.shift[0],
            infos + self.shift[1],
            self.infos_len.unwrap_or(self.infos.len() as u64),
            signers + self.shift[2],
            self.seeds_len.unwrap_or(self.seeds.len() as u64),
        ];
        let arguments: Vec<u8> = arguments.iter().flat_map(|it| it.to_le_bytes()).collect();
        [arguments, heap.0].concat()
    }
}

/// The end of a caller's data.
pub(crate) const END: [u8; 8] = [0; 8];

/// Writes a call down in one of the layouts.
pub(crate) type Write = fn(&Call) -> Vec<u8>;

pub(crate) const BOTH: [(&str, Write); 2] = [
    ("sol_invoke_signed_c", Call::in_c),
    ("sol_invoke_signed_rust", Call::in_rust),
];
