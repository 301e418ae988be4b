//! Arithmetic on numbers that wrap: 16-bit sequence numbers extended to 64 bits.

/// The 64-bit number nearest to `reference` whose low 16 bits are `sequence`; never below 0.
#[inline]
pub fn extend(reference: u64, sequence: u16) -> u64 {
    let distance = i64::from(sequence.wrapping_sub(reference as u16) as i16);
    match reference.checked_add_signed(distance) {
        Some(number) => number,
        // Before the first wrap there is nothing below: take the number above.
        None => u64::from(sequence),
    }
}

#[cfg(test)]
mod tests {
    use super::extend;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn near_numbers_are_found_again(reference in 40_000u64..1 << 40, step in -32_767i64..32_767) {
            let number = reference.checked_add_signed(step).unwrap();
            prop_assert_eq!(extend(reference, number as u16), number);
        }
    }

    #[test]
    fn below_zero_there_is_nothing() {
        assert_eq!(extend(3, 65_535), 65_535);
        assert_eq!(extend(65_530, 4), 65_540);
    }
}
