//! `/api/audit/export`: the log for auditors, streamed.

use std::{collections::VecDeque, io, ops::RangeInclusive, str::FromStr, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use futures_util::{Stream, stream};
use mc_domain::{reach::Reach, string_enum};
use mc_projections::{
    audit::{Audited, Auditor, CSV_HEADER, MAX_STRETCH_EVENTS, cloud_event, csv_line},
    views::Views,
};
use mc_store::{
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinHandle,
};

use crate::{
    access::Caller,
    app::App,
    extract::{Day, Query},
    headers::at_position,
    lookup,
    problem::{Chain, FieldError, Kind, Problem},
};

/// The most exports at a time in this process: each remembers the streams it met last.
pub const MAX_EXPORTS: usize = 8;
/// The events rendered at once, while the views hold still.
const STRETCH_EVENTS: usize = 128;
const _: () = assert!(STRETCH_EVENTS <= MAX_STRETCH_EVENTS);

static FREE: Semaphore = Semaphore::const_new(MAX_EXPORTS);

/// The parameters of the export: which events, and in which format.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Export {
    start_date: Option<String>,
    end_date: Option<String>,
    project: Option<String>,
    format: Option<Format>,
}

string_enum! {
    /// The format of the export, which also sets its content type.
    Format {
        /// One JSON array of all events.
        Json = "json",
        /// One JSON object per line, one line per event.
        Ndjson = "ndjson",
        /// A table with a header row, one row per event (RFC 4180).
        Csv = "csv",
        /// A JSON batch of events as CloudEvents 1.0.
        Cloudevents = "cloudevents",
    }
}

/// `GET /api/audit/export`: every recorded event of those UTC days, both included, or between two instants, the second
/// one excluded, oldest first. `format` is json (the default), ndjson, csv or cloudevents; `project` leaves the others
/// out. What goes wrong after the answer has begun breaks the connection off: a complete export ends properly.
///
/// Problems: `malformed-query`, `store-unavailable`, `too-many-streams`.
pub async fn export(
    State(app): State<App>,
    caller: Caller,
    Query(export): Query<Export>,
) -> Result<Response, Problem> {
    let range = Range::of(&export)?;
    app.check_in_touch()?;
    let (reach, stretches, head) = app
        .read(|views| {
            let reach = lookup::listed(views, caller.reach(), export.project.as_deref())?;
            Ok::<_, Problem>((reach, range.stretches(views), views.position()))
        })
        .await??;
    let permit = FREE.try_acquire().map_err(|_| {
        let detail = format!("The server writes {MAX_EXPORTS} exports already. Come back later.");
        Problem::new(Kind::TooManyStreams, detail)
    })?;
    let format = export.format.unwrap_or(Format::Json);
    let writer = Writer {
        app: app.clone(),
        caller,
        auditor: Auditor::default(),
        format,
        range,
        reach,
        reading: Reading::new(Arc::clone(app.log()), stretches),
        page: VecDeque::new(),
        stage: Stage::Begin,
        _permit: permit,
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (header::CONTENT_DISPOSITION, range.disposition(format)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok(at_position((headers, Body::from_stream(chunks(writer))).into_response(), head))
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Cloudevents => "application/cloudevents-batch+json",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Cloudevents => "cloudevents.json",
        }
    }

    fn is_array(self) -> bool {
        matches!(self, Self::Json | Self::Cloudevents)
    }
}

/// From the first instant on, up to the second; open where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    start: Option<Bound>,
    end: Option<Bound>,
}

/// A UTC day, or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Day(NaiveDate),
    Instant(DateTime<Utc>),
}

impl FromStr for Bound {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let day = || text.parse().ok().map(|Day(day)| Self::Day(day));
        // An unencoded plus sign of an offset arrives as a space.
        let instant = || DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok();
        day()
            .or_else(|| instant().map(|instant| Self::Instant(instant.to_utc())))
            .ok_or("must be a day such as 2026-02-01, or an instant such as 2026-02-01T09:00:00Z")
    }
}

