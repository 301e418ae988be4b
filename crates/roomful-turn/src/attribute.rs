//! Attribute types (RFC 8489 §18.3, RFC 8656 §18). Those below 0x8000 must be understood, or the request is refused (420).

/// Who asks.
pub const USERNAME: u16 = 0x0006;
/// HMAC-SHA1 over the message.
pub const MESSAGE_INTEGRITY: u16 = 0x0008;
/// Why not.
pub const ERROR_CODE: u16 = 0x0009;
/// What was not understood.
pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
/// 0x4000 to 0x7FFF.
pub const CHANNEL_NUMBER: u16 = 0x000C;
/// Seconds.
pub const LIFETIME: u16 = 0x000D;
/// The far end.
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
/// What is relayed.
pub const DATA: u16 = 0x0013;
/// Whose users.
pub const REALM: u16 = 0x0014;
/// Proves that the other side is where it says.
pub const NONCE: u16 = 0x0015;
/// The address that was lent.
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
/// IPv4 or IPv6.
pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
/// An even port, and perhaps the next one too.
pub const EVEN_PORT: u16 = 0x0018;
/// UDP.
pub const REQUESTED_TRANSPORT: u16 = 0x0019;
/// HMAC-SHA256 over the message.
pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
/// The address that the server sees.
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// The port that was kept for later.
pub const RESERVATION_TOKEN: u16 = 0x0022;
/// A checksum.
pub const FINGERPRINT: u16 = 0x8028;
/// ICE (RFC 8445 §16.1); understood and of no meaning to a server.
pub const PRIORITY: u16 = 0x0024;
/// As above.
pub const USE_CANDIDATE: u16 = 0x0025;

/// Whether a request that holds it can be answered.
pub fn is_understood(kind: u16) -> bool {
    kind >= 0x8000
        || matches!(
            kind,
            USERNAME
                | MESSAGE_INTEGRITY
                | CHANNEL_NUMBER
                | LIFETIME
                | XOR_PEER_ADDRESS
                | DATA
                | REALM
                | NONCE
                | REQUESTED_ADDRESS_FAMILY
                | EVEN_PORT
                | REQUESTED_TRANSPORT
                | MESSAGE_INTEGRITY_SHA256
                | RESERVATION_TOKEN
                | PRIORITY
                | USE_CANDIDATE
        )
}
