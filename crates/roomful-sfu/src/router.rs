//! The router: rooms, participants, tracks and transports of one media thread, and the orders that change them.
//!
//! `handle(input, now) → outputs`: packets with [`Router::handle_packet`], orders with [`Router::handle_command`], time with
//! [`Router::handle_timeout`]; packets leave through an [`Egress`], news through [`Router::poll_event`].
use crate::command::{Command, Credentials, Id, Role};
use crate::connection::{Connection, MAX_PATHS};
use crate::data::Data;
use crate::downstream::Downstream;
use crate::egress::Egress;
use crate::event::{Event, TransportState};
use crate::room::{Participant, Room};
use crate::slab::{Key, Slab};
use crate::track::Track;
use roomful_rtc::dtls::DtlsIdentity;
use roomful_rtc::ice;
use roomful_rtc::transport::{Path, Protocol, Transport, TransportConfig, TransportEvent};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Bounds and addresses.
#[derive(Clone)]
pub struct RouterConfig {
    /// Our certificate.
    pub identity: DtlsIdentity,
    /// What sockets are bound to, as paths name them.
    pub addresses: Vec<(SocketAddr, Protocol)>,
    /// What is announced: values of `a=candidate`.
    pub candidates: Vec<String>,
    /// Codecs that may be published, lower case, first choice first.
    pub codecs: Vec<String>,
    /// Tracks of one participant.
    pub max_tracks: usize,
    /// Subscriptions of one participant.
    pub max_subscriptions: usize,
}

/// How often housekeeping runs: NACKs, feedback, key frame requests.
pub const TICK: Duration = Duration::from_millis(20);
/// How often layers, speakers and demand are looked at.
const SLOW_TICK: Duration = Duration::from_millis(100);

/// See the module.
pub struct Router {
    pub(crate) config: RouterConfig,
    random: u64,
    pub(crate) rooms: Slab<Room>,
    pub(crate) participants: Slab<Participant>,
    pub(crate) connections: Slab<Connection>,
    pub(crate) tracks: Slab<Track>,
    pub(crate) downs: Slab<Downstream>,
    room_ids: HashMap<Id, Key>,
    participant_ids: HashMap<Id, Key>,
    pub(crate) track_ids: HashMap<Id, Key>,
    connection_ids: HashMap<Id, Key>,
    ufrags: HashMap<String, Key>,
    paths: HashMap<Path, Key>,
    events: VecDeque<Event>,
    timers: BinaryHeap<Reverse<(Instant, Key)>>,
    tick_at: Option<Instant>,
    slow_at: Instant,
    /// Packets of this tick: (track, stream, index).
    pub(crate) fresh: Vec<(Key, usize, u64)>,
    /// Subscriptions that want a picture they do not have.
    pub(crate) newcomers: Vec<Key>,
    /// Subscriptions that nothing was sent of, while their client takes new sections in.
    pub(crate) silent: Vec<Key>,
    /// Tracks whose wish for a key frame is to be looked at now.
    pub(crate) asking: Vec<Key>,
    /// Tracks whose housekeeping is due: they had packets lately.
    pub(crate) busy: Vec<Key>,
    /// Connections with RTCP, feedback, reports or padding to send: those that are silent cost nothing.
    pub(crate) talking: Vec<Key>,
    origin: Instant,
    /// Retransmissions asked for in this turn, and those that go out a second time with the next housekeeping.
    pub(crate) asked_again: Vec<(Key, u16)>,
    pub(crate) twice: Vec<(Key, u16)>,
    /// When publishers are to be asked for what is missing.
    pub(crate) ask_at: Option<Instant>,
    last_words: Vec<(Path, Vec<u8>)>,
    pub(crate) scratch_sequences: Vec<u16>,
    pub(crate) quality_at: Option<Instant>,
    pub(crate) data: Data,
    /// Counters since the start.
    pub(crate) forwarded: u64,
    pub(crate) received: u64,
    pub(crate) refused: u64,
}

