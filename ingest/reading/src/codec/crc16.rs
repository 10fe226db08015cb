//! CRC-16/MODBUS: what Modbus RTU and our own frames on a serial line end with.
//!
//! Polynomial 0x8005 reflected (0xA001), starting from 0xFFFF, check value 0x4B37 for `123456789`; sent low byte first
//! (Modbus over Serial Line V1.02, 6.2.2). Up to 4 093 bytes every error of three bits or less is found.

/// The sum over `bytes`.
pub fn sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |sum, byte| step(sum ^ u16::from(*byte)))
}

/// What stands before the sum, and the sum, if there is room for one and it is right.
pub fn checked(bytes: &[u8]) -> Option<(&[u8], u16)> {
    let (body, claimed) = bytes.split_last_chunk::<2>()?;
    let claimed = u16::from_le_bytes(*claimed);
    (sum(body) == claimed).then_some((body, claimed))
}

const fn step(mut sum: u16) -> u16 {
    let mut bit = 0;
    while bit < 8 {
        sum = if sum & 1 == 1 { (sum >> 1) ^ 0xA001 } else { sum >> 1 };
        bit += 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_values() {
        assert_eq!(sum(b"123456789"), 0x4B37);
        assert_eq!(sum(b""), 0xFFFF);
        // The request of Modbus over Serial Line V1.02, appendix B: 02 07, sum 0x1241.
        assert_eq!(sum(&[0x02, 0x07]), 0x1241);
    }

    #[test]
    fn a_changed_bit_anywhere_is_found() {
        let mut frame = b"\x11\x03\x06\xAE\x41\x56\x52\x43\x40\x49\xAD".to_vec();
        assert!(checked(&frame).is_some());
        for bit in 0..frame.len() * 8 {
            frame[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(checked(&frame), None, "bit {bit}");
            frame[bit / 8] ^= 1 << (bit % 8);
        }
        for short in [&b""[..], b"\x00"] {
            assert_eq!(checked(short), None);
        }
    }
}
