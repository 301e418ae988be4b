//! Two peers on two threads over UDP loopback: how much a data channel carries. `data BYTES SECONDS` prints JSON. Run by `benches/data.py`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use bytes::Bytes;
use roomful_peer::event::PeerEvent;
use roomful_peer::shell::{Ask, PeerId, PeerOptions, Shell, Told};
use roomful_peer::signaling::DescriptionKind::{Answer, Offer};
use roomful_rtc::dcep::{ChannelOptions, Reliability};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What waits to be sent is kept between these, bytes.
const FULL: usize = 4 << 20;
const REFILL: usize = 2 << 20;

fn asked(shell: &Shell, peer: PeerId, ask: Ask) -> Option<String> {
    shell.ask(peer, 1, ask);
    loop {
        for told in shell.drain() {
            if let Told::Reply(_, _, result) = told {
                return result.unwrap();
            }
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    let size: usize = words.next().map_or(16_384, |w| w.parse().unwrap());
    let seconds: f64 = words.next().map_or(3.0, |w| w.parse().unwrap());
    let options = PeerOptions {
        addresses: vec!["127.0.0.1".parse().unwrap()],
        ..PeerOptions::default()
    };
    let (one, other) = (Shell::start().unwrap(), Shell::start().unwrap());
    let (from, to) = (one.open(&options).unwrap(), other.open(&options).unwrap());
    let channel = one.open_channel(
        from,
        0,
        ChannelOptions {
            label: "bench".into(),
            protocol: String::new(),
            ordered: true,
            reliability: Reliability::Reliable,
        },
        None,
    );
    asked(&one, from, Ask::CreateOffer(false));
    asked(&one, from, Ask::SetLocal(Some(Offer), None));
    let offer = asked(&one, from, Ask::LocalDescription).unwrap();
    asked(&other, to, Ask::SetRemote(Offer, offer));
    asked(&other, to, Ask::SetLocal(Some(Answer), None));
    let answer = asked(&other, to, Ask::LocalDescription).unwrap();
    asked(&one, from, Ask::SetRemote(Answer, answer));
    let (count, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let news = other.drain();
                if news.is_empty() {
                    std::thread::sleep(Duration::from_micros(500));
                }
                for told in news {
                    if let Told::Peer(_, PeerEvent::Messages { messages, .. }) = told {
                        count.fetch_add(messages.len() as u64, Ordering::Relaxed);
                    }
                }
            }
        });
        let message = Bytes::from(vec![7u8; size]);
        let send = |until: Instant| {
            while Instant::now() < until {
                while channel.buffered() < FULL && channel.send(true, message.clone()).is_ok() {}
                while channel.buffered() > REFILL && Instant::now() < until {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        };
        while count.load(Ordering::Relaxed) == 0 {
            send(Instant::now() + Duration::from_millis(10));
        }
        send(Instant::now() + Duration::from_secs(1));
        let (start, before) = (Instant::now(), count.load(Ordering::Relaxed));
        send(start + Duration::from_secs_f64(seconds));
        let took = start.elapsed().as_secs_f64();
        let rate = (count.load(Ordering::Relaxed) - before) as f64 / took;
        stop.store(true, Ordering::Relaxed);
        println!(
            "{{\"messages_per_s\": {rate:.0}, \"bytes_per_s\": {:.0}}}",
            rate * size as f64
        );
    });
}
