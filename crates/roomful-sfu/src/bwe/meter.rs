//! Bits a second over the last moments, in steps of 20 ms.

const STEP_US: i64 = 20_000;
const STEPS: usize = 32;

/// See the module. Times count from any steady origin, and may come a little out of order.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    bytes: [u32; STEPS],
    /// The newest step, and the first one there was.
    newest: Option<(i64, i64)>,
}

impl Meter {
    #[inline]
    pub fn add(&mut self, at_us: i64, bytes: usize) {
        let step = at_us.div_euclid(STEP_US);
        let (newest, first) = *self.newest.get_or_insert((step, step));
        if step - newest >= STEPS as i64 || newest - step >= STEPS as i64 {
            // A long silence, or another clock: begin anew.
            self.bytes = [0; STEPS];
            self.newest = Some((step, step));
        } else if step > newest {
            for passed in newest + 1..=step {
                if let Some(slot) = self.bytes.get_mut(place(passed)) {
                    *slot = 0;
                }
            }
            self.newest = Some((step, first));
        }
        if let Some(slot) = self.bytes.get_mut(place(step)) {
            *slot = slot.saturating_add(bytes as u32);
        }
    }

    /// Over the last `window_us` (at most 600 ms) before the newest step, which is not over yet.
    pub fn rate(&self, window_us: i64) -> f64 {
        let Some((newest, first)) = self.newest else {
            return 0.0;
        };
        let steps = (window_us / STEP_US).min(newest - first).min(STEPS as i64 - 1);
        if steps <= 0 {
            return 0.0;
        }
        let bytes: u64 = (newest - steps..newest)
            .filter_map(|step| self.bytes.get(place(step)))
            .map(|bytes| u64::from(*bytes))
            .sum();
        bytes as f64 * 8e6 / (steps * STEP_US) as f64
    }
}

fn place(step: i64) -> usize {
    step.rem_euclid(STEPS as i64) as usize
}
