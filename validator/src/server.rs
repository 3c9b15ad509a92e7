//! The sockets: HTTP and WebSocket on two ports, each of which serves both.
//!
//! jsonrpsee speaks HTTP, WebSocket and JSON-RPC. What is ours is the loop that accepts connections: it
//! bounds them, and gives each a handle by which a client that does not read can be cut.

use crate::cut::{Cuttable, Scissors};
use crate::error::Error;
use crate::limits::RpcLimits;
use crate::metrics;
use crate::niceness;
use crate::pubsub::{Connection, SubscriptionAnswers, SubscriptionNumbers};
use crate::rate::{Caller, RateCaps, Rates, too_many_json};
use crate::unsent::{CountsAnswers, UnsentOfAll};
use jsonrpsee::core::middleware::RpcServiceBuilder;
use jsonrpsee::server::{
    BatchRequestConfig, HttpBody, HttpRequest, HttpResponse, Methods, Server, ServerConfig,
    ServerHandle, StopHandle, serve_with_graceful_shutdown, stop_channel,
};
use sealane_runtime::Reader;
use socket2::{SockRef, TcpKeepalive};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Service, ServiceBuilder};
use tower_http::cors::CorsLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// What is answered to what is no request, and by a server that ends.
const PARSE_ERROR: &str =
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#;
const INTERNAL_ERROR: &str =
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"Internal error"}}"#;

/// Both ports, bound, so that nothing else has to start in vain when one is taken.
pub(crate) struct Ports {
    http: TcpListener,
    web_socket: TcpListener,
}

impl Ports {
    /// Binds `port` and the one after it; `0` finds two free ones.
    pub(crate) fn bind(address: IpAddr, port: u16) -> Result<Self, Error> {
        if port != 0 {
            let next = port.checked_add(1).ok_or(Error::NoPortForWebSocket(port))?;
            return Ok(Self {
                http: bind(address, port)?,
                web_socket: bind(address, next)?,
            });
        }
        /// How often the port behind a free one may turn out to be taken.
        const ATTEMPTS: usize = 64;
        let mut last = Error::NoPortForWebSocket(u16::MAX);
        for _ in 0..ATTEMPTS {
            let http = bind(address, 0)?;
            let port = local(&http).port();
            match port.checked_add(1).map(|next| bind(address, next)) {
                Some(Ok(web_socket)) => return Ok(Self { http, web_socket }),
                Some(Err(error)) => last = error,
                None => {}
            }
        }
        Err(last)
    }

    /// Where clients reach JSON-RPC over HTTP.
    pub(crate) fn http(&self) -> SocketAddr {
        dialled(local(&self.http))
    }

    /// Where clients reach PubSub over WebSocket.
    pub(crate) fn web_socket(&self) -> SocketAddr {
        dialled(local(&self.web_socket))
    }
}

/// Where clients reach what listens at `address`: who listens on all addresses tells them that of loopback, as
/// solana-test-validator does.
pub(crate) fn dialled(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn bind(address: IpAddr, port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind((address, port)).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => Error::PortInUse { address, port },
        _ => Error::Bind {
            address,
            port,
            source,
        },
    })
}