impl Bound {
    fn start(self) -> DateTime<Utc> {
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN).and_utc(),
            Self::Instant(instant) => instant,
        }
    }

    /// A day ends with the beginning of the next one.
    fn end(self) -> DateTime<Utc> {
        match self {
            Self::Day(day) => day.succ_opt().map_or(DateTime::<Utc>::MAX_UTC, |next| Self::Day(next).start()),
            Self::Instant(instant) => instant,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Instant(instant) => instant.format("%Y%m%dT%H%M%SZ").to_string(),
        }
    }
}

impl Range {
    fn of(export: &Export) -> Result<Self, Problem> {
        let bound = |name: &str, text: &Option<String>| {
            let parsed = text.as_deref().map(str::parse::<Bound>).transpose();
            parsed.map_err(|reason| refused(name, reason))
        };
        let range =
            Self { start: bound("startDate", &export.start_date)?, end: bound("endDate", &export.end_date)? };
        let Some((start, end)) = range.start.zip(range.end) else { return Ok(range) };
        let ends_first = match end {
            Bound::Day(_) => end.end() <= start.start(),
            Bound::Instant(_) => end.end() < start.start(),
        };
        if ends_first { Err(refused("endDate", "must not be before startDate")) } else { Ok(range) }
    }

    fn contains(&self, time: DateTime<Utc>) -> bool {
        self.start.is_none_or(|start| start.start() <= time) && self.end.is_none_or(|end| time < end.end())
    }

    /// The stretches of the log that have all of it, and more.
    fn stretches(&self, views: &Views) -> VecDeque<RangeInclusive<u64>> {
        let (start, end) = (self.start.map(Bound::start), self.end.map(Bound::end));
        views.hours.between(start, end).into()
    }

    fn disposition(&self, format: Format) -> HeaderValue {
        let part = |bound: Option<Bound>| bound.map(|bound| format!("-{}", bound.name())).unwrap_or_default();
        let name = format!("audit{}{}.{}", part(self.start), part(self.end), format.extension());
        let value = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
        value.unwrap_or(HeaderValue::from_static("attachment"))
    }
}

fn refused(name: &str, reason: &str) -> Problem {
    Problem::new(Kind::MalformedQuery, format!("The parameter {name} {reason}."))
        .errors(vec![FieldError::of_parameter(name, reason)])
}

/// An export on its way: at most one page of the log, and what it renders of that.
struct Writer {
    app: App,
    /// Who exports: a credential may be revoked meanwhile.
    caller: Caller,
    auditor: Auditor,
    format: Format,
    range: Range,
    reach: Reach,
    reading: Reading,
    page: VecDeque<Audited>,
    stage: Stage,
    _permit: SemaphorePermit<'static>,
}

/// Reads the log a page ahead of what is rendered.
struct Reading {
    log: Arc<dyn EventLog>,
    /// What is still to be read.
    stretches: VecDeque<RangeInclusive<u64>>,
    next: Option<JoinHandle<Result<Vec<Audited>, StoreError>>>,
}

impl Reading {
    fn new(log: Arc<dyn EventLog>, stretches: VecDeque<RangeInclusive<u64>>) -> Self {
        let mut reading = Self { log, stretches, next: None };
        reading.begin();
        reading
    }

    /// The next page; nothing at the end.
    async fn page(&mut self) -> Result<Option<Vec<Audited>>, StoreError> {
        let Some(next) = self.next.take() else { return Ok(None) };
        let page = next.await.map_err(|broken| StoreError::Unavailable(broken.into()))??;
        self.begin();
        Ok(Some(page))
    }

