//! The UDP sockets of one peer, one for each address of ours. Called by `worker`, which owns the buffers they share.
use crate::error::PeerError;
use roomful_engine::socket::{bind_error, widen, Message};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// See the module.
pub struct Sockets {
    pub all: Vec<(SocketAddr, UdpSocket)>,
    /// What each sends in this turn.
    pub messages: Vec<Vec<Message>>,
}

impl Sockets {
    /// On ports of the system's choice. Addresses that cannot be used are passed over as long as one can.
    pub fn bind(addresses: &[IpAddr]) -> Result<Self, PeerError> {
        let mut all = vec![];
        let mut trouble = PeerError::Os("this machine has no address to use".to_owned());
        for ip in addresses {
            match bind(*ip) {
                Ok(bound) => all.push(bound),
                Err(error) => {
                    trouble = PeerError::Os(bind_error("UDP", SocketAddr::new(*ip, 0), &error).to_string());
                }
            }
        }
        if all.is_empty() {
            return Err(trouble);
        }
        let messages = all.iter().map(|_| vec![]).collect();
        Ok(Self { all, messages })
    }

    /// Where they are bound.
    pub fn locals(&self) -> Vec<SocketAddr> {
        self.all.iter().map(|(local, _)| *local).collect()
    }
}

fn bind(ip: IpAddr) -> std::io::Result<(SocketAddr, UdpSocket)> {
    let socket = UdpSocket::bind(SocketAddr::new(ip, 0))?;
    socket.set_nonblocking(true)?;
    widen(&socket);
    Ok((socket.local_addr()?, socket))
}
