//! Where the router writes packets: implemented by the engine's sockets and by tests.
use roomful_rtc::transport::Path;

/// A place for outgoing datagrams. Slots of one destination made one after the other lie side by side, so that the
/// socket can send runs of equal size as one GSO message.
pub trait Egress {
    /// Room for one datagram of exactly `len` bytes to `path`; the caller fills all of it before the next call.
    fn slot(&mut self, path: &Path, len: usize) -> &mut [u8];

    /// One ready datagram.
    fn put(&mut self, path: &Path, packet: &[u8]) {
        self.slot(path, packet.len()).copy_from_slice(packet);
    }
}
