//! Whether the queue on the path grows: one-way delay beyond what our own sending explains, its trend, and a detector with an
//! adaptive threshold (after draft-ietf-rmcat-gcc-02 §5.2–5.4; a line fitted to the last groups takes the Kalman filter's place).

/// Packets sent within this are one group (§5.2).
const GROUP_US: i64 = 5_000;
/// Groups a line is fitted to.
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.85;
/// Makes the slope comparable to thresholds in ms.
const GAIN: f64 = 4.0;
const MOST_GROUPS: usize = 60;
/// §5.4: gains of the threshold, its bounds and beginning in ms.
const K_UP: f64 = 0.0087;
const K_DOWN: f64 = 0.039;
const LEAST: f64 = 6.0;
const MOST: f64 = 600.0;
const FIRST: f64 = 12.5;
/// §5.4: a step that is so much over the threshold does not move it.
const STEP: f64 = 15.0;
/// §5.4: so long over the threshold is overuse.
const OVER_MS: f64 = 10.0;
/// A queue that stands so high is overuse although it does not grow: its end is the buffer's end.
const STANDING_MS: f64 = 70.0;
/// The least delay of this time is the path's own.
const BASE_US: i64 = 5_000_000;

/// What the detector says of the path (§5.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    Under,
    #[default]
    Normal,
    Over,
}

/// See the module.
#[derive(Debug)]
pub struct Delay {
    base: Base,
    /// Of the open group: when it began, when it arrived, its delay in ms.
    group: Option<(i64, i64, f64)>,
    points: [(f64, f64); WINDOW],
    count: usize,
    smoothed: f64,
    whole: f64,
    first_arrival: i64,
    last_arrival: i64,
    last_trend: f64,
    threshold: f64,
    over_for: f64,
    over_groups: u32,
    usage: Usage,
}

impl Default for Delay {
    fn default() -> Self {
        Self {
            base: Base::default(),
            group: None,
            points: [(0.0, 0.0); WINDOW],
            count: 0,
            smoothed: 0.0,
            whole: 0.0,
            first_arrival: 0,
            last_arrival: 0,
            last_trend: 0.0,
            threshold: FIRST,
            over_for: 0.0,
            over_groups: 0,
            usage: Usage::Normal,
        }
    }
}

impl Delay {
    /// A packet arrived. `modelled_us`: what our own sending explains of its delay.
    pub fn on_packet(&mut self, sent: i64, arrival: i64, modelled_us: u32) {
        let delay = arrival - sent;
        let whole = delay - self.base.least(delay, sent);
        let queue = (whole - i64::from(modelled_us)).max(0) as f64 / 1e3;
        self.whole += (whole as f64 / 1e3 - self.whole) * 0.05;
        match &mut self.group {
            Some((began, arrived, least)) if sent - *began <= GROUP_US => {
                *arrived = (*arrived).max(arrival);
                *least = least.min(queue);
            }
            open => {
                if let Some((_, arrived, queue)) = open.replace((sent, arrival, queue)) {
                    self.on_group(arrived, queue);
                }
            }
        }
    }

    fn on_group(&mut self, arrival: i64, queue: f64) {
        if self.count == 0 {
            self.first_arrival = arrival;
            self.smoothed = queue;
        }
        let passed = ((arrival - self.last_arrival) as f64 / 1e3).clamp(0.0, 100.0);
        self.last_arrival = self.last_arrival.max(arrival);
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * queue;
        let at = (arrival - self.first_arrival) as f64 / 1e3;
        if let Some(point) = self.points.get_mut(self.count % WINDOW) {
            *point = (at, self.smoothed);
        }
        self.count += 1;
        let slope = if self.count >= WINDOW {
            slope(&self.points)
        } else {
            0.0
        };
        self.detect(slope, passed);
    }

    /// §5.4.
    fn detect(&mut self, slope: f64, passed: f64) {
        let trend = slope * GAIN * self.count.min(MOST_GROUPS) as f64;
        if trend > self.threshold {
            self.over_for += passed;
            self.over_groups += 1;
            if self.over_for > OVER_MS && self.over_groups > 1 && trend >= self.last_trend {
                self.usage = Usage::Over;
            }
        } else {
            (self.over_for, self.over_groups) = (0.0, 0);
            self.usage = if trend < -self.threshold {
                Usage::Under
            } else if self.smoothed > STANDING_MS {
                Usage::Over
            } else {
                Usage::Normal
            };
        }
        self.last_trend = trend;
        let size = trend.abs();
        if size <= self.threshold + STEP {
            let gain = if size < self.threshold { K_DOWN } else { K_UP };
            self.threshold += gain * (size - self.threshold) * passed;
            self.threshold = self.threshold.clamp(LEAST, MOST);
        }
    }

    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// The queue whatever its reason, smoothed.
    pub fn whole_queue_ms(&self) -> f64 {
        self.whole
    }

    /// The queue that our own sending does not explain, smoothed.
    pub fn queue_ms(&self) -> f64 {
        self.smoothed
    }
}

/// Least squares; 0 when all lies at one time.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), p| {
        let from = p.0 - x;
        (above + from * (p.1 - y), below + from * from)
    });
    if below > 0.0 {
        above / below
    } else {
        0.0
    }
}

/// The least of the last two spans of five seconds.
#[derive(Debug, Default)]
struct Base {
    since: Option<i64>,
    now: i64,
    before: i64,
}

impl Base {
    fn least(&mut self, delay: i64, at: i64) -> i64 {
        match self.since {
            // The first one, or a peer that began a new clock.
            None => (self.since, self.now, self.before) = (Some(at), delay, delay),
            Some(_) if (delay - self.now).abs() > 60_000_000 => {
                (self.since, self.now, self.before) = (Some(at), delay, delay);
            }
            Some(since) if at - since > BASE_US => {
                (self.since, self.before, self.now) = (Some(at), self.now, delay);
            }
            Some(_) => self.now = self.now.min(delay),
        }
        self.now.min(self.before)
    }
}
