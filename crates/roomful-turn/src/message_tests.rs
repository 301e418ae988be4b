use super::*;
use proptest::prelude::*;

/// RFC 5769 §2.1.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
    002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
    000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
/// RFC 5769 §2.2.
const IPV4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
    002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
/// RFC 5769 §2.3.
const IPV6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
    002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
/// RFC 5769 §2.4.
const LONG_TERM: &str =
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000\
    0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700\
    00080014f67024656dd64a3e02b8e0712e85c9a28ca89666";
/// RFC 8489 appendix B.1, as corrected by its erratum 6268.
const SHA256: &str = "000100902112a44278ad3433c6ad72c029da412e001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704\
    001500296f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341000000\
    0014000b6578616d706c652e6f726700001d000400020000001c0020b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn published_messages_are_read_and_their_seals_hold() {
    let short = Keys::new(b"VOkJxbRl1RmTxUk/WvJxBt");
    for (vector, address) in [
        (IPV4, "192.0.2.1:32853"),
        (IPV6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let bytes = bytes(vector);
        let message = Message::read(&bytes).unwrap();
        assert_eq!((message.method, message.class), (method::BINDING, Class::Success));
        assert!(message.is_sealed_by(&short));
        assert_eq!(
            message.xor_address(kind::XOR_MAPPED_ADDRESS),
            Some(address.parse().unwrap())
        );
    }
    let request = bytes(REQUEST);
    let message = Message::read(&request).unwrap();
    assert_eq!(message.class, Class::Request);
    assert_eq!(message.text(kind::USERNAME), Some("evtj:h6vY"));
    assert!(message.is_sealed_by(&short));
    assert!(!message.is_sealed_by(&Keys::new(b"another")));
}

#[test]
fn published_long_term_messages_hold() {
    let user = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";
    let md5 = crate::credentials::long_term_key(user, "example.org", "TheMatrIX");
    // The password algorithm that the second names (§18.5.1).
    let text = format!("{user}:example.org:TheMatrIX");
    let sha256 = Keys::new(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref());
    for (vector, seal, key) in [(LONG_TERM, Seal::Sha1, md5), (SHA256, Seal::Sha256, sha256)] {
        let bytes = bytes(vector);
        let message = Message::read(&bytes).unwrap();
        assert_eq!(message.seal(), Some(seal));
        assert_eq!(message.text(kind::REALM), Some("example.org"));
        assert!(message.is_sealed_by(&key), "{seal:?}");
    }
}

#[test]
fn a_changed_byte_breaks_the_seal_or_the_fingerprint() {
    let whole = bytes(REQUEST);
    let key = Keys::new(b"VOkJxbRl1RmTxUk/WvJxBt");
    // Up to the fingerprint, which is nobody's seal.
    for at in 0..whole.len() - 8 {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let holds =
            Message::read(&changed).is_ok_and(|m| m.is_sealed_by(&key) && m.method == method::BINDING);
        assert!(!holds, "byte {at}");
    }
}

#[test]
fn what_follows_the_seal_is_not_believed() {
    let key = Keys::new(b"k");
    let mut buffer = vec![];
    let mut writer = Writer::new(&mut buffer, method::ALLOCATE, Class::Request, [7; 12]);
    writer
        .attribute(kind::LIFETIME, &[0, 0, 0, 9])
        .seal(Seal::Sha1, &key)
        .attribute(kind::LIFETIME, &[9; 4]);
    writer.attribute(kind::USERNAME, b"mallory");
    let message = Message::read(&buffer).unwrap();
    assert!(message.is_sealed_by(&key));
    assert_eq!(message.attribute(kind::LIFETIME), Some(&[0, 0, 0, 9][..]));
    assert_eq!(message.attribute(kind::USERNAME), None);
}

#[test]
fn lengths_are_checked() {
    let whole = bytes(REQUEST);
    for cut in 0..whole.len() {
        assert!(Message::read(&whole[..cut]).is_err());
    }
    let mut long = whole.clone();
    long.extend_from_slice(&[0; 4]);
    assert_eq!(Message::read(&long).unwrap_err(), Malformed::Length);
}

proptest! {
    #[test]
    fn what_is_written_is_read(method in 0u16..0x1000, class in 0usize..4, transaction: [u8; 12], port: u16, v6: u128, v4: u32,
                               values in prop::collection::vec((0x8030u16.., prop::collection::vec(any::<u8>(), 0..40)), 0..6)) {
        let class = [Class::Request, Class::Indication, Class::Success, Class::Error][class];
        let key = Keys::new(&transaction);
        let addresses = [SocketAddr::new(Ipv6Addr::from(v6).into(), port), SocketAddr::new(Ipv4Addr::from(v4).into(), port)];
        for seal in [Seal::Sha1, Seal::Sha256] {
            let mut buffer = vec![];
            let mut writer = Writer::new(&mut buffer, method, class, transaction);
            for (kind, value) in &values {
                writer.attribute(*kind, value);
            }
            writer.xor_address(kind::XOR_MAPPED_ADDRESS, addresses[0]).xor_address(kind::XOR_PEER_ADDRESS, addresses[1]);
            writer.seal(seal, &key).fingerprint();
            let message = Message::read(&buffer).unwrap();
            prop_assert_eq!((message.method, message.class, message.transaction), (method, class, transaction));
            prop_assert!(message.is_sealed_by(&key));
            prop_assert_eq!(message.xor_address(kind::XOR_MAPPED_ADDRESS), Some(addresses[0]));
            prop_assert_eq!(message.xor_address(kind::XOR_PEER_ADDRESS), Some(addresses[1]));
            for ((kind, value), (read, found)) in values.iter().zip(message.attributes()) {
                prop_assert_eq!((*kind, value.as_slice()), (read, found));
            }
        }
    }
}
