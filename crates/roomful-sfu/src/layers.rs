//! What of a track a subscriber gets: which stream, and which layers of it, by what it looks at, what is alive and what it can
//! decode.
//!
//! [`choose`] is the only place that decides; `select` carries it out packet by packet, `subscribe` asks for key frames on the way.
use crate::command::{Layer, ViewSettings};
use crate::downstream::Downstream;
use crate::select::Aim;
use crate::track::{Stream, Track};
use roomful_rtc::codec::Codec;
use std::time::Instant;

/// What one subscriber shall get of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which stream of the track (simulcast).
    pub stream: usize,
    /// Its highest layers to send (SVC, temporal layers).
    pub aim: Aim,
}

/// The quality a subscriber wants: the smallest layer that fills what it shows, and never more than it asked for.
pub fn wanted_quality(settings: &ViewSettings, track: &Track) -> u8 {
    let cap = settings.quality.min(2);
    let sizes = track
        .spec
        .layers
        .iter()
        .map(|l: &Layer| (l.quality, l.width, l.height));
    smallest_filling(settings, sizes).map_or(cap, |quality| quality.min(cap))
}

/// Of (quality, width, height) the smallest that fills what is shown, or the largest; `None` when either is not known.
fn smallest_filling(settings: &ViewSettings, sizes: impl Iterator<Item = (u8, u32, u32)>) -> Option<u8> {
    if settings.width == 0 && settings.height == 0 {
        return None;
    }
    // A little smaller than what is shown is not seen; LiveKit's clients send device pixels.
    let fills =
        |width: u32, height: u32| width * 10 >= settings.width * 9 || height * 10 >= settings.height * 9;
    let (mut smallest, mut largest) = (None::<u8>, None::<u8>);
    for (quality, width, height) in sizes.filter(|(_, width, height)| *width > 0 && *height > 0) {
        largest = Some(largest.map_or(quality, |q| q.max(quality)));
        if fills(width, height) {
            smallest = Some(smallest.map_or(quality, |q| q.min(quality)));
        }
    }
    smallest.or(largest)
}

/// The spatial layer of an SVC stream: by the sizes that the stream tells, by quality otherwise. As in LiveKit's clients the lowest
/// layer is "low", however many there are.
fn wanted_spatial(settings: &ViewSettings, track: &Track, stream: &Stream) -> u8 {
    // Before the stream tells how many layers it has, its publisher's word counts.
    let svc = track.spec.codecs.get(stream.codec_at).is_some_and(|c| c.svc);
    let announced = if svc {
        track.spec.layers.len().clamp(1, 4) - 1
    } else {
        0
    };
    let top = stream.top_spatial.max(announced as u8);
    let told = (0..=top).filter_map(|layer| {
        let (width, height) = stream.dependencies.resolution(layer)?;
        Some((layer, width, height))
    });
    match smallest_filling(settings, told) {
        Some(layer) => layer.min(settings.quality),
        None => wanted_quality(settings, track),
    }
    .min(top)
}

/// What to send, or nothing while the view is paused or nothing is alive.
pub fn choose(down: &Downstream, track: &Track, now: Instant) -> Option<Target> {
    if down.settings.paused || track.muted || !track.voice.is_in {
        return None;
    }
    let stream = choose_stream(down, track, now)?;
    let chosen = track.streams.get(stream)?;
    let alone = !track
        .streams
        .iter()
        .enumerate()
        .any(|(at, s)| at != stream && s.codec_at == chosen.codec_at);
    let aim = Aim {
        // Where streams are qualities, all of one is wanted.
        spatial: if alone {
            wanted_spatial(&down.settings, track, chosen)
        } else {
            chosen.top_spatial
        },
        temporal: chosen.rates.layer_for(down.settings.fps),
    };
    Some(Target { stream, aim })
}

fn choose_stream(down: &Downstream, track: &Track, now: Instant) -> Option<usize> {
    let usable = |s: &&Stream| down.payload(s.codec).is_some();
    // The first codec of the track that this subscriber speaks; a backup codec serves those who do not, and everybody once the
    // track fell back to it. What is not sent any more is no choice while another codec is.
    let fits = |s: &&Stream| usable(s) && s.codec_at >= track.fallen_to;
    let live = track.streams.iter().filter(fits).filter(|s| s.is_alive(now));
    let codec_at = live
        .map(|s| s.codec_at)
        .min()
        .or_else(|| track.streams.iter().filter(usable).map(|s| s.codec_at).min())?;
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
pub fn demand<'a>(
    track: &Track,
    downs: impl Iterator<Item = &'a Downstream> + Clone,
) -> Vec<(String, [bool; 3])> {
    let mut highest: Vec<(String, Option<u8>)> =
        track.spec.codecs.iter().map(|c| (c.name.clone(), None)).collect();
    let fallen_to = fall_back(track, downs.clone());
    for down in downs.filter(|d| !d.settings.paused) {
        let wanted = wanted_quality(&down.settings, track);
        let at = first_codec(down, track).max(fallen_to);
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

/// The codec that all fall back to, as an index: where the publisher wants one codec at a time, and somebody cannot have the first.
/// Before media of the backup has come, the first goes on.
pub fn fall_back<'a>(track: &Track, downs: impl Iterator<Item = &'a Downstream>) -> usize {
    if !track.spec.one_codec {
        return 0;
    }
    let came = |at: usize| {
        track
            .streams
            .iter()
            .any(|s| s.codec_at == at && s.last_packet.is_some())
    };
    let at = downs.map(|down| first_codec(down, track)).max().unwrap_or(0);
    if came(at) {
        at
    } else {
        0
    }
}

/// The first of a track's codecs that a subscriber can have, also one that is not sent yet (a backup). Who is not negotiated
/// yet takes the first.
fn first_codec(down: &Downstream, track: &Track) -> usize {
    let speaks = |codec: Option<Codec>| codec.is_some_and(|codec| down.payload(codec).is_some());
    let sent = |at: usize| {
        track
            .streams
            .iter()
            .any(|s| s.codec_at == at && speaks(Some(s.codec)))
    };
    let found = track
        .spec
        .codecs
        .iter()
        .enumerate()
        .position(|(at, codec)| sent(at) || speaks(Codec::from_name(&codec.name)));
    found.filter(|_| !down.payloads.is_empty()).unwrap_or(0)
}
