//! BER as LDAP uses it (X.690, RFC 4511 section 5.1): definite lengths and tags of one byte.

use super::fault::Malformed;

/// BOOLEAN.
pub(crate) const BOOLEAN: u8 = 0x01;
/// INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// OCTET STRING.
pub(crate) const OCTETS: u8 = 0x04;
/// ENUMERATED.
pub(crate) const ENUMERATED: u8 = 0x0a;
/// SEQUENCE, constructed.
pub(crate) const SEQUENCE: u8 = 0x30;
/// SET, constructed.
pub(crate) const SET: u8 = 0x31;

/// Writes elements, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// An element whose content is bytes.
    pub(crate) fn bytes(&mut self, tag: u8, content: &[u8]) {
        self.0.push(tag);
        self.length(content.len());
        self.0.extend_from_slice(content);
    }

    /// An element whose content is elements.
    pub(crate) fn nest(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(tag, &inner.0);
    }

    /// A BOOLEAN under this tag.
    pub(crate) fn boolean(&mut self, tag: u8, value: bool) {
        self.bytes(tag, &[if value { 0xff } else { 0 }]);
    }

    /// An INTEGER or ENUMERATED under this tag, in as few bytes as it takes.
    pub(crate) fn integer(&mut self, tag: u8, value: i32) {
        let bytes = value.to_be_bytes();
        let sign = if value < 0 { 0xff } else { 0 };
        let spare = bytes
            .windows(2)
            .take_while(|pair| matches!(pair, [a, b] if *a == sign && (b ^ sign) & 0x80 == 0))
            .count();
        self.bytes(tag, bytes.get(spare..).unwrap_or_default());
    }

    fn length(&mut self, length: usize) {
        if length < 0x80 {
            // Below 128, so it fits.
            self.0.push(length as u8);
            return;
        }
        let bytes = length.to_be_bytes();
        let spare = bytes.iter().take_while(|byte| **byte == 0).count();
        self.0.push(0x80 | (bytes.len() - spare) as u8);
        self.0
            .extend_from_slice(bytes.get(spare..).unwrap_or_default());
    }
}

/// Reads elements, one behind the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads what is in `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element: its tag and its content.
    pub(crate) fn element(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (&tag, rest) = self.0.split_first().ok_or(Malformed("it ends early"))?;
        if tag & 0x1f == 0x1f {
            return Err(Malformed("a tag has more than one byte"));
        }
        let (length, rest) = length(rest)?;
        let (content, rest) = rest
            .split_at_checked(length)
            .ok_or(Malformed("an element is longer than what holds it"))?;
        self.0 = rest;
        Ok((tag, content))
    }

    /// The content of the next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.element()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed("an element is not of the type that stands there")),
        }
    }

    /// The content of the next element if it has this tag; else nothing is read.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        match self.0.first() {
            Some(next) if *next == tag => self.expect(tag).map(Some),
            _ => Ok(None),
        }
    }

    /// The next element as text. Bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&mut self) -> Result<String, Malformed> {
        let bytes = self.expect(OCTETS)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The next element as a number under this tag.
    pub(crate) fn integer(&mut self, tag: u8) -> Result<i32, Malformed> {
        integer(self.expect(tag)?)
    }
}

/// The content of an INTEGER.
pub(crate) fn integer(content: &[u8]) -> Result<i32, Malformed> {
    let (&first, _) = content
        .split_first()
        .filter(|_| content.len() <= 4)
        .ok_or(Malformed("a number has no byte, or more than four"))?;
    let start = if first & 0x80 == 0 { 0 } else { -1 };
    let number = content.iter();
    Ok(number.fold(start, |sum: i32, byte| (sum << 8) | i32::from(*byte)))
}

/// A length and what stands behind it.
pub(crate) fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let early = Malformed("it ends early");
    let (&first, rest) = bytes.split_first().ok_or(early)?;
    if first < 0x80 {
        return Ok((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(Malformed(
            "a length is indefinite, or of more than four bytes",
        ));
    }
    let (digits, rest) = rest.split_at_checked(count).ok_or(early)?;
    let length = digits
        .iter()
        .fold(0, |sum: usize, byte| (sum << 8) | usize::from(*byte));
    Ok((length, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_take_as_few_bytes_as_they_need() {
        for (value, written) in [
            (0, &[2, 1, 0][..]),
            (127, &[2, 1, 0x7f]),
            (128, &[2, 2, 0, 0x80]),
            (-1, &[2, 1, 0xff]),
            (-128, &[2, 1, 0x80]),
            (-129, &[2, 2, 0xff, 0x7f]),
            (i32::MAX, &[2, 4, 0x7f, 0xff, 0xff, 0xff]),
        ] {
            let mut writer = Writer::default();
            writer.integer(INTEGER, value);
            assert_eq!(writer.into_bytes(), written, "{value}");
            assert_eq!(Reader::new(written).integer(INTEGER).unwrap(), value);
        }
    }

    #[test]
    fn long_contents_have_long_lengths() {
        for (length, header) in [
            (0x7f, &[4, 0x7f][..]),
            (0x80, &[4, 0x81, 0x80]),
            (0xffff, &[4, 0x82, 0xff, 0xff]),
            (0x1_0000, &[4, 0x83, 1, 0, 0]),
        ] {
            let mut writer = Writer::default();
            writer.bytes(OCTETS, &vec![7; length]);
            let written = writer.into_bytes();
            assert!(written.starts_with(header), "{length}");
            assert_eq!(Reader::new(&written).expect(OCTETS).unwrap().len(), length);
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for wrong in [
            &[][..],
            &[4],
            &[4, 5, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x85, 0, 0, 0, 0, 1, 1],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 1, 1],
        ] {
            assert!(Reader::new(wrong).element().is_err(), "{wrong:02x?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(content in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut writer = Writer::default();
            writer.nest(SEQUENCE, |inner| inner.bytes(OCTETS, &content));
            let written = writer.into_bytes();
            let mut outer = Reader::new(&written);
            let mut inner = Reader::new(outer.expect(SEQUENCE).unwrap());
            prop_assert_eq!(inner.expect(OCTETS).unwrap(), &content[..]);
            prop_assert!(outer.is_empty() && inner.is_empty());
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while !reader.is_empty() && reader.element().is_ok() {}
        }
    }
}
