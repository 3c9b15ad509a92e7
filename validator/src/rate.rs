//! How often each address may ask: a bound for nodes that others reach. Over it a request over HTTP is answered with
//! status 429, after which clients of Solana wait and ask again, and one on a WebSocket with an error of that code.

use ahash::AHashMap;
use jsonrpsee::core::middleware::{Batch, Notification, RpcServiceT};
use jsonrpsee::server::MethodResponse;
use jsonrpsee::types::{ErrorObject, Id, Request};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Addresses that are counted at a time. Who comes when there is no room is told to come later.
const ADDRESSES_MAX: usize = 65_536;
/// What is counted.
const WINDOW: Duration = Duration::from_secs(1);

const TOO_MANY: i32 = 429;
const MESSAGE: &str = "Too many requests: wait a second, then ask again";

/// The body of an answer over HTTP.
pub(crate) fn too_many_json() -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"error\":{{\"code\":{TOO_MANY},\"message\":\"{MESSAGE}\"}},\"id\":null}}"
    )
}

/// Counts requests by address.
pub(crate) struct Rates {
    per_second_max: u32,
    /// When the window of an address began, and how much it asked in it.
    windows: Mutex<AHashMap<IpAddr, (Instant, u32)>>,
}

impl Rates {
    pub(crate) fn new(per_second_max: u32) -> Self {
        Self {
            per_second_max,
            windows: Mutex::default(),
        }
    }

    /// Counts `requests` of an address; whether they may be answered.
    fn admit(&self, address: IpAddr, requests: u32, now: Instant) -> bool {
        let mut windows = self.windows.lock().expect("no holder of this lock panics");
        let is_over = |began: Instant| now.duration_since(began) >= WINDOW;
        if windows.len() >= ADDRESSES_MAX && !windows.contains_key(&address) {
            windows.retain(|_, (began, _)| !is_over(*began));
            if windows.len() >= ADDRESSES_MAX {
                return false;
            }
        }
        let window = windows.entry(address).or_insert((now, 0));
        if is_over(window.0) {
            *window = (now, 0);
        }
        window.1 = window.1.saturating_add(requests);
        window.1 <= self.per_second_max
    }
}

/// Who is at the other end of a connection, where that is counted.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) address: IpAddr,
    pub(crate) rates: Arc<Rates>,
}

impl Caller {
    /// Counts requests; whether they may be answered.
    pub(crate) fn may_ask(&self, requests: usize) -> bool {
        let requests = u32::try_from(requests).unwrap_or(u32::MAX);
        self.rates.admit(self.address, requests, Instant::now())
    }
}

/// Middleware that refuses what is too much on a WebSocket: its requests have the caller with them.
#[derive(Clone)]
pub(crate) struct RateCaps<S>(pub(crate) Arc<S>);

fn refused(id: Id<'_>) -> MethodResponse {
    MethodResponse::error(id, ErrorObject::borrowed(TOO_MANY, MESSAGE, None))
}

impl<S> RpcServiceT for RateCaps<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse, BatchResponse = MethodResponse>
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = Arc::clone(&self.0);
        async move {
            match request.extensions().get::<Caller>() {
                Some(caller) if !caller.may_ask(1) => refused(request.id()),
                _ => service.call(request).await,
            }
        }
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = Arc::clone(&self.0);
        async move {
            let requests = batch.len();
            match batch.extensions().get::<Caller>() {
                Some(caller) if !caller.may_ask(requests) => refused(Id::Null),
                _ => service.batch(batch).await,
            }
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.0.notification(notification)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn each_address_has_its_own_second() {
        let (rates, start) = (Rates::new(3), Instant::now());
        let address = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        assert!(rates.admit(address(1), 2, start));
        assert!(rates.admit(address(1), 1, start));
        assert!(!rates.admit(address(1), 1, start));
        assert!(rates.admit(address(2), 1, start));
        assert!(!rates.admit(address(2), 9, start));
        assert!(rates.admit(address(1), 3, start + WINDOW));
    }

    #[test]
    fn made_up_addresses_grow_nothing() {
        let (rates, start) = (Rates::new(1), Instant::now());
        let address = |number: usize| IpAddr::V4(Ipv4Addr::from_bits(number as u32));
        for number in 0..ADDRESSES_MAX {
            assert!(rates.admit(address(number), 1, start));
        }
        assert!(!rates.admit(address(ADDRESSES_MAX), 1, start));
        assert!(rates.admit(address(ADDRESSES_MAX), 1, start + WINDOW));
        assert_eq!(rates.windows.lock().unwrap().len(), 1);
    }
}
