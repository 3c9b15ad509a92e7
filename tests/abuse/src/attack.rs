//! The generator.

use crate::requests;
use crate::stream::{Answer, Stream};
use crate::tally::{Counts, Tally, count};
use anyhow::Result;
use clap::Args;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long who does not read stays before it comes again.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long who was refused waits.
const PAUSE: Duration = Duration::from_millis(200);
/// How many connect at a time, so that none is refused for want of room in the listener's queue.
const CONNECT_PAUSE: Duration = Duration::from_micros(300);

/// How many connections of each kind.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Connections on which nothing is ever sent
    #[arg(long, default_value_t = 4_000)]
    silent: u64,
    /// Connections on which half a request is sent, in its head or in its body
    #[arg(long, default_value_t = 3_000)]
    half: u64,
    /// WebSockets that subscribe to all there is, and never read
    #[arg(long, default_value_t = 2_000)]
    deaf: u64,
    /// Connections on which all accounts of a program are asked for and never read
    #[arg(long, default_value_t = 900)]
    greedy: u64,
    /// Connections on which garbage is sent as fast as it is answered
    #[arg(long, default_value_t = 100)]
    garbage: u64,
}

impl Options {
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self {
            silent,
            half,
            deaf,
            greedy,
            garbage,
        } = self;
        let counts = [
            ("silent", silent),
            ("half", half),
            ("deaf", deaf),
            ("greedy", greedy),
            ("garbage", garbage),
        ];
        let argument = |(name, count): (&str, &u64)| format!("--{name}={count}");
        counts.map(argument).to_vec()
    }
}

/// Runs it on one thread.
pub(crate) fn run(address: SocketAddr, length: Duration, options: &Options) -> Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let counts = Arc::<Counts>::default();
    runtime.block_on(async {
        let until = tokio::time::Instant::now() + length;
        let all = start_all(address, options, &counts);
        let _ = tokio::time::timeout_at(until, all).await;
        tokio::time::sleep_until(until).await;
    });
    let tally = counts.read();
    runtime.shutdown_background();
    Ok(tally)
}

async fn start_all(address: SocketAddr, options: &Options, counts: &Arc<Counts>) {
    for seed in 0..options.garbage {
        tokio::spawn(send_garbage(address, seed, counts.clone()));
    }
    let quiet = [
        (Kind::Silent, options.silent),
        (Kind::Half, options.half),
        (Kind::Deaf, options.deaf),
        (Kind::Greedy, options.greedy),
    ];
    for (kind, number) in quiet {
        for i in 0..number {
            tokio::spawn(stay(address, kind, i, counts.clone()));
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Silent,
    Half,
    Deaf,
    Greedy,
}

/// One connection that takes room, over and over.
async fn stay(address: SocketAddr, kind: Kind, number: u64, counts: Arc<Counts>) {
    loop {
        let reads = matches!(kind, Kind::Silent | Kind::Half);
        if let Ok(mut stream) = Stream::open(address, reads, &counts).await {
            match kind {
                Kind::Silent => stream.wait_for_end().await,
                Kind::Half => {
                    let request = requests::post(&requests::scan());
                    let half = if number.is_multiple_of(2) {
                        30
                    } else {
                        request.len() - 9
                    };
                    let _ = stream.write(&request[..half]).await;
                    stream.wait_for_end().await;
                }
                Kind::Deaf => {
                    let _ = subscribe(&mut stream).await;
                    tokio::time::sleep(PATIENCE).await;
                }
                Kind::Greedy => {
                    let _ = stream.write(&requests::post(&requests::scan())).await;
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Subscribes to everything, in frames that are masked with zeros.
async fn subscribe(stream: &mut Stream) -> std::io::Result<()> {
    let upgrade = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write(upgrade.as_bytes()).await?;
    // What comes before the upgrade was answered would be taken for a request.
    if stream.answer().await.is_none() {
        return Ok(());
    }
    for text in requests::subscriptions() {
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap_or(125)];
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        stream.write(&frame).await?;
    }
    Ok(())
}

async fn send_garbage(address: SocketAddr, seed: u64, counts: Arc<Counts>) {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        let Ok(mut stream) = Stream::open(address, true, &counts).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        loop {
            let request = requests::any(&mut random);
            count(&counts.requests);
            // Who refuses what is too large may close before it has all.
            let sent = stream.write(&request).await.is_ok();
            let Some((answer, goes_on)) = stream.answer().await else {
                count(&counts.closed);
                break;
            };
            count(match answer {
                Answer::Result => &counts.results,
                Answer::Error => &counts.errors,
                Answer::Unclear => &counts.unclear,
            });
            if !goes_on || !sent {
                break;
            }
        }
    }
}
