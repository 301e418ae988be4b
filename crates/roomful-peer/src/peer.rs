//! One peer connection: signaling, gathering, transport and channels tied together, `handle(input, now) → outputs`. Sans-IO.
//!
//! Called by `shell`. After a batch of inputs one call of [`Peer::turn`] moves data on; then transmits and events are polled.
use crate::channels::Channels;
use crate::entropy::Entropy;
use crate::error::PeerError;
use crate::event::{ChannelKey, Descriptions, GatheringState, PeerEvent, State};
use crate::gather::{Datagram, Gather, Server};
use crate::media::{Media, MediaOptions};
use crate::pipe::Pipe;
use crate::signaling::{
    Agreed, DescriptionKind, Identity, Local, MediaKey, Remote, Signaling, SignalingState,
};
use roomful_rtc::dcep::ChannelOptions;
use roomful_rtc::dtls::DtlsIdentity;
use roomful_rtc::ice::{Credentials, LocalCandidate, RemoteCandidate};
use roomful_rtc::sctp::{ChannelId, MAX_MESSAGE};
use roomful_rtc::sdp::candidate::{self, Address, CandidateKind};
use roomful_rtc::sdp::Direction;
use roomful_rtc::transport::{Path, Protocol, Transport, TransportConfig, TransportEvent};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// What the peer may send on data channels before it is read, bytes: 160 Mbit/s at a round trip of 200 ms.
const RECEIVE_WINDOW: u32 = 4 << 20;
/// Checks that came before the peer's description.
const MAX_EARLY: usize = 16;
/// Addresses of the peer's that proved themselves.
const MAX_PROVEN: usize = 64;
/// Candidates of the peer's that wait for an answer of ours.
const MAX_CANDIDATES: usize = 64;

/// How to begin.
pub struct PeerConfig {
    /// Our certificate.
    pub identity: DtlsIdentity,
    /// Our bound UDP sockets.
    pub hosts: Vec<SocketAddr>,
    /// To ask for candidates.
    pub servers: Vec<Server>,
    /// Only through TURN servers (W3C's `iceTransportPolicy: "relay"`).
    pub relay_only: bool,
    /// Randomness.
    pub entropy: Entropy,
}

/// See the module.
pub struct Peer {
    config: PeerConfig,
    signaling: Signaling,
    credentials: Credentials,
    /// For the next offer, when ICE is to begin anew.
    restart: Option<Credentials>,
    gather: Option<Gather>,
    gathering: GatheringState,
    candidates: Vec<String>,
    found: Vec<LocalCandidate>,
    transport: Option<Transport>,
    /// Of the peer's, for a transport that comes with our answer.
    waiting: Vec<RemoteCandidate>,
    early: Vec<(Path, Vec<u8>)>,
    proven: Vec<SocketAddr>,
    channels: Channels,
    media: Media,
    ice: State,
    connection: State,
    told_need: bool,
    events: VecDeque<PeerEvent>,
}

impl Peer {
    /// Nothing is sent before there is a description of ours.
    pub fn new(config: PeerConfig, now: Instant) -> Self {
        let media = Media::new(config.entropy.clone(), now);
        let identity = Identity {
            fingerprint: config.identity.fingerprint().to_owned(),
            // Below 2⁶³ (RFC 9429 §5.2.1).
            session_id: config.entropy.number() >> 1,
        };
        let credentials = config.entropy.credentials();
        Self {
            config,
            signaling: Signaling::new(identity),
            credentials,
            restart: None,
            gather: None,
            gathering: GatheringState::New,
            candidates: vec![],
            found: vec![],
            transport: None,
            waiting: vec![],
            early: vec![],
            proven: vec![],
            channels: Channels::default(),
            media,
            ice: State::New,
            connection: State::New,
            told_need: false,
            events: VecDeque::new(),
        }
    }

    /// Servers to ask for candidates; before the first description.
    pub fn set_servers(&mut self, servers: Vec<Server>) {
        self.config.servers = servers;
    }

