//! The attributes of a section (RFC 8866 §6 and the documents named below), one small reader for each. Called by `parse` only.
use super::codec_attribute::{codec_lines, feedback, fmtp, rtpmap};
use super::extension;
use super::model::*;
use super::parse::Fault;
use super::MAX_CANDIDATES;

const MAX_SSRCS: usize = 128;
const MAX_GROUPS: usize = 64;
const MAX_RIDS: usize = 32;
const MAX_EXTMAPS: usize = 64;
const MAX_FINGERPRINTS: usize = 8;
/// ICE user fragments and passwords (RFC 8839 §5.4), mids, rids: nobody needs more.
pub(super) const MAX_TOKEN: usize = 256;

/// A section whose lines are still being read.
pub(super) struct Open {
    pub(super) section: Section,
    /// RTX payload types with what they repair; resolved at the end, as `fmtp` may come before `rtpmap`.
    rtx: Vec<(u8, u8)>,
    /// Fingerprints of the section take the place of those of the session (RFC 8122 §5).
    own_fingerprints: bool,
}

pub(super) fn blank() -> Section {
    Section {
        kind: Kind::Other,
        media: String::new(),
        proto: String::new(),
        port: 0,
        formats: String::new(),
        mid: String::new(),
        has_mid: false,
        rejected: false,
        bundled: false,
        direction: Direction::SendRecv,
        codecs: Vec::new(),
        extmaps: Vec::new(),
        ssrcs: Vec::new(),
        ssrc_groups: Vec::new(),
        msid: None,
        rids: Vec::new(),
        simulcast_send: Vec::new(),
        simulcast_recv: Vec::new(),
        ice_ufrag: String::new(),
        ice_pwd: String::new(),
        ice_options: String::new(),
        fingerprints: Vec::new(),
        setup: None,
        candidates: Vec::new(),
        end_of_candidates: false,
        rtcp_mux: false,
        rtcp_rsize: false,
        bundle_only: false,
        extmap_allow_mixed: false,
        sctp_port: 5000,
        max_message_size: 65_536,
        bandwidth_bps: None,
    }
}

/// `m=<media> <port>[/<n>] <proto> <fmt> …` (RFC 8866 §5.14).
pub(super) fn open(session: &Section, value: &str) -> Result<Open, Fault> {
    const SHAPE: &str = "m=<media> <port> <proto> <formats>";
    let mut words = value.splitn(4, ' ');
    let (Some(media), Some(port), Some(proto), Some(formats)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Fault::Expected(SHAPE));
    };
    if media.is_empty() || proto.is_empty() || media.len() > MAX_TOKEN || proto.len() > MAX_TOKEN {
        return Err(Fault::Expected(SHAPE));
    }
    let port = port.split('/').next().unwrap_or("");
    let port = port.parse().map_err(|_| Fault::Expected("a port up to 65535"))?;
    let formats = formats.trim();
    let kind = match media {
        "audio" => Kind::Audio,
        "video" => Kind::Video,
        "application" => Kind::Application,
        _ => Kind::Other,
    };
    let mut section = Section {
        kind,
        media: media.to_owned(),
        proto: proto.to_owned(),
        port,
        formats: formats.to_owned(),
        ..session.clone()
    };
    if kind.is_media() {
        section.codecs = codec_lines(formats)?;
    }
    Ok(Open {
        section,
        rtx: Vec::new(),
        own_fingerprints: false,
    })
}

