//! The way out of a turn: what was written is handed to the kernel while it is still in the processor's cache.
//!
//! Made by `worker` when it lets the router flush. Without it the packets of a frame for hundreds of subscribers lie in memory by
//! the megabyte before the first of them is sent.
use crate::socket::{Batch, Socket};
use crate::tcp::Tcp;
use roomful_rtc::transport::Path;
use roomful_sfu::egress::Egress;

/// Bytes that are written before they are sent: a part of a core's second-level cache, which the kernel's copy shares.
const SEND_FROM: usize = 256 << 10;

/// A batch and where it goes.
pub struct Outgoing<'a> {
    pub batch: &'a mut Batch,
    pub sockets: &'a mut [Socket],
    pub tcp: &'a mut Tcp,
}

impl Outgoing<'_> {
    /// Hands over everything.
    pub fn send(&mut self) {
        for (remote, frame) in self.batch.frames() {
            self.tcp.send(remote, frame);
        }
        let sockets = &mut *self.sockets;
        self.batch.flush(|at, arena, messages| {
            if let Some(socket) = sockets.get_mut(at) {
                socket.send(arena, messages);
            }
        });
        for (at, socket) in self.sockets.iter().enumerate() {
            self.batch.set_joins(at, socket.joins());
        }
    }
}

impl Egress for Outgoing<'_> {
    #[inline]
    fn slot(&mut self, path: &Path, length: usize) -> &mut [u8] {
        // Not between packets that may share a message.
        if self.batch.used() >= SEND_FROM && !self.batch.goes_on(path) {
            self.send();
        }
        self.batch.slot(path, length)
    }
}
