//! Base64 (RFC 4648, section 4), for partition keys and the details of gRPC.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The letters for `bytes`, without padding.
pub(crate) fn letters(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    bytes.chunks(3).flat_map(|chunk| {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        // n bytes fill n + 1 letters.
        (0..=chunk.len()).map(move |i| {
            let sextet = word >> (18 - 6 * i) & 63;
            ALPHABET.get(sextet as usize).copied().unwrap_or(b'=')
        })
    })
}

/// How many `=` complete the letters for that many bytes.
pub(crate) fn padding(bytes: usize) -> usize {
    (3 - bytes % 3) % 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_come_out() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut text: Vec<u8> = letters(plain.as_bytes()).collect();
            text.extend(core::iter::repeat_n(b'=', padding(plain.len())));
            assert_eq!(String::from_utf8(text).unwrap(), encoded);
        }
        assert_eq!(letters(&[0xfb, 0xff]).collect::<Vec<_>>(), b"+/8");
    }
}
