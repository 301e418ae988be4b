//! SRTP by lines of text, for tests against other implementations (`tests/media/test_srtp_differential.py`).
//!
//! Reads one command a line on standard input and answers each with one line; bytes are hexadecimal:
//!
//! ```text
//! keys PROFILE MATERIAL     ok            MATERIAL as the DTLS exporter gives it; this end is the server
//! seal INDEX PACKET         SEALED        RTP; INDEX is the 48-bit packet index in decimal
//! open PACKET               INDEX PLAIN
//! seal-rtcp PACKET          SEALED
//! open-rtcp PACKET          PLAIN
//! ```
//!
//! A refusal is `error TEXT`. Profiles: aes128-gcm, aes256-gcm, aes128-cm-sha1-80. Never used in service.
use roomful_rtc::rtp::RtpHeader;
use roomful_rtc::srtp::{SrtpError, SrtpKeys, SrtpProfile, SrtpReceiver, SrtpSender};
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut ends = None;
    for line in std::io::stdin().lock().lines() {
        match answer(&line?, &mut ends) {
            Ok(text) => writeln!(out, "{text}")?,
            Err(text) => writeln!(out, "error {text}")?,
        }
        out.flush()?;
    }
    Ok(())
}

fn answer(line: &str, ends: &mut Option<(SrtpSender, SrtpReceiver)>) -> Result<String, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let ["keys", name, material] = words.as_slice() {
        let keys = SrtpKeys::from_dtls(profile(name)?, &bytes(material)?, true).map_err(refusal)?;
        *ends = Some((
            SrtpSender::new(&keys).map_err(refusal)?,
            SrtpReceiver::new(&keys).map_err(refusal)?,
        ));
        return Ok("ok".to_owned());
    }
    let Some((sender, receiver)) = ends else {
        return Err("no keys".to_owned());
    };
    match words.as_slice() {
        ["seal", index, packet] => {
            let mut packet = bytes(packet)?;
            let header = RtpHeader::parse(&packet).ok_or("not RTP")?;
            let index = index.parse().map_err(|_| "bad index")?;
            packet.resize(packet.len() + sender.overhead(), 0);
            sender
                .protect_rtp(&mut packet, header.header_len, header.ssrc, index)
                .map_err(refusal)?;
            Ok(hex(&packet))
        }
        ["open", packet] => {
            let mut packet = bytes(packet)?;
            let (_, index, length) = receiver.unprotect_rtp(&mut packet).map_err(refusal)?;
            packet.truncate(length);
            Ok(format!("{index} {}", hex(&packet)))
        }
        ["seal-rtcp", packet] => {
            let mut packet = bytes(packet)?;
            sender.protect_rtcp(&mut packet).map_err(refusal)?;
            Ok(hex(&packet))
        }
        ["open-rtcp", packet] => {
            let mut packet = bytes(packet)?;
            let length = receiver.unprotect_rtcp(&mut packet).map_err(refusal)?;
            packet.truncate(length);
            Ok(hex(&packet))
        }
        _ => Err("unknown command".to_owned()),
    }
}

fn profile(name: &str) -> Result<SrtpProfile, String> {
    match name {
        "aes128-gcm" => Ok(SrtpProfile::AeadAes128Gcm),
        "aes256-gcm" => Ok(SrtpProfile::AeadAes256Gcm),
        "aes128-cm-sha1-80" => Ok(SrtpProfile::Aes128CmSha1_80),
        _ => Err(format!("unknown profile {name}")),
    }
}

fn refusal(error: SrtpError) -> String {
    error.to_string()
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0).ok_or("not hexadecimal")?;
    Ok(digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
