//! What TURN is started with. Made by the binding from an operator's settings.
use crate::addresses::{expand, interface_addresses};
use crate::config::EngineError;
use aws_lc_rs::rand;
use roomful_turn::config::Config;
use roomful_turn::credentials::Secrets;
use roomful_turn::filter::{Filter, Range};
use roomful_turn::limits::Rate;
use roomful_turn::quota::Quotas;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// See the module.
#[derive(Clone)]
pub struct TurnConfig {
    /// To bind, for listeners and relays; an unspecified one stands for all of the machine's.
    pub addresses: Vec<IpAddr>,
    /// Told to clients in place of the relay's own of the same family (NAT 1:1).
    pub announced: Vec<IpAddr>,
    /// None for none, 0 for any free one.
    pub udp_port: Option<u16>,
    /// A further one, by which a client sees whether a NAT gives each destination another port; else as above.
    pub second_udp_port: Option<u16>,
    /// As above.
    pub tcp_port: Option<u16>,
    /// As above; needs a certificate.
    pub tls_port: Option<u16>,
    /// PEM.
    pub certificate: Option<PathBuf>,
    /// PEM.
    pub private_key: Option<PathBuf>,
    /// First and last port that is lent.
    pub relay_ports: (u16, u16),
    /// Whose users.
    pub realm: String,
    /// Any of them may have made a password.
    pub secrets: Vec<Vec<u8>>,
    /// Peers that may be reached though they are not public.
    pub allowed: Vec<String>,
    /// Peers that may not, whatever else is said.
    pub refused: Vec<String>,
    /// How many allocations.
    pub quotas: Quotas,
    /// Bytes per second of one allocation, each way; 0 for no bound.
    pub bandwidth: u32,
    /// Answers to unproven requests per second and address; 0 for no bound.
    pub strangers: u32,
    /// Answers to Binding requests per second and address; 0 for no bound.
    pub bindings: u32,
    /// Plain socket calls.
    pub portable: bool,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            addresses: vec![IpAddr::from([0, 0, 0, 0])],
            announced: vec![],
            udp_port: Some(0),
            second_udp_port: None,
            tcp_port: None,
            tls_port: None,
            certificate: None,
            private_key: None,
            relay_ports: (49_152, 65_535),
            realm: "roomful".to_owned(),
            secrets: vec![],
            allowed: vec![],
            refused: vec![],
            quotas: Quotas {
                total: 4_096,
                per_user: 16,
                per_address: 1_024,
            },
            bandwidth: 8_000_000,
            strangers: 50,
            bindings: 500,
            portable: !cfg!(target_os = "linux"),
        }
    }
}

impl TurnConfig {
    /// What is bound, unspecified addresses expanded.
    pub fn locals(&self) -> Result<Vec<IpAddr>, EngineError> {
        let locals = expand(&self.addresses);
        if locals.is_empty() {
            return Err(EngineError::Config("no address to bind for TURN".to_owned()));
        }
        Ok(locals)
    }

    /// For the pure server. `media`: ports that are open in any case.
    pub fn server(&self, locals: &[IpAddr], media: &[SocketAddr]) -> Result<Config, EngineError> {
        let (first, last) = self.relay_ports;
        if first > last || first < 1_024 {
            return Err(EngineError::Config(format!(
                "relay ports must be a range above 1023, not {first}-{last}"
            )));
        }
        if self.realm.is_empty() || self.realm.len() > 32 {
            return Err(EngineError::Config(
                "the realm must have 1 to 32 bytes".to_owned(),
            ));
        }
        if self.secrets.iter().any(Vec::is_empty) || self.secrets.is_empty() {
            return Err(EngineError::Config("TURN needs a secret".to_owned()));
        }
        let mut own = interface_addresses();
        own.extend_from_slice(&self.announced);
        let mut key = [0; 32];
        let mut seed = [0; 8];
        for random in [&mut key[..], &mut seed[..]] {
            rand::fill(random).map_err(|_| EngineError::Os("no random numbers".to_owned()))?;
        }
        let rate = |per_s: u32, burst_s: u32| Rate {
            per_s,
            burst: per_s.saturating_mul(burst_s),
        };
        Ok(Config {
            realm: self.realm.clone(),
            secrets: Secrets::new(self.secrets.clone()),
            filter: Filter::new(
                ranges(&self.allowed)?,
                ranges(&self.refused)?,
                own,
                self.ports(media),
            ),
            quotas: self.quotas,
            bandwidth: rate(self.bandwidth, 2),
            strangers: rate(self.strangers, 4),
            bindings: rate(self.bindings, 2),
            ipv4: locals.iter().any(IpAddr::is_ipv4),
            ipv6: locals.iter().any(IpAddr::is_ipv6),
            key,
            seed: u64::from_ne_bytes(seed),
        })
    }

    /// Media ports under the addresses that are bound and under those that clients are told.
    fn ports(&self, media: &[SocketAddr]) -> Vec<SocketAddr> {
        let told = self.announced.iter().flat_map(|ip| {
            let same = media.iter().filter(|at| at.is_ipv4() == ip.is_ipv4());
            same.map(|at| SocketAddr::new(*ip, at.port()))
        });
        media.iter().copied().chain(told).collect()
    }
}

fn ranges(texts: &[String]) -> Result<Vec<Range>, EngineError> {
    let read = |text: &String| {
        Range::parse(text).ok_or_else(|| {
            EngineError::Config(format!("\"{text}\" is no address and no range like 10.0.0.0/8"))
        })
    };
    texts.iter().map(read).collect()
}
