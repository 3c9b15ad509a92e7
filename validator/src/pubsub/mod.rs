//! PubSub: subscriptions over a WebSocket.

mod blocks;
mod hub;
mod index;
mod notify;
mod receipts;
mod sink;
mod slot_updates;
mod subscription_answers;

pub(crate) use hub::{Hub, News, Subscriber, Topic};
pub(crate) use sink::Connection;
pub(crate) use subscription_answers::SubscriptionAnswers;

use crate::commitment::lenient;
use crate::limits::RpcLimits;
use crate::rpc::{
    AccountConfig, BlockConfig, FilterRequest, Parameters, decode_filters, invalid_params,
};
use blocks::BlockTopic;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::server::{PendingSubscriptionSink, RpcModule};
use jsonrpsee::core::traits::IdProvider;
use jsonrpsee::types::{ErrorCode, ErrorObjectOwned, SubscriptionId};
use serde::Deserialize;
use sink::{Notifications, Sink};
use solana_commitment_config::CommitmentLevel;
use solana_transaction_status_client_types::UiTransactionEncoding;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, oneshot};

/// Gives subscriptions the numbers 1, 2, 3 and so on: clients of Solana expect numbers.
#[derive(Debug, Default)]
pub(crate) struct SubscriptionNumbers(AtomicU64);

