//! What the hub tells where it could not keep up.

use super::*;
use crate::builder::Validator;
use crate::embed::ValidatorHandle;
use sealane_runtime::Limits;
use solana_signer::Signer;

/// A node whose listeners are cut off as soon as two events wait.
fn node() -> ValidatorHandle {
    let mut limits = Limits::default();
    limits.listener_events_max = 1;
    Validator::builder()
        .no_rpc()
        .limits(limits)
        .start()
        .unwrap()
}

fn wait_for(state: &mut State, number: SubscriptionNumber, signature: Signature) -> Receiver<News> {
    let (sender, news) = crossbeam_channel::bounded(1);
    let topic = Topic::Signature {
        signature,
        received: true,
        level: CommitmentLevel::Processed,
    };
    state.subscribe(number, topic, Subscriber::Waiter(sender));
    news
}

#[test]
fn who_waits_for_a_signature_hears_its_status_or_that_something_was_missed() {
    let node = node();
    let answers_bytes = Arc::new(AnswersBytes::new(0, 0));
    let receipts = Arc::new(Receipts::new(1));
    let mut state = State::new(node.reader().clone(), receipts, answers_bytes);
    // A transfer that is signed, but not sent yet.
    let transaction = solana_transaction::Transaction::new_signed_with_payer(
        &[solana_system_interface::instruction::transfer(
            &node.faucet_address(),
            &node.faucet_address(),
            1,
        )],
        Some(&node.faucet().pubkey()),
        &[node.faucet()],
        node.latest_blockhash(),
    );
    let visible = wait_for(&mut state, 0, transaction.signatures[0]);
    let unknown = wait_for(&mut state, 1, Signature::from([7; 64]));
    node.send_and_confirm(&transaction).unwrap();
    // Slots go by unheard; what waits then is one event, and behind it the end.
    let opened = node.reader().slot().slot;
    while node.reader().slot().slot < opened + 4 {
        std::thread::yield_now();
    }
    while let Some(events) = &state.events
        && unknown.is_empty()
    {
        let event = events.recv();
        state.hear_or_start_afresh(event);
    }
    assert_eq!(visible.try_recv(), Ok(News::Settled(Ok(()))));
    assert_eq!(unknown.try_recv(), Ok(News::Missed));
    assert!(state.subscriptions.is_empty() && state.signatures.is_empty());
    assert!(state.events.is_none(), "nobody is left to listen for");
}
