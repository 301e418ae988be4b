//! `roomful._native.media.Turn`: STUN and TURN as a Python object. Called by `roomful.engine`; the stub `media.pyi` is its reference.
use crate::media::{failed, parse};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use roomful_engine::turn::{Kind, Turn as Shell, TurnConfig};
use roomful_engine::EngineError as Failure;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// See the stub.
#[pyclass(frozen, module = "roomful._native.media")]
pub struct Turn {
    /// None after `close`.
    shell: Mutex<Option<Shell>>,
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    text.parse()
        .map_err(|_| Failure::Config(format!("media: {text:?} is not an address with a port")))
}

#[pymethods]
impl Turn {
    #[new]
    #[pyo3(signature = (
        *, secrets, media=vec![], addresses=vec!["0.0.0.0".to_owned()], announced=vec![], udp_port=None, second_udp_port=None, tcp_port=None,
        tls_port=None, certificate=None, private_key=None, relay_ports=(49_152, 65_535), realm="roomful".to_owned(), allowed=vec![], refused=vec![],
        max_allocations=4_096, max_per_user=16, max_per_address=1_024, bandwidth=8_000_000, strangers=50, bindings=500, portable=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        secrets: Vec<Vec<u8>>,
        media: Vec<String>,
        addresses: Vec<String>,
        announced: Vec<String>,
        udp_port: Option<u16>,
        second_udp_port: Option<u16>,
        tcp_port: Option<u16>,
        tls_port: Option<u16>,
        certificate: Option<PathBuf>,
        private_key: Option<PathBuf>,
        relay_ports: (u16, u16),
        realm: String,
        allowed: Vec<String>,
        refused: Vec<String>,
        max_allocations: usize,
        max_per_user: usize,
        max_per_address: usize,
        bandwidth: u32,
        strangers: u32,
        bindings: u32,
        portable: Option<bool>,
    ) -> PyResult<Self> {
        let usual = TurnConfig::default();
        let mut quotas = usual.quotas;
        (quotas.total, quotas.per_user, quotas.per_address) =
            (max_allocations, max_per_user, max_per_address);
        let config = TurnConfig {
            addresses: parse(py, "addresses", &addresses)?,
            announced: parse(py, "announced", &announced)?,
            udp_port,
            second_udp_port,
            tcp_port,
            tls_port,
            certificate,
            private_key,
            relay_ports,
            realm,
            secrets,
            allowed,
            refused,
            quotas,
            bandwidth,
            strangers,
            bindings,
            portable: portable.unwrap_or(usual.portable),
        };
        let media: Result<Vec<_>, _> = media.iter().map(|text| address(text)).collect();
        let started = media.and_then(|media| py.detach(|| Shell::start(&config, &media)));
        let shell = started.map_err(|failure| failed(py, &failure))?;
        Ok(Self {
            shell: Mutex::new(Some(shell)),
        })
    }

    fn ports(&self) -> Vec<(&'static str, String, u16)> {
        let held = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        let word = |kind: &Kind| match kind {
            Kind::Udp => "udp",
            Kind::Tcp => "tcp",
            Kind::Tls => "tls",
        };
        let ports = held.as_ref().map(Shell::ports).unwrap_or_default();
        ports
            .iter()
            .map(|(kind, at)| (word(kind), at.ip().to_string(), at.port()))
            .collect()
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let held = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = held.as_ref().map(Shell::stats).unwrap_or_default();
        let told = PyDict::new(py);
        told.set_item("allocations", stats.allocations)?;
        told.set_item("relayed", stats.relayed)?;
        told.set_item("relayed_bytes", stats.relayed_bytes)?;
        told.set_item("refused", stats.refused)?;
        told.set_item("dropped", stats.dropped)?;
        told.set_item("bindings", stats.bindings)?;
        Ok(told)
    }

    fn is_dead(&self) -> bool {
        let held = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().is_none_or(Shell::is_dead)
    }

    fn close(&self, py: Python<'_>) {
        let taken = self.shell.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(taken));
    }
}
