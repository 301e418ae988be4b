//! Access tokens as LiveKit's SDKs make them: HS256 over a `video` grant.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

/// A token that lets `identity` into `room` for an hour.
pub fn sign(key: &str, secret: &str, room: &str, identity: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let head = json!({"alg": "HS256", "typ": "JWT"}).to_string();
    let body = json!({
        "iss": key, "sub": identity, "nbf": now.saturating_sub(5), "exp": now + 3600,
        "video": {"room": room, "roomJoin": true, "canPublish": true, "canSubscribe": true},
    })
    .to_string();
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(head),
        URL_SAFE_NO_PAD.encode(body)
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
