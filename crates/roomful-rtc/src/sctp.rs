//! Communicating, data: SCTP over DTLS (RFC 8831, RFC 8261) and its data channels. The only file that knows `sctp-proto`.
//!
//! Called by `transport`. Reads every message as it comes (unread ones make the library slow, and more than 32,767 end the
//! association) unless told to leave a channel alone, and bounds what waits to be sent.
use crate::dcep::{ChannelOptions, Reliability, ACK};
use bytes::Bytes;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppi, ReliabilityType, ServerConfig, StreamEvent, TransportConfig,
};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;

/// Largest message in either direction, in bytes; also announced as `a=max-message-size`.
pub const MAX_MESSAGE: u32 = 262_144;
/// What may wait to be sent on one channel, in bytes.
pub const MAX_BUFFERED: usize = 8 << 20;
/// What a peer may send that is not read yet, in bytes (`a_rwnd`, RFC 9260 §3.3.2). Larger lets many small messages pile up on a
/// channel that is left alone; smaller slows a long way down: this is 80 Mbit/s at a round trip of 100 ms.
const RECEIVE_WINDOW: u32 = 1 << 20;
/// Channels of one association.
const MAX_CHANNELS: usize = 256;
/// DTLS record, SCTP header and chunk header within a 1,200-byte datagram.
const MAX_PAYLOAD: u32 = 1200 - 77;

/// A channel's SCTP stream.
pub type ChannelId = u16;

/// What the association tells.
#[derive(Debug)]
pub enum SctpEvent {
    /// Up.
    Connected,
    /// The peer opened a channel, or acknowledged ours.
    Opened(ChannelId, ChannelOptions),
    /// A message.
    Message {
        /// On which channel.
        channel: ChannelId,
        /// Text or bytes.
        binary: bool,
        /// All of it.
        data: Vec<u8>,
    },
    /// The channel is gone.
    Closed(ChannelId),
    /// The association is gone.
    Lost,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// [`MAX_BUFFERED`] is waiting already.
    #[error("too much is waiting to be sent")]
    Backpressure,
    /// No such channel, or not open yet.
    #[error("the channel is not open")]
    NotOpen,
    /// Larger than [`MAX_MESSAGE`].
    #[error("the message is too large")]
    TooLarge,
}

/// One association.
pub struct Sctp {
    endpoint: Endpoint,
    handle: AssociationHandle,
    // Most transports that wait for their peer never carry data.
    association: Option<Box<Association>>,
    fake: SocketAddr,
    channels: HashMap<ChannelId, ChannelOptions>,
    /// Channels that are not read.
    alone: HashSet<ChannelId>,
    /// Channels that may have messages from before they were read again.
    again: Vec<ChannelId>,
    /// Channels that send in order until the peer acknowledged them.
    unacknowledged: HashSet<ChannelId>,
    window: u32,
    client: bool,
}

fn transport_config(window: u32) -> Arc<TransportConfig> {
    Arc::new(
        TransportConfig::default()
            .with_max_init_retransmits(None)
            .with_max_data_retransmits(None)
            .with_max_receive_buffer_size(window)
            .with_rto_min_ms(200)
            .with_rto_max_ms(1000)
            .with_max_send_message_size(MAX_MESSAGE)
            .with_max_receive_message_size(MAX_MESSAGE),
    )
}

impl Sctp {
    /// Waits for the peer's INIT; `client` (the DTLS client) sends it with [`connect`](Self::connect).
    pub fn new(client: bool) -> Self {
        Self::with_window(client, RECEIVE_WINDOW)
    }

    /// `window`: what the peer may send that is not read yet, in bytes.
    pub fn with_window(client: bool, window: u32) -> Self {
        let mut endpoint = EndpointConfig::default();
        endpoint.max_payload_size(MAX_PAYLOAD);
        let mut server = ServerConfig::default();
        server.transport = transport_config(window);
        Self {
            endpoint: Endpoint::new(Arc::new(endpoint), Some(Arc::new(server))),
            handle: AssociationHandle(0),
            association: None,
            // The library wants an address; ours are ICE's business.
            fake: SocketAddr::from(([1, 1, 1, 1], 5000)),
            channels: HashMap::new(),
            alone: HashSet::new(),
            again: vec![],
            unacknowledged: HashSet::new(),
            window,
            client,
        }
    }

    /// Starts the handshake.
    pub fn connect(&mut self) {
        if self.association.is_some() {
            return;
        }
        let mut config = ClientConfig::default();
        config.transport = transport_config(self.window);
        if let Ok((handle, association)) = self.endpoint.connect(config, self.fake) {
            self.handle = handle;
            self.association = Some(Box::new(association));
        }
    }

