//! Securing: one DTLS 1.2 association (RFC 6347, RFC 5764, RFC 8827). The only file that knows the `dimpl` crate. Unaudited.
//!
//! Called by `transport`. Hands out SRTP keys only after the peer's certificate matched a fingerprint of its session
//! description (RFC 8122 §6.2).
use crate::srtp::{SrtpKeys, SrtpProfile};
use aws_lc_rs::{constant_time, digest};
use dimpl::{Dtls as Association, DtlsCertificate, Output};
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;

/// Our certificate and settings, made once and shared by all transports of a process.
#[derive(Clone)]
pub struct DtlsIdentity {
    certificate: DtlsCertificate,
    config: Arc<dimpl::Config>,
    fingerprint: Arc<str>,
}

/// Why an association ended.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DtlsError {
    /// The certificate is not the one that was announced.
    #[error("the peer's certificate does not match the fingerprint of its session description")]
    Fingerprint,
    /// No common SRTP profile.
    #[error("no SRTP profile in common")]
    Profile,
    /// The library's word.
    #[error("DTLS: {0}")]
    Library(String),
    /// Making a certificate failed.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
}

impl DtlsIdentity {
    /// A fresh self-signed certificate.
    pub fn generate() -> Result<Self, DtlsError> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|e| DtlsError::Certificate(e.to_string()))?;
        // ICE has proven the address already: a cookie exchange would cost a round trip for nothing.
        let config = dimpl::Config::builder()
            .use_server_cookie(false)
            .build()
            .map_err(|e| DtlsError::Certificate(e.to_string()))?;
        let fingerprint = certificate.fingerprint_str().into();
        Ok(Self {
            certificate,
            config: Arc::new(config),
            fingerprint,
        })
    }

    /// SHA-256, as `a=fingerprint:sha-256` writes it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// What the association tells.
pub enum DtlsEvent {
    /// Keys for SRTP.
    Keys(SrtpKeys),
    /// The handshake is complete.
    Connected,
    /// Application data (SCTP).
    Data(Vec<u8>),
    /// The peer said goodbye.
    Closed,
    /// It is over.
    Failed(DtlsError),
}

/// One association.
pub struct Dtls {
    association: Association,
    /// SHA-256 digests that the peer's certificate may have.
    expected: Vec<Vec<u8>>,
    verified: bool,
    server: bool,
    timeout: Option<Instant>,
}

const RECORD: usize = 2048;

impl Dtls {
    /// A server (passive), or a client (active) when `active`.
    pub fn new(identity: &DtlsIdentity, active: bool, now: Instant) -> Self {
        let mut association = Association::new_12(identity.config.clone(), identity.certificate.clone(), now);
        association.set_active(active);
        Self {
            association,
            expected: vec![],
            verified: false,
            server: !active,
            timeout: Some(now),
        }
    }

    /// SHA-256 digests from the peer's session description; any one may match.
    pub fn expect(&mut self, digests: Vec<Vec<u8>>) {
        self.expected = digests;
    }

    /// Becomes a client, before anything came or went.
    pub fn set_active(&mut self, now: Instant) {
        self.association.set_active(true);
        self.server = false;
        self.timeout = Some(now);
    }

    /// A record came. `deliver` takes packets to send.
    pub fn handle(&mut self, packet: &[u8], now: Instant, deliver: impl FnMut(&[u8])) -> Vec<DtlsEvent> {
        // dimpl wants to know the time before a packet.
        let result = self
            .association
            .handle_timeout(now)
            .and_then(|()| self.association.handle_packet(packet));
        let mut events = self.drain(deliver);
        if let Err(error) = result {
            events.push(DtlsEvent::Failed(DtlsError::Library(error.to_string())));
        }
        events
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant, deliver: impl FnMut(&[u8])) -> Vec<DtlsEvent> {
        let result = self.association.handle_timeout(now);
        let mut events = self.drain(deliver);
        if let Err(error) = result {
            events.push(DtlsEvent::Failed(DtlsError::Library(error.to_string())));
        }
        events
    }

    /// When time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// Sends application data. dimpl's queue holds ten records, so each is drained at once.
    pub fn send(&mut self, data: &[u8], deliver: impl FnMut(&[u8])) -> Result<Vec<DtlsEvent>, DtlsError> {
        self.association
            .send_application_data(data)
            .map_err(|e| DtlsError::Library(e.to_string()))?;
        Ok(self.drain(deliver))
    }

    /// Says goodbye.
    pub fn close(&mut self, deliver: impl FnMut(&[u8])) {
        if self.association.close().is_ok() {
            self.drain(deliver);
        }
    }

    fn drain(&mut self, mut deliver: impl FnMut(&[u8])) -> Vec<DtlsEvent> {
        let mut buffer = [0u8; RECORD];
        let mut large: Vec<u8> = Vec::new();
        let mut events = vec![];
        loop {
            let room: &mut [u8] = if large.is_empty() { &mut buffer } else { &mut large };
            match self.association.poll_output(room) {
                Output::Packet(packet) => deliver(packet),
                Output::Timeout(at) => {
                    self.timeout = Some(at);
                    return events;
                }
                // A record holds at most 16 KiB (RFC 6347 §4.1).
                Output::BufferTooSmall { needed } if needed <= 32 << 10 => large = vec![0; needed],
                Output::BufferTooSmall { needed } => {
                    events.push(DtlsEvent::Failed(DtlsError::Library(format!(
                        "record of {needed} bytes"
                    ))));
                    return events;
                }
                Output::PeerCert(der) => {
                    let digest = digest::digest(&digest::SHA256, der);
                    self.verified = self
                        .expected
                        .iter()
                        .any(|e| constant_time::verify_slices_are_equal(e, digest.as_ref()).is_ok());
                    if !self.verified {
                        events.push(DtlsEvent::Failed(DtlsError::Fingerprint));
                        return events;
                    }
                }
                Output::KeyingMaterial(material, profile) => {
                    events.push(match (self.verified, self.keys(&material, profile)) {
                        (false, _) => DtlsEvent::Failed(DtlsError::Fingerprint),
                        (true, Some(keys)) => DtlsEvent::Keys(keys),
                        (true, None) => DtlsEvent::Failed(DtlsError::Profile),
                    });
                }
                Output::Connected if self.verified => events.push(DtlsEvent::Connected),
                Output::Connected => events.push(DtlsEvent::Failed(DtlsError::Fingerprint)),
                Output::ApplicationData(data) if self.verified => events.push(DtlsEvent::Data(data.to_vec())),
                Output::CloseNotify => events.push(DtlsEvent::Closed),
                _ => {}
            }
        }
    }

    fn keys(&self, material: &[u8], profile: dimpl::SrtpProfile) -> Option<SrtpKeys> {
        let profile = match profile {
            dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
            dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
            dimpl::SrtpProfile::AES128_CM_SHA1_80 => SrtpProfile::Aes128CmSha1_80,
            _ => return None,
        };
        SrtpKeys::from_dtls(profile, material, self.server).ok()
    }
}
