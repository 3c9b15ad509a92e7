//! To unsubscribe from what is no subscription is an error on Solana, where jsonrpsee says `false`.

use jsonrpsee::core::middleware::{Batch, Notification, RpcServiceT};
use jsonrpsee::server::MethodResponse;
use jsonrpsee::types::{ErrorObject, Request, error::INVALID_PARAMS_CODE};
use std::sync::Arc;

/// Middleware that turns that `false` into Agave's error.
#[derive(Clone)]
pub(crate) struct UnsubscribeErrors<S>(pub(crate) Arc<S>);

impl<S> RpcServiceT for UnsubscribeErrors<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = S::BatchResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = Arc::clone(&self.0);
        async move {
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
    }

    fn batch<'a>(
        &self,
        requests: Batch<'a>,
    ) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        self.0.batch(requests)
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.0.notification(notification)
    }
}
