//! UDP: one transaction in each datagram. Nothing tells a sender that one was dropped.

use super::BATCH_MAX;
use crate::error::Error;
use bytes::Bytes;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use sealane_runtime::Ingest;
use std::io::{self, IoSliceMut};
use std::net::UdpSocket;
use tokio::io::Interest;

/// Bytes of what the kernel may gather of one sender in one buffer.
const GATHERED_BYTES: usize = 64 << 10;

/// Receives until the runtime ends.
pub(super) fn serve(socket: UdpSocket, ingest: Ingest, bytes_max: usize) -> Result<(), Error> {
    let address = socket.local_addr();
    let address = address.expect("a bound socket has an address");
    let failed = |source: io::Error| Error::Bind {
        address: address.ip(),
        port: address.port(),
        source,
    };
    let state = UdpSocketState::new((&socket).into()).map_err(failed)?;
    let socket = tokio::net::UdpSocket::from_std(socket).map_err(failed)?;
    tokio::spawn(async move {
        let mut buffers = vec![[0u8; GATHERED_BYTES]; BATCH_SIZE];
        loop {
            // An error of a socket that only receives is nothing that lasts.
            if socket.readable().await.is_err() {
                tokio::task::yield_now().await;
                continue;
            }
            let mut slices: Vec<IoSliceMut<'_>> =
                buffers.iter_mut().map(|it| IoSliceMut::new(it)).collect();
            let mut meta = [RecvMeta::default(); BATCH_SIZE];
            let received = socket.try_io(Interest::READABLE, || {
                state.recv((&socket).into(), &mut slices, &mut meta)
            });
            let Ok(count) = received else {
                continue;
            };
            let batch = datagrams(&buffers[..count], &meta[..count], bytes_max);
            for part in batch.chunks(BATCH_MAX) {
                // What there is no room for is dropped.
                if let Err(batch) = ingest.offer(part.to_vec()) {
                    ingest.give_up(&batch);
                }
            }
        }
    });
    Ok(())
}

/// The datagrams in what was received; those that are longer than a transaction are left out.
fn datagrams(buffers: &[[u8; GATHERED_BYTES]], meta: &[RecvMeta], bytes_max: usize) -> Vec<Bytes> {
    let mut all = Vec::new();
    for (buffer, meta) in buffers.iter().zip(meta) {
        let gathered = &buffer[..meta.len];
        let datagrams = gathered.chunks(meta.stride.max(1));
        let fitting = datagrams.filter(|it| it.len() <= bytes_max);
        all.extend(fitting.map(Bytes::copy_from_slice));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathered_datagrams_are_taken_apart_and_long_ones_left_out() {
        let mut buffers = vec![[0u8; GATHERED_BYTES]; 2];
        buffers[0][..5].copy_from_slice(b"aabbc");
        buffers[1][..4].copy_from_slice(b"long");
        let mut meta = [RecvMeta::default(); 2];
        (meta[0].len, meta[0].stride) = (5, 2);
        (meta[1].len, meta[1].stride) = (4, 4);
        let expected: Vec<Bytes> = vec!["aa".into(), "bb".into(), "c".into()];
        assert_eq!(datagrams(&buffers, &meta, 3), expected);
    }
}