    /// Begins to read the next page, and to decode it.
    fn begin(&mut self) {
        let Some(stretch) = self.stretches.pop_front() else { return };
        let (first, last) = stretch.into_inner();
        let end = last.min(first + MAX_PAGE_EVENTS as u64 - 1);
        if end < last {
            self.stretches.push_front(end + 1..=last);
        }
        let log = Arc::clone(&self.log);
        self.next = Some(tokio::spawn(async move {
            let page = log.read_all(first - 1, (end - first + 1) as usize).await?;
            page.into_iter().map(Audited::new).collect()
        }));
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(next) = &self.next {
            next.abort();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    /// Whether an item was written already.
    Items(bool),
    End,
}

/// The parts of the body, made as the client takes them. An error breaks the connection off, so nobody takes a part for
/// the whole.
fn chunks(writer: Writer) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some(writer), |writer| async {
        let mut writer = writer?;
        let shutdown = writer.app.shutdown().clone();
        let next = tokio::select! {
            biased;
            () = shutdown.cancelled() => Err(io::Error::other("the server shuts down")),
            next = writer.next_for_caller() => next,
        };
        match next {
            Ok(chunk) => chunk.map(|chunk| (Ok(chunk.into()), Some(writer))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

fn broken_off(error: StoreError) -> io::Error {
    tracing::error!(error = %Chain(&error), "an export is broken off");
    io::Error::other(error)
}

impl Writer {
    /// The next part of the body, as long as the caller's credential is good.
    async fn next_for_caller(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.app.is_still_good(&self.caller).await {
            Ok(true) => self.next().await.map_err(broken_off),
            Ok(false) => Err(io::Error::other("the credential is good no longer")),
            Err(problem) => Err(io::Error::other(problem)),
        }
    }

    /// The next part of the body; nothing at its end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut chunk = Vec::new();
        if self.stage == Stage::Begin {
            chunk.extend_from_slice(self.opening().as_bytes());
            self.stage = Stage::Items(false);
        }
        while let Stage::Items(_) = self.stage {
            match self.stretch().await? {
                Some(stretch) => self.render(stretch, &mut chunk).await?,
                None => {
                    chunk.extend_from_slice(if self.format.is_array() { b"\n]\n" } else { b"" });
                    self.stage = Stage::End;
                }
            }
            if !chunk.is_empty() {
                break;
            }
        }
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    fn opening(&self) -> &'static str {
        match self.format {
            Format::Json | Format::Cloudevents => "[",
            Format::Csv => CSV_HEADER,
            Format::Ndjson => "",
        }
    }

    /// The next events within reach, some of which clocks that stepped back may have put outside the range: they
    /// count for what entities were like. Nothing at the end.
    async fn stretch(&mut self) -> Result<Option<Vec<Audited>>, StoreError> {
        if self.page.is_empty() {
            let Some(page) = self.reading.page().await? else { return Ok(None) };
            let reach = &self.reach;
            let wanted = |event: &Audited| reach.covers(event.stored.metadata.project);
            self.page = page.into_iter().filter(wanted).collect();
        }
        let events = self.page.len().min(STRETCH_EVENTS);
        Ok(Some(self.page.drain(..events).collect()))
    }

    async fn render(&mut self, stretch: Vec<Audited>, chunk: &mut Vec<u8>) -> Result<(), StoreError> {
        let (app, range) = (self.app.clone(), self.range);
        if self.format == Format::Cloudevents {
            let events = stretch.iter().map(|event| &event.stored);
            let wanted = events.filter(|event| range.contains(event.metadata.recorded_at));
            let documents: Vec<_> =
                app.projected().read(|views| wanted.map(|event| cloud_event(event, views)).collect());
            return self.items(&documents, chunk);
        }
        self.auditor.prepare(app.log(), &stretch).await?;
        let auditor = &mut self.auditor;
        let mut entries: Vec<_> = app.projected().read(|views| {
            let entry = |event: &Audited| auditor.entry(event, views);
            stretch.iter().map(entry).collect()
        });
        entries.retain(|entry| range.contains(entry.at.0));
        if self.format == Format::Csv {
            entries.iter().for_each(|entry| chunk.extend_from_slice(csv_line(entry).as_bytes()));
            return Ok(());
        }
        self.items(&entries, chunk)
    }

    /// An item a line; in an array, commas between them.
    fn items(&mut self, items: &[impl Serialize], chunk: &mut Vec<u8>) -> Result<(), StoreError> {
        for item in items {
            if self.format.is_array() {
                chunk.extend_from_slice(if self.stage == Stage::Items(true) { b",\n" } else { b"\n" });
            }
            serde_json::to_writer(&mut *chunk, item)
                .map_err(|error| StoreError::Unavailable(error.into()))?;
            if !self.format.is_array() {
                chunk.push(b'\n');
            }
            self.stage = Stage::Items(true);
        }
        Ok(())
    }
}