impl IdProvider for SubscriptionNumbers {
    fn next_id(&self) -> SubscriptionId<'static> {
        // Relaxed: only the numbers must differ.
        SubscriptionId::Num(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// What the subscriptions work with.
pub(crate) struct PubSubContext {
    hubs: Hubs,
    limits: RpcLimits,
    /// A permit for each subscription.
    room: Arc<Semaphore>,
}

/// The hubs of a node.
#[derive(Clone)]
pub(crate) struct Hubs {
    /// Of all but blocks.
    pub(crate) all: Hub,
    /// Of blocks.
    pub(crate) blocks: Hub,
}

impl Hubs {
    fn of(&self, topic: &Topic) -> &Hub {
        match topic {
            Topic::Block(_) => &self.blocks,
            _ => &self.all,
        }
    }
}

type Parse = fn(&PubSubContext, &Parameters) -> Result<Topic, ErrorObjectOwned>;

/// Method to subscribe, method of the notifications, method to unsubscribe.
const SUBSCRIPTIONS: &[(&str, &str, &str, Parse)] = &[
    (
        "accountSubscribe",
        "accountNotification",
        "accountUnsubscribe",
        account,
    ),
    (
        "programSubscribe",
        "programNotification",
        "programUnsubscribe",
        program,
    ),
    (
        "signatureSubscribe",
        "signatureNotification",
        "signatureUnsubscribe",
        signature,
    ),
    ("logsSubscribe", "logsNotification", "logsUnsubscribe", logs),
    (
        "slotSubscribe",
        "slotNotification",
        "slotUnsubscribe",
        |_, _| Ok(Topic::Slot),
    ),
    (
        "rootSubscribe",
        "rootNotification",
        "rootUnsubscribe",
        |_, _| Ok(Topic::Root),
    ),
    (
        "slotsUpdatesSubscribe",
        "slotsUpdatesNotification",
        "slotsUpdatesUnsubscribe",
        |_, _| Ok(Topic::SlotsUpdates),
    ),
    (
        "blockSubscribe",
        "blockNotification",
        "blockUnsubscribe",
        block,
    ),
    (
        "voteSubscribe",
        "voteNotification",
        "voteUnsubscribe",
        |_, _| Ok(Topic::Vote),
    ),
];

/// All methods of PubSub.
pub(crate) fn module(
    hubs: Hubs,
    limits: RpcLimits,
) -> Result<RpcModule<PubSubContext>, RegisterMethodError> {
    let room = Arc::new(Semaphore::new(limits.subscriptions_max));
    let mut module = RpcModule::new(PubSubContext { hubs, limits, room });
    for &(subscribe, notification, unsubscribe, parse) in SUBSCRIPTIONS {
        module.register_subscription(
            subscribe,
            notification,
            unsubscribe,
            move |params, pending, context, extensions| async move {
                let topic =
                    Parameters::parse(&params).and_then(|parameters| parse(&context, &parameters));
                match (topic, extensions.get::<Connection>().cloned()) {
                    (Ok(topic), Some(connection)) => {
                        hold(&context, topic, pending, connection).await;
                    }
                    (Err(error), _) => pending.reject(error).await,
                    // The server gives one to each request; without one nobody could be cut.
                    (Ok(_), None) => pending.reject(ErrorCode::InternalError).await,
                }
            },
        )?;
    }
    Ok(module)
}

/// Accepts a subscription and holds it until the client or the hub ends it.
async fn hold(
    context: &PubSubContext,
    topic: Topic,
    pending: PendingSubscriptionSink,
    connection: Connection,
) {
    let Ok(permit) = Arc::clone(&context.room).try_acquire_owned() else {
        let message = "Internal Error: Subscription refused. Node subscription limit reached";
        return pending
            .reject(ErrorObjectOwned::owned(-32603, message, None::<()>))
            .await;
    };
    let (done, ended) = oneshot::channel();
    let (registered, is_registered) = oneshot::channel();
    let sink = Sink {
        notifications: Notifications::Early(Vec::new()),
        connection,
        registered: Some(registered),
        _done: done,
        _permit: permit,
    };
    // First, so that nothing that comes after the answer is missed; the answer goes out before the first notification.
    let hub = context.hubs.of(&topic);
    let number = hub.subscribe(topic, Subscriber::Client(sink));
    // A hub that has ended says nothing, and ends what it has been given.
    let _ = is_registered.await;
    let Ok(notifications) = pending.accept().await else {
        return hub.unsubscribe(number);
    };
    hub.accepted(number, notifications.clone());
    tokio::select! {
        _ = ended => {}
        () = notifications.closed() => hub.unsubscribe(number),
    }
}

fn key<T: FromStr>(text: &str, name: &str) -> Result<T, ErrorObjectOwned> {
    text.parse()
        .map_err(|_| invalid_params(format!("Invalid Request: Invalid {name} provided")))
}

fn account(_: &PubSubContext, parameters: &Parameters) -> Result<Topic, ErrorObjectOwned> {
    let key = key(&parameters.required::<String>(0)?, "pubkey")?;
    Ok(Topic::Account {
        key,
        config: parameters.optional::<AccountConfig>(1)?,
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProgramConfig {
    filters: Option<Vec<FilterRequest>>,
    #[serde(flatten)]
    account: AccountConfig,
}

fn program(context: &PubSubContext, parameters: &Parameters) -> Result<Topic, ErrorObjectOwned> {
    let program = key(&parameters.required::<String>(0)?, "pubkey")?;
    let config: ProgramConfig = parameters.optional(1)?;
    let filters = decode_filters(
        config.filters.unwrap_or_default(),
        context.limits.filters_max,
    )?;
    Ok(Topic::Program {
        program,
        filters,
        config: config.account,
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SignatureConfig {
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
    enable_received_notification: Option<bool>,
}

fn signature(_: &PubSubContext, parameters: &Parameters) -> Result<Topic, ErrorObjectOwned> {
    let signature = key(&parameters.required::<String>(0)?, "signature")?;
    let config: SignatureConfig = parameters.optional(1)?;
    let received = config.enable_received_notification.unwrap_or(false);
    Ok(Topic::Signature {
        signature,
        received,
        level: config.commitment.unwrap_or_default(),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LogsConfig {
    #[serde(deserialize_with = "lenient")]
    commitment: Option<CommitmentLevel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum LogsFilter {
    All,
    AllWithVotes,
    Mentions(Vec<String>),
}

fn logs(_: &PubSubContext, parameters: &Parameters) -> Result<Topic, ErrorObjectOwned> {
    let mentions = match parameters.required(0)? {
        LogsFilter::All | LogsFilter::AllWithVotes => None,
        LogsFilter::Mentions(keys) => match keys.as_slice() {
            [only] => Some(key(only, "mentions")?),
            _ => return Err(invalid_params("Invalid Request: Only 1 address supported")),
        },
    };
    let config: LogsConfig = parameters.optional(1)?;
    let level = config.commitment.unwrap_or_default();
    Ok(Topic::Logs { mentions, level })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum BlockFilter {
    All,
    MentionsAccountOrProgram(String),
}

fn block(_: &PubSubContext, parameters: &Parameters) -> Result<Topic, ErrorObjectOwned> {
    let mentions = match parameters.required(0)? {
        BlockFilter::All => None,
        BlockFilter::MentionsAccountOrProgram(text) => {
            Some(key(&text, "mentions_account_or_program")?)
        }
    };
    let mut config: BlockConfig = parameters.optional(1)?;
    config.check()?;
    // Other than those of getBlock.
    config.encoding = config.encoding.or(Some(UiTransactionEncoding::Base64));
    config.rewards = config.rewards.or(Some(false));
    Ok(Topic::Block(BlockTopic { mentions, config }))
}
