//! Media going out: once a tick, for each stream that had packets, for each subscriber, sealed straight into the socket's arena.
//!
//! The inner loop allocates nothing, locks nothing and looks nothing up by hash.
use crate::bwe::DATAGRAM;
use crate::connection::Connection;
use crate::downstream::{Downstream, Payload};
use crate::egress::Egress;
use crate::event::Event;
use crate::rewrite::{Sent, NO_TARGET};
use crate::ring::{Retold, Slot};
use crate::router::Router;
use crate::select::Choice;
use crate::slab::{Key, Slab};
use crate::track::{Stream, Track};
use roomful_rtc::codec::Codec;
use roomful_rtc::rtp::extension::Block;
use roomful_rtc::rtp::{red_primary, Extension, NewHeader, MIN_HEADER};
use roomful_rtc::transport::Path;
use std::time::Instant;

impl Router {
    /// Connections that have something to say: what housekeeping looks at.
    pub fn talking(&self) -> usize {
        self.talking.len()
    }

    /// Whether media flows, by what came lately.
    pub fn is_busy(&self) -> bool {
        !self.busy.is_empty()
    }

    /// Whether media waits for [`flush`](Self::flush).
    pub fn has_media(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Sends what came since the last call, and what data and farewells wait.
    pub fn flush(&mut self, now: Instant, egress: &mut impl Egress) {
        for (path, packet) in std::mem::take(self.farewells()) {
            egress.put(&path, &packet);
        }
        self.flush_data(now, egress);
        self.answer_lost(now, egress);
        // Before what is new: a client shall know its old sections' sources by then.
        self.tell_silent(egress);
        let mut first_packets: Vec<Key> = vec![];
        if !self.fresh.is_empty() {
            self.forward(now, egress, &mut first_packets);
        }
        // After what is fresh: whoever begins out of the ring gets that, too.
        self.begin_newcomers(now, egress, &mut first_packets);
        self.tell_subscribed(&first_packets);
        self.keep_ticking(now);
    }

    fn forward(&mut self, now: Instant, egress: &mut impl Egress, first_packets: &mut Vec<Key>) {
        let mut fresh = std::mem::take(&mut self.fresh);
        // By track and stream, in sequence: each subscriber's packets then lie side by side.
        fresh.sort_unstable();
        fresh.dedup();
        for run in fresh.chunk_by(|a, b| a.0 == b.0 && a.1 == b.1) {
            let Some(&(track_key, stream_at, _)) = run.first() else {
                continue;
            };
            let heard = |track: &&mut Track| !track.muted && track.voice.is_in;
            let Some(track) = self.tracks.get_mut(track_key).filter(heard) else {
                continue;
            };
            let Some(stream) = track.streams.get_mut(stream_at) else {
                continue;
            };
            if stream.codec.is_video() {
                stream.ring.even(run.iter().map(|(_, _, index)| *index));
            }
            let stream = &*stream;
            for down_key in &track.subscribers {
                let Some(down) = self.downs.get_mut(*down_key) else {
                    continue;
                };
                if down.current != Some(stream_at) && down.target.map(|t| t.stream) != Some(stream_at) {
                    continue;
                }
                let sent = send_run(down, stream, stream_at, run, &mut self.connections, now, egress);
                self.forwarded += sent;
                if sent > 0 && !down.told {
                    down.told = true;
                    first_packets.push(*down_key);
                }
            }
        }
        fresh.clear();
        self.fresh = fresh;
    }

    fn tell_subscribed(&mut self, first_packets: &[Key]) {
        for down_key in first_packets {
            let Some(down) = self.downs.get(*down_key) else {
                continue;
            };
            if let (Some(person), Some(track)) = (
                self.participants.get(down.participant),
                self.tracks.get(down.track),
            ) {
                let event = Event::Subscribed {
                    participant: person.id.clone(),
                    track: track.id.clone(),
                };
                self.tell(event);
            }
        }
    }

    /// Sends one kept packet again (RFC 4588); not twice within `least` ms. Returns whether it went out.
    pub(crate) fn retransmit(
        &mut self,
        down_key: Key,
        sequence: u16,
        least: u32,
        now: Instant,
        egress: &mut impl Egress,
    ) -> bool {
        let at = (self.micros(now) / 1_000) as u32;
        let Some(down) = self.downs.get_mut(down_key) else {
            return false;
        };
        let found = down.rewriter.as_mut().and_then(|r| r.again(sequence, at, least));
        let Some((index, sent)) = found else {
            return false;
        };
        let Some(track) = self.tracks.get(down.track) else {
            return false;
        };
        let Some(stream) = track.streams.get(usize::from(sent.stream)) else {
            return false;
        };
        let Some(slot) = stream.ring.get(sent.source) else {
            return false;
        };
        // An older source's numbers need its shifts, which are gone; the newer source repairs itself by its key frame.
        if down.current != Some(usize::from(sent.stream)) {
            return false;
        }
        let Some(connection) = down.connection.and_then(|c| self.connections.get_mut(c)) else {
            return false;
        };
        let Some(path) = connection.transport.send_path() else {
            return false;
        };
        if sent.padding {
            write_padding(down, stream, slot, index, connection, &path, egress);
            return false;
        }
        // Without RTX the packet itself goes again, if it is sure to be the same: under one index nothing else may be sealed.
        let rtx = down
            .payload(stream.codec)
            .filter(|p| p.rtx != 0)
            .map(|p| (p.rtx, down.rtx_index));
        if rtx.is_none() && slot.told_dependencies {
            return false;
        }
        let written = write_packet(
            down, stream, slot, index, sent, connection, &path, now, egress, rtx,
        );
        down.rtx_index += u64::from(written && rtx.is_some());
        written
    }
}

/// From now on a subscription gets this stream, beginning with this packet.
pub(crate) fn enter(
    down: &mut Downstream,
    stream: &Stream,
    stream_at: usize,
    source: u64,
    slot: &Slot,
    now: Instant,
) -> bool {
    if down.payload(stream.codec).is_none() {
        return false;
    }
    let Some(rewriter) = down.rewriter.as_mut() else {
        return false;
    };
    let vp8 = (stream.codec == Codec::Vp8).then_some(slot.payload.as_slice());
    let number = slot.frame.map(|frame| frame.number);
    rewriter.enter(stream_at as u16, source, slot.timestamp, vp8, number, now);
    down.selector.enter(source, slot);
    down.current = Some(stream_at);
    down.begun_at.get_or_insert(now);
    true
}

/// One subscriber's packets of one stream in this tick. Returns how many went out.
pub(crate) fn send_run(
    down: &mut Downstream,
    stream: &Stream,
    stream_at: usize,
    run: &[(Key, usize, u64)],
    connections: &mut Slab<Connection>,
    now: Instant,
    egress: &mut impl Egress,
) -> u64 {
    let Some(connection) = down.connection.and_then(|c| connections.get_mut(c)) else {
        return 0;
    };
    if !connection.transport.is_connected() {
        return 0;
    }
    let Some(path) = connection.transport.send_path() else {
        return 0;
    };
    let mut send = |down: &mut Downstream, source: u64| -> u64 {
        let slot = stream.ring.get(source);
        slot.map_or(0, |slot| {
            send_one(down, stream, source, slot, connection, &path, now, egress)
        })
    };
    let mut sent = 0;
    for &(_, _, source) in run {
        if down.current == Some(stream_at) {
            sent += send(down, source);
            continue;
        }
        let Some(slot) = stream.ring.get(source) else {
            continue;
        };
        let wanted = down.target.map(|t| t.stream) == Some(stream_at);
        if !wanted || !slot.info.key_start || slot.payload.is_empty() {
            continue;
        }
        if enter(down, stream, stream_at, source, slot, now) {
            // A first packet that was repaired comes behind the rest of its key frame.
            return (source..=stream.highest.max(source))
                .map(|source| send(down, source))
                .sum();
        }
    }
    sent
}

/// Decides on one packet of the stream that is sent, and sends it. Returns how many went out.
#[allow(clippy::too_many_arguments)]
#[inline]
fn send_one(
    down: &mut Downstream,
    stream: &Stream,
    source: u64,
    slot: &Slot,
    connection: &mut Connection,
    path: &Path,
    now: Instant,
    egress: &mut impl Egress,
) -> u64 {
    let current = down.current;
    let aim = down.target.filter(|t| Some(t.stream) == current).map(|t| t.aim);
    let choice = if stream.codec.is_video() {
        down.selector.take(source, slot, stream, aim)
    } else {
        Choice::Send {
            last: false,
            target: None,
        }
    };
    let Some(rewriter) = down.rewriter.as_mut() else {
        return 0;
    };
    match choice {
        Choice::Send { last, target } => {
            let Some((index, numbers)) = rewriter.index(source, slot.marker || last, target) else {
                return 0;
            };
            let sent = write_packet(
                down, stream, slot, index, numbers, connection, path, now, egress, None,
            );
            u64::from(sent)
        }
        Choice::Skip => {
            let picture = slot.info.picture.filter(|_| stream.codec == Codec::Vp8);
            if let Some(index) = rewriter.skip(source, picture) {
                write_padding(down, stream, slot, index, connection, path, egress);
            }
            0
        }
        Choice::Wait => 0,
    }
}

/// Writes and seals one packet; `rtx` is (payload type, index) of a retransmission.
#[allow(clippy::too_many_arguments)]
#[inline]
fn write_packet(
    down: &mut Downstream,
    stream: &Stream,
    slot: &Slot,
    index: u64,
    numbers: Sent,
    connection: &mut Connection,
    path: &Path,
    now: Instant,
    egress: &mut impl Egress,
    rtx: Option<(u8, u64)>,
) -> bool {
    let Connection { transport, bwe, .. } = connection;
    let Some(sender) = transport.sender() else {
        return false;
    };
    let (mut payload, mut codec) = (slot.payload.as_slice(), stream.codec);
    if slot.red {
        match down.payload(Codec::Red) {
            Some(_) => codec = Codec::Red,
            // A subscriber without RED gets the primary block.
            None => match red_primary(payload) {
                Some((_, primary)) => payload = primary,
                None => return false,
            },
        }
    }
    let Some(names) = down.payload(codec) else {
        return false;
    };
    let numbered = numbered(down, names);
    let mut block = Block::default();
    if let Some(id) = numbered {
        block.push(id, &bwe.next_number().to_be_bytes());
    }
    push_section(down, &mut block);
    let Some(rewriter) = down.rewriter.as_mut() else {
        return false;
    };
    let retold = Retold {
        number_shift: rewriter.number_shift(),
        mask: mask(stream, slot, numbers.target),
    };
    // Without RTX a packet is sent again as it was, and must not say something new under its number.
    let patience = down.patience.filter(|_| numbered.is_some());
    if let (Some(patience), Some(id)) = (patience, down.extensions.id(Extension::PlayoutDelay)) {
        block.push(id, &patience);
    }
    slot.write_extensions(&down.extensions, &retold, patience.is_some(), &mut block);
    let (payload_type, ssrc, out_index, prefix) = match rtx {
        Some((payload_type, rtx_index)) => (payload_type, down.rtx_ssrc, rtx_index, 2),
        None => (names.payload_type, down.ssrc, index, 0),
    };
    let header_len = MIN_HEADER + block.bytes().len();
    let filling = if rtx.is_none() {
        usize::from(slot.filling())
    } else {
        0
    };
    let total = header_len + prefix + payload.len() + filling + sender.overhead();
    let timestamp = rewriter.timestamp(slot.timestamp);
    let out = egress.slot(path, total);
    let header = NewHeader {
        marker: numbers.marker,
        payload_type,
        sequence: out_index as u16,
        timestamp,
        ssrc,
    };
    if header.write(&block, out).is_none() {
        return false;
    }
    if prefix == 2 {
        if let Some(original) = out.get_mut(header_len..header_len + 2) {
            original.copy_from_slice(&(index as u16).to_be_bytes());
        }
    }
    let body_at = header_len + prefix;
    if let Some(body) = out.get_mut(body_at..body_at + payload.len()) {
        body.copy_from_slice(payload);
        if codec == Codec::Vp8 {
            rewriter.vp8(body, &numbers);
        }
    }
    if filling > 0 {
        fill(out, body_at + payload.len(), filling);
    }
    if sender.protect_rtp(out, header_len, ssrc, out_index).is_err() {
        return false;
    }
    if numbered.is_some() {
        bwe.on_sent(total, now);
    }
    if rtx.is_none() {
        let number = slot.frame.map(|f| f.number.wrapping_add(retold.number_shift));
        rewriter.sent(index, timestamp, number, now);
        down.packets = down.packets.wrapping_add(1);
        down.octets = down.octets.wrapping_add(payload.len() as u32);
    }
    true
}

/// Writes `count` (1–255) bytes of padding at `at`: the last of them counts, and a bit of the header tells (RFC 3550 §5.1).
#[inline]
fn fill(out: &mut [u8], at: usize, count: usize) {
    if let [first, ..] = out {
        *first |= 0x20;
    }
    if let Some([zeros @ .., last]) = out.get_mut(at..at + count) {
        zeros.fill(0);
        *last = count as u8;
    }
}

/// Longest padding of a packet: its length stands in its last byte (RFC 3550 §5.1).
const PADDING: usize = 255;

/// Whether probes can be sent beside a video.
pub(crate) fn carries_probes(down: &Downstream) -> bool {
    down.payloads.iter().any(|names| numbered(down, *names).is_some())
}

/// A packet of padding alone, sent as a retransmission of nothing: it is counted in feedback and shown to nobody. Returns its size.
pub(crate) fn write_probe(
    down: &mut Downstream,
    connection: &mut Connection,
    path: &Path,
    now: Instant,
    egress: &mut impl Egress,
) -> usize {
    let Connection { transport, bwe, .. } = connection;
    let named = down
        .payloads
        .iter()
        .find_map(|names| Some((names.rtx, numbered(down, *names)?)));
    let (Some(sender), Some((payload_type, id))) = (transport.sender(), named) else {
        return 0;
    };
    let mut block = Block::default();
    block.push(id, &bwe.next_number().to_be_bytes());
    push_section(down, &mut block);
    let header_len = MIN_HEADER + block.bytes().len();
    let total = header_len + PADDING + sender.overhead();
    let out = egress.slot(path, total);
    let header = NewHeader {
        marker: false,
        payload_type,
        sequence: down.rtx_index as u16,
        timestamp: 0,
        ssrc: down.rtx_ssrc,
    };
    if header.write(&block, out).is_none() {
        return 0;
    }
    fill(out, header_len, PADDING);
    if sender
        .protect_rtp(out, header_len, down.rtx_ssrc, down.rtx_index)
        .is_err()
    {
        return 0;
    }
    down.rtx_index += 1;
    bwe.on_sent(total, now);
    total + DATAGRAM
}

/// The extension that carries transport-wide numbers. Without RTX a packet is sent again as it was, and has none.
#[inline]
fn numbered(down: &Downstream, names: Payload) -> Option<u8> {
    let id = down.extensions.id(Extension::TransportCc)?;
    (names.codec.is_video() && names.rtx != 0).then_some(id)
}

/// The targets that a subscriber is told are being sent, when it gets less than the publisher sends: at the first packet of each
/// frame of the lowest temporal layer, so that losing one does no harm.
#[inline]
fn mask(stream: &Stream, slot: &Slot, target: u8) -> Option<u32> {
    let frame = slot.frame.as_ref().filter(|_| target != NO_TARGET)?;
    let active = stream.dependencies.active();
    let sent = active & stream.dependencies.contained(usize::from(target));
    let tell = frame.starts_frame && (frame.temporal == 0 || frame.mask_told);
    (tell && sent != active && frame.generation == stream.dependencies.generation()).then_some(sent)
}

/// Fills a number that was kept free for a packet which came late and is left out: padding alone (RFC 3550 §5.1).
fn write_padding(
    down: &Downstream,
    stream: &Stream,
    slot: &Slot,
    index: u64,
    connection: &Connection,
    path: &Path,
    egress: &mut impl Egress,
) {
    if let (Some(names), Some(rewriter)) = (down.payload(stream.codec), down.rewriter.as_ref()) {
        let timestamp = rewriter.timestamp(slot.timestamp);
        write_empty(down, names, index, timestamp, connection, path, egress);
    }
}

/// Writes a packet of one byte of padding.
pub(crate) fn write_empty(
    down: &Downstream,
    names: Payload,
    index: u64,
    timestamp: u32,
    connection: &Connection,
    path: &Path,
    egress: &mut impl Egress,
) {
    let Some(sender) = connection.transport.sender() else {
        return;
    };
    let mut block = Block::default();
    push_section(down, &mut block);
    let header_len = MIN_HEADER + block.bytes().len();
    let out = egress.slot(path, header_len + 1 + sender.overhead());
    let header = NewHeader {
        marker: false,
        payload_type: names.payload_type,
        sequence: index as u16,
        timestamp,
        ssrc: down.ssrc,
    };
    header.write(&block, out);
    fill(out, header_len, 1);
    // A slot that stays unsealed is refused by the other side.
    let _ = sender.protect_rtp(out, header_len, down.ssrc, index);
}

/// Longest section name that is told: more needs the two-byte form, which not every client takes.
const SECTION_NAME: usize = 16;

/// Tells the section that a packet belongs to (RFC 9143 §15). Our first packets overtake the answer that names their source, and a
/// client that goes by the payload type then may take them for another section's, for good (Firefox does). Always, and not only
/// until it is known: a packet that is sent again without RTX must be the same.
#[inline]
fn push_section(down: &Downstream, block: &mut Block) {
    let id = down.extensions.id(Extension::Mid);
    if let Some(id) = id.filter(|_| (1..=SECTION_NAME).contains(&down.mid.len())) {
        block.push(id, down.mid.as_bytes());
    }
}
