//! What protecting and opening a packet costs: CPU nanoseconds a packet of 1,100 bytes, for each profile.
//!
//! `cargo run --release -p roomful-rtc --example srtp_cost`. Prints the median of five rounds; Linux only
//! (CPU time is read from /proc).
use roomful_rtc::srtp::{SrtpKeys, SrtpProfile, SrtpReceiver, SrtpSender};

const PACKET: usize = 1_100;
/// Slots, as in an arena that stays in the cache.
const ARENA: usize = 1_000;
/// So many that the clock's step of a few milliseconds does not show.
const BATCHES: u64 = 300;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "{:<18} {:>10} {:>10}   ns a packet of {PACKET} bytes",
        "profile", "protect", "unprotect"
    );
    for profile in [
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::Aes128CmSha1_80,
    ] {
        let (mut protect, mut unprotect) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            let (sealing, opening) = round(profile)?;
            protect.push(sealing);
            unprotect.push(opening);
        }
        println!(
            "{:<18} {:>10} {:>10}",
            format!("{profile:?}"),
            median(protect),
            median(unprotect)
        );
    }
    Ok(())
}

/// Protects packets as the router does, each from a plain copy into a slot of an arena, and opens them.
fn round(profile: SrtpProfile) -> Result<(u64, u64), Box<dyn std::error::Error>> {
    let material = vec![7u8; 2 * (profile.key_len() + profile.salt_len())];
    let sender = SrtpSender::new(&SrtpKeys::from_dtls(profile, &material, true)?)?;
    let receiving = SrtpKeys::from_dtls(profile, &material, false)?;
    let mut plain = vec![0x55u8; PACKET + sender.overhead()];
    let mut arena = vec![plain.clone(); ARENA];

    let start = cpu_ns()?;
    for batch in 0..BATCHES {
        for (slot, index) in arena.iter_mut().zip(batch * ARENA as u64..) {
            header(&mut plain, index as u16);
            slot.copy_from_slice(&plain);
            sender.protect_rtp(slot, 12, 1, index)?;
        }
    }
    let sealing = cpu_ns()? - start;

    for (slot, index) in arena.iter_mut().zip(0..) {
        header(&mut plain, index as u16);
        slot.copy_from_slice(&plain);
        sender.protect_rtp(slot, 12, 1, index)?;
    }
    let start = cpu_ns()?;
    for _ in 0..BATCHES {
        // A packet opens once, hence a receiver for each batch; its keys cost little next to a thousand packets.
        let mut receiver = SrtpReceiver::new(&receiving)?;
        for sealed in &arena {
            plain.copy_from_slice(sealed);
            receiver.unprotect_rtp(&mut plain)?;
        }
    }
    let opening = cpu_ns()? - start;
    let count = BATCHES * ARENA as u64;
    Ok((sealing / count, opening / count))
}

fn header(packet: &mut [u8], sequence: u16) {
    if let Some(fixed) = packet.first_chunk_mut::<12>() {
        let [high, low] = sequence.to_be_bytes();
        *fixed = [0x80, 96, high, low, 0, 0, 0, 1, 0, 0, 0, 1];
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// Nanoseconds this thread ran on a processor.
fn cpu_ns() -> Result<u64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no schedstat")?.parse()?)
}
