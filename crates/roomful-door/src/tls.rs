//! The server's certificate and key, from PEM files. Called at the start and when they are read again.
use crate::config::{Config, DoorError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::ServerConfig;
use std::path::Path;
use std::sync::Arc;

/// TLS 1.2 and 1.3, HTTP/1.1 only: what a door speaks.
pub fn load(config: &Config) -> Result<Arc<ServerConfig>, DoorError> {
    let need = |path: &'_ Option<std::path::PathBuf>, what: &str| {
        path.clone()
            .ok_or_else(|| DoorError::Config(format!("a TLS port needs {what}")))
    };
    let certificate = need(&config.certificate, "a certificate")?;
    let key = need(&config.private_key, "a private key")?;
    let broken =
        |path: &Path, why: &dyn std::fmt::Display| DoorError::Config(format!("{}: {why}", path.display()));
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| broken(&certificate, &e))?;
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(|e| broken(&key, &e))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut made = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| DoorError::Config(e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|e| broken(&certificate, &e))?;
    made.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(made))
}
