//! A streamed body, line by line.

use axum::body::{Body, Bytes};
use futures::stream::{self, Stream, StreamExt as _};

use crate::http::body::{BODY_LIMIT, unread};
use crate::problem::Problem;

/// A line as it arrived.
pub(super) struct RawLine {
    /// From 1.
    pub(super) number: u64,
    /// Its bytes, or why there are none: nothing follows then.
    pub(super) content: Result<Vec<u8>, Problem>,
}

/// The lines of a body, but for blank ones. A line that is too long, or a body that breaks off, ends them.
pub(super) fn lines(body: Body) -> impl Stream<Item = RawLine> + Send {
    let splitter = Splitter {
        chunks: body.into_data_stream().boxed(),
        unread: Bytes::new(),
        line: Vec::new(),
        number: 0,
        ended: false,
    };
    stream::unfold(splitter, |mut splitter| async move { Some((splitter.next().await?, splitter)) }).boxed()
}

struct Splitter {
    chunks: stream::BoxStream<'static, Result<Bytes, axum::Error>>,
    /// The rest of the last chunk.
    unread: Bytes,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    number: u64,
    ended: bool,
}

impl Splitter {
    async fn next(&mut self) -> Option<RawLine> {
        while !self.ended {
            let content = match self.whole_line().await {
                Ok(line) if line.trim_ascii().is_empty() => continue,
                content => content,
            };
            self.ended |= content.is_err();
            return Some(RawLine { number: self.number, content });
        }
        None
    }

    /// The next line, blank or not; blank, too, at the end of the body.
    async fn whole_line(&mut self) -> Result<Vec<u8>, Problem> {
        self.number += 1;
        loop {
            let end = self.unread.iter().position(|byte| *byte == b'\n');
            let piece = self.unread.split_to(end.map_or(self.unread.len(), |end| end + 1));
            self.line.extend_from_slice(&piece);
            if self.line.len() > BODY_LIMIT {
                return Err(Problem::body_too_large(BODY_LIMIT));
            }
            if end.is_some() {
                return Ok(std::mem::take(&mut self.line));
            }
            match self.chunks.next().await {
                Some(Ok(chunk)) => self.unread = chunk,
                Some(Err(error)) => return Err(unread(&error)),
                None => {
                    self.ended = true;
                    return Ok(std::mem::take(&mut self.line));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::{Body, Bytes};
    use futures::stream::{self, StreamExt as _};

    use super::{BODY_LIMIT, lines};

    async fn split(chunks: &[&[u8]]) -> Vec<(u64, Result<String, u16>)> {
        let chunks: Vec<_> =
            chunks.iter().map(|chunk| Ok::<_, Infallible>(Bytes::copy_from_slice(chunk))).collect();
        let lines = lines(Body::from_stream(stream::iter(chunks))).map(|line| {
            let content = line.content.map(|bytes| String::from_utf8(bytes).unwrap().trim().to_owned());
            (line.number, content.map_err(|problem| problem.status().as_u16()))
        });
        lines.collect().await
    }

    #[tokio::test]
    async fn lines_are_whole_however_the_body_arrives() {
        let expected = vec![(1, Ok("one".to_owned())), (2, Ok("two".to_owned())), (4, Ok("four".to_owned()))];
        assert_eq!(split(&[b"one\ntwo\n\nfour\n"]).await, expected);
        assert_eq!(split(&[b"one\r\ntwo\r\n\r\nfour"]).await, expected);
        assert_eq!(split(&[b"o", b"ne", b"\nt", b"wo\n", b"\n", b"four"]).await, expected);
        assert_eq!(split(&[]).await, []);
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused_and_nothing_follows() {
        let long = vec![b'x'; BODY_LIMIT + 1];
        assert_eq!(split(&[b"one\n", &long, b"\nthree\n"]).await, [(1, Ok("one".to_owned())), (2, Err(413))]);
    }
}
