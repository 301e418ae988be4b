//! Format parameters (`a=fmtp`): reading and changing single ones. Called by the negotiation and the router.
//!
//! The order of parameters and everything unknown stay as they were written.

/// Value of `key` in `key=value;key=value`; empty for a parameter without a value. Keys compare without regard to case.
pub fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|entry| {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        name.trim().eq_ignore_ascii_case(key).then(|| value.trim())
    })
}

/// The same with `key` set to `value` at the end, or without `key` when there is no value.
pub fn with(fmtp: &str, key: &str, value: Option<&str>) -> String {
    let mut out = String::with_capacity(fmtp.len().saturating_add(24));
    let kept = fmtp.split(';').map(str::trim).filter(|entry| {
        let name = entry.split_once('=').map_or(*entry, |(name, _)| name.trim());
        !entry.is_empty() && !name.eq_ignore_ascii_case(key)
    });
    for entry in kept {
        push(&mut out, entry);
    }
    if let Some(value) = value {
        push(&mut out, key);
        out.push('=');
        out.push_str(value);
    }
    out
}

fn push(out: &mut String, entry: &str) {
    if !out.is_empty() {
        out.push(';');
    }
    out.push_str(entry);
}

/// What a receiver of Opus asks of its sender (RFC 7587 §6.1). `None` takes the parameter away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpusWishes {
    /// `stereo=1`
    pub stereo: bool,
    /// `usedtx=1`
    pub dtx: bool,
    /// `maxaveragebitrate`, bits per second.
    pub max_average_bitrate_bps: Option<u32>,
}

/// Opus parameters of a section in which we receive.
pub fn opus_receive(offered: &str, wishes: OpusWishes) -> String {
    let out = with(offered, "usedtx", wishes.dtx.then_some("1"));
    let out = with(&out, "stereo", wishes.stereo.then_some("1"));
    let bitrate = wishes.max_average_bitrate_bps.map(|bps| bps.to_string());
    with(&out, "maxaveragebitrate", bitrate.as_deref())
}

/// Opus parameters of a section in which we send: `sprop-stereo=1` tells that two channels may come, which is what
/// makes clients ask for `stereo=1`.
pub fn opus_send(offered: &str, stereo: bool) -> String {
    let out = with(offered, "sprop-stereo", stereo.then_some("1"));
    if stereo && parameter(&out, "stereo").is_none() {
        return with(&out, "stereo", Some("1"));
    }
    out
}
