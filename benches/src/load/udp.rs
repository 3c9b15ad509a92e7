//! UDP: a transaction in each datagram, many datagrams in one call. Nothing tells which were lost.

use super::Sent;
use crate::wire::WireTransactions;
use anyhow::{Context, Result};
use quinn_udp::{Transmit, UdpSocketState};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Datagrams in one call: what Linux takes.
const AT_ONCE: usize = 64;
/// How long to wait where the system has no room.
const PATIENCE: Duration = Duration::from_micros(50);

pub(super) fn send(
    target: SocketAddr,
    transactions: &WireTransactions,
    rate: Option<u64>,
    sent: &Sent,
) -> Result<()> {
    let from = super::any_address_for(target);
    let socket = UdpSocket::bind(from).with_context(|| format!("cannot bind {from}"))?;
    let state = UdpSocketState::new((&socket).into())?;
    let at_once = state.max_gso_segments().clamp(1, AT_ONCE);
    let at_once = Sent::at_once(rate, at_once);
    let mut done = 0;
    for (contents, length, count) in transactions.alike(at_once) {
        if sent.is_over() {
            return Ok(());
        }
        let due = sent.due(done, rate);
        let early = due.saturating_sub(sent.started.elapsed());
        if early > Duration::ZERO {
            std::thread::sleep(early);
        }
        sent.note(done, done + count as u64, rate);
        let transmit = Transmit {
            destination: target,
            ecn: None,
            contents,
            segment_size: (count > 1).then_some(length),
            src_ip: None,
        };
        while let Err(error) = state.try_send((&socket).into(), &transmit) {
            if error.kind() != ErrorKind::WouldBlock {
                return Err(error).context("the system does not send");
            }
            std::thread::sleep(PATIENCE);
        }
        done += count as u64;
    }
    Ok(())
}
