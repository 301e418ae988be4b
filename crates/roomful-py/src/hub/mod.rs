//! `roomful._native.hub`: hub and door as one Python object. Called by `roomful.hub`; the stub `hub.pyi` is its reference.
pub mod commands;
pub mod events;

use pyo3::create_exception;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use roomful_door::{Config as DoorConfig, Door, DoorError, Kind};
use roomful_hub::config::Rate;
use roomful_hub::Config as HubConfig;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

create_exception!(
    roomful._native.hub,
    HubError,
    PyRuntimeError,
    "The hub could not start, or is dead; `code` says which: config, port_taken, os, hub_dead."
);

/// With a stable code next to the words for people.
fn error(py: Python<'_>, code: &str, message: &str) -> PyErr {
    let error = HubError::new_err(message.to_owned());
    match error.value(py).setattr("code", code) {
        Ok(()) => error,
        Err(other) => other,
    }
}

/// The door's trouble in our words.
fn failed(py: Python<'_>, failure: &DoorError) -> PyErr {
    error(py, failure.code(), &failure.to_string())
}

/// See the stub.
#[pyclass(frozen, module = "roomful._native.hub")]
pub struct Hub {
    /// None after `close`.
    door: RwLock<Option<Arc<Door>>>,
}

impl Hub {
    fn door(&self, py: Python<'_>) -> PyResult<Arc<Door>> {
        let held = self.door.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
            .ok_or_else(|| error(py, "hub_dead", "the hub is closed"))
    }
}

#[pymethods]
impl Hub {
    #[new]
    #[pyo3(signature = (
        *, addresses=vec!["0.0.0.0".to_owned()], port=None, tls_port=None, certificate=None, private_key=None, backend=None,
        paths=vec![], open_paths=vec![], origins=vec![], max_connections=100_000, max_connections_per_address=0,
        max_message=65_536, max_backlog=1_048_576, max_channels=100_000, max_joined=64, max_info=1024, rate=(200, 400),
        hook_deadline_ms=5000, request_deadline_ms=10_000, head_timeout_ms=10_000, ping_ms=20_000, idle_ms=0
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        addresses: Vec<String>,
        port: Option<u16>,
        tls_port: Option<u16>,
        certificate: Option<PathBuf>,
        private_key: Option<PathBuf>,
        backend: Option<PathBuf>,
        paths: Vec<String>,
        open_paths: Vec<String>,
        origins: Vec<String>,
        max_connections: usize,
        max_connections_per_address: usize,
        max_message: usize,
        max_backlog: usize,
        max_channels: usize,
        max_joined: usize,
        max_info: usize,
        rate: (u32, u32),
        hook_deadline_ms: u64,
        request_deadline_ms: u64,
        head_timeout_ms: u64,
        ping_ms: u64,
        idle_ms: u64,
    ) -> PyResult<Self> {
        let parse = |text: &String| {
            text.parse()
                .map_err(|_| error(py, "config", &format!("addresses: {text:?} is not an IP address")))
        };
        let seed = py.import("os")?.call_method1("urandom", (8,))?.extract()?;
        let hub = HubConfig {
            seed: u64::from_be_bytes(seed),
            hook_deadline_ms,
            request_deadline_ms,
            max_message,
            rate: Rate {
                per_second: rate.0,
                burst: rate.1,
            },
            max_channels,
            max_joined,
            max_info,
            ..HubConfig::default()
        };
        let door = DoorConfig {
            addresses: addresses.iter().map(parse).collect::<PyResult<_>>()?,
            port,
            tls_port,
            certificate,
            private_key,
            backend,
            paths,
            open_paths,
            origins,
            max_connections,
            max_connections_per_address,
            max_backlog,
            head_timeout_ms,
            ping_ms,
            idle_ms,
        };
        let door = py
            .detach(|| Door::start(door, hub))
            .map_err(|failure| failed(py, &failure))?;
        Ok(Self {
            door: RwLock::new(Some(Arc::new(door))),
        })
    }

    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.door(py)?.event_fd())
    }

    fn send(&self, py: Python<'_>, command: &str, fields: &Bound<'_, PyAny>) -> PyResult<()> {
        let command = commands::command(command, fields)?;
        self.door(py)?
            .command(command)
            .map_err(|failure| failed(py, &failure))
    }

    fn send_all(&self, py: Python<'_>, commands: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<()> {
        let commands: Vec<_> = commands
            .iter()
            .map(|(name, fields)| commands::command(name, fields))
            .collect::<PyResult<_>>()?;
        self.door(py)?
            .commands(commands)
            .map_err(|failure| failed(py, &failure))
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let door = self.door(py)?;
        // Asked first, so that what the thread told before it died comes no later.
        let dead = door.is_dead();
        let mut told = vec![];
        for event in &door.drain() {
            told.push(events::told(py, event)?);
        }
        if dead {
            told.push(events::died(py, "the hub's thread ended by itself")?);
        }
        Ok(told)
    }

    fn ports(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, String, u16)>> {
        let word = |kind: &Kind| match kind {
            Kind::Plain => "plain",
            Kind::Tls => "tls",
        };
        let door = self.door(py)?;
        Ok(door
            .ports()
            .iter()
            .map(|(kind, at)| (word(kind), at.ip().to_string(), at.port()))
            .collect())
    }

    fn reload(&self, py: Python<'_>) -> PyResult<()> {
        let door = self.door(py)?;
        py.detach(|| door.reload())
            .map_err(|failure| failed(py, &failure))
    }

    #[pyo3(signature = (grace_ms=0))]
    fn close(&self, py: Python<'_>, grace_ms: u64) {
        let taken = self.door.write().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| {
            if let Some(door) = taken {
                door.close(grace_ms);
            }
        });
    }
}
