//! Which stream of a track a subscriber gets: what it looks at, of what is alive and what it can decode.
use crate::command::ViewSettings;
use crate::downstream::Downstream;
use crate::track::{Stream, Track};
use std::time::Instant;

/// The quality a subscriber wants: the smallest layer that fills what it shows, and never more than it asked for.
pub fn wanted_quality(settings: &ViewSettings, track: &Track) -> u8 {
    let cap = settings.quality.min(2);
    if settings.width == 0 && settings.height == 0 {
        return cap;
    }
    let mut layers: Vec<_> = track
        .spec
        .layers
        .iter()
        .filter(|l| l.width > 0 && l.height > 0)
        .collect();
    layers.sort_by_key(|l| l.quality);
    // A little smaller than what is shown is not seen; LiveKit's clients send device pixels.
    let fills = |l: &&&crate::command::Layer| {
        l.width * 10 >= settings.width * 9 || l.height * 10 >= settings.height * 9
    };
    layers
        .iter()
        .find(fills)
        .or(layers.last())
        .map_or(cap, |l| l.quality.min(cap))
}

/// The stream to send, or nothing while the view is paused or nothing is alive.
pub fn choose(down: &Downstream, track: &Track, now: Instant) -> Option<usize> {
    if down.settings.paused || track.muted {
        return None;
    }
    let usable = |s: &&Stream| down.payload(s.codec).is_some();
    // The first codec of the track that this subscriber speaks; a backup codec serves those who do not.
    let codec_at = track.streams.iter().filter(usable).map(|s| s.codec_at).min()?;
    let of_codec = || {
        track
            .streams
            .iter()
            .enumerate()
            .filter(|(_, s)| s.codec_at == codec_at && down.payload(s.codec).is_some())
    };
    let wanted = wanted_quality(&down.settings, track);
    let alive = || of_codec().filter(|(_, s)| s.is_alive(now));
    let best = alive()
        .filter(|(_, s)| s.quality <= wanted)
        .max_by_key(|(_, s)| s.quality);
    let best = best.or_else(|| alive().min_by_key(|(_, s)| s.quality));
    // Before anything came, wait for what will come.
    let best =
        best.or_else(|| of_codec().max_by_key(|(_, s)| (s.last_packet, s.quality <= wanted, s.quality)));
    best.map(|(at, _)| at)
}

/// What of each codec is watched (dynacast): everything up to the largest quality somebody wants.
pub fn demand<'a>(track: &Track, downs: impl Iterator<Item = &'a Downstream>) -> Vec<(String, [bool; 3])> {
    let mut highest: Vec<(String, Option<u8>)> =
        track.spec.codecs.iter().map(|c| (c.name.clone(), None)).collect();
    for down in downs.filter(|d| !d.settings.paused) {
        let wanted = wanted_quality(&down.settings, track);
        // A subscriber that is not negotiated yet takes the first codec.
        let at = track
            .streams
            .iter()
            .filter(|s| down.payloads.is_empty() || down.payload(s.codec).is_some())
            .map(|s| s.codec_at)
            .min()
            .unwrap_or(0);
        if let Some((_, high)) = highest.get_mut(at) {
            *high = Some(high.map_or(wanted, |h: u8| h.max(wanted)));
        }
    }
    let up_to = |high: Option<u8>| [0u8, 1, 2].map(|q| high.is_some_and(|h| q <= h));
    highest
        .into_iter()
        .map(|(name, high)| (name, up_to(high)))
        .collect()
}
