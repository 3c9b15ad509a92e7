//! Transactions that come in beside JSON-RPC, as wire bytes: over QUIC, as Solana's clients send them, and over
//! UDP on loopback.
//!
//! Both are one task or a few on the server's threads, which only receive: what they receive goes to the pipeline in
//! batches, without waiting. Where the pipeline has no room, QUIC reads no further, so that its senders are
//! slowed down, and UDP drops. No answer is given on either, as on Solana: whoever wants to know asks for the
//! status.

mod quic;
mod udp;

use crate::error::Error;
use crate::server::dialled;
use sealane_runtime::Ingest;
use solana_keypair::Keypair;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Range;

/// Transactions that are handed in together.
const BATCH_MAX: usize = 256;

/// The sockets, bound, before anything else has started in vain.
pub(crate) struct IngestPorts {
    quic: UdpSocket,
    /// Only on loopback: anybody can send from anybody's address.
    udp: Option<UdpSocket>,
}

impl IngestPorts {
    /// Binds two ports of the range; without one, whichever are free.
    pub(crate) fn bind(address: IpAddr, ports: Option<Range<u16>>) -> Result<Self, Error> {
        let bind = |port| UdpSocket::bind((address, port)).ok();
        let mut candidates = ports.clone();
        let mut next = || {
            let bound = match &mut candidates {
                Some(ports) => ports.find_map(bind),
                None => bind(0),
            };
            let ports = ports.clone().unwrap_or(0..u16::MAX);
            bound.ok_or(Error::NoFreePort { address, ports })
        };
        let quic = next()?;
        let udp = address.is_loopback().then(next).transpose()?;
        Ok(Self { quic, udp })
    }

    /// Where clients reach them.
    pub(crate) fn addresses(&self) -> IngestAddresses {
        let local = |socket: &UdpSocket| {
            let address = socket.local_addr();
            dialled(address.expect("a bound socket has an address"))
        };
        IngestAddresses {
            quic: local(&self.quic),
            udp: self.udp.as_ref().map(local),
        }
    }

    /// Receives on them until the runtime ends. To be called within it.
    pub(crate) fn serve(
        self,
        ingest: &Ingest,
        identity: &Keypair,
        limits: &IngestLimits,
    ) -> Result<(), Error> {
        quic::serve(self.quic, ingest.clone(), identity, limits)?;
        match self.udp {
            Some(socket) => udp::serve(socket, ingest.clone(), limits.transaction_bytes_max),
            None => Ok(()),
        }
    }
}

/// What they may take.
#[derive(Clone, Debug)]
pub(crate) struct IngestLimits {
    /// Bytes of the longest transaction; what its version allows is for verify to say.
    pub(crate) transaction_bytes_max: usize,
    /// Open QUIC connections.
    pub(crate) connections_max: usize,
    /// Streams that a connection may have open at a time.
    pub(crate) streams_per_connection_max: u32,
}

/// Where transactions are received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IngestAddresses {
    pub(crate) quic: SocketAddr,
    pub(crate) udp: Option<SocketAddr>,
}
