//! What users of Solana's Rust clients do, against a node that this starts: each answer must have the type that the client
//! has for it.
//!
//!   cargo run [path of the sealane-validator binary]

mod node;
mod pubsub;
mod reads;
mod sends;

use anyhow::Result;
use node::Node;
use solana_client::rpc_client::RpcClient;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::sync::Arc;

/// What the steps share.
struct World {
    rpc: Arc<RpcClient>,
    ws_url: String,
    payer: Keypair,
}

type Step = (&'static str, fn(&World) -> Result<()>);

fn main() -> Result<()> {
    let node = Node::start()?;
    let world = World {
        rpc: Arc::new(RpcClient::new(node.rpc_url.clone())),
        ws_url: node.ws_url.clone(),
        payer: Keypair::new(),
    };
    let signature = world
        .rpc
        .request_airdrop(&world.payer.pubkey(), 100_000_000_000)?;
    world.rpc.poll_for_signature(&signature)?;

    let steps: Vec<Step> = [sends::STEPS, reads::STEPS, pubsub::STEPS].concat();
    let mut failed = 0;
    for (name, run) in &steps {
        match run(&world) {
            Ok(()) => println!("ok {name}"),
            Err(error) => {
                failed += 1;
                eprintln!("FAILED {name}\n  {error:#}");
            }
        }
    }
    node.stop()?;
    println!("{} passed, {failed} failed", steps.len() - failed);
    anyhow::ensure!(failed == 0, "{failed} steps failed");
    Ok(())
}
