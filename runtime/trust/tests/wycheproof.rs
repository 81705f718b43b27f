//! Project Wycheproof's vectors: what is malleable, truncated or of small order is refused.

use kinglet_trust::{Cipher, Crypto, Software, Stream};

/// A field in hexadecimal digits; "-" is empty.
fn bytes(field: &str) -> Vec<u8> {
    let digits = field.trim_matches('-');
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The cases of a file: number, whether they are valid, the other fields.
fn cases(text: &str) -> impl Iterator<Item = (&str, bool, Vec<Vec<u8>>)> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut fields = line.split(' ');
        let (number, verdict) = (fields.next().unwrap(), fields.next().unwrap());
        assert!(["valid", "invalid"].contains(&verdict), "{number}: {verdict}");
        (number, verdict == "valid", fields.map(bytes).collect())
    })
}

#[test]
fn ed25519() {
    let mut counts = [0, 0];
    for (number, is_valid, fields) in cases(include_str!("wycheproof/ed25519.txt")) {
        let [key, message, signature] = &fields[..] else { panic!("{number}: {} fields", fields.len()) };
        // Signatures of other lengths cannot be given.
        let accepted = <[u8; 64]>::try_from(&signature[..])
            .is_ok_and(|signature| Software.verify(key[..].try_into().unwrap(), message, &signature));
        assert_eq!(accepted, is_valid, "case {number}");
        counts[usize::from(is_valid)] += 1;
    }
    assert_eq!(counts, [63, 88]);
}

#[test]
fn chacha20_poly1305() {
    let mut counts = [0, 0];
    for (number, is_valid, fields) in cases(include_str!("wycheproof/chacha20_poly1305.txt")) {
        let [key, nonce, header, message, sealed, tag] = &fields[..] else {
            panic!("{number}: {} fields", fields.len())
        };
        let (key, nonce) = (key[..].try_into().unwrap(), nonce[..].try_into().unwrap());
        // Pieces of one byte, of a whole message, and of what does not divide a block.
        for piece in [1, 7, 16, 4096] {
            let (mut there, mut back) = (sealed.clone(), message.clone());
            let mut stream = Software.open(key, nonce, header);
            there.chunks_mut(piece).for_each(|bytes| stream.decrypt(bytes));
            let accepted = tag[..].try_into().is_ok_and(|tag| stream.finish(tag));
            assert_eq!(accepted, is_valid, "case {number}, pieces of {piece}");
            let mut stream = Software.open(key, nonce, header);
            back.chunks_mut(piece).for_each(|bytes| stream.encrypt(bytes));
            let again = tag[..].try_into().is_ok_and(|tag| stream.finish(tag));
            if is_valid {
                assert_eq!((there == *message, back == *sealed, again), (true, true, true), "case {number}");
            }
        }
        counts[usize::from(is_valid)] += 1;
    }
    assert_eq!(counts, [60, 256]);
}
