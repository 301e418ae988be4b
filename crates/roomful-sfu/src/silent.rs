//! Sections that have been silent so far: a packet of padding tells whose source is theirs before other sources begin.
//!
//! Called by `negotiation` when a client offers again (it has then taken in what we answered before) and at the end of the turn by
//! `forward`. Firefox gives a source that it does not know to a section that has none yet, and keeps the new section deaf for good.
use crate::egress::Egress;
use crate::forward::write_empty;
use crate::router::Router;
use crate::slab::Key;
use roomful_rtc::codec::Codec;

impl Router {
    /// A client offers again: what it has had from us and heard nothing of is to be told.
    pub(crate) fn note_silent(&mut self, key: Key) {
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        if !connection.transport.is_connected() {
            return;
        }
        let held = connection.slots.iter().filter_map(|(_, _, down)| *down);
        let silent = held.filter(|down| self.downs.get(*down).is_some_and(|d| d.packets == 0));
        self.silent.extend(silent);
    }

    /// One packet for each of them.
    pub(crate) fn tell_silent(&mut self, egress: &mut impl Egress) {
        for key in std::mem::take(&mut self.silent) {
            let Some(down) = self.downs.get_mut(key) else {
                continue;
            };
            let connection = down.connection.and_then(|c| self.connections.get(c));
            let path = connection.and_then(|c| c.transport.send_path());
            let names = down.payloads.iter().find(|p| p.codec != Codec::Red).copied();
            let (Some(connection), Some(path), Some(names)) = (connection, path, names) else {
                continue;
            };
            let number = down.rewriter.as_mut().and_then(|rewriter| rewriter.vacant());
            if let Some((index, timestamp)) = number {
                write_empty(down, names, index, timestamp, connection, &path, egress);
            }
        }
    }
}
