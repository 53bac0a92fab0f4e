//! Every metric name, once. Names follow Prometheus' rules: base units, `_total` on counters,
//! labels with a bounded set of values. All are described and set to zero at the start, so that
//! a graph shows "none" and not "unknown".

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const POSTS_POLLED: &str = "earmark_posts_polled_total";
const POSTS_SKIPPED: &str = "earmark_posts_skipped_total";
const RECHECKED: &str = "earmark_rechecked_posts_total";
const RECHECKS_WAITING: &str = "earmark_rechecks_waiting";
const RECHECKS_OVERDUE: &str = "earmark_rechecks_overdue";
const POLLS: &str = "earmark_polls_total";
const MENTIONS: &str = "earmark_mentions_total";
const SCORE_SECONDS: &str = "earmark_score_duration_seconds";
const CACHED_VERDICTS: &str = "earmark_score_cache_total";
const ESCALATIONS_OPENED: &str = "earmark_escalations_opened_total";
const ESCALATIONS_EXPIRED: &str = "earmark_escalations_expired_total";
const HELD: &str = "earmark_notifications_held_total";
const ATTEMPTS: &str = "earmark_notification_attempts_total";
const SOURCE_SUCCESS: &str = "earmark_source_last_success_timestamp_seconds";
const SOURCE_THROUGH: &str = "earmark_source_fetched_through_timestamp_seconds";
const SOURCE_BEHIND: &str = "earmark_source_behind_seconds";
const SOURCE_QUIET: &str = "earmark_source_quiet";
const SOURCE_BLIND: &str = "earmark_source_blind_seconds_total";
const OUTBOX_OLDEST: &str = "earmark_outbox_oldest_seconds";
const OUTBOX_WAITING: &str = "earmark_outbox_waiting";
const STORE_BYTES: &str = "earmark_store_bytes";
const STORE_MENTIONS: &str = "earmark_store_mentions";
const TASK_FAILURES: &str = "earmark_task_failures";
const CONFIG_RELOADS: &str = "earmark_config_reloads_total";

/// A recorder that `GET /metrics` can read, not yet installed.
///
/// # Errors
/// Where the recorder refuses its own buckets: a mistake of this file.
pub fn recorder() -> anyhow::Result<metrics_exporter_prometheus::PrometheusRecorder> {
    let buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &buckets)?
        .build_recorder())
}

/// Installs a recorder for the process; a second call gives the first one's handle.
///
/// # Errors
/// As [`recorder`].
pub fn install() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let recorder = recorder()?;
    let handle = HANDLE.get_or_init(|| recorder.handle()).clone();
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
    }
    Ok(handle)
}

fn describe() {
    describe_counter!(POSTS_POLLED, "Posts given by sources, by source kind");
    describe_counter!(POSTS_SKIPPED, "Posts that became no mention, by reason");
    describe_counter!(POLLS, "Looks at sources, by source kind and outcome");
    describe_counter!(RECHECKED, "Posts asked for anew, by source kind and outcome");
    describe_gauge!(RECHECKS_WAITING, "Posts due to be asked for anew, by source");
    describe_gauge!(
        RECHECKS_OVERDUE,
        "Posts that should have been asked for anew by their place's terms, by source"
    );
    describe_counter!(MENTIONS, "Mentions recorded, by topic");
    describe_histogram!(SCORE_SECONDS, Unit::Seconds, "Time from asking for a batch's scores to having them");
    describe_counter!(CACHED_VERDICTS, "Texts looked up among those scored before, by outcome");
    describe_counter!(ESCALATIONS_OPENED, "Escalations opened, by trigger");
    describe_counter!(ESCALATIONS_EXPIRED, "Escalations that nobody answered");
    describe_counter!(HELD, "Mentions not escalated and notifications not sent, by reason");
    describe_counter!(ATTEMPTS, "Tries to hand over a notification, by channel kind and outcome");
    describe_gauge!(SOURCE_SUCCESS, Unit::Seconds, "When a source last answered well");
    describe_gauge!(SOURCE_THROUGH, Unit::Seconds, "Up to when a source was read, but for gaps");
    describe_gauge!(
        SOURCE_BEHIND,
        Unit::Seconds,
        "How far a source is behind while what has piled up is read"
    );
    describe_gauge!(SOURCE_QUIET, "1 while a source that should have spoken is quiet");
    describe_counter!(SOURCE_BLIND, "Seconds of a source that were not seen and not repaired, by cause");
    describe_gauge!(OUTBOX_OLDEST, Unit::Seconds, "Age of the oldest notification not yet delivered");
    describe_gauge!(OUTBOX_WAITING, "Notifications not yet delivered");
    describe_gauge!(STORE_BYTES, Unit::Bytes, "Size of the store on disk");
    describe_gauge!(STORE_MENTIONS, "Mentions in the store");
    describe_gauge!(TASK_FAILURES, "Failures in a row of a task");
    describe_counter!(CONFIG_RELOADS, "Reloads of the configuration, by outcome");
    for reason in ["duplicate", "too_old", "unmatched", "malformed", "deleted", "forgotten"] {
        counter!(POSTS_SKIPPED, "reason" => reason).increment(0);
    }
    for outcome in ["hit", "miss"] {
        counter!(CACHED_VERDICTS, "outcome" => outcome).increment(0);
    }
    for outcome in ["taken", "refused"] {
        counter!(CONFIG_RELOADS, "outcome" => outcome).increment(0);
    }
    counter!(ESCALATIONS_EXPIRED).increment(0);
    gauge!(OUTBOX_OLDEST).set(0.0);
    gauge!(OUTBOX_WAITING).set(0.0);
}

