//! One peer connection: a str0m `Rtc` on a UDP socket of its own.

use crate::pattern;
use crate::peer::{now_ns, Arrived, State};
use quinn_udp::{RecvMeta, UdpSocketState};
use std::error::Error;
use std::io::{ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

pub struct Link {
    pub socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    pub rtc: Rtc,
    timeout: Instant,
    /// Datagrams in a thousand that are lost on the way in, and the chance that decides.
    loss: u32,
    chance: u32,
    /// Whether its being connected is what the participant waits for.
    primary: bool,
}

impl Link {
    pub fn new(ip: IpAddr, now: Instant, primary: bool, loss: u32) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind((ip, 0))?;
        let state = UdpSocketState::new((&socket).into())?;
        state.set_recv_buffer_size((&socket).into(), 4 << 20).ok();
        let local = socket.local_addr()?;
        let mut rtc = Rtc::builder().set_rtp_mode(true).build(now);
        rtc.add_local_candidate(Candidate::host(local, "udp")?);
        Ok(Self {
            socket,
            state,
            local,
            rtc,
            timeout: now,
            loss,
            chance: 0x9e37_79b9 ^ u32::from(local.port()),
            primary,
        })
    }

    /// Reads the socket until it is empty.
    pub fn poll_socket(&mut self, buffer: &mut [u8], peer: &mut State) -> Result<(), Box<dyn Error>> {
        loop {
            let mut meta = [RecvMeta::default()];
            let mut slices = [IoSliceMut::new(buffer)];
            match self.state.recv((&self.socket).into(), &mut slices, &mut meta) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error.into()),
            }
            let now = Instant::now();
            for packet in buffer[..meta[0].len].chunks(meta[0].stride.max(1)) {
                if self.loses(packet) {
                    continue;
                }
                if let Ok(received) = Receive::new(Protocol::Udp, meta[0].addr, self.local, packet) {
                    self.rtc.handle_input(Input::Receive(now, received))?;
                    self.drain(peer)?;
                }
            }
        }
    }

    /// Whether chance takes a datagram of media.
    fn loses(&mut self, packet: &[u8]) -> bool {
        if self.loss == 0 || !matches!(packet.first(), Some(128..=191)) {
            return false;
        }
        self.chance = self.chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.chance >> 8) % 1000 < self.loss
    }

    /// Time passes, if it is due.
    pub fn tick(&mut self, now: Instant, peer: &mut State) -> Result<(), Box<dyn Error>> {
        if now >= self.timeout {
            self.advance(now, peer)?;
        }
        Ok(())
    }

    /// Time passes: what was written goes out.
    pub fn advance(&mut self, now: Instant, peer: &mut State) -> Result<(), Box<dyn Error>> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain(peer)
    }

    /// Takes what str0m has to give: packets to send, events, and when to call again.
    pub fn drain(&mut self, peer: &mut State) -> Result<(), Box<dyn Error>> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.timeout = at;
                    return Ok(());
                }
                Output::Transmit(packet) => {
                    self.socket.send_to(&packet.contents, packet.destination).ok();
                }
                Output::Event(event) => self.saw(event, peer),
            }
        }
    }

    fn saw(&self, event: Event, peer: &mut State) {
        match event {
            Event::RtpPacket(packet) => {
                let Some((number, sent)) = pattern::read(&packet.payload) else {
                    return;
                };
                peer.seen.first_media.get_or_insert_with(|| peer.began.elapsed());
                if peer.seen.counting {
                    peer.seen.arrived.push(Arrived {
                        ssrc: *packet.header.ssrc,
                        sequence: *packet.seq_no,
                        number,
                        nanos: now_ns().saturating_sub(sent),
                    });
                }
            }
            Event::Connected if self.primary => peer.seen.connected = Some(peer.began.elapsed()),
            Event::KeyframeRequest(_) => {
                if let Some(sender) = &mut peer.sender {
                    sender.key = true;
                }
            }
            _ => {}
        }
    }
}
