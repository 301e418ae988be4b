//! Where clients come to: UDP sockets and TCP listeners, one for each address, TLS on a port of its own.
use super::config::TurnConfig;
use super::Kind;
use crate::config::EngineError;
use crate::socket::{bind_error, Socket};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// The first listener's token; the others follow.
pub const FIRST: usize = 1;

/// A door for streams.
pub struct Door {
    pub listener: mio::net::TcpListener,
    pub local: SocketAddr,
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// See the module. Tokens count sockets first, then doors.
pub struct Listeners {
    pub sockets: Vec<Socket>,
    pub doors: Vec<Door>,
}

impl Listeners {
    /// Binds and registers everything.
    pub fn bind(config: &TurnConfig, registry: &Registry) -> Result<Self, EngineError> {
        let mut made = Self {
            sockets: vec![],
            doors: vec![],
        };
        let tls = config.tls_port.map(|_| load(config)).transpose()?;
        for ip in config.locals()? {
            for port in [config.udp_port, config.second_udp_port].into_iter().flatten() {
                made.sockets
                    .push(Socket::bind(SocketAddr::new(ip, port), config.portable)?);
            }
            for (port, tls) in [(config.tcp_port, None), (config.tls_port, tls.clone())] {
                if let Some(port) = port {
                    let address = SocketAddr::new(ip, port);
                    let name = if tls.is_some() { "TLS" } else { "TCP" };
                    let listener =
                        mio::net::TcpListener::bind(address).map_err(|e| bind_error(name, address, &e))?;
                    let local = listener
                        .local_addr()
                        .map_err(|e| EngineError::Os(e.to_string()))?;
                    made.doors.push(Door { listener, local, tls });
                }
            }
        }
        made.register(registry)
            .map_err(|e| EngineError::Os(e.to_string()))?;
        Ok(made)
    }

    fn register(&mut self, registry: &Registry) -> std::io::Result<()> {
        for (at, socket) in self.sockets.iter().enumerate() {
            registry.register(&mut SourceFd(&socket.fd()), Token(FIRST + at), Interest::READABLE)?;
        }
        for (at, door) in self.doors.iter_mut().enumerate() {
            let token = Token(FIRST + self.sockets.len() + at);
            registry.register(&mut door.listener, token, Interest::READABLE)?;
        }
        Ok(())
    }

    /// Of all.
    pub fn ports(&self) -> Vec<(Kind, SocketAddr)> {
        let sockets = self.sockets.iter().map(|socket| (Kind::Udp, socket.local()));
        let doors = self.doors.iter().map(|door| match door.tls {
            None => (Kind::Tcp, door.local),
            Some(_) => (Kind::Tls, door.local),
        });
        sockets.chain(doors).collect()
    }
}

fn load(config: &TurnConfig) -> Result<Arc<rustls::ServerConfig>, EngineError> {
    let (Some(certificate), Some(key)) = (&config.certificate, &config.private_key) else {
        return Err(EngineError::Config(
            "TURN over TLS needs a certificate and its key".to_owned(),
        ));
    };
    let broken =
        |path: &Path, why: &dyn std::fmt::Display| EngineError::Config(format!("{}: {why}", path.display()));
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| broken(certificate, &e))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| broken(key, &e))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let made = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| EngineError::Config(e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|e| broken(certificate, &e))?;
    Ok(Arc::new(made))
}
