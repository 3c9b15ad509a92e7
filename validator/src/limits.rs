//! Every bound of the node's front, by name. The bounds of what lies behind it are the runtime's.

use std::time::Duration;

/// Limits of JSON-RPC and PubSub. Over one, the request is refused with a clear error, or the
/// connection that caused it is cut; nothing grows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RpcLimits {
    /// Bytes of a request (Agave's 50 kB).
    pub request_bytes_max: u32,
    /// Bytes of a response; counted while it is built.
    pub response_bytes_max: u32,
    /// Bytes of account data in all responses that are being built.
    pub responses_bytes_max: usize,
    /// Bytes of an account that a thread which serves connections encodes itself; a larger one is left to
    /// those that may be kept busy.
    pub quick_account_bytes_max: usize,
    /// Requests in one JSON-RPC batch.
    pub batch_requests_max: u32,
    /// Requests that one address may make in a second, those of a WebSocket included; `None`: as many as it likes.
    pub requests_per_second_per_address_max: Option<u32>,
    /// Open connections of both ports together; fewer where the system lets the process have fewer files open. One
    /// beyond is closed at once, and so is one that asks nothing within 30 seconds.
    pub connections_max: usize,
    /// Open QUIC connections.
    pub quic_connections_max: usize,
    /// Transactions that one QUIC connection may have on their way at a time.
    pub quic_streams_per_connection_max: u32,
    /// How long the next piece of a request's body may take to come.
    pub request_body_timeout: Duration,
    /// Subscriptions of one connection.
    pub subscriptions_per_connection_max: u32,
    /// Subscriptions of the node.
    pub subscriptions_max: usize,
    /// Notifications waiting for one connection; a client that falls behind further is cut.
    pub notifications_per_connection_max: u32,
    /// Bytes of answers and notifications that wait to be sent to all clients together. Over it, whoever has some waiting
    /// gets an error in place of an answer, and is cut in place of a notification; others get small ones.
    pub unsent_bytes_max: usize,
    /// The same for one connection; one answer or notification alone may be of any size.
    pub unsent_bytes_per_connection_max: usize,
    /// Admitted transactions whose receipt may wait to be told (`enableReceivedNotification`); beyond,
    /// only their results are.
    pub receipts_waiting_max: usize,
    /// Accounts in one `getMultipleAccounts`.
    pub multiple_accounts_max: usize,
    /// Signatures in one `getSignatureStatuses`.
    pub signature_statuses_max: usize,
    /// Signatures in one answer to `getSignaturesForAddress`.
    pub signatures_for_address_max: usize,
    /// Slots in one `getBlocks` or `getBlocksWithLimit`.
    pub blocks_max: u64,
    /// Transactions that one `getRecentPrioritizationFees` looks at; of older slots it says nothing.
    pub prioritization_fee_transactions_max: usize,
    /// Filters of one `getProgramAccounts` or `programSubscribe`.
    pub filters_max: usize,
    /// Scans of the accounts at a time; others wait their turn.
    pub scans_max: usize,
    /// Threads that run simulations and scans. One that a program never leaves is lost to it.
    pub blocking_threads_max: usize,
    /// Threads that serve connections.
    pub server_threads: usize,
    /// After how long the system asks the other end of an idle connection whether it is there, and how often again; one
    /// that does not answer is closed after three times. WebSockets are not pinged: clients take the first message for the
    /// answer to their first request.
    pub keep_alive_interval: Duration,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            request_bytes_max: 50 * 1024,
            response_bytes_max: 512 << 20,
            responses_bytes_max: 1 << 30,
            quick_account_bytes_max: 32 << 10,
            batch_requests_max: 1_000,
            requests_per_second_per_address_max: None,
            connections_max: 16_384,
            quic_connections_max: 2_000,
            quic_streams_per_connection_max: 512,
            request_body_timeout: Duration::from_secs(30),
            subscriptions_per_connection_max: 10_000,
            subscriptions_max: 100_000,
            notifications_per_connection_max: 8_192,
            unsent_bytes_max: 1 << 30,
            unsent_bytes_per_connection_max: 256 << 20,
            receipts_waiting_max: 16_384,
            multiple_accounts_max: 100,
            signature_statuses_max: 256,
            signatures_for_address_max: 1_000,
            blocks_max: 500_000,
            prioritization_fee_transactions_max: 100_000,
            filters_max: 4,
            scans_max: 2,
            blocking_threads_max: 32,
            server_threads: 2,
            keep_alive_interval: Duration::from_secs(30),
        }
    }
}