impl Router {
    /// An empty router. `seed` makes SSRCs and first timestamps; secrets are never made of it.
    pub fn new(config: RouterConfig, seed: u64, now: Instant) -> Self {
        Self {
            config,
            random: seed | 1,
            rooms: Slab::default(),
            participants: Slab::default(),
            connections: Slab::default(),
            tracks: Slab::default(),
            downs: Slab::default(),
            room_ids: HashMap::new(),
            participant_ids: HashMap::new(),
            track_ids: HashMap::new(),
            connection_ids: HashMap::new(),
            ufrags: HashMap::new(),
            paths: HashMap::new(),
            events: VecDeque::new(),
            timers: BinaryHeap::new(),
            tick_at: None,
            slow_at: now,
            fresh: vec![],
            newcomers: vec![],
            silent: vec![],
            asking: vec![],
            busy: vec![],
            talking: vec![],
            origin: now,
            asked_again: vec![],
            twice: vec![],
            ask_at: None,
            last_words: vec![],
            scratch_sequences: vec![],
            quality_at: None,
            data: Data::default(),
            forwarded: 0,
            received: 0,
            refused: 0,
        }
    }

    /// Takes an order.
    pub fn handle_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::OpenRoom { room, .. } => {
                if !self.room_ids.contains_key(&room) {
                    let key = self.rooms.insert(Room {
                        id: room.clone(),
                        participants: vec![],
                        watch_data: false,
                        loudest: 0,
                        speaking: vec![],
                        speakers_at: None,
                    });
                    self.room_ids.insert(room, key);
                }
            }
            Command::CloseRoom { room } => {
                if let Some(key) = self.room_ids.remove(&room) {
                    let people = self
                        .rooms
                        .get(key)
                        .map(|r| r.participants.clone())
                        .unwrap_or_default();
                    for participant in people {
                        self.remove_participant(participant, now);
                    }
                    self.hide_all(key, now);
                    self.rooms.remove(key);
                    self.forget_room_data(key);
                }
            }
            Command::AddParticipant {
                room,
                participant,
                identity,
                rights,
            } => {
                let Some(&room_key) = self.room_ids.get(&room) else {
                    return;
                };
                if self.participant_ids.contains_key(&participant) {
                    return;
                }
                let key = self.participants.insert(Participant {
                    id: participant.clone(),
                    identity,
                    room: room_key,
                    rights,
                    upstream: None,
                    downstream: None,
                    tracks: vec![],
                    subscriptions: HashMap::new(),
                    quality: None,
                });
                self.participant_ids.insert(participant, key);
                if let Some(room) = self.rooms.get_mut(room_key) {
                    room.participants.push(key);
                }
            }
            Command::SetRights { participant, rights } => {
                if let Some(person) = self.participant_mut(&participant) {
                    person.rights = rights;
                }
            }
            Command::RemoveParticipant { participant } => {
                if let Some(&key) = self.participant_ids.get(&participant) {
                    self.remove_participant(key, now);
                }
            }
            Command::MoveParticipant { participant, room } => {
                self.move_participant(&participant, &room, now);
            }
            Command::OpenTransport {
                participant,
                transport,
                role,
                tcp_only,
                credentials,
            } => {
                self.open_transport(&participant, transport, role, tcp_only, &credentials, now);
            }
            Command::RemoteOffer {
                request,
                transport,
                sdp,
                credentials,
            } => {
                self.remote_offer(request, &transport, &sdp, &credentials, now);
            }
            Command::RemoteAnswer {
                request,
                transport,
                offer,
                sdp,
            } => {
                self.remote_answer(request, &transport, offer, &sdp, now);
            }
            Command::RemoteCandidate { .. } => {
                // An ICE-lite side learns addresses from checks (RFC 8445 §2.5); a hint changes nothing.
            }
            Command::RestartIce {
                transport,
                credentials,
            } => {
                if let Some(&key) = self.connection_ids.get(&transport) {
                    self.restart_ice(key, &credentials, None, now);
                    self.want_offer(key, now);
                }
            }
            Command::Publish { participant, spec } => self.publish(&participant, spec, now),
            Command::Unpublish { track } => {
                if let Some(&key) = self.track_ids.get(&track) {
                    self.remove_track(key, now);
                }
            }
            Command::Mute { track, muted } => {
                if let Some(&key) = self.track_ids.get(&track) {
                    if let Some(track) = self.tracks.get_mut(key) {
                        track.muted = muted;
                    }
                    self.retarget_track(key, now);
                }
            }
            Command::LimitVoices { room, count } => self.limit_voices(&room, count, now),
            Command::Show { track, room } => self.show_track(&track, &room),
            Command::Hide { track, room } => self.hide_track(&track, &room, now),
            Command::Subscribe {
                participant,
                track,
                settings,
            } => self.subscribe(&participant, &track, settings, now),
            Command::Unsubscribe { participant, track } => self.unsubscribe(&participant, &track, now),
            Command::View {
                participant,
                track,
                settings,
            } => self.view(&participant, &track, settings, now),
            Command::LimitBandwidth { participant, bps } => self.limit_bandwidth(&participant, bps),
            Command::SendData {
                room,
                kind,
                packet,
                to,
            } => self.send_data(&room, kind, &packet, &to, now),
            Command::WatchData { room, on } => {
                if let Some(room) = self.room_ids.get(&room).and_then(|key| self.rooms.get_mut(*key)) {
                    room.watch_data = on;
                }
            }
            Command::HoldTopics { room, topics } => self.hold_topics(&room, topics),
            Command::WatchTopics { room, topics } => self.watch_topics(&room, topics),
            Command::Decide { hold, verdict, .. } => self.decide(hold, verdict, now),
            Command::ReplayData { participant, seen } => self.replay_data(&participant, &seen, now),
            Command::AskReceived { request, participant } => {
                let sequence = self.received_data(&participant);
                self.tell(Event::Received { request, sequence });
            }
            Command::PublishDataTrack {
                participant,
                track,
                handle,
            } => self.publish_data_track(&participant, track, handle),
            Command::UnpublishDataTrack { track } => self.unpublish_data_track(&track),
            Command::SubscribeDataTrack {
                participant,
                track,
                handle,
            } => {
                self.subscribe_data_track(&participant, &track, handle);
            }
            Command::UnsubscribeDataTrack { participant, track } => {
                self.unsubscribe_data_track(&participant, &track)
            }
            Command::AskStats { request, room } => self.stats(request, &room, now),
        }
    }

    /// Takes a datagram (or an RFC 4571 frame) and opens it in place. Returns whether its path is proven to belong to a transport.
    pub fn handle_packet(
        &mut self,
        path: &Path,
        packet: &mut [u8],
        now: Instant,
        egress: &mut impl Egress,
    ) -> bool {
        let Some(&first) = packet.first() else {
            return false;
        };
        // RFC 9443 §4: what is what, by the first byte.
        match first {
            0..=3 => self.handle_stun(path, packet, now, egress),
            20..=63 => {
                let Some(&key) = self.paths.get(path) else {
                    return false;
                };
                if let Some(connection) = self.connections.get_mut(key) {
                    connection.transport.handle_dtls(packet, now);
                }
                self.drive(key, now, egress);
                true
            }
            128..=191 => {
                let Some(&key) = self.paths.get(path) else {
                    return false;
                };
                // RFC 5761 §4: RTCP has types 192–223 in the second byte.
                if packet.get(1).is_some_and(|kind| (192..=223).contains(kind)) {
                    self.handle_rtcp(key, packet, now);
                } else {
                    self.handle_media(key, packet, now);
                }
                true
            }
            _ => false,
        }
    }

    fn handle_stun(&mut self, path: &Path, packet: &[u8], now: Instant, egress: &mut impl Egress) -> bool {
        let key = match self.paths.get(path) {
            // A known path may carry checks of a restarted session: the fragment decides.
            Some(&known) => {
                ice::addressed_ufrag(packet).map_or(Some(known), |f| self.ufrags.get(&f).copied())
            }
            None => ice::addressed_ufrag(packet).and_then(|f| self.ufrags.get(&f).copied()),
        };
        let Some(key) = key else { return false };
        let Some(connection) = self.connections.get_mut(key) else {
            return false;
        };
        let proven = connection.transport.handle_stun(path, packet, now);
        if proven && self.paths.get(path) != Some(&key) {
            connection.paths.push(*path);
            let old = (connection.paths.len() > MAX_PATHS).then(|| connection.paths.remove(0));
            if let Some(old) = old {
                self.forget_path(&old, key);
            }
            self.paths.insert(*path, key);
        }
        self.drive(key, now, egress);
        proven
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant, egress: &mut impl Egress) {
        while let Some(Reverse((at, key))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            let Some(connection) = self.connections.get_mut(key) else {
                continue;
            };
            if connection.timer != Some(at) {
                continue;
            }
            connection.timer = None;
            connection.transport.handle_timeout(now);
            self.drive(key, now, egress);
        }
        if self.ask_at.is_some_and(|at| at <= now) {
            self.ask_lost(now, egress);
        }
        if self.tick_at.is_some_and(|at| at <= now) {
            self.tick_at = None;
            self.housekeeping(now, egress);
        }
        if now >= self.slow_at {
            self.slow_at = now + SLOW_TICK;
            self.look_around(now);
        }
        self.keep_ticking(now);
    }

    /// When time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let slow = (!self.busy.is_empty()).then_some(self.slow_at);
        [timer, self.tick_at, self.ask_at, slow]
            .into_iter()
            .flatten()
            .min()
    }

    /// News.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Last packets of closed transports.
    pub(crate) fn farewells(&mut self) -> &mut Vec<(Path, Vec<u8>)> {
        &mut self.last_words
    }

    pub(crate) fn keep_ticking(&mut self, now: Instant) {
        if self.tick_at.is_none() && !(self.busy.is_empty() && self.talking.is_empty()) {
            self.tick_at = Some(now + TICK);
        }
    }

    /// xorshift64: numbers that need not be secret.
    pub(crate) fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// A source number nobody uses here.
    pub(crate) fn new_ssrc(&mut self) -> u32 {
        (self.random() as u32) | 1
    }

    pub(crate) fn micros(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.origin).as_micros() as i64
    }

    pub(crate) fn room_key(&self, id: &Id) -> Option<Key> {
        self.room_ids.get(id).copied()
    }

    pub(crate) fn participant_key(&self, id: &Id) -> Option<Key> {
        self.participant_ids.get(id).copied()
    }

    pub(crate) fn connection_key(&self, id: &Id) -> Option<Key> {
        self.connection_ids.get(id).copied()
    }

    fn participant_mut(&mut self, id: &Id) -> Option<&mut Participant> {
        let key = self.participant_ids.get(id)?;
        self.participants.get_mut(*key)
    }

    fn open_transport(
        &mut self,
        participant: &Id,
        id: Id,
        role: Role,
        tcp_only: bool,
        credentials: &Credentials,
        now: Instant,
    ) {
        let Some(person_key) = self.participant_key(participant) else {
            return;
        };
        if self.connection_ids.contains_key(&id) || self.ufrags.contains_key(&credentials.ufrag) {
            return;
        }
        let ours = ice::Credentials {
            ufrag: credentials.ufrag.clone(),
            pwd: credentials.pwd.clone(),
        };
        let transport = Transport::new(
            &TransportConfig {
                identity: &self.config.identity,
                credentials: &ours,
                addresses: &self.config.addresses,
                ice_lite: true,
                controlling: false,
                active: false,
            },
            now,
        );
        let session_id = self.random() >> 2;
        let mut connection = Connection::new(id.clone(), person_key, role, transport, session_id, now);
        connection.ufrags.push(ours.ufrag.clone());
        connection.tcp_only = tcp_only;
        let key = self.connections.insert(connection);
        self.ufrags.insert(ours.ufrag, key);
        self.connection_ids.insert(id, key);
        if let Some(person) = self.participants.get_mut(person_key) {
            match role {
                Role::Single => {
                    person.upstream = Some(key);
                    person.downstream = Some(key);
                }
                Role::Publisher => person.upstream = Some(key),
                Role::Subscriber => person.downstream = Some(key),
            }
        }
        self.schedule(key, now);
        if role == Role::Subscriber {
            self.want_offer(key, now);
        }
    }

    /// Addresses told to the other side of a connection.
    pub(crate) fn announced(&self, connection: &Connection) -> Vec<String> {
        let all = &self.config.candidates;
        // The third field of a candidate is its transport (RFC 8839 §5.1).
        let tcp = |text: &&String| {
            text.split_whitespace()
                .nth(2)
                .is_some_and(|transport| transport.eq_ignore_ascii_case("tcp"))
        };
        if connection.tcp_only && all.iter().any(|text| tcp(&text)) {
            return all.iter().filter(tcp).cloned().collect();
        }
        all.clone()
    }

    pub(crate) fn restart_ice(
        &mut self,
        key: Key,
        ours: &Credentials,
        theirs: Option<&ice::Credentials>,
        now: Instant,
    ) {
        if self.ufrags.contains_key(&ours.ufrag) {
            return;
        }
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let local = ice::Credentials {
            ufrag: ours.ufrag.clone(),
            pwd: ours.pwd.clone(),
        };
        connection.transport.restart_ice(&local, theirs, now);
        // The old fragment is answered a while longer; two restarts in a row forget the oldest.
        connection.ufrags.push(local.ufrag.clone());
        let forget = (connection.ufrags.len() > 3).then(|| connection.ufrags.remove(0));
        self.ufrags.insert(local.ufrag, key);
        if let Some(old) = forget {
            self.ufrags.remove(&old);
        }
        self.schedule(key, now);
    }

    fn remove_participant(&mut self, key: Key, now: Instant) {
        let Some(person) = self.participants.get(key) else {
            return;
        };
        let (tracks, downs) = (
            person.tracks.clone(),
            person.subscriptions.values().copied().collect::<Vec<_>>(),
        );
        for track in tracks {
            self.remove_track(track, now);
        }
        for down in downs {
            self.remove_down(down, now);
        }
        let Some(person) = self.participants.remove(key) else {
            return;
        };
        self.participant_ids.remove(&person.id);
        self.forget_data(key);
        if let Some(room) = self.rooms.get_mut(person.room) {
            room.participants.retain(|other| *other != key);
        }
        for connection in [person.upstream, person.downstream].into_iter().flatten() {
            self.close_connection(connection);
        }
    }

    fn close_connection(&mut self, key: Key) {
        let Some(mut connection) = self.connections.remove(key) else {
            return;
        };
        connection.transport.close();
        self.talking.retain(|other| *other != key);
        self.connection_ids.remove(&connection.id);
        for ufrag in &connection.ufrags {
            self.ufrags.remove(ufrag);
        }
        for path in &connection.paths {
            self.forget_path(path, key);
        }
        while let Some(packet) = connection.transport.poll_transmit() {
            self.farewells().push(packet);
        }
    }

    /// Unless another transport proved the path since: a client that comes back may do so from the same port.
    fn forget_path(&mut self, path: &Path, key: Key) {
        if self.paths.get(path) == Some(&key) {
            self.paths.remove(path);
        }
    }

    /// Sends what a transport has to send, tells what it has to tell, and sets its timer.
    pub(crate) fn drive(&mut self, key: Key, now: Instant, egress: &mut impl Egress) {
        loop {
            let Some(connection) = self.connections.get_mut(key) else {
                return;
            };
            while let Some((path, packet)) = connection.transport.poll_transmit() {
                egress.put(&path, &packet);
            }
            let Some(event) = connection.transport.poll_event() else {
                break;
            };
            self.on_transport(key, event, now);
        }
        self.schedule(key, now);
    }

    pub(crate) fn schedule(&mut self, key: Key, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let Some(next) = connection.transport.poll_timeout(now) else {
            return;
        };
        // A timer that is later than the one set is found when that one fires.
        if connection.timer.is_none_or(|at| next < at) {
            connection.timer = Some(next);
            self.timers.push(Reverse((next, key)));
        }
    }

    fn on_transport(&mut self, key: Key, event: TransportEvent, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let path = connection.transport.send_path();
        let id = connection.id.clone();
        let state = |state, reason: String| Event::Transport {
            transport: id.clone(),
            state,
            remote: path.map(|p| p.remote),
            protocol: match path.map(|p| p.protocol) {
                Some(Protocol::Tcp) => "tcp",
                _ => "udp",
            },
            reason,
        };
        match event {
            TransportEvent::Connected => {
                let trip = connection.transport.handshake_trip();
                let event = state(TransportState::Connected, String::new());
                if let Some(trip) = trip {
                    connection.on_round_trip(trip);
                }
                self.tell(event);
                self.retarget_connection(key, now);
            }
            TransportEvent::Disconnected => {
                let event = state(
                    TransportState::Disconnected,
                    "no connectivity checks arrive".to_owned(),
                );
                self.tell(event);
            }
            TransportEvent::Reconnected => {
                let event = state(TransportState::Connected, String::new());
                self.tell(event);
            }
            TransportEvent::Failed(reason) => {
                let event = state(TransportState::Failed, reason);
                self.tell(event);
            }
            TransportEvent::Closed => {
                let event = state(TransportState::Closed, String::new());
                self.tell(event);
            }
            TransportEvent::PathChanged(_) | TransportEvent::DataLost => {}
            TransportEvent::DataReady => self.on_data_ready(key, now),
            TransportEvent::ChannelOpened(channel, options) => self.on_channel(key, channel, &options),
            TransportEvent::ChannelClosed(channel) => self.on_channel_closed(key, channel),
            TransportEvent::Message { channel, data, .. } => self.on_message(key, channel, &data, now),
        }
    }
}
