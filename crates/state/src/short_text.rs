//! Texts of up to 16 bytes as two words: names and keys are rarely longer, and two words are compared and hashed without a call.

/// Most bytes of a text that two words hold.
const SHORT: usize = 16;

/// A text in two words, or none if it has more bytes than they hold. Texts of one length have the same words only if they are equal;
/// those of several lengths may.
#[inline]
pub(crate) fn words(text: &[u8]) -> Option<[u64; 2]> {
    // The first and the last bytes, as many as fit into a word, overlap so that every length has its fixed number of loads.
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (text.len() <= SHORT).then(|| [u64::from_le_bytes(*first), u64::from_le_bytes(*last)]);
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return Some([u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()]);
    }
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return Some([0; 2]) };
    Some([u64::from(*first), u64::from(text[text.len() / 2]) << 8 | u64::from(*last)])
}

/// Whether two texts are equal. Texts that were read together are often the very same bytes.
#[inline]
pub(crate) fn same(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || same_bytes(a.as_bytes(), b.as_bytes())
}

/// Whether two texts have the same bytes. `==` calls the C library, which is slow for short texts, and for empty ones very slow where it
/// loads under a mask from the address of nothing.
#[inline]
pub(crate) fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && match (words(a), words(b)) {
            (Some(a), Some(b)) => (a[0] ^ b[0]) | (a[1] ^ b[1]) == 0,
            _ => a == b,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_texts_are_the_same_and_no_others(
            a in prop::collection::vec(0u8..3, 0..20),
            b in prop::collection::vec(0u8..3, 0..20),
            at in 0usize..20,
        ) {
            prop_assert_eq!(same_bytes(&a, &b), a == b);
            prop_assert!(same_bytes(&a, &a.clone()));
            if let Some(byte) = a.clone().get(at) {
                let mut other = a.clone();
                other[at] = byte + 1;
                prop_assert!(!same_bytes(&a, &other), "they differ at {}", at);
            }
        }
    }

    #[test]
    fn each_byte_of_a_short_text_is_in_its_words() {
        for len in 0..=SHORT {
            let text: Vec<u8> = (1..=len as u8).collect();
            let in_words: Vec<u8> = words(&text).expect("it is short").into_iter().flat_map(u64::to_le_bytes).collect();
            assert!(text.iter().all(|byte| in_words.contains(byte)), "{len}");
        }
        assert_eq!(words(&[1; SHORT + 1]), None);
    }
}