/// Posts given by a source.
pub fn posts_polled(kind: &'static str, count: usize) {
    counter!(POSTS_POLLED, "source_kind" => kind).increment(count as u64);
}

/// A look at a source: `fresh`, `nothing_new` or `failed`.
pub fn poll(kind: &'static str, outcome: &'static str) {
    counter!(POLLS, "source_kind" => kind, "outcome" => outcome).increment(1);
}

/// Posts asked for anew: `unchanged`, `edited`, `gone` or `failed`.
pub fn rechecked(kind: &'static str, outcome: &'static str, count: usize) {
    counter!(RECHECKED, "source_kind" => kind, "outcome" => outcome).increment(count as u64);
}

/// The queue of posts to be asked for anew, as it is now.
#[expect(clippy::cast_precision_loss, reason = "gauges of rows")]
pub fn rechecks(source: &str, waiting: usize, overdue: usize) {
    gauge!(RECHECKS_WAITING, "source" => source.to_owned()).set(waiting as f64);
    gauge!(RECHECKS_OVERDUE, "source" => source.to_owned()).set(overdue as f64);
}

/// Posts that became no mention.
pub fn posts_skipped(reason: &'static str, count: u64) {
    counter!(POSTS_SKIPPED, "reason" => reason).increment(count);
}

/// A mention recorded.
pub fn mention(topic: &str) {
    counter!(MENTIONS, "topic" => topic.to_owned()).increment(1);
}

/// A batch scored.
pub fn scored(seconds: f64) {
    histogram!(SCORE_SECONDS).record(seconds);
}

/// Texts that had been scored before, and texts that had not.
pub fn cached_verdicts(hits: u64, misses: u64) {
    counter!(CACHED_VERDICTS, "outcome" => "hit").increment(hits);
    counter!(CACHED_VERDICTS, "outcome" => "miss").increment(misses);
}

/// An escalation opened.
pub fn escalation_opened(trigger: &str) {
    counter!(ESCALATIONS_OPENED, "trigger" => trigger.to_owned()).increment(1);
}

/// An escalation that nobody answered.
pub fn escalation_expired() {
    counter!(ESCALATIONS_EXPIRED).increment(1);
}

/// A "no", by its reason.
pub fn held(reason: &str) {
    counter!(HELD, "reason" => reason.to_owned()).increment(1);
}

/// A try to hand over a notification.
pub fn attempt(channel_kind: &'static str, outcome: &'static str) {
    counter!(ATTEMPTS, "channel_kind" => channel_kind, "outcome" => outcome).increment(1);
}

/// A source answered well at this Unix time.
pub fn source_answered(source: &str, seconds: f64) {
    gauge!(SOURCE_SUCCESS, "source" => source.to_owned()).set(seconds);
}

/// How well a source is watched: read through to this Unix time, so far behind, strangely quiet or not.
pub fn coverage(source: &str, through: f64, behind: f64, quiet: bool) {
    gauge!(SOURCE_THROUGH, "source" => source.to_owned()).set(through);
    gauge!(SOURCE_BEHIND, "source" => source.to_owned()).set(behind);
    gauge!(SOURCE_QUIET, "source" => source.to_owned()).set(f64::from(u8::from(quiet)));
}

/// A stretch of a source that was not seen.
pub fn blind(source: &str, cause: &'static str, seconds: f64) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a stretch of time, in whole seconds"
    )]
    let seconds = seconds.max(0.0) as u64;
    counter!(SOURCE_BLIND, "source" => source.to_owned(), "cause" => cause).increment(seconds);
}

/// The outbox as it is now.
pub fn outbox(waiting: u64, oldest_seconds: f64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge of rows")]
    gauge!(OUTBOX_WAITING).set(waiting as f64);
    gauge!(OUTBOX_OLDEST).set(oldest_seconds);
}

/// The store as it is now.
#[expect(clippy::cast_precision_loss, reason = "gauges of bytes and rows")]
pub fn store(bytes: u64, mentions: u64) {
    gauge!(STORE_BYTES).set(bytes as f64);
    gauge!(STORE_MENTIONS).set(mentions as f64);
}

/// A task's failures in a row.
pub fn task_failures(task: &str, failures: u32) {
    gauge!(TASK_FAILURES, "task" => task.to_owned()).set(f64::from(failures));
}

/// A reload of the configuration: `taken` or `refused`.
pub fn config_reload(outcome: &'static str) {
    counter!(CONFIG_RELOADS, "outcome" => outcome).increment(1);
}
