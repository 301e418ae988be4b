//! Who speaks: loudness from the audio level extension (RFC 6464), smoothed over windows as people hear it.
use std::time::{Duration, Instant};

/// Loudness is judged over this long.
const WINDOW: Duration = Duration::from_millis(400);
/// Louder than this counts, in -dBov.
const THRESHOLD_DBOV: u8 = 35;
/// Share of a window that must be loud, in percent.
const MIN_ACTIVE_PERCENT: u32 = 40;

/// One audio track's loudness.
#[derive(Clone, Debug)]
pub struct Loudness {
    since: Instant,
    packets: u32,
    loud: u32,
    loudest: u8,
    smoothed: f32,
    active: bool,
}

impl Loudness {
    /// Silence.
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            packets: 0,
            loud: 0,
            loudest: 127,
            smoothed: 0.0,
            active: false,
        }
    }

    /// A packet's level: 0 loudest … 127 silent.
    #[inline]
    pub fn on_level(&mut self, level: u8) {
        let level = level & 0x7f;
        self.packets += 1;
        if level <= THRESHOLD_DBOV {
            self.loud += 1;
            self.loudest = self.loudest.min(level);
        }
    }

    /// Closes a window when it is over. Returns (level 0.0–1.0, active).
    pub fn update(&mut self, now: Instant) -> (f32, bool) {
        if now.saturating_duration_since(self.since) >= WINDOW {
            let enough = self.packets > 0 && self.loud * 100 >= self.packets * MIN_ACTIVE_PERCENT;
            let level = if enough {
                10f32.powf(-f32::from(self.loudest) / 20.0)
            } else {
                0.0
            };
            self.smoothed += (level - self.smoothed) * 0.5;
            self.active = enough;
            if !enough && self.smoothed < 0.01 {
                self.smoothed = 0.0;
            }
            self.since = now;
            self.packets = 0;
            self.loud = 0;
            self.loudest = 127;
        }
        (self.smoothed.clamp(0.0, 1.0), self.active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_active_and_a_click_is_not() {
        let start = Instant::now();
        let mut loudness = Loudness::new(start);
        for n in 0..20 {
            loudness.on_level(if n == 3 { 5 } else { 127 });
        }
        assert!(!loudness.update(start + WINDOW).1, "a click");
        for _ in 0..20 {
            loudness.on_level(20);
        }
        let (level, active) = loudness.update(start + 2 * WINDOW);
        assert!(active && level > 0.0);
        assert!(!loudness.update(start + 3 * WINDOW).1, "silence again");
    }
}
