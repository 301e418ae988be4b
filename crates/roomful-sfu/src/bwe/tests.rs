//! The estimator over a virtual bottleneck with a virtual clock: a rate that steps, a queue that overflows, loss and jitter.
use super::*;
use std::collections::VecDeque;

const MS: i64 = 1_000;
/// More than any of these links carries.
const WANTED: u64 = 2_500_000;

/// Numbers with the time of their arrival, in µs.
type Told = Vec<(u16, Option<i64>)>;

/// A link, seeded.
struct Link {
    rate: fn(i64) -> f64,
    delay_us: i64,
    jitter_us: i64,
    loss: f64,
    /// What its buffer holds, as time.
    buffer_us: i64,
    free_at: i64,
    random: u64,
}

impl Link {
    fn new(rate: fn(i64) -> f64) -> Self {
        Self {
            rate,
            delay_us: 50 * MS,
            jitter_us: 0,
            loss: 0.0,
            buffer_us: 400 * MS,
            free_at: 0,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn unit(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }

    fn pass(&mut self, at: i64, size: usize) -> Option<i64> {
        if self.unit() < self.loss || self.free_at - at > self.buffer_us {
            return None;
        }
        self.free_at = self.free_at.max(at) + (size as f64 * 8e6 / (self.rate)(at)) as i64;
        let jitter = (self.unit() * self.jitter_us as f64) as i64;
        Some(self.free_at + self.delay_us + jitter)
    }
}

/// What was seen every 20 ms: the time in ms, the estimate, the link's queue in ms.
struct Seen(Vec<(i64, Option<u64>, f64)>);

impl Seen {
    fn within(&self, from: i64, to: i64) -> impl Iterator<Item = &(i64, Option<u64>, f64)> {
        self.0.iter().filter(move |(at, ..)| (from..to).contains(at))
    }

    fn mean(&self, from: i64, to: i64) -> f64 {
        let all: Vec<f64> = self
            .within(from, to)
            .map(|(_, e, _)| e.unwrap_or(WANTED).min(WANTED) as f64)
            .collect();
        all.iter().sum::<f64>() / all.len() as f64
    }

    /// The queue that is exceeded one twentieth of the time.
    fn queue(&self, from: i64, to: i64) -> f64 {
        let mut all: Vec<f64> = self.within(from, to).map(|(.., q)| *q).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() * 19 / 20]
    }
}

/// A sender that sends what it wants, or what the estimate allows; feedback every 100 ms.
fn run(link: &mut Link, seconds: i64) -> Seen {
    let start = Instant::now();
    let mut bwe = Estimator::new(start);
    let mut seen = Seen(vec![]);
    let mut flying: Told = vec![];
    let mut feedback: VecDeque<(i64, Told)> = VecDeque::new();
    let mut credit = 0.0;
    for step in 0..seconds * 200 {
        let at = step * 5 * MS;
        let now = start + Duration::from_micros(at as u64);
        while feedback.front().is_some_and(|(due, _)| *due <= at) {
            let (_, statuses) = feedback.pop_front().unwrap();
            for (sequence, arrival) in statuses {
                bwe.on_status(sequence, arrival.map(|a| a + 77_000_000));
            }
            bwe.on_feedback(Duration::from_micros(2 * link.delay_us as u64), now);
        }
        let rate = bwe.estimate_bps().unwrap_or(WANTED).min(WANTED);
        credit += rate as f64 * 0.005 / 8.0;
        let mut sizes = vec![];
        while credit >= 1_000.0 {
            sizes.push(1_000 - DATAGRAM);
            credit -= 1_000.0;
        }
        if step % 4 == 0 {
            let mut padding = bwe.padding(WANTED, true, now);
            while padding > 0 {
                sizes.push(280 - DATAGRAM);
                padding = padding.saturating_sub(280);
            }
            seen.0.push((
                at / MS,
                bwe.estimate_bps(),
                (link.free_at - at).max(0) as f64 / 1e3,
            ));
        }
        for size in sizes {
            let sequence = bwe.next_number();
            bwe.on_sent(size, now);
            flying.push((sequence, link.pass(at, size + DATAGRAM)));
        }
        if step % 20 == 19 {
            let last = flying.iter().rposition(|(_, a)| a.is_some_and(|a| a <= at));
            if let Some(last) = last {
                // Up to the last one that came; what is still on its way is said later.
                let told: Told = flying.drain(..=last).collect();
                let late: Vec<_> = told
                    .iter()
                    .filter(|(_, a)| a.is_some_and(|a| a > at))
                    .copied()
                    .collect();
                let told = told
                    .into_iter()
                    .filter(|(_, a)| a.is_none_or(|a| a <= at))
                    .collect();
                flying.splice(0..0, late);
                feedback.push_back((at + link.delay_us, told));
            }
        }
    }
    seen
}

fn assert_share(seen: &Seen, from: i64, to: i64, rate: f64) {
    let share = seen.mean(from, to) / rate;
    assert!(
        (0.85..=1.0).contains(&share),
        "{share:.3} of {rate} at {from}..{to} ms"
    );
}

#[test]
fn an_estimate_finds_a_link_follows_its_fall_and_comes_back() {
    let mut link = Link::new(|at| {
        if (20_000 * MS..40_000 * MS).contains(&at) {
            300e3
        } else {
            2e6
        }
    });
    let seen = run(&mut link, 60);
    for (from, to, rate) in [(5, 20, 2e6), (25, 40, 300e3), (45, 60, 2e6)] {
        assert_share(&seen, from * 1_000, to * 1_000, rate);
        let queue = seen.queue(from * 1_000, to * 1_000);
        assert!(queue < 200.0, "queue of {queue} ms at {from} s");
    }
}

#[test]
fn a_link_with_room_is_never_held_to_be_full() {
    for jitter_us in [0, 10 * MS, 30 * MS] {
        let mut link = Link::new(|_| 20e6);
        link.jitter_us = jitter_us;
        let seen = run(&mut link, 60);
        let limited = seen.0.iter().filter(|(_, e, _)| e.is_some()).count();
        assert_eq!(limited, 0, "jitter of {jitter_us} µs");
    }
}

#[test]
fn jitter_does_not_hide_a_link() {
    let mut link = Link::new(|_| 1e6);
    link.jitter_us = 20 * MS;
    let seen = run(&mut link, 30);
    assert_share(&seen, 5_000, 30_000, 1e6);
    assert!(seen.queue(5_000, 30_000) < 200.0);
}

#[test]
fn loss_at_random_does_not_bring_an_estimate_down() {
    let mut link = Link::new(|_| 20e6);
    link.loss = 0.05;
    assert_eq!(run(&mut link, 30).mean(0, 30_000), WANTED as f64);
    // Beside a bottleneck, too.
    let mut link = Link::new(|_| 1e6);
    link.loss = 0.05;
    let seen = run(&mut link, 30);
    let share = seen.mean(5_000, 30_000) / 1e6;
    assert!((0.80..=1.05).contains(&share), "{share}");
    // Heavy loss is a queue's at first, and the path's own when it stays.
    let mut link = Link::new(|_| 20e6);
    link.loss = 0.2;
    let seen = run(&mut link, 40);
    let late = seen.mean(15_000, 40_000);
    assert!(late > 0.95 * WANTED as f64, "{late}");
}

#[test]
fn a_link_that_drops_rather_than_queues_is_found_by_its_loss() {
    let mut link = Link::new(|_| 600e3);
    link.buffer_us = 25 * MS;
    let seen = run(&mut link, 40);
    let share = seen.mean(10_000, 40_000) / 600e3;
    assert!((0.6..=1.1).contains(&share), "{share}");
}

#[test]
fn a_receivers_own_estimate_counts_when_it_is_less_than_what_is_sent() {
    let start = Instant::now();
    let mut bwe = Estimator::new(start);
    let mut now = start;
    for _ in 0..100 {
        now += Duration::from_millis(10);
        bwe.on_sent(1_250 - DATAGRAM, now);
    }
    bwe.on_remb(1_500_000, now);
    assert_eq!(bwe.estimate_bps(), None);
    bwe.on_remb(400_000, now);
    assert_eq!(bwe.estimate_bps(), Some(400_000));
    // Nobody probes for it: after a while all is tried again.
    assert_eq!(bwe.padding(2_000_000, true, now), 0);
    now += Duration::from_secs(9);
    bwe.padding(2_000_000, true, now);
    assert_eq!(bwe.estimate_bps(), None);
}

#[test]
fn feedback_about_what_was_never_sent_changes_nothing() {
    let start = Instant::now();
    let mut bwe = Estimator::new(start);
    let sequence = bwe.next_number();
    bwe.on_sent(1_000, start);
    for n in 0..=u16::MAX {
        if n != sequence {
            bwe.on_status(n, Some(i64::from(n) * 40_000));
        }
    }
    for arrival in [i64::MIN / 2, 5, i64::MAX / 2] {
        let sequence = bwe.next_number();
        bwe.on_sent(1_000, start);
        bwe.on_status(sequence, Some(arrival));
        bwe.on_status(sequence, Some(arrival));
        bwe.on_feedback(Duration::ZERO, start);
    }
    assert_eq!((bwe.estimate_bps(), bwe.acked_bps()), (None, 0));
}