    /// The text of an offer.
    pub fn create_offer(&mut self, restart: bool) -> Result<String, PeerError> {
        self.check_open()?;
        if restart {
            self.restart_ice();
        }
        let credentials = self.restart.clone().unwrap_or_else(|| self.credentials.clone());
        let data = !self.channels.is_empty();
        let local = self
            .signaling
            .create_offer(credentials, data, &self.media.wanted())?;
        self.write(&local)
    }

    /// The text of the answer to the peer's offer.
    pub fn create_answer(&mut self) -> Result<String, PeerError> {
        self.check_open()?;
        let (_, pending) = self.signaling.remote();
        let theirs = pending.and_then(|remote| remote.description.transport());
        let known = self
            .transport
            .as_ref()
            .and_then(|t| t.remote_ufrag().map(str::to_owned));
        // The peer began ICE anew: so do we (RFC 8839 §4.4.1).
        let anew = match (&theirs, &known) {
            (Some(theirs), Some(known)) => theirs.ufrag != *known,
            _ => false,
        };
        let credentials = if anew {
            self.config.entropy.credentials()
        } else {
            self.credentials.clone()
        };
        let local = self.signaling.create_answer(credentials, &self.media.wanted())?;
        self.write(&local)
    }

    /// Takes the description that was made last; makes it when there is none and no text is given.
    pub fn set_local(
        &mut self,
        kind: Option<DescriptionKind>,
        text: Option<&str>,
        now: Instant,
    ) -> Result<(), PeerError> {
        self.check_open()?;
        let kind = kind.unwrap_or(match self.signaling.state() {
            SignalingState::HaveRemoteOffer => DescriptionKind::Answer,
            _ => DescriptionKind::Offer,
        });
        if text.is_none_or(str::is_empty) {
            match kind {
                DescriptionKind::Offer => self.create_offer(false)?,
                DescriptionKind::Answer => self.create_answer()?,
            };
        }
        let agreed = self.signaling.set_local(kind, text)?;
        self.begin_gathering(now);
        self.agree(agreed, now)
    }

    /// Takes a description of the peer's.
    pub fn set_remote(&mut self, kind: DescriptionKind, text: &str, now: Instant) -> Result<(), PeerError> {
        self.check_open()?;
        let (media, events) = (&mut self.media, &mut self.events);
        let agreed = self
            .signaling
            .set_remote(kind, text, &mut |section| media.assign(section, events))?;
        if kind == DescriptionKind::Offer {
            self.waiting.clear();
        }
        self.agree(agreed, now)
    }

    /// Forgets what is proposed.
    pub fn rollback(&mut self) -> Result<(), PeerError> {
        self.check_open()?;
        self.signaling.rollback()?;
        self.waiting.clear();
        self.told_need = false;
        self.tell_signaling();
        self.look_for_needs();
        Ok(())
    }

    /// A candidate of the peer's: the attribute's value. Names and TCP are passed over; an empty text is the end of them.
    pub fn add_candidate(&mut self, text: &str, ufrag: Option<&str>, now: Instant) -> Result<(), PeerError> {
        self.check_open()?;
        let (current, pending) = self.signaling.remote();
        let Some(remote) = pending.or(current) else {
            return Err(PeerError::state("candidates come after the peer's description"));
        };
        if text.trim().is_empty() {
            return Ok(());
        }
        let read = candidate::parse(text).map_err(|e| PeerError::Syntax(e.to_string()))?;
        let named = ufrag.map(str::to_owned).or_else(|| read.ufrag.clone());
        let theirs = remote.description.transport();
        if let (Some(named), Some(theirs)) = (named, &theirs) {
            if named != theirs.ufrag && !named.is_empty() {
                // Of a description that was rolled back or replaced.
                return Ok(());
            }
        }
        let proposed = pending.is_some();
        if let Some(candidate) = usable(read) {
            match &mut self.transport {
                Some(transport) if !proposed => transport.add_remote(&candidate, now),
                _ if self.waiting.len() < MAX_CANDIDATES => self.waiting.push(candidate),
                _ => {}
            }
        }
        Ok(())
    }

