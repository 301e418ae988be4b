//! A TURN client over UDP: gets an address and a channel, then hands out its socket.
use roomful_turn::attribute as kind;
use roomful_turn::credentials::{long_term_key, password, username};
use roomful_turn::message::{method, Class, Keys, Message, Seal, Writer};
use std::error::Error;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The channel that every client binds for its one peer.
pub const CHANNEL: u16 = 0x4001;
const TRIES: u32 = 5;

/// Has an address lent, until it is dropped.
pub struct Client {
    pub socket: UdpSocket,
    pub relayed: SocketAddr,
    /// Who sends to and receives from the lent address.
    pub peer: UdpSocket,
    _lease: Lease,
}

/// What proves to the server who asks.
struct Lease {
    socket: UdpSocket,
    server: SocketAddr,
    keys: Keys,
    username: String,
    realm: String,
    nonce: Vec<u8>,
    asked: u32,
}

impl Client {
    /// Allocates, and binds a channel to a new peer at `own`.
    pub fn new(
        number: usize,
        server: SocketAddr,
        own: IpAddr,
        secret: &str,
        realm: &str,
    ) -> Result<Self, Box<dyn Error>> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let username = username(now_s + 3_600, &format!("load{number}"));
        let password = password(secret.as_bytes(), &username);
        Self::named(server, own, username, &password, realm)
    }

    /// The same under any name. A server that refuses is an error that says its code.
    pub fn named(
        server: SocketAddr,
        own: IpAddr,
        username: String,
        password: &str,
        realm: &str,
    ) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind((own, 0))?;
        let peer = UdpSocket::bind((own, 0))?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut lease = Lease {
            socket: socket.try_clone()?,
            server,
            keys: long_term_key(&username, realm, password),
            username,
            realm: realm.to_owned(),
            nonce: vec![],
            asked: 0,
        };
        let answer = lease.ask(method::ALLOCATE, |w| {
            w.attribute(kind::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        })?;
        let relayed = Message::read(&answer)?
            .xor_address(kind::XOR_RELAYED_ADDRESS)
            .ok_or("no relayed address")?;
        let at = peer.local_addr()?;
        lease.ask(method::CHANNEL_BIND, |w| {
            w.attribute(kind::CHANNEL_NUMBER, &[CHANNEL.to_be_bytes(), [0, 0]].concat());
            w.xor_address(kind::XOR_PEER_ADDRESS, at);
        })?;
        socket.set_nonblocking(true)?;
        peer.set_nonblocking(true)?;
        Ok(Self {
            socket,
            relayed,
            peer,
            _lease: lease,
        })
    }
}

impl Lease {
    fn request(&mut self, method: u16, write: &impl Fn(&mut Writer<'_>)) -> Vec<u8> {
        self.asked += 1;
        let mut transaction = [7; 12];
        transaction[..4].copy_from_slice(&self.asked.to_be_bytes());
        let mut bytes = vec![];
        let mut writer = Writer::new(&mut bytes, method, Class::Request, transaction);
        write(&mut writer);
        if !self.nonce.is_empty() {
            writer
                .attribute(kind::USERNAME, self.username.as_bytes())
                .attribute(kind::REALM, self.realm.as_bytes())
                .attribute(kind::NONCE, &self.nonce)
                .seal(Seal::Sha1, &self.keys);
        }
        bytes
    }

    fn ask(&mut self, method: u16, write: impl Fn(&mut Writer<'_>)) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut buffer = [0; 2_048];
        let mut why = "the server does not answer".to_owned();
        for _ in 0..TRIES {
            let bytes = self.request(method, &write);
            self.socket.send_to(&bytes, self.server)?;
            let Ok((length, _)) = self.socket.recv_from(&mut buffer) else {
                continue;
            };
            let answer = buffer.get(..length).unwrap_or_default();
            let message = Message::read(answer)?;
            if message.class == Class::Success {
                return Ok(answer.to_vec());
            }
            if let Some([.., class, number]) =
                message.attribute(kind::ERROR_CODE).and_then(|one| one.get(..4))
            {
                why = format!("refused with {class}{number:02}");
            }
            match message.attribute(kind::NONCE) {
                Some(nonce) => self.nonce = nonce.to_vec(),
                None => break,
            }
        }
        Err(why.into())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Given back, since the port it came from will be somebody else's. Nobody waits for the answer.
        let bytes = self.request(method::REFRESH, &|w| {
            w.attribute(kind::LIFETIME, &[0; 4]);
        });
        let _ = self.socket.send_to(&bytes, self.server);
    }
}
