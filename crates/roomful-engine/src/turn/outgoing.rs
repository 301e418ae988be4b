//! What one turn of the thread sends: the server's `Sink`. Datagrams lie side by side in one arena, runs of equal size to one peer are
//! one message to the kernel.
use crate::socket::Message;
use roomful_turn::allocation::{AllocationId, Client, Protocol};
use roomful_turn::server::{Sink, Wanted};
use std::net::SocketAddr;

/// A port to be opened.
pub struct Opening {
    pub id: AllocationId,
    pub client: Client,
    pub wanted: Wanted,
}

/// See the module.
#[derive(Default)]
pub struct Outgoing {
    pub arena: Vec<u8>,
    /// By listening socket.
    pub datagrams: Vec<Vec<Message>>,
    /// By relay, in order.
    pub relayed: Vec<(usize, Message)>,
    /// (stream, offset, length), padded to four.
    pub frames: Vec<(u32, usize, usize)>,
    pub openings: Vec<Opening>,
    pub closings: Vec<AllocationId>,
    pub frees: Vec<AllocationId>,
    joins: bool,
}

impl Outgoing {
    /// For so many listening sockets. `joins`: whether runs may be one message.
    pub fn new(sockets: usize, joins: bool) -> Self {
        Self {
            datagrams: vec![vec![]; sockets],
            joins,
            ..Self::default()
        }
    }

    /// Everything has been sent.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.datagrams.iter_mut().for_each(Vec::clear);
        self.relayed.clear();
        self.frames.clear();
        // What one burst needed is not kept for ever.
        if self.arena.capacity() > 8 << 20 {
            self.arena.shrink_to(1 << 20);
        }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.arena.is_empty()
    }
}

impl Sink for Outgoing {
    fn to_client(&mut self, client: &Client, head: &[u8], payload: &[u8]) {
        let offset = self.arena.len();
        self.arena.extend_from_slice(head);
        self.arena.extend_from_slice(payload);
        let length = self.arena.len() - offset;
        match client.protocol {
            Protocol::Tcp => {
                let padded = length.next_multiple_of(4);
                self.arena.resize(offset + padded, 0);
                self.frames.push((client.socket, offset, padded));
            }
            Protocol::Udp => {
                let Some(messages) = self.datagrams.get_mut(client.socket as usize) else {
                    return;
                };
                let joined = self.joins
                    && messages
                        .last_mut()
                        .is_some_and(|m| m.join(client.remote, offset, length));
                if !joined {
                    messages.push(Message::new(client.remote, offset, length));
                }
            }
        }
    }

    fn to_peer(&mut self, allocation: AllocationId, peer: SocketAddr, payload: &[u8]) {
        let offset = self.arena.len();
        self.arena.extend_from_slice(payload);
        let slot = allocation.slot();
        let joined = self.joins
            && self
                .relayed
                .last_mut()
                .is_some_and(|(last, m)| *last == slot && m.join(peer, offset, payload.len()));
        if !joined {
            self.relayed
                .push((slot, Message::new(peer, offset, payload.len())));
        }
    }

    fn open_relay(&mut self, allocation: AllocationId, client: &Client, wanted: Wanted) {
        self.openings.push(Opening {
            id: allocation,
            client: *client,
            wanted,
        });
    }

    fn close_relay(&mut self, allocation: AllocationId) {
        self.closings.push(allocation);
    }

    fn close_reserved(&mut self, allocation: AllocationId) {
        self.frees.push(allocation);
    }
}
