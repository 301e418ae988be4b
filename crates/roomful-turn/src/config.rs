//! What an operator decides. Made by the shell from its settings.
use crate::credentials::Secrets;
use crate::filter::Filter;
use crate::limits::Rate;
use crate::quota::Quotas;

/// See the module. `key` and `seed` must be random.
pub struct Config {
    /// Whose users: told to clients, part of their keys.
    pub realm: String,
    /// Who may.
    pub secrets: Secrets,
    /// To where.
    pub filter: Filter,
    /// How many.
    pub quotas: Quotas,
    /// Bytes per second that one allocation may relay, each way.
    pub bandwidth: Rate,
    /// Answers to unproven requests (401, 438 …) to one address.
    pub strangers: Rate,
    /// Answers to Binding requests to one address.
    pub bindings: Rate,
    /// Whether IPv6 addresses can be lent.
    pub ipv6: bool,
    /// Whether IPv4 addresses can be lent.
    pub ipv4: bool,
    /// Seals nonces.
    pub key: [u8; 32],
    /// Spreads strangers over buckets.
    pub seed: u64,
}

/// Seconds an allocation lives when the client does not say (RFC 8656 §7.2), and at most.
pub const DEFAULT_LIFETIME_S: u32 = 600;
/// See above.
pub const MAX_LIFETIME_S: u32 = 3_600;
/// RFC 8656 §9.
pub const PERMISSION_MS: u64 = 300_000;
/// RFC 8656 §12.
pub const CHANNEL_MS: u64 = 600_000;
/// RFC 8656 §7.2: a port kept for the other half of a pair.
pub const RESERVATION_MS: u64 = 30_000;
/// RFC 8489 §9.2: a nonce should live an hour.
pub const NONCE_S: u32 = 3_600;
/// Of one allocation: peers are people of one call.
pub const MAX_PERMISSIONS: usize = 128;
/// Of one allocation.
pub const MAX_CHANNELS: usize = 128;
/// Ports kept for pairs, in all.
pub const MAX_RESERVATIONS: usize = 256;
