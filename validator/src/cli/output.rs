//! What the binary prints: its first words, each transaction, notices and failures.

use super::MINT_SOL;
use crate::embed::ValidatorHandle;
use crossbeam_channel::{Receiver, Sender};
use sealane_runtime::{LedgerFailure, Notice, OnLedgerFailure, OnReplay, ReplayProgress};
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(super) fn print_transactions(node: &ValidatorHandle, stop: &Receiver<()>) {
    let mut events = node.reader().listen();
    loop {
        crossbeam_channel::select! {
            recv(stop) -> _ => return,
            recv(events) -> event => match event {
                Ok(sealane_runtime::Event::Entry { slot, transactions, .. }) => {
                    for published in transactions.iter() {
                        print_transaction(slot, published);
                    }
                }
                Ok(_) => {}
                Err(_) => {
                    say("(some transactions were not printed: too many at once)\n");
                    events = node.reader().listen();
                }
            },
        }
    }
}

fn print_transaction(slot: u64, published: &sealane_runtime::PublishedTransaction) {
    let record = published.record();
    let status = match &record.status {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    };
    let mut text = format!(
        "slot {slot} {} {status}\n",
        published.transaction().signature()
    );
    for line in &record.logs {
        text.push_str(&format!("    {line}\n"));
    }
    say(&text);
}

/// Prints. That nobody reads, because the terminal or the other end of a pipe is gone, is no reason to
/// stop a node.
pub(super) fn say(text: &str) {
    let mut out = stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says what whoever runs the node should know, in a line of its own: the status line, if there is one, is drawn again.
pub(super) fn tell(notice: &Notice, quiet: bool) {
    let erase = if stdout().is_terminal() {
        "\r\x1b[2K"
    } else {
        ""
    };
    // Nobody may be reading.
    let _ = match notice {
        Notice::ProgramReplaced { .. } if quiet => Ok(()),
        Notice::ProgramReplaced { .. } => writeln!(stderr(), "{erase}{notice}"),
        _ => writeln!(stderr(), "{erase}warning: {notice}"),
    };
}

/// The owner of the process hears at once, whatever else is printed: nothing is confirmed any more. After a
/// failed sync the node stops.
pub(super) fn on_ledger_failure(stop: Sender<()>) -> OnLedgerFailure {
    Arc::new(move |failure: &LedgerFailure| {
        let stops = matches!(failure, LedgerFailure::Sync(_));
        let next = if stops {
            "Nobody knows what is on the disk now, so the node stops. See to the disk, and start it again."
        } else {
            "Nothing more is confirmed; what was confirmed can still be read. Stop the node, see to the disk, \
             and start it again."
        };
        eprintln!("\nerror: the ledger failed: {failure}\n{next}");
        if stops {
            // A stop that was asked for already does.
            let _ = stop.try_send(());
        }
    })
}

/// A line that says how far the replay at the start has come.
pub(super) struct ReplayLine;

impl ReplayLine {
    const INTERVAL: Duration = Duration::from_millis(200);

    pub(super) fn start() -> OnReplay {
        let (started, shown) = (Instant::now(), AtomicU64::new(0));
        Arc::new(move |progress: ReplayProgress| {
            // Relaxed: one thread replays.
            let steps = (started.elapsed().as_millis() / Self::INTERVAL.as_millis()) as u64;
            if shown.swap(steps, Ordering::Relaxed) != steps {
                let ReplayProgress {
                    slot, transactions, ..
                } = progress;
                say(&format!(
                    "\r\x1b[2KReplaying the ledger: slot {slot}, {transactions} transactions\r"
                ));
            }
        })
    }
}

/// What is kept where.
fn place(node: &ValidatorHandle, ledger: Option<&Path>) -> String {
    let Some(folder) = ledger else {
        return "Everything is kept in memory and lost at exit (--ledger DIR keeps it).".to_owned();
    };
    let folder = folder.display();
    match node.reader().transaction_count() {
        0 => format!("The chain is kept in {folder}."),
        count => format!("The chain in {folder} goes on: {count} transactions so far."),
    }
}

pub(super) fn start_message(node: &ValidatorHandle, ledger: Option<&Path>) -> String {
    let rpc = node.rpc_url().unwrap_or_default();
    let web_socket = node.ws_url().unwrap_or_default();
    let mint = match node.mint_address() {
        Some(wallet) => format!("{wallet} ({} SOL)", grouped_sol(MINT_SOL)),
        None => "none found; name one with --mint PUBKEY".to_owned(),
    };
    let dev = match node.operator() {
        Ok(_) => "  Operator    whoever reaches it: accounts and the clock can be set (--dev)\n",
        Err(_) => "",
    };
    format!(
        "Sealane {} — a local Solana node. {}\n\
         \n  JSON-RPC    {rpc}\n  WebSocket   {web_socket}\n  Wallet      {mint}\n  \
         Faucet      {}\n  Genesis     {}\n{dev}\nTry: solana airdrop 1 --url {rpc}\nStop with Ctrl-C.\n\n",
        env!("CARGO_PKG_VERSION"),
        place(node, ledger),
        node.faucet_address(),
        node.genesis_hash(),
    )
}

/// Where the node is, in a line for programs.
pub(super) fn ready_json(node: &ValidatorHandle) -> String {
    let line = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "rpcUrl": node.rpc_url(),
        "wsUrl": node.ws_url(),
        "tpuQuic": node.quic_address(),
        "tpuUdp": node.udp_address(),
        "faucet": node.faucet_address().to_string(),
        "mint": node.mint_address().map(|mint| mint.to_string()),
        "genesisHash": node.genesis_hash().to_string(),
    });
    format!("{line}\n")
}

fn grouped_sol(sol: u64) -> String {
    format!("{} million", sol / 1_000_000)
}
