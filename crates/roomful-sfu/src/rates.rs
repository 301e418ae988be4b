//! Pictures a second of each temporal layer, counted as they come, so that "at most 15 frames" can be turned into a layer.
use std::time::{Duration, Instant};

const LAYERS: usize = 8;
const WINDOW: Duration = Duration::from_secs(1);

/// The rates of one stream.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    since: Option<Instant>,
    timestamp: u32,
    counted: [u16; LAYERS],
    /// Pictures a second in the last whole window.
    rates: [f32; LAYERS],
}

impl Rates {
    /// A packet of a picture; the first one of each picture counts.
    #[inline]
    pub fn on_packet(&mut self, temporal: u8, timestamp: u32, now: Instant) {
        if self.since.is_some() && timestamp.wrapping_sub(self.timestamp) as i32 <= 0 {
            return;
        }
        self.timestamp = timestamp;
        let since = *self.since.get_or_insert(now);
        let window = now.saturating_duration_since(since);
        if window >= WINDOW {
            for (rate, counted) in self.rates.iter_mut().zip(self.counted) {
                *rate = f32::from(counted) / window.as_secs_f32();
            }
            self.counted = [0; LAYERS];
            self.since = Some(now);
        }
        if let Some(counted) = self.counted.get_mut(usize::from(temporal)) {
            *counted = counted.saturating_add(1);
        }
    }

    /// The lowest temporal layer that brings `fps` pictures a second, nearly; the highest one when `fps` is 0 or nothing is known.
    pub fn layer_for(&self, fps: u32) -> u8 {
        const ALL: u8 = LAYERS as u8 - 1;
        if fps == 0 {
            return ALL;
        }
        let mut sum = 0.0;
        for (layer, rate) in self.rates.iter().enumerate() {
            sum += rate;
            // Cameras in the dark and busy encoders miss a picture now and then.
            if sum >= fps as f32 * 0.9 {
                return layer as u8;
            }
        }
        ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_turned_into_the_layer_that_brings_it() {
        let mut rates = Rates::default();
        let start = Instant::now();
        assert_eq!(rates.layer_for(10), 7, "nothing is known yet");
        for n in 0..62u32 {
            let temporal = [0, 2, 1, 2][n as usize % 4];
            let now = start + Duration::from_micros(33_333) * n;
            for _ in 0..3 {
                rates.on_packet(temporal, 4_294_960_000u32.wrapping_add(n * 3000), now);
            }
        }
        let layers = [5, 7, 9, 12, 15, 18, 30, 60, 0].map(|fps| rates.layer_for(fps));
        assert_eq!(layers, [0, 0, 1, 1, 1, 2, 2, 7, 7]);
    }
}
