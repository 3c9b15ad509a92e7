//! Where jsonrpsee answers otherwise than Solana about subscriptions. To unsubscribe from what is no subscription is an
//! error there, and `false` here. And the answer to a subscription goes out before its first notification, by itself:
//! in a batch it would come once more.

use jsonrpsee::core::middleware::{Batch, BatchEntry, Notification, RpcServiceT};
use jsonrpsee::server::{BatchResponseBuilder, MethodResponse};
use jsonrpsee::types::{ErrorObject, Request, error::INVALID_PARAMS_CODE};
use std::sync::Arc;

/// Middleware that answers as Solana does.
#[derive(Clone)]
pub(crate) struct SubscriptionAnswers<S> {
    pub(crate) service: Arc<S>,
    /// Bytes of an answer, at most.
    pub(crate) response_bytes_max: usize,
}

async fn call<'a, S>(service: &S, request: Request<'a>) -> MethodResponse
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Sync,
{
    let unsubscribes = request.method_name().ends_with("Unsubscribe");
    let id = request.id();
    let response = service.call(request).await;
    if unsubscribes && response.as_json().get().contains("\"result\":false") {
        let message = "Invalid subscription id.";
        return MethodResponse::error(
            id,
            ErrorObject::borrowed(INVALID_PARAMS_CODE, message, None),
        );
    }
    response
}

impl<S> RpcServiceT for SubscriptionAnswers<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = Arc::clone(&self.service);
        async move { call(&*service, request).await }
    }

    fn batch<'a>(&self, requests: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = Arc::clone(&self.service);
        let mut answers = BatchResponseBuilder::new_with_limit(self.response_bytes_max);
        async move {
            let mut is_answered = false;
            for entry in requests {
                let answer = match entry {
                    Ok(BatchEntry::Call(request)) => call(&*service, request).await,
                    Ok(BatchEntry::Notification(notification)) => {
                        service.notification(notification).await;
                        is_answered = true;
                        continue;
                    }
                    Err(error) => {
                        let (error, id) = error.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                // It went out when it was accepted or refused.
                if answer.is_subscription() {
                    is_answered = true;
                } else if let Err(too_large) = answers.append(answer) {
                    return too_large;
                }
            }
            if answers.is_empty() && is_answered {
                return MethodResponse::notification();
            }
            // Of an empty batch it makes the error that it is.
            MethodResponse::from_batch(answers.finish())
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.service.notification(notification)
    }
}
