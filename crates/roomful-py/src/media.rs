//! `roomful._native.media`: the engine as a Python object. Called by `roomful.engine`; the stub `media.pyi` is its reference.
use crate::{commands, events};
use pyo3::create_exception;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use roomful_engine::{Config, Engine as Shell, EngineError as Failure};
use roomful_rtc::transport::Protocol;
use roomful_sfu::command::Id;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

create_exception!(
    roomful._native.media,
    EngineError,
    PyRuntimeError,
    "The engine could not start, or is dead; `code` says which: config, port_taken, os, overloaded, engine_dead."
);

/// With a stable code next to the words for people.
fn error(py: Python<'_>, code: &str, message: &str) -> PyErr {
    let error = EngineError::new_err(message.to_owned());
    match error.value(py).setattr("code", code) {
        Ok(()) => error,
        Err(other) => other,
    }
}

/// See the stub.
#[pyclass(frozen, module = "roomful._native.media")]
pub struct Engine {
    /// None after `close`.
    shell: RwLock<Option<Arc<Shell>>>,
}

impl Engine {
    fn shell(&self, py: Python<'_>) -> PyResult<Arc<Shell>> {
        let held = self.shell.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
            .ok_or_else(|| error(py, "engine_dead", "the engine is closed"))
    }
}

pub(crate) fn parse(py: Python<'_>, name: &str, texts: &[String]) -> PyResult<Vec<IpAddr>> {
    let one = |text: &String| {
        text.parse()
            .map_err(|_| error(py, "config", &format!("{name}: {text:?} is not an IP address")))
    };
    texts.iter().map(one).collect()
}

/// The shell's trouble in our words.
pub(crate) fn failed(py: Python<'_>, failure: &Failure) -> PyErr {
    error(py, failure.code(), &failure.to_string())
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        *, addresses=vec!["0.0.0.0".to_owned()], announced=vec![], udp_port=0, tcp_port=None, threads=1, codecs=None,
        max_tracks=64, max_subscriptions=1024, portable=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        addresses: Vec<String>,
        announced: Vec<String>,
        udp_port: u16,
        tcp_port: Option<u16>,
        threads: usize,
        codecs: Option<Vec<String>>,
        max_tracks: usize,
        max_subscriptions: usize,
        portable: Option<bool>,
    ) -> PyResult<Self> {
        let usual = Config::default();
        let config = Config {
            addresses: parse(py, "addresses", &addresses)?,
            announced: parse(py, "announced", &announced)?,
            udp_port,
            tcp_port,
            threads,
            codecs: codecs.unwrap_or(usual.codecs),
            max_tracks,
            max_subscriptions,
            portable: portable.unwrap_or(usual.portable),
        };
        let shell = py
            .detach(|| Shell::start(&config))
            .map_err(|failure| failed(py, &failure))?;
        Ok(Self {
            shell: RwLock::new(Some(Arc::new(shell))),
        })
    }

    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.shell(py)?.event_fd())
    }

    fn send(&self, py: Python<'_>, command: &str, fields: &Bound<'_, PyAny>) -> PyResult<()> {
        let command = commands::command(command, fields)?;
        self.shell(py)?
            .command(command)
            .map_err(|failure| failed(py, &failure))
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let shell = self.shell(py)?;
        // Asked first, so that what a thread told before it died comes no later.
        let dead = shell.is_dead();
        let mut told = vec![];
        for event in &shell.drain() {
            told.push(events::told(py, event)?);
        }
        if dead {
            told.push(events::died(py, "a media thread ended by itself")?);
        }
        Ok(told)
    }

    fn together(&self, py: Python<'_>, rooms: Vec<String>) -> PyResult<bool> {
        let rooms: Vec<Id> = rooms.into_iter().map(Id::from).collect();
        Ok(self.shell(py)?.together(&rooms))
    }

    fn ports(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, String, u16)>> {
        let word = |protocol: &Protocol| match protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        };
        let shell = self.shell(py)?;
        Ok(shell
            .ports()
            .iter()
            .map(|(protocol, at)| (word(protocol), at.ip().to_string(), at.port()))
            .collect())
    }

    fn close(&self, py: Python<'_>) {
        let taken = self.shell.write().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| {
            if let Some(shell) = taken {
                shell.stop();
            }
        });
    }
}
