//! The relay that an engine uses as its provider: a socket in a private directory that answers pure
//! calls from the cache and passes the others on.
//!
//! Each connection from the engine is one provider block; the process behind it is chosen when the
//! engine configures it. Calls that would change anything are not passed on, nor are those that
//! would stop a provider that others use too.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use planwright_core::digest::Digest;

use super::{
    answer_cache::{self, AnswerCache},
    error::WarmError,
    pool::{Lease, Pool, ProviderKey},
    provider::Protocol,
    schema::Cut,
    wire::{self, Body, Status},
};

/// How a call is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RpcPolicy {
    /// The schema, from the cache, reduced to the types in use.
    Schema,
    /// Another answer that depends only on the request.
    Pure,
    Configure,
    /// Handled here, because it would stop the provider for the other users.
    Stop,
    Pass,
    /// Would change something, or is a method that this version does not know.
    Refuse,
}

impl RpcPolicy {
    fn for_method(method: &str) -> Self {
        match method {
            "GetSchema" | "GetProviderSchema" => Self::Schema,
            "GetMetadata"
            | "GetResourceIdentitySchemas"
            | "PrepareProviderConfig"
            | "ValidateProviderConfig" => Self::Pure,
            "Configure" | "ConfigureProvider" => Self::Configure,
            "Stop" | "StopProvider" => Self::Stop,
            "ValidateResourceTypeConfig"
            | "ValidateResourceConfig"
            | "ValidateDataSourceConfig"
            | "ValidateDataResourceConfig"
            | "ValidateEphemeralResourceConfig"
            | "ValidateListResourceConfig"
            | "ValidateActionConfig"
            | "UpgradeResourceState"
            | "UpgradeResourceIdentity"
            | "ReadResource"
            | "ReadDataSource"
            | "PlanResourceChange"
            | "PlanAction"
            | "ImportResourceState"
            | "MoveResourceState"
            | "GenerateResourceConfig"
            | "ListResource"
            | "GetFunctions"
            | "OpenEphemeralResource"
            | "RenewEphemeralResource"
            | "CloseEphemeralResource"
            | "CallFunction" => Self::Pass,
            _ => Self::Refuse,
        }
    }
}

/// What is behind the socket of one provider in one plan.
pub(super) struct ProviderBackend {
    pub pool: Arc<Pool>,
    pub cache: Arc<AnswerCache>,
    pub key: Arc<ProviderKey>,
    pub protocol: Protocol,
    /// The names of the types and functions in use.
    pub types: BTreeSet<String>,
    pub record: Mutex<RelayRecord>,
}

/// What is recorded about a relay, in case the plan fails.
#[derive(Default)]
pub(super) struct RelayRecord {
    /// Errors, for the log.
    pub troubles: Vec<String>,
    /// The keys of the answers that came from the cache or were added to it.
    pub questions: BTreeSet<Digest>,
}

/// A listening relay, until it is dropped.
pub(super) struct Relay {
    pub backend: Arc<ProviderBackend>,
    _stop: DropGuard,
}

impl Relay {
    pub(super) fn listen(socket: &Path, backend: ProviderBackend) -> std::io::Result<Self> {
        let listener = UnixListener::bind(socket)?;
        let backend = Arc::new(backend);
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&backend), stop.clone()));
        Ok(Self { backend, _stop: stop.drop_guard() })
    }
}

async fn accept(listener: UnixListener, backend: Arc<ProviderBackend>, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(why) => return backend.note(&format!("its socket: {why}")),
            },
        };
        let (backend, stop) = (Arc::clone(&backend), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = converse(stream, backend) => {}
            }
        });
    }
}

