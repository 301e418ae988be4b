//! The mask on a client's frames (RFC 6455 §5.3).

const BLOCK: usize = 32;

/// Takes the mask off, or puts it on. `offset` is how many bytes of the same payload came before.
pub fn unmask(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    let mut key = key;
    key.rotate_left(offset % 4);
    let mut wide = [0u8; BLOCK];
    for part in wide.chunks_exact_mut(4) {
        part.copy_from_slice(&key);
    }
    // Blocks of a fixed length: the compiler makes vector instructions of the inner loop.
    let mut blocks = bytes.chunks_exact_mut(BLOCK);
    for block in &mut blocks {
        for (byte, mask) in block.iter_mut().zip(&wide) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in blocks.into_remainder().iter_mut().zip(&wide) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_as_the_whole(bytes in prop::collection::vec(any::<u8>(), 0..200), key: [u8; 4], at in 0usize..200) {
            let plain: Vec<u8> = bytes.iter().enumerate().map(|(n, b)| b ^ key[n % 4]).collect();
            let at = at.min(bytes.len());
            let mut cut = bytes.clone();
            unmask(&mut cut[..at], key, 0);
            unmask(&mut cut[at..], key, at);
            prop_assert_eq!(&cut, &plain);
            unmask(&mut cut, key, 0);
            prop_assert_eq!(cut, bytes);
        }
    }
}
