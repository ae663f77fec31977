//! The stream that tells a page to look again: that something happened, never what.
//!
//! A page that is told looks at its own address again, and puts what differs in place. So it is told twice a second at most,
//! however much happens, and shows nothing that it would not show when it is opened.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    response::Response,
};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::Instant;

use super::{Visit, html::Refused};
use crate::{events::Listener, extract::LastEventId, lookup};

/// How often at most a page is told to look again.
const EVERY: Duration = Duration::from_millis(500);

/// `GET /live`: an event `changed` whenever something was recorded in the projects of the page.
pub(super) async fn follow(visit: Visit, last: LastEventId) -> Result<Response, Refused> {
    let head = visit.app.log().head();
    let after = visit.parameter("after").and_then(|after| after.parse::<u64>().ok());
    // A log that is shorter than the page remembers was restored: the page is told, and looks again.
    let after = last.0.or(after).unwrap_or(head).min(head);
    let reach =
        visit.app.read(|views| lookup::listed(views, visit.caller.reach(), visit.project())).await??;
    let listener = Listener::new(visit.app.clone(), visit.caller.clone());
    let events = visit.app.streams().open(after, reach, Some(listener))?;
    let (parts, body) = events.into_parts();
    Ok(Response::from_parts(parts, Body::from_stream(told(body.into_data_stream()))))
}

/// What is read of the events, and when the page was told last.
struct Teller {
    events: BodyDataStream,
    told_at: Option<Instant>,
    /// The id of the last event that the page is still to be told of.
    news: Option<String>,
    is_over: bool,
}

fn told(events: BodyDataStream) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let teller = Teller { events, told_at: None, news: None, is_over: false };
    stream::unfold(teller, async |mut teller| Some((Ok(teller.next().await?), teller)))
}

impl Teller {
    /// What to send next; nothing once the events have ended.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.news.is_none() {
                if let Some(sent) = self.read().await? {
                    return Some(sent);
                }
                continue;
            }
            let due = self.told_at.map_or_else(Instant::now, |told_at| told_at + EVERY);
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(due) => {
                    let id = self.news.take()?;
                    self.told_at = Some(Instant::now());
                    return Some(format!("event: changed\nid: {id}\ndata: {id}\n\n").into());
                }
                chunk = self.events.next(), if !self.is_over => self.note(chunk),
            }
        }
    }

    /// Reads on while there is no news; what is no event, a greeting or a sign of life, is passed on.
    async fn read(&mut self) -> Option<Option<Bytes>> {
        if self.is_over {
            return None;
        }
        match self.events.next().await {
            Some(Ok(chunk)) if last_id(&chunk).is_none() => Some(Some(chunk)),
            chunk => {
                self.note(chunk);
                Some(None)
            }
        }
    }

    fn note(&mut self, chunk: Option<Result<Bytes, axum::Error>>) {
        match chunk {
            Some(Ok(chunk)) => self.news = last_id(&chunk).or(self.news.take()),
            Some(Err(_)) | None => self.is_over = true,
        }
    }
}

/// The id of the last event in a piece of the stream: pieces end with an event.
fn last_id(chunk: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(chunk).ok()?;
    let line = text.rfind("\nid: ").map(|at| at + 1).or_else(|| text.starts_with("id: ").then_some(0))?;
    text[line + "id: ".len()..].lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64) -> String {
        format!("id: {id}\nevent: task.claimed\ndata: {{}}\n\n")
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_is_told_at_once_and_then_twice_a_second() {
        let chunks = [": the log follows\n\n".to_owned(), event(1), event(2), [event(3), event(4)].concat()];
        let chunks = chunks.map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
        let body = Body::from_stream(stream::iter(chunks));
        let begin = Instant::now();
        let parts: Vec<_> = told(body.into_data_stream())
            .map(|part| (Instant::now() - begin, String::from_utf8(part.unwrap().to_vec()).unwrap()))
            .collect()
            .await;
        let changed = |id: u64| format!("event: changed\nid: {id}\ndata: {id}\n\n");
        let expected = [
            (Duration::ZERO, ": the log follows\n\n".to_owned()),
            (Duration::ZERO, changed(1)),
            (EVERY, changed(4)),
        ];
        assert_eq!(parts, expected);
    }
}
