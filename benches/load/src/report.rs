//! Numbers out of what the peers saw.

use crate::peer::Peer;
use crate::process::Cpu;
use serde_json::{json, Value};
use std::collections::HashMap;
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

/// What was delivered of the packets with `numbers`; forgets what was seen. In a `mesh` people get different layers of different
/// publishers: what was sent to each is told by its sources' sequence numbers, in which a server leaves no gap.
pub fn window(
    peers: &mut [&mut Peer],
    numbers: Range<u64>,
    mesh: bool,
    seconds: f64,
    cpu: Option<Cpu>,
    own: Option<Cpu>,
) -> Value {
    let mut sent = if mesh {
        0
    } else {
        (numbers.end - numbers.start) * peers.len() as u64
    };
    let (mut delivered, mut extra, mut worst) = (0u64, 0u64, 1.0f64);
    let mut late: Vec<f64> = Vec::new();
    for peer in peers {
        let mut seen = vec![false; (numbers.end - numbers.start) as usize];
        let mut sources: HashMap<u32, (u64, u64)> = HashMap::new();
        let mut unique = 0u64;
        for packet in peer.state.seen.arrived.drain(..) {
            let place = packet.number.checked_sub(numbers.start);
            let Some(slot) = place.and_then(|i| seen.get_mut(i as usize)) else {
                continue;
            };
            if std::mem::replace(slot, true) {
                extra += 1;
                continue;
            }
            unique += 1;
            late.push(packet.nanos as f64 / 1e6);
            let (first, last) = sources
                .entry(packet.ssrc)
                .or_insert((packet.sequence, packet.sequence));
            (*first, *last) = ((*first).min(packet.sequence), (*last).max(packet.sequence));
        }
        let told: u64 = sources.values().map(|(first, last)| last - first + 1).sum();
        let due = if mesh { told } else { seen.len() as u64 };
        sent += if mesh { told } else { 0 };
        delivered += unique;
        worst = worst.min(unique as f64 / due.max(1) as f64);
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
        "server_cpu_s": cpu.map(|cpu| cpu.all),
        "media_cpu_s": cpu.map(|cpu| cpu.media),
        "per_cpu_s": cpu.filter(|cpu| cpu.all > 0.0).map(|cpu| delivered as f64 / cpu.all),
        "client_cpu_s": own.map(|cpu| cpu.all),
    })
}

fn at(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * part).round() as usize).copied()
}
