//! Numbers out of what the peers saw.

use crate::peer::Peer;
use serde_json::{json, Value};
use std::ops::Range;
use std::time::Duration;

/// How soon the subscribers were in: medians and 95th percentiles in milliseconds.
pub fn joins(kind: &str, peers: &[&mut Peer], bytes_each: Option<f64>) -> Value {
    let times = |pick: fn(&Peer) -> Option<Duration>| {
        let mut ms: Vec<f64> = peers
            .iter()
            .filter_map(|peer| pick(peer))
            .map(|t| t.as_secs_f64() * 1e3)
            .collect();
        ms.sort_by(f64::total_cmp);
        json!({"p50": at(&ms, 0.5), "p95": at(&ms, 0.95)})
    };
    json!({
        "kind": kind,
        "subscribers": peers.len(),
        "join_ms": times(|peer| peer.state.seen.join),
        "connected_ms": times(|peer| peer.state.seen.connected),
        "first_media_ms": times(|peer| peer.state.seen.first_media),
        "bytes_each": bytes_each,
    })
}

/// What was delivered of the packets with `numbers`; forgets what was seen.
pub fn window(
    peers: &mut [&mut Peer],
    numbers: Range<u64>,
    seconds: f64,
    cpu: Option<f64>,
    own: Option<f64>,
) -> Value {
    let sent = (numbers.end - numbers.start) * peers.len() as u64;
    let (mut delivered, mut extra, mut worst) = (0u64, 0u64, 1.0f64);
    let mut late: Vec<f64> = Vec::new();
    for peer in peers {
        let mut seen = vec![false; (numbers.end - numbers.start) as usize];
        let mut unique = 0u64;
        for (number, nanos) in peer.state.seen.arrived.drain(..) {
            let Some(slot) = number
                .checked_sub(numbers.start)
                .and_then(|i| seen.get_mut(i as usize))
            else {
                continue;
            };
            if std::mem::replace(slot, true) {
                extra += 1;
            } else {
                unique += 1;
                late.push(nanos as f64 / 1e6);
            }
        }
        delivered += unique;
        worst = worst.min(unique as f64 / seen.len().max(1) as f64);
    }
    late.sort_by(f64::total_cmp);
    json!({
        "kind": "window",
        "seconds": seconds,
        "sent": sent,
        "delivered": delivered,
        "duplicates": extra,
        "worst_subscriber": worst,
        "latency_ms": {"p50": at(&late, 0.5), "p99": at(&late, 0.99)},
        "server_cpu_s": cpu,
        "per_cpu_s": cpu.filter(|cpu| *cpu > 0.0).map(|cpu| delivered as f64 / cpu),
        "client_cpu_s": own,
    })
}

fn at(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * part).round() as usize).copied()
}