fn local(listener: &TcpListener) -> SocketAddr {
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

/// The running server. Dropping it ends all connections.
pub(crate) struct RpcServer {
    /// `None` once it was shut down.
    runtime: Option<tokio::runtime::Runtime>,
    handle: ServerHandle,
    methods: Methods,
}

impl RpcServer {
    /// Serves `methods` on both ports.
    pub(crate) fn start(
        ports: Ports,
        methods: Methods,
        limits: &RpcLimits,
        reader: Reader,
    ) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(limits.server_threads)
            .max_blocking_threads(limits.blocking_threads_max)
            .thread_name("rpc")
            .on_thread_start(|| niceness::at_least(niceness::SERVING))
            .enable_all()
            .build()
            .map_err(Error::Thread)?;
        let (stop, handle) = stop_channel();
        let room = Arc::new(Semaphore::new(limits.connections_max));
        let unsent = UnsentOfAll::new(
            limits.unsent_bytes_max,
            limits.unsent_bytes_per_connection_max,
        );
        let rates = limits.requests_per_second_per_address_max;
        let rates = rates.map(|max| Arc::new(Rates::new(max)));
        for listener in [ports.http, ports.web_socket] {
            let address = local(&listener);
            let listener = {
                let _entered = runtime.enter();
                listener
                    .set_nonblocking(true)
                    .and_then(|()| tokio::net::TcpListener::from_std(listener))
                    .map_err(|source| Error::Bind {
                        address: address.ip(),
                        port: address.port(),
                        source,
                    })?
            };
            let acceptor = Acceptor {
                methods: methods.clone(),
                config: server_config(limits),
                stop: stop.clone(),
                room: Arc::clone(&room),
                rates: rates.clone(),
                unsent: unsent.clone(),
                keep_alive_interval: limits.keep_alive_interval,
                request_body_timeout: limits.request_body_timeout,
                response_bytes_max: limits.response_bytes_max as usize,
                reader: reader.clone(),
            };
            runtime.spawn(acceptor.run(listener));
        }
        Ok(Self {
            runtime: Some(runtime),
            handle,
            methods,
        })
    }

    /// The answer to one request that is no subscription, as the ports would give it.
    pub(crate) fn call(&self, request: &str) -> String {
        let (sender, answer) = crossbeam_channel::bounded(1);
        let (methods, request) = (self.methods.clone(), request.to_owned());
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move {
                let answer = match methods.raw_json_request(&request, 1).await {
                    Ok((answer, _)) => String::from(Box::<str>::from(answer)),
                    Err(_) => PARSE_ERROR.to_owned(),
                };
                let _ = sender.send(answer);
            });
        }
        // It has ended where the server has.
        answer.recv().unwrap_or_else(|_| INTERNAL_ERROR.to_owned())
    }

    /// Does something that may start tasks on the server's threads.
    pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        let runtime = self.runtime.as_ref();
        let _entered = runtime.map(|runtime| runtime.enter());
        run()
    }

    /// Lets requests finish within `deadline`, then ends all connections.
    pub(crate) fn stop(mut self, deadline: Duration) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        // An error means that it has stopped already.
        let _ = self.handle.stop();
        let (sender, stopped) = crossbeam_channel::bounded(1);
        let handle = self.handle.clone();
        runtime.spawn(async move {
            handle.stopped().await;
            let _ = sender.send(());
        });
        // Whether they have finished or not, it ends here.
        let _ = stopped.recv_timeout(deadline);
        runtime.shutdown_background();
    }
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn server_config(limits: &RpcLimits) -> ServerConfig {
    ServerConfig::builder()
        .max_request_body_size(limits.request_bytes_max)
        .max_response_body_size(limits.response_bytes_max)
        .max_connections(u32::try_from(limits.connections_max).unwrap_or(u32::MAX))
        .max_subscriptions_per_connection(limits.subscriptions_per_connection_max)
        .set_message_buffer_capacity(limits.notifications_per_connection_max)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_requests_max))
        .set_id_provider(SubscriptionNumbers::default())
        .build()
}

/// Accepts the connections of one port.
struct Acceptor {
    methods: Methods,
    config: ServerConfig,
    stop: StopHandle,
    room: Arc<Semaphore>,
    rates: Option<Arc<Rates>>,
    unsent: UnsentOfAll,
    keep_alive_interval: Duration,
    request_body_timeout: Duration,
    response_bytes_max: usize,
    /// Knows whether the node is healthy.
    reader: Reader,
}

impl Acceptor {
    async fn run(self, listener: tokio::net::TcpListener) {
        // Browser wallets call from pages of any origin.
        let http = ServiceBuilder::new()
            .layer(CorsLayer::permissive())
            .layer(RequestBodyTimeoutLayer::new(self.request_body_timeout));
        let response_bytes_max = self.response_bytes_max;
        let builder = Server::builder()
            .set_config(self.config)
            .set_http_middleware(http)
            .set_rpc_middleware(
                RpcServiceBuilder::new()
                    .layer_fn(|service| CountsAnswers(Arc::new(service)))
                    .layer_fn(|service| RateCaps(Arc::new(service)))
                    .layer_fn(move |service| SubscriptionAnswers {
                        service: Arc::new(service),
                        response_bytes_max,
                    }),
            )
            .to_service_builder();
        let mut stopped = Box::pin(self.stop.clone().shutdown());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stopped => return,
            };
            // Running out of file descriptors is temporary: connections end.
            let Ok((socket, peer)) = accepted else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            // Beyond the limit, and when it cannot be set up, a connection is closed at once.
            let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
                continue;
            };
            let prepared = prepare(socket, &self.unsent, permit, self.keep_alive_interval);
            let Ok((socket, connection)) = prepared else {
                continue;
            };

            let service = builder
                .clone()
                .build(self.methods.clone(), self.stop.clone());
            let reader = self.reader.clone();
            let caller = self.rates.clone().map(|rates| Caller {
                address: peer.ip(),
                rates,
            });
            let service = tower::service_fn(move |mut request: HttpRequest<_>| {
                request.extensions_mut().insert(connection.clone());
                let mut service = service.clone();
                let page =
                    page(&request, &reader).or_else(|| refuse_or_mark(&mut request, &caller));
                async move {
                    if let Some(page) = page {
                        return Ok::<_, std::io::Error>(page);
                    }
                    let mut response =
                        (service.call(request).await).map_err(std::io::Error::other)?;
                    // No JSON: an error of JSON-RPC like others, which Agave gives with that status.
                    if response.status() == 400 {
                        *response.status_mut() = 200.try_into().expect("it is a status");
                    }
                    Ok(response)
                }
            });
            let stopped = self.stop.clone().shutdown();
            tokio::spawn(async move {
                // An error is the client's: it went away, or does not speak HTTP.
                let _ = serve_with_graceful_shutdown(socket, service, stopped).await;
            });
        }
    }
}

