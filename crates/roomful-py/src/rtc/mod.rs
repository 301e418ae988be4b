//! `roomful._native.rtc`: peer connections as Python objects. Called by `roomful.rtc`; the stub `rtc.pyi` is its reference.
pub mod events;

use bytes::Bytes;
use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString, PyTuple};
use roomful_peer::gather::Server;
use roomful_peer::media::{usual_codecs, MediaOptions};
use roomful_peer::shell::{Ask, Channel as Line, PeerOptions, Shell};
use roomful_peer::signaling::DescriptionKind;
use roomful_peer::PeerError;
use roomful_rtc::dcep::{ChannelOptions, Reliability};
use roomful_rtc::sctp::SendError;
use roomful_rtc::sdp::{Direction, Kind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

create_exception!(
    roomful._native.rtc,
    RtcError,
    PyRuntimeError,
    "What was asked was not done; `code` says why: invalid_state, syntax, invalid_modification, invalid_access, argument, os, dead, \
     backpressure, not_open, too_large."
);

/// What `Peers.ask` understands, in the stub's order.
pub const NAMES: [&str; 6] = [
    "create_offer",
    "create_answer",
    "set_local",
    "set_remote",
    "rollback",
    "add_candidate",
];

/// With a stable code next to the words for people.
fn error(py: Python<'_>, code: &str, message: &str) -> PyErr {
    let error = RtcError::new_err(message.to_owned());
    match error.value(py).setattr("code", code) {
        Ok(()) => error,
        Err(other) => other,
    }
}

fn failed(py: Python<'_>, failure: &PeerError) -> PyErr {
    error(py, failure.code(), &failure.to_string())
}

fn refused(py: Python<'_>, failure: SendError) -> PyErr {
    let code = match failure {
        SendError::Backpressure => "backpressure",
        SendError::NotOpen => "not_open",
        SendError::TooLarge => "too_large",
    };
    error(py, code, &failure.to_string())
}

fn ip(py: Python<'_>, text: &str) -> PyResult<IpAddr> {
    text.parse()
        .map_err(|_| error(py, "argument", &format!("{text:?} is not an IP address")))
}

fn kind(word: Option<&str>) -> PyResult<Option<DescriptionKind>> {
    match word {
        None => Ok(None),
        Some("offer") => Ok(Some(DescriptionKind::Offer)),
        Some("answer") => Ok(Some(DescriptionKind::Answer)),
        Some(other) => Err(PyValueError::new_err(format!(
            "a description's type is offer, answer or rollback, not {other:?}"
        ))),
    }
}

fn asked(what: &str, word: Option<&str>, text: Option<String>) -> PyResult<Ask> {
    Ok(match what {
        "create_offer" => Ask::CreateOffer(word == Some("restart")),
        "create_answer" => Ask::CreateAnswer,
        "set_local" => Ask::SetLocal(kind(word)?, text),
        "set_remote" => {
            let kind = kind(word)?.ok_or_else(|| PyValueError::new_err("set_remote needs a type"))?;
            Ask::SetRemote(kind, text.unwrap_or_default())
        }
        "rollback" => Ask::Rollback,
        "add_candidate" => Ask::AddCandidate(text.unwrap_or_default(), word.map(str::to_owned)),
        other => {
            return Err(PyValueError::new_err(format!(
                "there is nothing called {other:?}"
            )))
        }
    })
}

/// See the stub.
#[pyclass(frozen, module = "roomful._native.rtc")]
pub struct Peers {
    /// None after `close`.
    shell: RwLock<Option<Arc<Shell>>>,
}

impl Peers {
    fn shell(&self, py: Python<'_>) -> PyResult<Arc<Shell>> {
        let held = self.shell.read().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(|| error(py, "dead", "it is closed"))
    }
}

#[pymethods]
impl Peers {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        let shell = py.detach(Shell::start).map_err(|failure| failed(py, &failure))?;
        Ok(Self {
            shell: RwLock::new(Some(Arc::new(shell))),
        })
    }

    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.shell(py)?.fd())
    }

    #[pyo3(signature = (*, relay_only=false, addresses=vec![]))]
    fn open(&self, py: Python<'_>, relay_only: bool, addresses: Vec<String>) -> PyResult<u64> {
        let options = PeerOptions {
            relay_only,
            addresses: addresses
                .iter()
                .map(|text| ip(py, text))
                .collect::<PyResult<_>>()?,
        };
        self.shell(py)?
            .open(&options)
            .map_err(|failure| failed(py, &failure))
    }

    fn set_servers(
        &self,
        py: Python<'_>,
        peer: u64,
        servers: Vec<(String, u16, Option<String>, Option<String>)>,
    ) -> PyResult<()> {
        let server = |(host, port, user, password): (String, u16, Option<String>, Option<String>)| {
            Ok::<_, PyErr>(Server {
                address: SocketAddr::new(ip(py, &host)?, port),
                credentials: user.zip(password),
            })
        };
        let servers = servers.into_iter().map(server).collect::<PyResult<_>>()?;
        self.shell(py)?.set_servers(peer, servers);
        Ok(())
    }

    #[pyo3(signature = (peer, request, what, word=None, text=None))]
    fn ask(
        &self,
        py: Python<'_>,
        peer: u64,
        request: u64,
        what: &str,
        word: Option<&str>,
        text: Option<String>,
    ) -> PyResult<()> {
        self.shell(py)?.ask(peer, request, asked(what, word, text)?);
        Ok(())
    }

    fn restart_ice(&self, py: Python<'_>, peer: u64) -> PyResult<()> {
        self.shell(py)?.restart_ice(peer);
        Ok(())
    }

    #[pyo3(signature = (peer, key, label, *, protocol="", ordered=true, max_retransmits=None, max_lifetime_ms=None, id=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn open_channel(
        &self,
        py: Python<'_>,
        peer: u64,
        key: u32,
        label: &str,
        protocol: &str,
        ordered: bool,
        max_retransmits: Option<u32>,
        max_lifetime_ms: Option<u32>,
        id: Option<u16>,
    ) -> PyResult<Channel> {
        let reliability = match (max_retransmits, max_lifetime_ms) {
            (None, None) => Reliability::Reliable,
            (Some(n), None) => Reliability::Retransmits(n),
            (None, Some(ms)) => Reliability::LifetimeMs(ms),
            (Some(_), Some(_)) => {
                return Err(PyValueError::new_err(
                    "max_retransmits and max_lifetime_ms exclude each other",
                ))
            }
        };
        let options = ChannelOptions {
            label: label.to_owned(),
            protocol: protocol.to_owned(),
            ordered,
            reliability,
        };
        let line = self.shell(py)?.open_channel(peer, key, options, id);
        Ok(Channel { line })
    }

    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn add_transceiver(
        &self,
        py: Python<'_>,
        peer: u64,
        key: u32,
        kind: &str,
        sends: bool,
        receives: bool,
        codecs: Vec<String>,
        stream: String,
        track: String,
    ) -> PyResult<()> {
        let kind = match kind {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            other => {
                return Err(PyValueError::new_err(format!(
                    "a track is audio or video, not {other:?}"
                )))
            }
        };
        let known = usual_codecs(kind);
        let mut chosen = vec![];
        for name in &codecs {
            let found = known.iter().find(|known| known.eq_ignore_ascii_case(name));
            chosen.push(*found.ok_or_else(|| {
                PyValueError::new_err(format!("the codec {name:?} is none of {}", known.join(", ")))
            })?);
        }
        let options = MediaOptions {
            kind,
            direction: Direction::new(sends, receives),
            codecs: if chosen.is_empty() { known } else { chosen },
            stream,
            track,
        };
        self.shell(py)?.add_transceiver(peer, key, options);
        Ok(())
    }

    fn set_direction(
        &self,
        py: Python<'_>,
        peer: u64,
        key: u32,
        sends: bool,
        receives: bool,
    ) -> PyResult<()> {
        self.shell(py)?
            .set_direction(peer, key, Direction::new(sends, receives));
        Ok(())
    }

    fn send_frame(&self, py: Python<'_>, peer: u64, key: u32, data: &[u8], timestamp: u32) -> PyResult<()> {
        self.shell(py)?
            .send_frame(peer, key, Bytes::copy_from_slice(data), timestamp)
            .map_err(|failure| refused(py, failure))
    }

    fn want_key(&self, py: Python<'_>, peer: u64, key: u32) -> PyResult<()> {
        self.shell(py)?.want_key(peer, key);
        Ok(())
    }

    fn close_peer(&self, py: Python<'_>, peer: u64) -> PyResult<()> {
        self.shell(py)?.close(peer);
        Ok(())
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let shell = self.shell(py)?;
        // Asked first, so that what the thread told before it died comes no later.
        let dead = shell.is_dead();
        let mut told = vec![];
        for news in shell.drain() {
            told.push(events::told(py, &shell, news)?);
        }
        if dead {
            told.push(events::died(py)?);
        }
        Ok(told)
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

/// See the stub.
#[pyclass(frozen, module = "roomful._native.rtc")]
pub struct Channel {
    pub line: Line,
}

#[pymethods]
impl Channel {
    #[getter]
    fn key(&self) -> u32 {
        self.line.key()
    }

    #[getter]
    fn buffered(&self) -> usize {
        self.line.buffered()
    }

    #[getter]
    fn get_low(&self) -> usize {
        self.line.low()
    }

    #[setter]
    fn set_low(&self, bytes: usize) {
        self.line.set_low(bytes);
    }

    fn send(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let (binary, bytes) = if let Ok(bytes) = data.cast::<PyBytes>() {
            (true, Bytes::copy_from_slice(bytes.as_bytes()))
        } else if let Ok(text) = data.cast::<PyString>() {
            (false, Bytes::copy_from_slice(text.to_cow()?.as_bytes()))
        } else if let Ok(bytes) = data.cast::<PyByteArray>() {
            (true, Bytes::from(bytes.to_vec()))
        } else {
            let name = data.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "a message is str, bytes or bytearray, not {name}"
            )));
        };
        self.line
            .send(binary, bytes)
            .map_err(|failure| refused(py, failure))
    }

    fn read(&self, on: bool) {
        self.line.read(on);
    }

    fn close(&self) {
        self.line.close();
    }
}