async fn converse(stream: UnixStream, backend: Arc<ProviderBackend>) {
    let (lease, stop) = Default::default();
    let connection = Arc::new(Connection { backend, lease, stop });
    let service = service_fn(move |request| {
        let connection = Arc::clone(&connection);
        async move { Ok::<_, Infallible>(connection.answer(request).await) }
    });
    // The connection ends with the engine, in whatever way; the engine's exit status shows what
    // that means.
    let _ = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(wire::WINDOW)
        .initial_connection_window_size(wire::WINDOW)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl ProviderBackend {
    /// Records an error for the log; many calls may fail in the same way.
    fn note(&self, why: &str) {
        let troubles = &mut self.record().troubles;
        if !troubles.iter().any(|known| known == why) {
            troubles.push(why.to_owned());
        }
    }

    pub(super) fn record(&self) -> MutexGuard<'_, RelayRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the cached answers and the processes that served this relay.
    pub(super) fn distrust(&self) {
        self.cache.forget(&self.record().questions);
        self.pool.retire_all(&self.key);
    }
}

/// One connection from an engine.
struct Connection {
    backend: Arc<ProviderBackend>,
    lease: tokio::sync::Mutex<Option<Arc<Lease>>>,
    /// Cancelled when the engine asks its provider to stop: then all calls of this connection end.
    stop: CancellationToken,
}

impl Connection {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let service = self.backend.protocol.service();
        let method = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let Some((_, method)) = method.filter(|(asked, _)| *asked == service) else {
            return wire::refusal(Status::Unimplemented, &format!("{path} is not passed on"));
        };
        let policy = RpcPolicy::for_method(method);
        if policy == RpcPolicy::Stop {
            self.stop.cancel();
            return wire::answer(wire::framed(b""));
        }
        // On a stop, calls end with an error, as in a provider itself.
        let answered = tokio::select! {
            answered = self.carry_out(policy, method, request) => answered,
            () = self.stop.cancelled() => Err(format!("`{method}` was stopped").into()),
        };
        answered.unwrap_or_else(|why: WarmError| {
            let why = why.to_string();
            self.backend.note(&why);
            wire::refusal(Status::Unavailable, &why)
        })
    }

    async fn carry_out(
        &self,
        policy: RpcPolicy,
        method: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, WarmError> {
        match policy {
            RpcPolicy::Schema => self.schema(method, request).await,
            RpcPolicy::Pure => self.pure(method, request).await,
            RpcPolicy::Configure => self.configure(method, request).await.map(wire::answer),
            RpcPolicy::Pass => self.pass(method, request).await,
            RpcPolicy::Stop | RpcPolicy::Refuse => {
                let why = format!("{method} needs a provider that the engine has started itself");
                self.backend.note(&why);
                Ok(wire::refusal(Status::PermissionDenied, &why))
            }
        }
    }

    async fn schema(
        &self,
        method: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, WarmError> {
        let (question, asked) = self.question(method, request).await?;
        let types = &self.backend.types;
        let names: Vec<&[u8]> = types.iter().map(String::as_bytes).collect();
        let cut = answer_cache::question(&[vec![question.as_str().as_bytes()], names].concat());
        self.backend.record().questions.insert(cut.clone());
        let read = async |body| {
            let mut cut = Cut::to(types);
            let trailers = wire::read(body, |bytes| cut.read(bytes)).await?;
            let message = cut.end().ok_or("its schema does not end where it should")?;
            Ok((wire::framed(&message), trailers))
        };
        self.cached_or_asked(method, cut, asked, read).await
    }

    async fn pure(
        &self,
        method: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, WarmError> {
        let (question, asked) = self.question(method, request).await?;
        self.cached_or_asked(method, question, asked, wire::collected).await
    }

    async fn question(
        &self,
        method: &str,
        request: Request<Incoming>,
    ) -> Result<(Digest, Bytes), WarmError> {
        let (asked, _) = wire::collected(request.into_body()).await?;
        let ProviderKey { package, env_digest, .. } = &*self.backend.key;
        let question = answer_cache::question(&[
            package.digest.as_bytes(),
            env_digest.as_str().as_bytes(),
            method.as_bytes(),
            &asked,
        ]);
        self.backend.record().questions.insert(question.clone());
        Ok((question, asked))
    }

    /// Returns the answer from the cache. If it is not there, makes the call, reads the answer with
    /// `read` and caches it; concurrent calls with the same key wait for that.
    async fn cached_or_asked(
        &self,
        method: &str,
        question: Digest,
        asked: Bytes,
        read: impl AsyncFnOnce(Incoming) -> Result<(Bytes, HeaderMap), WarmError>,
    ) -> Result<Response<Body>, WarmError> {
        let cache = &self.backend.cache;
        if let Some(answer) = cache.get(&question) {
            return Ok(wire::answer(answer));
        }
        let mutex = cache.mutex(&question);
        let _guard = mutex.lock().await;
        if let Some(answer) = cache.get(&question) {
            return Ok(wire::answer(answer));
        }
        let request = wire::request(self.backend.protocol.service(), method, wire::full(asked));
        let lease = self.lease().await?;
        let answered = async {
            let (parts, body) = lease.provider.call(request).await?.into_parts();
            let (answer, trailers) = read(body).await?;
            Ok((parts, answer, trailers))
        };
        let (parts, answer, trailers) = self.within_limit(method, &lease, answered).await?;
        // An error, such as for a method that the provider does not know, is passed to the engine
        // unchanged and is not cached.
        if wire::is_ok(&parts.headers, &trailers) {
            cache.insert(question, answer.clone());
        }
        Ok(Response::from_parts(parts, wire::full_with(answer, trailers)))
    }

    async fn configure(
        &self,
        method: &str,
        request: Request<Incoming>,
    ) -> Result<Bytes, WarmError> {
        let (asked, _) = wire::collected(request.into_body()).await?;
        let service = self.backend.protocol.service();
        // The process that served this connection so far may be the one that is configured now, so
        // no call may use it in the meantime.
        let mut held = self.lease.lock().await;
        *held = None;
        let (lease, answer) =
            self.backend.pool.configured(&self.backend.key, service, method, asked).await?;
        *held = Some(Arc::new(lease));
        Ok(answer)
    }

    async fn pass(
        &self,
        method: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, WarmError> {
        let lease = self.lease().await?;
        let service = self.backend.protocol.service();
        let request = wire::request(service, method, wire::passed(request.into_body()));
        let answered = async {
            let (parts, body) = lease.provider.call(request).await?.into_parts();
            let (answer, trailers) = wire::collected(body).await?;
            Ok(Response::from_parts(parts, wire::full_with(answer, trailers)))
        };
        self.within_limit(method, &lease, answered).await
    }

    /// Returns the process of this connection; before it is configured, any process of the key.
    async fn lease(&self) -> Result<Arc<Lease>, WarmError> {
        let mut held = self.lease.lock().await;
        if let Some(lease) = &*held {
            return Ok(Arc::clone(lease));
        }
        let lease = Arc::new(self.backend.pool.any(&self.backend.key).await?);
        *held = Some(Arc::clone(&lease));
        Ok(lease)
    }

    /// Waits for a call. A provider that does not answer in time is ended, because it would not
    /// answer the next call either.
    async fn within_limit<T>(
        &self,
        method: &str,
        lease: &Lease,
        call: impl Future<Output = Result<T, WarmError>>,
    ) -> Result<T, WarmError> {
        let limit = self.backend.pool.bounds().call;
        match tokio::time::timeout(limit, call).await {
            Ok(answered) => answered,
            Err(_) => {
                lease.provider.end();
                self.backend.pool.retire(lease);
                Err(format!("`{method}` took longer than {} s", limit.as_secs_f64()).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{super::package::Package, *};

    #[test]
    fn nothing_that_changes_the_world_is_passed_on() {
        for method in ["ApplyResourceChange", "InvokeAction", "WriteStateBytes", "Unheard"] {
            assert_eq!(RpcPolicy::for_method(method), RpcPolicy::Refuse, "{method}");
        }
        for method in ["Stop", "StopProvider"] {
            assert_eq!(RpcPolicy::for_method(method), RpcPolicy::Stop, "{method}");
        }
        for method in ["ReadResource", "PlanResourceChange", "ImportResourceState"] {
            assert_eq!(RpcPolicy::for_method(method), RpcPolicy::Pass, "{method}");
        }
    }

    /// Returns the gRPC status of a call to a relay that cannot start a provider.
    async fn status(path: &str) -> u16 {
        let dir = tempfile::tempdir().unwrap();
        let bounds = super::super::Bounds::default();
        let package = Package { executable: "/none".into(), digest: "h1:none".into() };
        let backend = ProviderBackend {
            pool: Arc::new(Pool::new(bounds, "/bin/sh".into(), dir.path().to_owned())),
            cache: Arc::default(),
            key: Arc::new(ProviderKey::new("one", "a/b", package, BTreeMap::new())),
            protocol: Protocol::Six,
            types: BTreeSet::new(),
            record: Mutex::default(),
        };
        let socket = dir.path().join("socket");
        let _relay = Relay::listen(&socket, backend).unwrap();
        let stream = UnixStream::connect(&socket).await.unwrap();
        let (mut calls, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let (service, method) = path.split_once('/').unwrap();
        let request = wire::request(service, method, wire::full(wire::framed(b"")));
        let answer = calls.send_request(request).await.unwrap();
        let status = &answer.headers()["grpc-status"];
        status.to_str().unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn what_may_not_be_asked_is_refused_before_there_is_a_provider() {
        for (path, expected) in [
            ("tfplugin6.Provider/ApplyResourceChange", Status::PermissionDenied),
            ("tfplugin6.Provider/Unheard", Status::PermissionDenied),
            ("tfplugin5.Provider/ReadResource", Status::Unimplemented),
            ("plugin.GRPCController/Shutdown", Status::Unimplemented),
            ("tfplugin6.Provider/ReadResource", Status::Unavailable),
        ] {
            assert_eq!(status(path).await, expected as u16, "{path}");
        }
    }
}