    /// A packet from DTLS.
    pub fn handle(&mut self, packet: Vec<u8>, now: Instant) {
        match self
            .endpoint
            .handle(now, self.fake, None, None, Bytes::from(packet))
        {
            Some((handle, DatagramEvent::NewAssociation(association))) if self.association.is_none() => {
                self.handle = handle;
                self.association = Some(Box::new(association));
            }
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                if let Some(association) = self.association.as_mut() {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(association) = self.association.as_mut() {
            association.handle_timeout(now);
        }
    }

    /// When time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.association.as_ref().and_then(|a| a.poll_timeout())
    }

    /// Opens a channel of ours. Ids are even for the DTLS client, odd for the server (RFC 8832 §6).
    pub fn open(&mut self, options: ChannelOptions) -> Option<ChannelId> {
        if self.channels.len() >= MAX_CHANNELS {
            return None;
        }
        let first = u16::from(!self.client);
        let id = (first..=u16::MAX - 1)
            .step_by(2)
            .find(|id| !self.channels.contains_key(id))?;
        let association = self.association.as_mut()?;
        let mut stream = association.open_stream(id, Ppi::Binary).ok()?;
        // RFC 8832 §6: the OPEN is reliable, and all that is sent before its acknowledgement is in order.
        let (kind, ordered) = (ReliabilityType::Reliable, false);
        let _ = stream.set_reliability_params(ordered, kind, 0);
        stream.write_with_ppi(&options.write(), Ppi::Dcep).ok()?;
        if options.ordered {
            set_reliability(&mut stream, &options);
        } else {
            let in_order = ChannelOptions {
                ordered: true,
                ..options.clone()
            };
            set_reliability(&mut stream, &in_order);
            self.unacknowledged.insert(id);
        }
        self.channels.insert(id, options);
        Some(id)
    }

    /// Opens a channel that both sides agreed on by other means (W3C `negotiated`): nothing is said on the wire.
    pub fn open_as(&mut self, id: ChannelId, options: ChannelOptions) -> bool {
        if self.channels.len() >= MAX_CHANNELS || self.channels.contains_key(&id) {
            return false;
        }
        let Some(association) = self.association.as_mut() else {
            return false;
        };
        // The peer's first message may have made the stream.
        if association.stream(id).is_err() && association.open_stream(id, Ppi::Binary).is_err() {
            return false;
        }
        if let Ok(mut stream) = association.stream(id) {
            set_reliability(&mut stream, &options);
        }
        self.channels.insert(id, options);
        self.again.push(id);
        true
    }

    /// Closes a channel once what was sent on it has arrived (RFC 8831 §6.7); [`SctpEvent::Closed`] tells when the peer agreed.
    pub fn close(&mut self, channel: ChannelId) {
        if let Some(mut stream) = self.association.as_mut().and_then(|a| a.stream(channel).ok()) {
            // Fails only for an association that is gone, whose end is told anyway.
            let _ = stream.close();
        }
    }

    /// Reads a channel, or leaves what comes on it in the receive window, which is the association's: once it is full, nothing
    /// comes on any channel.
    pub fn read_channel(&mut self, channel: ChannelId, on: bool) {
        if !on && self.channels.contains_key(&channel) {
            self.alone.insert(channel);
        } else if on && self.alone.remove(&channel) {
            self.again.push(channel);
        }
    }

    /// Bytes waiting on a channel.
    pub fn buffered(&mut self, channel: ChannelId) -> usize {
        let stream = self.association.as_mut().and_then(|a| a.stream(channel).ok());
        stream.and_then(|s| s.buffered_amount().ok()).unwrap_or(0)
    }

    /// Sends a message.
    pub fn send(&mut self, channel: ChannelId, binary: bool, data: &[u8]) -> Result<(), SendError> {
        if data.len() > MAX_MESSAGE as usize {
            return Err(SendError::TooLarge);
        }
        let association = self.association.as_mut().ok_or(SendError::NotOpen)?;
        let mut stream = association.stream(channel).map_err(|_| SendError::NotOpen)?;
        if stream.buffered_amount().unwrap_or(0) + data.len() > MAX_BUFFERED {
            return Err(SendError::Backpressure);
        }
        // RFC 8831 §6.6: an empty message travels as one zero byte with a PPID of its own.
        let (ppi, data): (Ppi, &[u8]) = match (binary, data.is_empty()) {
            (true, false) => (Ppi::Binary, data),
            (true, true) => (Ppi::BinaryEmpty, &[0]),
            (false, false) => (Ppi::String, data),
            (false, true) => (Ppi::StringEmpty, &[0]),
        };
        stream.write_with_ppi(data, ppi).map_err(|_| SendError::NotOpen)?;
        Ok(())
    }

    /// Everything that happened.
    pub fn drain(&mut self) -> Vec<SctpEvent> {
        let mut events = vec![];
        let Some(association) = self.association.as_mut() else {
            return events;
        };
        while let Some(event) = association.poll_endpoint_event() {
            if let Some(event) = self.endpoint.handle_event(self.handle, event) {
                association.handle_event(event);
            }
        }
        for id in std::mem::take(&mut self.again) {
            if !self.alone.contains(&id) {
                let unacknowledged = &mut self.unacknowledged;
                read(association, id, &mut self.channels, unacknowledged, &mut events);
            }
        }
        while let Some(event) = association.poll() {
            match event {
                Event::Connected => events.push(SctpEvent::Connected),
                Event::HandshakeFailed { .. } | Event::AssociationLost { .. } => {
                    let channels = std::mem::take(&mut self.channels);
                    events.extend(channels.into_keys().map(SctpEvent::Closed));
                    events.push(SctpEvent::Lost);
                }
                Event::Stream(StreamEvent::Readable { id }) if !self.alone.contains(&id) => {
                    let unacknowledged = &mut self.unacknowledged;
                    read(association, id, &mut self.channels, unacknowledged, &mut events);
                }
                Event::Stream(StreamEvent::Finished { id }) if self.channels.remove(&id).is_some() => {
                    self.alone.remove(&id);
                    self.unacknowledged.remove(&id);
                    events.push(SctpEvent::Closed(id));
                }
                _ => {}
            }
        }
        events
    }

    /// Packets for DTLS.
    pub fn transmit(&mut self, now: Instant, mut deliver: impl FnMut(&[u8])) {
        loop {
            let next = self.endpoint.poll_transmit();
            let next = next.or_else(|| self.association.as_mut().and_then(|a| a.poll_transmit(now)));
            let Some(transmit) = next else { return };
            if let Payload::RawEncode(packets) = transmit.payload {
                for packet in packets {
                    deliver(&packet);
                }
            }
        }
    }
}

fn set_reliability(stream: &mut sctp_proto::Stream<'_>, options: &ChannelOptions) {
    let (kind, value) = match options.reliability {
        Reliability::Reliable => (ReliabilityType::Reliable, 0),
        Reliability::Retransmits(n) => (ReliabilityType::Rexmit, n),
        Reliability::LifetimeMs(ms) => (ReliabilityType::Timed, ms),
    };
    // Fails only for a stream that is gone.
    let _ = stream.set_reliability_params(!options.ordered, kind, value);
}

fn read(
    association: &mut Association,
    id: ChannelId,
    channels: &mut HashMap<ChannelId, ChannelOptions>,
    unacknowledged: &mut HashSet<ChannelId>,
    events: &mut Vec<SctpEvent>,
) {
    let Ok(mut stream) = association.stream(id) else {
        return;
    };
    while let Ok(Some(chunks)) = stream.read_sctp() {
        let mut data = vec![0u8; chunks.len()];
        let Ok(length) = chunks.read(&mut data) else {
            continue;
        };
        data.truncate(length);
        match chunks.ppi {
            Ppi::Dcep => match ChannelOptions::parse(&data) {
                Some(options) if channels.len() < MAX_CHANNELS && !channels.contains_key(&id) => {
                    set_reliability(&mut stream, &options);
                    if stream.write_with_ppi(&ACK, Ppi::Dcep).is_ok() {
                        channels.insert(id, options.clone());
                        events.push(SctpEvent::Opened(id, options));
                    }
                }
                Some(_) => {}
                None if data == ACK => {
                    if let Some(options) = channels.get(&id) {
                        if unacknowledged.remove(&id) {
                            set_reliability(&mut stream, options);
                        }
                        events.push(SctpEvent::Opened(id, options.clone()));
                    }
                }
                None => {}
            },
            ppi if channels.contains_key(&id) => {
                let binary = matches!(ppi, Ppi::Binary | Ppi::BinaryEmpty);
                if matches!(ppi, Ppi::BinaryEmpty | Ppi::StringEmpty) {
                    data.clear();
                }
                events.push(SctpEvent::Message {
                    channel: id,
                    binary,
                    data,
                });
            }
            _ => {}
        }
    }
}
