//! Bits a second of each layer of one stream, measured as they come, so that `allocator` knows what a layer costs.
use std::time::{Duration, Instant};

const SPATIAL: usize = 4;
const TEMPORAL: usize = 4;
const WINDOW: Duration = Duration::from_secs(1);
/// What each packet costs beside its payload: IP, UDP, RTP, extensions and the tag.
const OVERHEAD: usize = 64;

type Layers<T> = [[T; TEMPORAL]; SPATIAL];

/// The bitrates of one stream.
#[derive(Clone, Debug, Default)]
pub struct Bitrates {
    since: Option<Instant>,
    counted: Layers<u32>,
    rates: Layers<f32>,
    known: bool,
}

impl Bitrates {
    /// A packet of a layer, with so many bytes of payload.
    #[inline]
    pub fn on_packet(&mut self, spatial: u8, temporal: u8, bytes: usize, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let window = now.saturating_duration_since(since);
        if window >= WINDOW {
            self.close(window);
            self.since = Some(now);
        }
        let layer = self.counted.get_mut(usize::from(spatial).min(SPATIAL - 1));
        if let Some(counted) = layer.and_then(|l| l.get_mut(usize::from(temporal).min(TEMPORAL - 1))) {
            *counted = counted.saturating_add((bytes + OVERHEAD) as u32);
        }
    }

    fn close(&mut self, window: Duration) {
        // A silence is no window: what came before it says nothing about what comes.
        let weight = if self.known && window < 2 * WINDOW {
            0.5
        } else {
            1.0
        };
        for (rates, counted) in self.rates.iter_mut().zip(&self.counted) {
            for (rate, counted) in rates.iter_mut().zip(counted) {
                let measured = *counted as f32 * 8.0 / window.as_secs_f32();
                *rate += (measured - *rate) * weight;
            }
        }
        self.counted = Layers::default();
        self.known = true;
    }

    /// All layers up to these, once they were measured.
    pub fn up_to(&self, spatial: u8, temporal: u8) -> Option<u64> {
        let layers = self.rates.iter().take(usize::from(spatial) + 1);
        let sum: f32 = layers
            .flat_map(|rates| rates.iter().take(usize::from(temporal) + 1))
            .sum();
        (self.known && sum > 0.0).then_some(sum as u64)
    }

    /// The highest temporal layer that comes.
    pub fn top_temporal(&self) -> u8 {
        (0..TEMPORAL)
            .rev()
            .find(|at| {
                self.rates
                    .iter()
                    .any(|rates| rates.get(*at).is_some_and(|r| *r > 0.0))
            })
            .unwrap_or(0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_costs_what_it_and_those_below_bring() {
        let mut bitrates = Bitrates::default();
        let start = Instant::now();
        assert_eq!((bitrates.up_to(3, 7), bitrates.top_temporal()), (None, 0));
        for n in 0..41u32 {
            let now = start + Duration::from_millis(25) * n;
            bitrates.on_packet(0, (n % 2) as u8, 1_000 - OVERHEAD, now);
            bitrates.on_packet(1, (n % 2) as u8, 2_000 - OVERHEAD, now);
        }
        let rates = [(0, 0), (0, 7), (1, 0), (1, 1), (7, 7)].map(|(s, t)| bitrates.up_to(s, t).unwrap());
        assert_eq!(rates, [160_000, 320_000, 480_000, 960_000, 960_000]);
        assert_eq!(bitrates.top_temporal(), 1);
    }
}