/// Refuses a request of whoever asks too much. What is the beginning of a WebSocket is marked with who is at its other
/// end, so that its requests are counted one by one.
fn refuse_or_mark<B>(
    request: &mut HttpRequest<B>,
    caller: &Option<Caller>,
) -> Option<HttpResponse> {
    let caller = caller.as_ref()?;
    if request.headers().contains_key("upgrade") {
        request.extensions_mut().insert(caller.clone());
        return None;
    }
    if caller.may_ask(1) {
        return None;
    }
    let mut refused = HttpResponse::new(HttpBody::from(too_many_json()));
    *refused.status_mut() = 429.try_into().expect("it is a status");
    Some(refused)
}

/// What is asked for without JSON-RPC: health and metrics.
fn page<B>(request: &HttpRequest<B>, reader: &Reader) -> Option<HttpResponse> {
    if request.method() != "GET" {
        return None;
    }
    match request.uri().path() {
        "/health" => Some(HttpResponse::new(HttpBody::from(health(reader)))),
        "/metrics" => {
            let mut page = HttpResponse::new(HttpBody::from(metrics::text(reader)));
            let kind = metrics::CONTENT_TYPE.parse();
            let kind = kind.expect("it is visible ASCII");
            page.headers_mut().insert("content-type", kind);
            Some(page)
        }
        _ => None,
    }
}

/// What a health check reads, always with status 200, as on Agave.
fn health(reader: &Reader) -> &'static str {
    if reader.is_healthy() { "ok" } else { "unknown" }
}

/// Sends small messages at once and notices when the other end is gone; what it gives beside the stream can cut it.
fn prepare(
    socket: tokio::net::TcpStream,
    unsent: &UnsentOfAll,
    place: OwnedSemaphorePermit,
    keep_alive_interval: Duration,
) -> std::io::Result<(Cuttable<tokio::net::TcpStream>, Connection)> {
    const ATTEMPTS: u32 = 3;
    let keep_alive = TcpKeepalive::new()
        .with_time(keep_alive_interval)
        .with_interval(keep_alive_interval)
        .with_retries(ATTEMPTS);
    SockRef::from(&socket).set_tcp_keepalive(&keep_alive)?;
    socket.set_nodelay(true)?;
    let (scissors, unsent) = (Scissors::default(), unsent.connection());
    let connection = Connection::new(scissors.clone(), unsent.clone(), place);
    Ok((Cuttable::new(socket, scissors, unsent), connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn who_listens_on_all_addresses_is_reached_on_loopback() {
        let ports = Ports::bind(Ipv4Addr::UNSPECIFIED.into(), 0).unwrap();
        assert_eq!(ports.http().ip(), LOOPBACK);
        assert_eq!(ports.web_socket().ip(), LOOPBACK);
        for (listens, reached) in [("[::]:5", "[::1]:5"), ("10.0.0.1:5", "10.0.0.1:5")] {
            let reached: SocketAddr = reached.parse().unwrap();
            assert_eq!(dialled(listens.parse().unwrap()), reached);
        }
    }

    #[test]
    fn free_ports_are_neighbours_and_a_taken_port_is_a_clear_error() {
        let ports = Ports::bind(LOOPBACK, 0).unwrap();
        assert_eq!(ports.http().port() + 1, ports.web_socket().port());
        let error = Ports::bind(LOOPBACK, ports.http().port()).err().unwrap();
        assert!(matches!(error, Error::PortInUse { .. }), "{error}");
        assert!(error.to_string().contains("--rpc-port"), "{error}");
    }

    #[test]
    fn the_highest_port_has_no_room_for_the_web_socket() {
        let error = Ports::bind(LOOPBACK, u16::MAX).err().unwrap();
        assert!(
            matches!(error, Error::NoPortForWebSocket(u16::MAX)),
            "{error}"
        );
    }
}
