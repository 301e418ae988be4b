//! One association with a peer: ICE, DTLS, SRTP keys and SCTP tied together, `handle(input, now) → outputs`.
//!
//! Owned by the router (servers) and by `roomful.rtc`. Never touches a socket or a clock; media packets do not pass through
//! here: the router opens and seals them with [`Transport::receiver`] and [`Transport::sender`].
use crate::dcep::ChannelOptions;
use crate::dtls::{Dtls, DtlsError, DtlsEvent, DtlsIdentity};
use crate::ice::{Credentials, Ice, IceEvent, LocalCandidate, RemoteCandidate};
use crate::sctp::{ChannelId, Sctp, SctpEvent, SendError};
use crate::srtp::{SrtpReceiver, SrtpSender};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What carries packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// ICE-TCP with RFC 4571 framing.
    Tcp,
}

/// Where packets of one transport come from and go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Ours: an announced candidate's address.
    pub local: SocketAddr,
    /// Theirs.
    pub remote: SocketAddr,
    /// UDP or TCP.
    pub protocol: Protocol,
}

/// How to begin.
pub struct TransportConfig<'a> {
    /// Our certificate.
    pub identity: &'a DtlsIdentity,
    /// Our ICE credentials.
    pub credentials: &'a Credentials,
    /// Our candidates' addresses.
    pub addresses: &'a [(SocketAddr, Protocol)],
    /// A server that only answers checks.
    pub ice_lite: bool,
    /// Full agents: nominate.
    pub controlling: bool,
    /// DTLS client.
    pub active: bool,
}

/// What a transport tells.
#[derive(Debug)]
pub enum TransportEvent {
    /// ICE and DTLS are up: media may flow.
    Connected,
    /// The path to send on changed.
    PathChanged(Path),
    /// No checks for a while; it may come back.
    Disconnected,
    /// It came back.
    Reconnected,
    /// A channel is open.
    ChannelOpened(ChannelId, ChannelOptions),
    /// A message came.
    Message {
        /// On which channel.
        channel: ChannelId,
        /// Text or bytes.
        binary: bool,
        /// All of it.
        data: Vec<u8>,
    },
    /// A channel is gone.
    ChannelClosed(ChannelId),
    /// SCTP is up: channels may be opened.
    DataReady,
    /// SCTP is gone, and all channels with it.
    DataLost,
    /// The peer closed it.
    Closed,
    /// It is over.
    Failed(String),
}

/// A transport that is not up so long after its peer described itself has failed.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// A connected transport without a sign of life for so long has failed.
pub const SILENCE_WITHIN: Duration = Duration::from_secs(60);

/// One association.
pub struct Transport {
    ice: Ice,
    dtls: Dtls,
    sctp: Sctp,
    active: bool,
    /// Of SCTP, when it is not the usual one.
    window: Option<u32>,
    /// DTLS began: its roles stand.
    begun: bool,
    // A transport that is not up yet, or never will be, holds none.
    sender: Option<Box<SrtpSender>>,
    receiver: Option<Box<SrtpReceiver>>,
    nominated: Option<Path>,
    checked: Option<Path>,
    connected: bool,
    ended: bool,
    silent: bool,
    /// Counts from the peer's description: one that has nothing to send never makes any (a listener's publishing side).
    deadline: Option<Instant>,
    heard: Instant,
    /// When our part of the handshake went out, and how long the peer's took to come back.
    greeted: Option<Instant>,
    handshake_trip: Option<Duration>,
    outbox: VecDeque<(Path, Vec<u8>)>,
    events: VecDeque<TransportEvent>,
}

