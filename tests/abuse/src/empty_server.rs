//! A server that reads requests and has the same answer to each: what serving HTTP costs at the least.

use anyhow::Result;
use http_body_util::BodyExt;
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse, serve};
use std::net::{Ipv4Addr, SocketAddr};

/// Threads, as many as the node has for the same.
const THREADS: usize = 2;

/// Starts it on a free port, until the process ends.
pub(crate) fn start() -> Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                continue;
            };
            tokio::spawn(async move {
                let _ = serve(socket, tower::service_fn(answer)).await;
            });
        }
    });
    // It runs as long as the process.
    std::mem::forget(runtime);
    Ok(address)
}

/// Reads the request to its end and answers.
async fn answer<B: BodyExt>(request: HttpRequest<B>) -> std::io::Result<HttpResponse> {
    let _ = request.into_body().collect().await;
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":null}"#;
    Ok(HttpResponse::new(HttpBody::from(answer)))
}