    /// ICE begins anew with the next offer.
    pub fn restart_ice(&mut self) {
        if self.connection != State::Closed && self.restart.is_none() {
            self.restart = Some(self.config.entropy.credentials());
            self.look_for_needs();
        }
    }

    /// A channel under a key of the program's choice.
    pub fn open_channel(
        &mut self,
        key: ChannelKey,
        options: ChannelOptions,
        id: Option<ChannelId>,
        pipe: Arc<Pipe>,
        now: Instant,
    ) {
        let closed = self.connection == State::Closed || self.connection == State::Failed;
        let created = if closed {
            Err("the connection is closed")
        } else {
            self.channels.create(key, options, id, pipe.clone())
        };
        if let Err(why) = created {
            pipe.close();
            self.events
                .push_back(PeerEvent::Closed(key, Some(why.to_owned())));
            return;
        }
        if let Some(transport) = &mut self.transport {
            self.channels.open(key, transport, &mut self.events, now);
        }
        self.look_for_needs();
    }

    /// Closes a channel once what was sent on it has arrived.
    pub fn close_channel(&mut self, key: ChannelKey) {
        self.channels.close(key, &mut self.events);
    }

    /// A transceiver under a key of the program's choice.
    pub fn add_transceiver(&mut self, key: MediaKey, options: MediaOptions) {
        if self.connection == State::Closed || !self.media.add(key, options) {
            self.events.push_back(PeerEvent::MediaEnded(key));
            return;
        }
        self.look_for_needs();
    }

    /// Changes which way a transceiver carries, with the next offer.
    pub fn set_direction(&mut self, key: MediaKey, direction: Direction) {
        self.media.set_direction(key, direction);
        self.look_for_needs();
    }

    /// A coded frame to send; `timestamp` in the codec's clock. Lost while there is no connection.
    pub fn send_frame(&mut self, key: MediaKey, frame: &[u8], timestamp: u32, now: Instant) {
        if let Some(transport) = self.transport.as_ref().filter(|t| t.is_connected()) {
            self.media.send(key, frame, timestamp, transport, now);
        }
    }

    /// Asks the peer for a key frame.
    pub fn want_key(&mut self, key: MediaKey, now: Instant) {
        self.media.want_key(key, now);
    }

    /// Ends it all and says goodbye.
    pub fn close(&mut self) {
        if self.connection == State::Closed {
            return;
        }
        if let Some(transport) = &mut self.transport {
            transport.close();
        }
        self.end(State::Closed, None);
    }

    /// A datagram.
    pub fn handle_packet(&mut self, local: SocketAddr, remote: SocketAddr, packet: &[u8], now: Instant) {
        let from_server = self.gather.as_ref().is_some_and(|g| g.knows(local, remote));
        if from_server {
            let relayed = self
                .gather
                .as_mut()
                .and_then(|gather| gather.handle(local, remote, packet, now));
            if let Some((lent, peer, data)) = relayed {
                self.handle_from_peer(lent, peer, data, now);
            }
            self.take_found(now);
            // A peer may sit behind the address of a server; a server never sends anything else.
            return;
        }
        self.handle_from_peer(local, remote, packet, now);
    }

    fn handle_from_peer(&mut self, local: SocketAddr, remote: SocketAddr, packet: &[u8], now: Instant) {
        let path = Path {
            local,
            remote,
            protocol: Protocol::Udp,
        };
        let Some(transport) = &mut self.transport else {
            if matches!(packet, [0..=3, ..]) && self.early.len() < MAX_EARLY && packet.len() < 600 {
                self.early.push((path, packet.to_vec()));
            }
            return;
        };
        match packet {
            [0..=3, ..] => {
                let proof = transport.handle_stun(&path, packet, now);
                if proof && !self.proven.contains(&remote) && self.proven.len() < MAX_PROVEN {
                    self.proven.push(remote);
                }
            }
            // What is no STUN counts only from where a check proved itself.
            [20..=63, ..] if self.proven.contains(&remote) => transport.take_dtls(packet, now),
            [128..=191, ..] if self.proven.contains(&remote) => {
                let mut copy = packet.to_vec();
                self.media.handle(transport, &mut copy, &mut self.events, now);
            }
            _ => {}
        }
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(gather) = &mut self.gather {
            gather.handle_timeout(now);
        }
        self.take_found(now);
        if let Some(transport) = &mut self.transport {
            transport.handle_timeout(now);
        }
    }

