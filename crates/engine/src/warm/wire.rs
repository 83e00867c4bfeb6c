//! gRPC over HTTP/2 with messages as bytes: what a relay needs of it, without protocol buffers.

use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue, TE},
};

use super::error::WarmError;

pub(super) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The flow-control window of a stream; with it, a schema of 5 MB needs few window updates.
pub(super) const WINDOW: u32 = 1 << 20;

/// The largest message in bytes.
const MOST: usize = 256 << 20;

/// The length of the gRPC message prefix: a flag and the length of the message.
const PREFIX: usize = 5;

const STATUS: &str = "grpc-status";

/// The gRPC statuses that the relay itself returns.
#[derive(Clone, Copy)]
pub(super) enum Status {
    PermissionDenied = 7,
    Unimplemented = 12,
    Unavailable = 14,
}

/// Returns a request to a provider; `body` is one message with its prefix.
pub(super) fn request(service: &str, method: &str, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = hyper::Method::POST;
    // The service is a constant, and the method was already part of a request path.
    *request.uri_mut() = format!("http://localhost/{service}/{method}").parse().unwrap_or_default();
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    request
}

/// Returns a message with its gRPC prefix.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [[0].as_slice(), &length, message].concat().into()
}

/// Returns the message without its prefix; `None` if it is incomplete or compressed.
pub(super) fn unframed(framed: &[u8]) -> Option<&[u8]> {
    let (prefix, message) = framed.split_at_checked(PREFIX)?;
    let length = u32::from_be_bytes(prefix[1..].try_into().ok()?);
    (prefix[0] == 0 && usize::try_from(length).ok()? == message.len()).then_some(message)
}

pub(super) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn full_with(bytes: Bytes, trailers: HeaderMap) -> Body {
    let body = Full::new(bytes).with_trailers(std::future::ready(Some(Ok(trailers))));
    body.map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn passed(body: Incoming) -> Body {
    body.map_err(Into::into).boxed_unsync()
}

/// Returns all bytes of a body, and its trailers.
pub(super) async fn collected(body: Incoming) -> Result<(Bytes, HeaderMap), WarmError> {
    let limited = http_body_util::Limited::new(body, MOST);
    let collected = limited.collect().await.map_err(|why| why.to_string())?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Ok((collected.to_bytes(), trailers))
}

/// Passes the message in a body to `take`, piece by piece, and returns the trailers. Fails if the
/// body is not one complete message, or `take` returns `None`.
pub(super) async fn read(
    body: Incoming,
    mut take: impl FnMut(&[u8]) -> Option<()>,
) -> Result<HeaderMap, WarmError> {
    const BROKEN: &str = "its answer is not a message that can be read";
    let mut body = http_body_util::Limited::new(body, MOST);
    let (mut prefix, mut length) = (Vec::with_capacity(PREFIX), 0);
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|why| why.to_string())?;
        match frame.into_data() {
            Ok(data) => {
                let (head, data) = data.split_at(data.len().min(PREFIX - prefix.len()));
                prefix.extend_from_slice(head);
                length += data.len();
                take(data).ok_or(BROKEN)?;
            }
            Err(other) => trailers = other.into_trailers().unwrap_or_default(),
        }
    }
    let expected = [[0].as_slice(), &u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()];
    (prefix == expected.concat()).then_some(trailers).ok_or(BROKEN.into())
}

/// Returns whether the headers or trailers of an answer report success.
pub(super) fn is_ok(headers: &HeaderMap, trailers: &HeaderMap) -> bool {
    trailers.get(STATUS).or_else(|| headers.get(STATUS)).is_some_and(|status| status == "0")
}

/// Returns an answer with one message, which already has its prefix.
pub(super) fn answer(framed: Bytes) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    with_type(Response::new(full_with(framed, trailers)))
}

/// Returns an error answer, without a message.
pub(super) fn refusal(status: Status, why: &str) -> Response<Body> {
    let mut response = with_type(Response::new(full(Bytes::new())));
    let headers = response.headers_mut();
    headers.insert(STATUS, HeaderValue::from(status as u16));
    let why: String = why.chars().filter(|c| (' '..='~').contains(c) && *c != '%').collect();
    if let Ok(why) = HeaderValue::from_str(&why) {
        headers.insert("grpc-message", why);
    }
    response
}

fn with_type(mut response: Response<Body>) -> Response<Body> {
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_out_of_the_frame_that_it_was_put_in() {
        assert_eq!(unframed(&framed(b"schema")), Some(b"schema".as_slice()));
        for broken in
            [b"".as_slice(), b"\0\0\0", b"\0\0\0\0\x02a", b"\0\0\0\0\x01ab", b"\x01\0\0\0\x01a"]
        {
            assert_eq!(unframed(broken), None, "{broken:?}");
        }
    }
}