impl Transport {
    /// Begins to wait (or to check, when not lite).
    pub fn new(config: &TransportConfig<'_>, now: Instant) -> Self {
        let mut ice = Ice::new(
            config.credentials,
            config.addresses,
            config.ice_lite,
            config.controlling,
        );
        ice.handle_timeout(now);
        Self {
            ice,
            dtls: Dtls::new(config.identity, config.active, now),
            sctp: Sctp::new(config.active),
            active: config.active,
            window: None,
            begun: false,
            sender: None,
            receiver: None,
            nominated: None,
            checked: None,
            connected: false,
            ended: false,
            silent: false,
            deadline: None,
            heard: now,
            greeted: None,
            handshake_trip: None,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The peer's credentials and certificate digests (SHA-256) from its description.
    pub fn set_remote(&mut self, remote: &Credentials, digests: Vec<Vec<u8>>, now: Instant) {
        self.ice.set_remote(remote);
        self.deadline.get_or_insert(now + CONNECT_WITHIN);
        if !self.connected {
            self.dtls.expect(digests);
        }
        self.ice.handle_timeout(now);
        self.drive(now);
    }

    /// The peer will wait for our DTLS handshake (its description says `setup:passive`, RFC 8842 §5): we begin it. Roles stand once
    /// a record came or went.
    pub fn set_active(&mut self, now: Instant) {
        if !self.active && !self.begun {
            self.active = true;
            self.dtls.set_active(now);
            self.sctp = self
                .window
                .map_or_else(|| Sctp::new(true), |window| Sctp::with_window(true, window));
        }
    }

    /// What the peer may send on its data channels that is not read yet, in bytes; before anything came or went.
    pub fn set_receive_window(&mut self, bytes: u32) {
        if !self.begun {
            self.window = Some(bytes);
            self.sctp = Sctp::with_window(self.active, bytes);
        }
    }

    /// Whether we are the DTLS client.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// A candidate of the peer's; ignored by a lite agent.
    pub fn add_remote_candidate(&mut self, address: SocketAddr, protocol: Protocol, now: Instant) {
        self.ice.add_remote_candidate(address, protocol);
        self.ice.handle_timeout(now);
        self.drive(now);
    }

    /// As [`add_remote_candidate`](Self::add_remote_candidate), with all that is known of it.
    pub fn add_remote(&mut self, candidate: &RemoteCandidate, now: Instant) {
        self.ice.add_remote(candidate);
        self.ice.handle_timeout(now);
        self.drive(now);
    }

    /// A candidate of ours that was found since.
    pub fn add_local(&mut self, candidate: LocalCandidate, now: Instant) {
        self.ice.add_local(candidate);
        self.ice.handle_timeout(now);
        self.drive(now);
    }

    /// New ICE credentials on our side, and the peer's when its description brought them. Media goes on over the old path
    /// until a check with the new ones arrives.
    pub fn restart_ice(&mut self, local: &Credentials, remote: Option<&Credentials>, now: Instant) {
        self.ice.restart(local, remote);
        self.ice.handle_timeout(now);
        self.drive(now);
    }

    /// Our ICE credentials.
    pub fn credentials(&self) -> Credentials {
        self.ice.local()
    }

    /// The peer's fragment, once known.
    pub fn remote_ufrag(&self) -> Option<&str> {
        self.ice.remote_ufrag()
    }

    /// A STUN packet; returns whether its integrity check passed, which proves the path.
    pub fn handle_stun(&mut self, path: &Path, packet: &[u8], now: Instant) -> bool {
        if self.ended {
            return false;
        }
        let taken = self.ice.handle(path, packet, now);
        if taken {
            self.heard = now;
            self.checked = Some(*path);
            if self.nominated.is_none_or(|n| n.remote != path.remote) && !self.connected {
                self.nominated = None;
            }
        }
        self.drive(now);
        taken
    }

    /// A DTLS record from a proven path.
    pub fn handle_dtls(&mut self, packet: &[u8], now: Instant) {
        self.take_dtls(packet, now);
        self.drive(now);
    }

    /// As [`handle_dtls`](Self::handle_dtls), but what it makes us send comes with the next [`flush_data`](Self::flush_data): one
    /// answer to a batch of records. What came is read at once, for unread messages make SCTP slow.
    pub fn take_dtls(&mut self, packet: &[u8], now: Instant) {
        if self.ended {
            return;
        }
        self.heard = now;
        self.begun = true;
        // RFC 6347 §4.3.2: the type of a handshake message follows the record's header. A repeated hello answers nothing.
        let hello = matches!(packet, [22, ..]) && packet.get(13) == Some(&1);
        if let (Some(at), false, false) = (self.greeted, hello, self.connected) {
            let trip = now.saturating_duration_since(at);
            self.handshake_trip.get_or_insert(trip);
        }
        let sent = self.outbox.len();
        let path = self.send_path();
        let outbox = &mut self.outbox;
        let events = self.dtls.handle(packet, now, |p| {
            outbox.extend(path.map(|path| (path, p.to_vec())))
        });
        if self.outbox.len() > sent && hello {
            self.greeted = Some(now);
        }
        self.on_dtls(events, now);
        if self.connected && !self.ended {
            self.read_sctp();
        }
    }

    /// A first measure of the round trip, from the handshake: the peer's computing is in it. `None` when we began it.
    pub fn handshake_trip(&self) -> Option<Duration> {
        self.handshake_trip
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ended {
            return;
        }
        self.ice.handle_timeout(now);
        if self.send_path().is_some() && self.dtls.poll_timeout().is_some_and(|at| at <= now) {
            let path = self.send_path();
            let outbox = &mut self.outbox;
            self.begun |= self.active;
            let events = self
                .dtls
                .handle_timeout(now, |p| outbox.extend(path.map(|path| (path, p.to_vec()))));
            self.on_dtls(events, now);
        }
        if self.sctp.poll_timeout().is_some_and(|at| at <= now) {
            self.sctp.handle_timeout(now);
        }
        if !self.connected && self.deadline.is_some_and(|at| now >= at) {
            self.fail("no connection came about in time".to_owned());
        } else if self.connected && now >= self.heard + SILENCE_WITHIN {
            self.fail("nothing was heard of the peer any more".to_owned());
        }
        self.drive(now);
    }

    /// When time matters next.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let patience = if self.connected {
            Some(self.heard + SILENCE_WITHIN)
        } else {
            self.deadline
        };
        let dtls = if self.send_path().is_some() {
            self.dtls.poll_timeout()
        } else {
            None
        };
        [
            self.ice.poll_timeout(now),
            dtls,
            self.sctp.poll_timeout(),
            patience,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// A datagram to send.
    pub fn poll_transmit(&mut self) -> Option<(Path, Vec<u8>)> {
        self.outbox.pop_front()
    }

    /// Something to know.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// Where to send: the nominated path, or the one whose check came last.
    #[inline]
    pub fn send_path(&self) -> Option<Path> {
        self.nominated.or(self.checked)
    }

    /// Seals media, once keys are there.
    #[inline]
    pub fn sender(&self) -> Option<&SrtpSender> {
        self.sender.as_deref()
    }

    /// Seals RTCP.
    #[inline]
    pub fn sender_mut(&mut self) -> Option<&mut SrtpSender> {
        self.sender.as_deref_mut()
    }

    /// Opens media.
    #[inline]
    pub fn receiver(&mut self) -> Option<&mut SrtpReceiver> {
        self.receiver.as_deref_mut()
    }

    /// A media packet opened: the peer lives.
    #[inline]
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        self.connected && !self.ended
    }

    /// Over: failed or closed.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Opens a data channel; `None` until SCTP is up.
    pub fn open_channel(&mut self, options: ChannelOptions, now: Instant) -> Option<ChannelId> {
        let id = self.sctp.open(options);
        self.drive(now);
        id
    }

    /// Opens a channel that both sides agreed on by other means; false until SCTP is up, or when the number is taken.
    pub fn open_channel_as(&mut self, id: ChannelId, options: ChannelOptions, now: Instant) -> bool {
        let opened = self.sctp.open_as(id, options);
        self.drive(now);
        opened
    }

    /// Closes a channel once what was sent on it has arrived; [`TransportEvent::ChannelClosed`] tells when that is.
    pub fn close_channel(&mut self, id: ChannelId, now: Instant) {
        self.sctp.close(id);
        self.drive(now);
    }

    /// Queues a message; it leaves with [`flush_data`](Self::flush_data), so that many share packets.
    pub fn send_data(&mut self, channel: ChannelId, binary: bool, data: &[u8]) -> Result<(), SendError> {
        self.sctp.send(channel, binary, data)
    }

    /// Sends what was queued.
    pub fn flush_data(&mut self, now: Instant) {
        self.drive(now);
    }

    /// Reads a channel's messages as they come (what it does at first), or leaves them unread, which closes the peer's window.
    /// What waited comes with the next [`flush_data`](Self::flush_data).
    pub fn read_channel(&mut self, channel: ChannelId, on: bool) {
        self.sctp.read_channel(channel, on);
    }

    /// Bytes waiting on a channel.
    pub fn buffered(&mut self, channel: ChannelId) -> usize {
        self.sctp.buffered(channel)
    }

    /// Says goodbye and ends.
    pub fn close(&mut self) {
        if self.ended {
            return;
        }
        if let Some(path) = self.send_path() {
            let outbox = &mut self.outbox;
            self.dtls.close(|p| outbox.push_back((path, p.to_vec())));
        }
        self.ended = true;
    }

    fn fail(&mut self, reason: String) {
        if !self.ended {
            self.ended = true;
            self.events.push_back(TransportEvent::Failed(reason));
        }
    }

    fn on_dtls(&mut self, events: Vec<DtlsEvent>, now: Instant) {
        for event in events {
            match event {
                DtlsEvent::Keys(keys) => match (SrtpSender::new(&keys), SrtpReceiver::new(&keys)) {
                    (Ok(sender), Ok(receiver)) => {
                        self.sender = Some(Box::new(sender));
                        self.receiver = Some(Box::new(receiver));
                    }
                    _ => self.fail(DtlsError::Profile.to_string()),
                },
                DtlsEvent::Connected => {
                    self.connected = true;
                    self.events.push_back(TransportEvent::Connected);
                    if self.active {
                        self.sctp.connect();
                    }
                }
                DtlsEvent::Data(packet) => self.sctp.handle(packet, now),
                DtlsEvent::Closed => {
                    self.ended = true;
                    self.events.push_back(TransportEvent::Closed);
                }
                DtlsEvent::Failed(error) => self.fail(error.to_string()),
            }
        }
    }

    fn drive(&mut self, now: Instant) {
        while let Some(transmit) = self.ice.poll_transmit() {
            self.outbox.push_back(transmit);
        }
        while let Some(event) = self.ice.poll_event() {
            match event {
                IceEvent::Nominated(path) => {
                    if self.nominated != Some(path) {
                        self.nominated = Some(path);
                        self.events.push_back(TransportEvent::PathChanged(path));
                    }
                }
                IceEvent::Disconnected => {
                    self.silent = true;
                    self.events.push_back(TransportEvent::Disconnected);
                }
                // The first connection is told by DTLS, when media can flow.
                IceEvent::Connected if std::mem::take(&mut self.silent) && self.connected => {
                    self.events.push_back(TransportEvent::Reconnected);
                }
                IceEvent::Connected => {}
            }
        }
        if self.connected && !self.ended {
            self.drive_sctp(now);
        }
    }

    fn read_sctp(&mut self) {
        for event in self.sctp.drain() {
            self.events.push_back(match event {
                SctpEvent::Connected => TransportEvent::DataReady,
                SctpEvent::Opened(id, options) => TransportEvent::ChannelOpened(id, options),
                SctpEvent::Message {
                    channel,
                    binary,
                    data,
                } => TransportEvent::Message {
                    channel,
                    binary,
                    data,
                },
                SctpEvent::Closed(id) => TransportEvent::ChannelClosed(id),
                SctpEvent::Lost => TransportEvent::DataLost,
            });
        }
    }

    fn drive_sctp(&mut self, now: Instant) {
        self.read_sctp();
        let Some(path) = self.send_path() else { return };
        let (dtls, outbox) = (&mut self.dtls, &mut self.outbox);
        let mut more = vec![];
        self.sctp.transmit(now, |packet| {
            if let Ok(events) = dtls.send(packet, |p| outbox.push_back((path, p.to_vec()))) {
                more.extend(events);
            }
        });
        if !more.is_empty() {
            self.on_dtls(more, now);
        }
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
