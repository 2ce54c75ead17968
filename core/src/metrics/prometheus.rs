//! The snapshot as Prometheus text: base units, `_total` on counters, one family of outcomes.

use std::collections::HashSet;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::times::BUCKETS_MS;
use super::{ActionMetrics, Counts, Distribution, Metrics};

impl Metrics {
    /// The numbers in the text format that Prometheus scrapes. Names begin with `cxone_`; times are in seconds.
    pub fn prometheus(&self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Snapshot(self.clone())));
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        as_prometheus(&text)
    }
}

/// The library writes OpenMetrics, where a counter's family is named without the `_total` of its samples and the text ends
/// with `# EOF`. In the text format 0.0.4, which every scraper reads, the family has the name of its samples.
fn as_prometheus(text: &str) -> String {
    let counters: HashSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut out = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(sort), Some(name), Some(rest)) if counters.contains(name) => {
                out.push_str(&format!("# {sort} {name}_total {rest}"));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[derive(Debug)]
struct Snapshot(Metrics);

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        self.invocations(&mut encoder)?;
        self.waiting(&mut encoder)?;
        self.tallies(&mut encoder)?;
        self.callbacks(&mut encoder)?;
        self.times(
            &mut encoder,
            "cxone_invoke_latency_seconds",
            "From the call to the gateway's acceptance",
            |action| &action.invoke_latency,
        )?;
        self.times(&mut encoder, "cxone_duration_seconds", "From the call to the terminal state", |action| {
            &action.duration
        })
    }
}

impl Snapshot {
    fn invocations(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let started = ConstCounter::new(0u64);
        let mut family = encoder.encode_descriptor(
            "cxone_invocations_started",
            "Invocations that passed contract and policy",
            None,
            started.metric_type(),
        )?;
        for (action, metrics) in &self.0.by_action {
            ConstCounter::new(metrics.counts.started)
                .encode(family.encode_family(&[("action", action.as_str())])?)?;
        }
        let mut family = encoder.encode_descriptor(
            "cxone_invocations",
            "Invocations by how they ended",
            None,
            started.metric_type(),
        )?;
        for (action, metrics) in &self.0.by_action {
            for (outcome, count) in metrics.counts.outcomes() {
                let labels = [("action", action.as_str()), ("outcome", outcome)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn waiting(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        type Pick = fn(&Counts) -> u64;
        let gauges: [(&str, &str, Pick); 2] = [
            ("cxone_invocations_in_flight", "Invocations that somebody waits for", |c| c.in_flight),
            ("cxone_invocations_detached", "Accepted invocations that nobody waits for", |c| c.detached),
        ];
        for (name, help, pick) in gauges {
            let mut family =
                encoder.encode_descriptor(name, help, None, ConstGauge::new(0i64).metric_type())?;
            for (action, metrics) in &self.0.by_action {
                let value = i64::try_from(pick(&metrics.counts)).unwrap_or(i64::MAX);
                ConstGauge::new(value).encode(family.encode_family(&[("action", action.as_str())])?)?;
            }
        }
        Ok(())
    }

    fn tallies(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let m = &self.0;
        let counters = [
            ("cxone_requests_denied", "Requests that the policy refused", m.denied),
            ("cxone_requests_invalid", "Requests that broke the contract", m.invalid),
            ("cxone_retries", "Sends beyond the first of each invocation", m.retries),
            ("cxone_rate_limited", "Answers with status 429", m.rate_limited),
            ("cxone_polls", "Looks at the state of an invocation", m.polls),
            ("cxone_token_refreshes", "Tokens fetched", m.token_refreshes),
            (
                "cxone_callback_failures",
                "Callback handlers that raised or did not end in time",
                m.callback_failures,
            ),
            ("cxone_unknown_statuses", "Status words that the profile does not know", m.unknown_statuses),
            ("cxone_audit_lost", "Records of the audit trail that could not be written", m.audit_lost),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }

    fn callbacks(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Callbacks by what they came to";
        let sort = ConstCounter::new(0u64).metric_type();
        let mut family = encoder.encode_descriptor("cxone_callbacks", help, None, sort)?;
        for (outcome, count) in &self.0.callbacks {
            ConstCounter::new(*count).encode(family.encode_family(&[("outcome", *outcome)])?)?;
        }
        Ok(())
    }

    /// A histogram for each action: other than percentiles, its buckets can be added up over processes.
    fn times(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        pick: fn(&ActionMetrics) -> &Distribution,
    ) -> std::fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (action, metrics) in &self.0.by_action {
            let times = pick(metrics);
            let edges = BUCKETS_MS.iter().map(|edge| f64::from(*edge) / 1000.0);
            let mut buckets: Vec<_> = edges.zip(times.buckets).collect();
            let below: u64 = times.buckets.iter().sum();
            buckets.push((f64::INFINITY, times.count.saturating_sub(below)));
            let sum = times.mean_ms.unwrap_or_default() * times.count as f64 / 1000.0;
            let labels = [("action", action.as_str())];
            let mut metric = family.encode_family(&labels)?;
            metric.encode_histogram::<NoLabelSet>(sum, times.count, &buckets, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::metrics::{Board, Place};

    #[test]
    fn every_sample_belongs_to_a_family_of_its_name() {
        let board = Board::default();
        board.start("create \"case\"");
        board.terminal("create \"case\"", Place::InFlight, Place::Completed, Duration::from_millis(80));
        let text = board.snapshot().prometheus();
        let families: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(samples.len() > 20);
        for sample in &samples {
            let name = sample.split(['{', ' ']).next().unwrap();
            let of_histogram =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let family = of_histogram.filter(|family| families.contains(family)).unwrap_or(name);
            assert!(name.starts_with("cxone_") && families.contains(&family), "{sample}");
        }
        let completed = r#"cxone_invocations_total{action="create \"case\"",outcome="completed"} 1"#;
        assert!(samples.contains(&completed), "{text}");
        for (edge, count) in [("0.05", 0), ("0.1", 1), ("900.0", 1), ("+Inf", 1)] {
            let bucket =
                format!(r#"cxone_duration_seconds_bucket{{le="{edge}",action="create \"case\""}} {count}"#);
            assert!(samples.contains(&bucket.as_str()), "{bucket} is not in\n{text}");
        }
        assert!(!text.contains("EOF"));
    }
}