/// Ends a section: binds RTX to its codecs, drops payload types without a name, numbers a section without a mid.
pub(super) fn close(open: Open, index: usize) -> Section {
    let Open { mut section, rtx, .. } = open;
    section.codecs.retain(|codec| !codec.name.is_empty());
    for (pt, apt) in rtx {
        let repairs = section
            .codecs
            .iter()
            .any(|codec| codec.pt == pt && codec.is("rtx"));
        if let Some(codec) = section
            .codecs
            .iter_mut()
            .find(|codec| codec.pt == apt && !codec.is("rtx"))
        {
            if repairs && codec.rtx_pt.is_none() {
                codec.rtx_pt = Some(pt);
            }
        }
    }
    section.codecs.retain(|codec| !codec.is("rtx"));
    section.rejected = section.port == 0 && !section.bundle_only;
    section.has_mid = !section.mid.is_empty();
    if !section.has_mid {
        section.mid = index.to_string();
    }
    if section.msid.is_none() {
        section.msid = section.ssrcs.iter().find_map(|source| source.msid.clone());
    }
    section
}

/// Attributes that may stand at the session for all its sections.
pub(super) fn inherit(section: &mut Section, name: &str, value: &str) -> Result<bool, Fault> {
    match name {
        "ice-ufrag" => section.ice_ufrag = token(value, "an ICE user fragment of 1 to 256 characters")?,
        "ice-pwd" => section.ice_pwd = token(value, "an ICE password of 1 to 256 characters")?,
        "ice-options" => section.ice_options = value.chars().take(MAX_TOKEN).collect(),
        "fingerprint" => {
            let fingerprint = fingerprint(value)?;
            push(
                &mut section.fingerprints,
                fingerprint,
                "fingerprints",
                MAX_FINGERPRINTS,
            )?;
        }
        "setup" => section.setup = Some(setup(value)?),
        "sendrecv" | "sendonly" | "recvonly" | "inactive" => {
            section.direction = direction_named(name).unwrap_or_default();
        }
        "extmap" => extmap(section, value)?,
        "extmap-allow-mixed" => section.extmap_allow_mixed = true,
        "end-of-candidates" => section.end_of_candidates = true,
        "candidate" => candidate(section, value),
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn read(open: &mut Open, name: &str, value: &str) -> Result<(), Fault> {
    let section = &mut open.section;
    if name == "fingerprint" && !open.own_fingerprints {
        open.own_fingerprints = true;
        section.fingerprints.clear();
    }
    if inherit(section, name, value)? {
        return Ok(());
    }
    match name {
        "mid" => section.mid = token(value, "a mid of 1 to 256 characters without spaces")?,
        "msid" => {
            let msid = msid(value)?;
            section.msid.get_or_insert(msid);
        }
        "rtcp-mux" | "rtcp-mux-only" => section.rtcp_mux = true,
        "rtcp-rsize" => section.rtcp_rsize = true,
        "bundle-only" => section.bundle_only = true,
        "rtpmap" => rtpmap(section, value)?,
        "fmtp" => fmtp(section, &mut open.rtx, value)?,
        "rtcp-fb" => feedback(section, value)?,
        "ssrc" => ssrc(section, value)?,
        "ssrc-group" => ssrc_group(section, value)?,
        "rid" => rid(section, value)?,
        "simulcast" => simulcast(section, value)?,
        "sctp-port" => {
            section.sctp_port = value
                .trim()
                .parse()
                .map_err(|_| Fault::Expected("an SCTP port"))?
        }
        "max-message-size" => {
            let size = value.trim().parse();
            section.max_message_size = size.map_err(|_| Fault::Expected("a message size in bytes"))?;
        }
        _ => {}
    }
    Ok(())
}

/// `b=AS:<kbps>`, `b=TIAS:<bps>` (RFC 8866 §5.8, RFC 3890); others are passed over.
pub(super) fn bandwidth(section: &mut Section, value: &str) {
    let Some((kind, number)) = value.split_once(':') else {
        return;
    };
    let Ok(number) = number.trim().parse::<u64>() else {
        return;
    };
    match kind {
        "TIAS" => section.bandwidth_bps = Some(number),
        "AS" if section.bandwidth_bps.is_none() => section.bandwidth_bps = Some(number.saturating_mul(1000)),
        _ => {}
    }
}

pub(super) fn push<T>(list: &mut Vec<T>, item: T, what: &'static str, limit: usize) -> Result<(), Fault> {
    if list.len() >= limit {
        return Err(Fault::TooMany { what, limit });
    }
    list.push(item);
    Ok(())
}

fn token(value: &str, expected: &'static str) -> Result<String, Fault> {
    let value = value.trim();
    if value.is_empty() || value.len() > MAX_TOKEN || value.contains([' ', '\t']) {
        return Err(Fault::Expected(expected));
    }
    Ok(value.to_owned())
}

/// `a=extmap:<id>[/<direction>] <uri> [<attributes>]` (RFC 8285 §5). A second use of an id is passed over.
fn extmap(section: &mut Section, value: &str) -> Result<(), Fault> {
    const SHAPE: &str = "extmap:<id from 1 to 255> <uri>";
    let mut words = value.split_ascii_whitespace();
    let id = words.next().unwrap_or("");
    let (id, direction) = id.split_once('/').unwrap_or((id, "sendrecv"));
    // Ids above 255 only negotiate ids (RFC 8285 §6), which nobody does.
    let number: u16 = id
        .parse()
        .ok()
        .filter(|id| *id > 0)
        .ok_or(Fault::Expected(SHAPE))?;
    let direction = direction_named(direction).ok_or(Fault::Expected(SHAPE))?;
    let uri = words.next().ok_or(Fault::Expected(SHAPE))?;
    let Ok(id) = u8::try_from(number) else {
        return Ok(());
    };
    if section.extmaps.iter().any(|map| map.id == id || map.uri == uri) {
        return Ok(());
    }
    let map = extension::named(id, uri, direction);
    push(&mut section.extmaps, map, "header extensions", MAX_EXTMAPS)
}

/// `a=msid:<stream> [<track>]` (RFC 8830 §2).
fn msid(value: &str) -> Result<Msid, Fault> {
    let mut words = value.split_ascii_whitespace();
    let stream = words.next().ok_or(Fault::Expected("msid:<stream> [<track>]"))?;
    Ok(Msid {
        stream: stream.to_owned(),
        track: words.next().unwrap_or("").to_owned(),
    })
}

/// `a=ssrc:<ssrc> <attribute>[:<value>]` (RFC 5576 §4.1).
fn ssrc(section: &mut Section, value: &str) -> Result<(), Fault> {
    let (number, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    let number: u32 = number
        .parse()
        .map_err(|_| Fault::Expected("ssrc:<32-bit number> <attribute>"))?;
    let known = section.ssrcs.iter().position(|source| source.ssrc == number);
    if known.is_none() {
        push(
            &mut section.ssrcs,
            Ssrc {
                ssrc: number,
                ..Ssrc::default()
            },
            "sources",
            MAX_SSRCS,
        )?;
    }
    let index = known.unwrap_or(section.ssrcs.len().saturating_sub(1));
    let Some(source) = section.ssrcs.get_mut(index) else {
        return Ok(());
    };
    match rest.split_once(':') {
        Some(("cname", cname)) => cname.clone_into(&mut source.cname),
        Some(("msid", value)) => source.msid = Some(msid(value)?),
        _ => {}
    }
    Ok(())
}

/// `a=ssrc-group:<semantics> <ssrc> …` (RFC 5576 §4.2).
fn ssrc_group(section: &mut Section, value: &str) -> Result<(), Fault> {
    const SHAPE: &str = "ssrc-group:<semantics> <ssrc> …";
    let mut words = value.split_ascii_whitespace();
    let semantics = words.next().ok_or(Fault::Expected(SHAPE))?.to_owned();
    let mut ssrcs = Vec::new();
    for word in words {
        let ssrc = word.parse().map_err(|_| Fault::Expected(SHAPE))?;
        push(&mut ssrcs, ssrc, "sources in a group", MAX_SSRCS)?;
    }
    push(
        &mut section.ssrc_groups,
        SsrcGroup { semantics, ssrcs },
        "source groups",
        MAX_GROUPS,
    )
}

/// `a=rid:<id> send|recv [<restrictions>]` (RFC 8851 §4).
fn rid(section: &mut Section, value: &str) -> Result<(), Fault> {
    const SHAPE: &str = "rid:<id> send or recv";
    let mut words = value.split_ascii_whitespace();
    let id = words
        .next()
        .filter(|id| id.len() <= MAX_TOKEN)
        .ok_or(Fault::Expected(SHAPE))?;
    let sends = match words.next() {
        Some("send") => true,
        Some("recv") => false,
        _ => return Err(Fault::Expected(SHAPE)),
    };
    let restrictions = words.next().unwrap_or("").to_owned();
    push(
        &mut section.rids,
        Rid {
            id: id.to_owned(),
            sends,
            restrictions,
        },
        "rids",
        MAX_RIDS,
    )
}

/// `a=simulcast:send <list> [recv <list>]` (RFC 8853 §5.1).
fn simulcast(section: &mut Section, value: &str) -> Result<(), Fault> {
    let mut words = value.split_ascii_whitespace();
    while let Some(direction) = words.next() {
        let list = words
            .next()
            .ok_or(Fault::Expected("a list of rids after send or recv"))?;
        // Older drafts wrote `rid=`.
        let list = list.strip_prefix("rid=").unwrap_or(list);
        let streams = match direction {
            "send" => &mut section.simulcast_send,
            "recv" => &mut section.simulcast_recv,
            _ => return Err(Fault::Expected("send or recv")),
        };
        streams.clear();
        for alternatives in list.split(';') {
            let first = alternatives.split(',').next().unwrap_or("");
            let (rid, paused) = first.strip_prefix('~').map_or((first, false), |rid| (rid, true));
            if rid.is_empty() || rid.len() > MAX_TOKEN {
                return Err(Fault::Expected("rids separated by ;"));
            }
            push(
                streams,
                SimulcastStream {
                    rid: rid.to_owned(),
                    paused,
                },
                "simulcast streams",
                MAX_RIDS,
            )?;
        }
    }
    Ok(())
}

/// `a=fingerprint:<hash> <hex>:<hex>…` (RFC 8122 §5).
fn fingerprint(value: &str) -> Result<Fingerprint, Fault> {
    const SHAPE: &str = "fingerprint:<hash> <hex pairs separated by :>";
    let (algorithm, hex) = value.trim().split_once(' ').ok_or(Fault::Expected(SHAPE))?;
    if algorithm.len() > MAX_TOKEN || hex.len() > 3 * 64 {
        return Err(Fault::Expected(SHAPE));
    }
    let byte = |pair: &str| {
        let digits = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        digits
            .then(|| u8::from_str_radix(pair, 16).ok())
            .flatten()
            .ok_or(Fault::Expected(SHAPE))
    };
    let digest = hex
        .trim()
        .split(':')
        .map(byte)
        .collect::<Result<Vec<u8>, Fault>>()?;
    let algorithm = algorithm.to_ascii_lowercase();
    if algorithm == "sha-256" && digest.len() != 32 {
        return Err(Fault::Expected("32 bytes of SHA-256"));
    }
    Ok(Fingerprint { algorithm, digest })
}

fn direction_named(word: &str) -> Option<Direction> {
    match word {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

fn setup(value: &str) -> Result<Setup, Fault> {
    match value.trim() {
        "active" => Ok(Setup::Active),
        "passive" => Ok(Setup::Passive),
        "actpass" => Ok(Setup::ActPass),
        "holdconn" => Ok(Setup::HoldConn),
        _ => Err(Fault::Expected("active, passive, actpass or holdconn")),
    }
}

/// Kept as text: one that cannot be read is no reason to refuse the rest, and more than enough is enough.
fn candidate(section: &mut Section, value: &str) {
    if section.candidates.len() < MAX_CANDIDATES && value.len() <= 1024 {
        section.candidates.push(format!("candidate:{value}"));
    }
}