    /// When time matters next.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let gather = self.gather.as_ref().and_then(Gather::poll_timeout);
        let transport = self.transport.as_mut().and_then(|t| t.poll_timeout(now));
        let media = self.media.poll_timeout().filter(|_| transport.is_some());
        gather.into_iter().chain(transport).chain(media).min()
    }

    /// After a batch of inputs: moves data both ways.
    pub fn turn(&mut self, now: Instant) {
        // Twice: what came may open the window for what waits.
        for _ in 0..2 {
            let Some(transport) = &mut self.transport else {
                return;
            };
            transport.flush_data(now);
            let mut events = vec![];
            while let Some(event) = transport.poll_event() {
                events.push(event);
            }
            for event in events {
                self.on_transport(event, now);
            }
            let Some(transport) = &mut self.transport else {
                return;
            };
            if !self.channels.pump(transport, &mut self.events, now) {
                break;
            }
        }
        if let Some(transport) = &mut self.transport {
            transport.flush_data(now);
            if transport.is_connected() {
                self.media.turn(transport, &mut self.events, now);
            }
        }
    }

    fn on_transport(&mut self, event: TransportEvent, now: Instant) {
        match event {
            TransportEvent::Connected => {
                self.set_ice(State::Connected);
                self.set_connection(State::Connected);
            }
            TransportEvent::PathChanged(_) => self.set_ice(State::Connected),
            TransportEvent::Disconnected => {
                self.set_ice(State::Disconnected);
                if self.connection == State::Connected {
                    self.set_connection(State::Disconnected);
                }
            }
            TransportEvent::Reconnected => {
                self.set_ice(State::Connected);
                self.set_connection(State::Connected);
            }
            TransportEvent::DataReady => {
                if let Some(transport) = &mut self.transport {
                    self.channels.on_ready(transport, &mut self.events, now);
                }
            }
            TransportEvent::DataLost => self
                .channels
                .close_all(Some("the data association broke"), &mut self.events),
            TransportEvent::ChannelOpened(id, options) => {
                self.channels.on_opened(id, options, &mut self.events);
            }
            TransportEvent::Message {
                channel,
                binary,
                data,
            } => self.channels.on_message(channel, binary, data, &mut self.events),
            TransportEvent::ChannelClosed(id) => self.channels.on_closed(id, &mut self.events),
            TransportEvent::Closed => self.end(State::Closed, None),
            TransportEvent::Failed(reason) => self.end(State::Failed, Some(reason)),
        }
    }

    fn end(&mut self, state: State, reason: Option<String>) {
        self.channels.close_all(reason.as_deref(), &mut self.events);
        self.media.end(&mut self.events);
        if let Some(reason) = reason {
            self.events.push_back(PeerEvent::Trouble(reason));
        }
        if let Some(gather) = &mut self.gather {
            gather.close();
        }
        self.set_ice(state);
        self.set_connection(state);
    }

    fn set_ice(&mut self, state: State) {
        if self.ice != state && self.ice != State::Closed {
            self.ice = state;
            self.events.push_back(PeerEvent::Ice(state));
        }
    }

    fn set_connection(&mut self, state: State) {
        if self.connection != state && self.connection != State::Closed {
            self.connection = state;
            self.events.push_back(PeerEvent::Connection(state));
        }
    }

    /// How far all of it is.
    pub fn connection(&self) -> State {
        self.connection
    }

    /// Something to tell.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// A datagram to send.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Datagram> {
        while let Some((path, packet)) = self.poll_sealed() {
            match &mut self.gather {
                Some(gather) if gather.is_lent(path.local) => {
                    gather.send(path.local, path.remote, &packet, now);
                }
                _ => return Some((path.local, path.remote, packet)),
            }
        }
        self.gather.as_mut().and_then(Gather::poll_transmit)
    }

    fn poll_sealed(&mut self) -> Option<(Path, Vec<u8>)> {
        let transport = self.transport.as_mut()?;
        if let Some(out) = transport.poll_transmit() {
            return Some(out);
        }
        let path = transport.send_path()?;
        Some((path, self.media.poll_transmit()?))
    }

    fn check_open(&self) -> Result<(), PeerError> {
        if self.connection == State::Closed {
            return Err(PeerError::state("the connection is closed"));
        }
        Ok(())
    }

    fn begin_gathering(&mut self, now: Instant) {
        if self.gather.is_some() {
            return;
        }
        self.gathering = GatheringState::Gathering;
        self.events
            .push_back(PeerEvent::Gathering(GatheringState::Gathering));
        if !self.config.relay_only {
            for (n, host) in (0u16..).zip(self.config.hosts.clone()) {
                self.tell_candidate(candidate::host(candidate::Protocol::Udp, host, u16::MAX - n));
            }
        }
        let entropy = self.config.entropy.clone();
        self.gather = Some(Gather::new(
            &self.config.servers,
            &self.config.hosts,
            entropy,
            now,
        ));
        self.take_found(now);
    }

    fn tell_candidate(&mut self, text: String) {
        if self.candidates.contains(&text) {
            return;
        }
        self.candidates.push(text.clone());
        self.tell(Some(text));
    }

    fn tell(&mut self, text: Option<String>) {
        let (mid, index) = self.signaling.tagged().unwrap_or_default();
        let ufrag = self.credentials.ufrag.clone();
        self.events.push_back(PeerEvent::Candidate {
            text,
            mid,
            index,
            ufrag,
        });
    }

    fn take_found(&mut self, now: Instant) {
        let Some(gather) = &mut self.gather else { return };
        let found: Vec<LocalCandidate> = std::iter::from_fn(|| gather.poll_found()).collect();
        let done = gather.is_done() && self.gathering == GatheringState::Gathering;
        let news = !found.is_empty();
        for candidate in found {
            let (kind, address) = match candidate {
                LocalCandidate::Reflexive { .. } if self.config.relay_only => continue,
                LocalCandidate::Reflexive { address, .. } => (CandidateKind::ServerReflexive, address),
                LocalCandidate::Relayed { address, .. } => (CandidateKind::Relay, address),
            };
            if let Some(transport) = &mut self.transport {
                transport.add_local(candidate, now);
            }
            let preference = u16::MAX.saturating_sub(self.found.len() as u16);
            self.found.push(candidate);
            self.tell_candidate(candidate::found(kind, address, preference));
        }
        if done {
            self.gathering = GatheringState::Complete;
        }
        if news || done {
            self.tell_signaling();
        }
        if done {
            self.tell(None);
            self.events
                .push_back(PeerEvent::Gathering(GatheringState::Complete));
        }
    }

    /// What both agreed on is done; states are told in any case.
    fn agree(&mut self, agreed: Option<Agreed>, now: Instant) -> Result<(), PeerError> {
        if let Some(agreed) = agreed {
            self.connect(&agreed, now)?;
            self.media.agree(&agreed.media, &agreed.stopped, &mut self.events);
            self.told_need = false;
        }
        self.tell_signaling();
        self.look_for_needs();
        Ok(())
    }

    fn connect(&mut self, agreed: &Agreed, now: Instant) -> Result<(), PeerError> {
        let remote = Credentials {
            ufrag: agreed.remote.ufrag.clone(),
            pwd: agreed.remote.pwd.clone(),
        };
        let digests: Vec<Vec<u8>> = agreed
            .remote
            .fingerprints
            .iter()
            .filter(|f| f.algorithm == "sha-256")
            .map(|f| f.digest.clone())
            .collect();
        if digests.is_empty() {
            return Err(PeerError::Unacceptable(
                "the peer's certificate has no SHA-256 fingerprint".to_owned(),
            ));
        }
        let limit = match agreed.max_message_size {
            0 => MAX_MESSAGE as usize,
            size => usize::try_from(size)
                .unwrap_or(usize::MAX)
                .min(MAX_MESSAGE as usize),
        };
        self.channels.set_limit(limit);
        let first = self.transport.is_none();
        let transport = match &mut self.transport {
            Some(transport) => {
                let anew = transport.remote_ufrag() != Some(remote.ufrag.as_str())
                    || agreed.local != self.credentials;
                if anew {
                    transport.restart_ice(&agreed.local, Some(&remote), now);
                    self.restart = None;
                }
                transport
            }
            None => self.transport.insert(new_transport(&self.config, agreed, now)),
        };
        self.credentials = agreed.local.clone();
        if first {
            for candidate in &self.found {
                transport.add_local(*candidate, now);
            }
            transport.set_remote(&remote, digests, now);
        }
        let told = agreed.remote.candidates.iter();
        let read = told.filter_map(|text| candidate::parse(text).ok());
        for candidate in read.filter_map(usable).chain(self.waiting.drain(..)) {
            transport.add_remote(&candidate, now);
        }
        if first {
            self.set_ice(State::Connecting);
            self.set_connection(State::Connecting);
            for (path, packet) in std::mem::take(&mut self.early) {
                self.handle_from_peer(path.local, path.remote, &packet, now);
            }
        }
        Ok(())
    }

    fn write(&self, local: &Local) -> Result<String, PeerError> {
        let all = self.gathering == GatheringState::Complete;
        self.signaling.write(local, &self.candidates, all)
    }

    /// The descriptions as they are now.
    pub fn descriptions(&self) -> Descriptions {
        let ours = |local: Option<&Local>| {
            let local = local?;
            Some((local.kind, self.write(local).ok()?))
        };
        let theirs = |remote: Option<&Remote>| remote.map(|r| (r.kind, r.text.clone()));
        let (local, remote) = (self.signaling.local(), self.signaling.remote());
        Descriptions {
            current_local: ours(local.0),
            pending_local: ours(local.1),
            current_remote: theirs(remote.0),
            pending_remote: theirs(remote.1),
        }
    }

    fn tell_signaling(&mut self) {
        let event = PeerEvent::Signaling(self.signaling.state(), Box::new(self.descriptions()));
        self.events.push_back(event);
    }

    fn look_for_needs(&mut self) {
        let data = !self.channels.is_empty() && self.signaling.lacks_data();
        let media = self.media.needs(|key| self.signaling.carries(key));
        let needed = data || media || self.restart.is_some();
        if needed && self.signaling.state() == SignalingState::Stable && !self.told_need {
            self.told_need = true;
            self.events.push_back(PeerEvent::NegotiationNeeded);
        }
    }
}

fn new_transport(config: &PeerConfig, agreed: &Agreed, now: Instant) -> Transport {
    let addresses: Vec<(SocketAddr, Protocol)> = config
        .hosts
        .iter()
        .filter(|_| !config.relay_only)
        .map(|host| (*host, Protocol::Udp))
        .collect();
    let mut transport = Transport::new(
        &TransportConfig {
            identity: &config.identity,
            credentials: &agreed.local,
            addresses: &addresses,
            ice_lite: false,
            // RFC 8445 §6.1.1: who offered controls, and never a lite agent.
            controlling: agreed.offered || agreed.remote.ice_lite,
            active: agreed.active,
        },
        now,
    );
    transport.set_receive_window(RECEIVE_WINDOW);
    transport
}

/// What can be checked: UDP to a number, component 1.
fn usable(read: candidate::Candidate) -> Option<RemoteCandidate> {
    let Address::Ip(ip) = read.address else {
        return None;
    };
    if read.protocol != candidate::Protocol::Udp || read.component != 1 || read.port == 0 {
        return None;
    }
    Some(RemoteCandidate {
        foundation: read.foundation,
        address: SocketAddr::new(ip, read.port),
        priority: read.priority,
        kind: read.kind,
    })
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
