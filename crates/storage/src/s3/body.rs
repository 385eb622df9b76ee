//! Request bodies: a list of chunks, sent as they are.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::Body;

/// The chunks of a [`Body`] as an HTTP body of known length.
struct Chunks {
    rest: vec::IntoIter<Bytes>,
    len: u64,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.rest.find(|chunk| !chunk.is_empty());
        if let Some(chunk) = &next {
            self.len = self.len.saturating_sub(chunk.len() as u64);
        }
        Poll::Ready(next.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.len == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}

/// What one attempt sends. The chunks are shared with `body`, not copied.
pub(super) fn stream(body: &Body) -> ByteStream {
    if body.is_empty() {
        return ByteStream::from_static(b"");
    }
    ByteStream::from_body_1_x(Chunks {
        rest: body.clone().into_chunks().into_iter(),
        len: body.len(),
    })
}
