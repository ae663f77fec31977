//! How many requests there were, and how long their answers took: by route, never by path.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use axum::http::{Method, StatusCode};

use crate::latency::Latencies;

/// The methods that are told apart, and one for all others.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"];
/// The classes of a status, from 100 on.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The route under which requests without a route are counted.
const UNMATCHED: &str = "unmatched";
const TOTAL: &str = "mc_http_requests_total";
const DURATION: &str = "mc_http_request_duration_seconds";

/// The requests of a server. Its size is that of the table of routes, whatever is asked for.
#[derive(Debug)]
pub struct Requests {
    routes: Vec<Counts>,
    unmatched: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    route: &'static str,
    answered: [[AtomicU64; CLASSES.len()]; METHODS.len()],
    took: Latencies,
}

impl Requests {
    /// Empty counts for a server with these routes.
    pub fn of(paths: impl IntoIterator<Item = &'static str>) -> Self {
        let mut paths: Vec<_> = paths.into_iter().collect();
        // A segment as it is written comes before one that stands for anything.
        paths.sort_by_key(|path| (path.matches('{').count(), *path));
        paths.dedup();
        let counts = |route| Counts { route, ..Counts::default() };
        Self { routes: paths.into_iter().map(counts).collect(), unmatched: counts(UNMATCHED) }
    }

    /// Counts one answered request by route, method and status, with its duration.
    pub fn record(&self, method: &Method, path: &str, status: StatusCode, took: Duration) {
        let counts = self.routes.iter().find(|counts| covers(counts.route, path)).unwrap_or(&self.unmatched);
        let known = METHODS.iter().position(|known| *known == method.as_str());
        let method = known.unwrap_or(METHODS.len() - 1);
        let class = usize::from(status.as_u16() / 100).saturating_sub(1).min(CLASSES.len() - 1);
        counts.answered[method][class].fetch_add(1, Relaxed);
        counts.took.record(took);
    }

    /// Appends them in the text format of Prometheus: what was asked for at least once.
    pub fn write_to(&self, text: &mut String) {
        let _ =
            writeln!(text, "# HELP {TOTAL} Requests by route and class of status.\n# TYPE {TOTAL} counter");
        let asked = || self.routes.iter().chain([&self.unmatched]).filter(|counts| counts.took.count() > 0);
        asked().for_each(|counts| counts.write_to(text));
        let _ =
            writeln!(text, "# HELP {DURATION} How long answers took to begin.\n# TYPE {DURATION} histogram");
        asked()
            .for_each(|counts| counts.took.write_to(text, DURATION, &format!("route=\"{}\"", counts.route)));
    }
}

impl Counts {
    fn write_to(&self, text: &mut String) {
        for (method, classes) in METHODS.iter().zip(&self.answered) {
            for (class, count) in CLASSES.iter().zip(classes) {
                let (route, count) = (self.route, count.load(Relaxed));
                if count > 0 {
                    let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{class}\"");
                    let _ = writeln!(text, "{TOTAL}{{{labels}}} {count}");
                }
            }
        }
    }
}

/// Whether the path is one of the route: segment by segment, where `{…}` stands for any.
fn covers(route: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let fits = |wanted: &str| {
        segments.next().is_some_and(|given| wanted == given || (wanted.starts_with('{') && !given.is_empty()))
    };
    route.split('/').all(fits) && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_never_by_path() {
        let requests = Requests::of(["/api/tasks/{task}", "/api/tasks", "/api/tasks/next", "/api/tasks"]);
        let record = |method: &str, path: &str, status: u16| {
            let (method, status) = (method.parse().unwrap(), StatusCode::from_u16(status).unwrap());
            requests.record(&method, path, status, Duration::from_millis(2));
        };
        for number in 0..100 {
            record("GET", &format!("/api/tasks/{number}"), 200);
            record("GET", &format!("/nowhere/{number}"), 404);
        }
        record("POST", "/api/tasks", 201);
        record("GET", "/api/tasks/next", 503);
        record("BREW", "/api/tasks", 405);
        let mut text = String::new();
        requests.write_to(&mut text);
        for line in [
            "mc_http_requests_total{method=\"GET\",route=\"/api/tasks/{task}\",status=\"2xx\"} 100",
            "mc_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"4xx\"} 100",
            "mc_http_requests_total{method=\"POST\",route=\"/api/tasks\",status=\"2xx\"} 1",
            "mc_http_requests_total{method=\"OTHER\",route=\"/api/tasks\",status=\"4xx\"} 1",
            "mc_http_requests_total{method=\"GET\",route=\"/api/tasks/next\",status=\"5xx\"} 1",
            "mc_http_request_duration_seconds_bucket{route=\"/api/tasks\",le=\"0.0025\"} 2",
            "mc_http_request_duration_seconds_count{route=\"unmatched\"} 100",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is not in {text}");
        }
        assert_eq!(text.matches("TYPE mc_http").count(), 2);
    }
}
