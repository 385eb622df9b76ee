//! The pflags of OPEN (draft section 6.3).

use std::fmt;
use std::ops::BitOr;

/// How a file is to be opened. Bits without a meaning in version 3 are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct OpenFlags(u32);

impl OpenFlags {
    /// Open for reading.
    pub const READ: Self = Self(0x01);
    /// Open for writing.
    pub const WRITE: Self = Self(0x02);
    /// Every write goes to the end, whatever its offset says.
    pub const APPEND: Self = Self(0x04);
    /// Create the file if there is none.
    pub const CREATE: Self = Self(0x08);
    /// Begin with an empty file.
    pub const TRUNCATE: Self = Self(0x10);
    /// Fail if there is a file.
    pub const EXCLUSIVE: Self = Self(0x20);

    /// From the wire.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// As on the wire.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for OpenFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for OpenFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::READ, "read"),
            (Self::WRITE, "write"),
            (Self::APPEND, "append"),
            (Self::CREATE, "create"),
            (Self::TRUNCATE, "truncate"),
            (Self::EXCLUSIVE, "exclusive"),
        ];
        let set = names.iter().filter(|(flag, _)| self.contains(*flag));
        f.debug_set().entries(set.map(|(_, name)| name)).finish()
    }
}
