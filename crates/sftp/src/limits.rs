//! The bounds on everything whose length a peer states, in bytes unless said otherwise.

/// The longest packet taken, without its own four bytes of length. OpenSSH has the same bound.
pub const MAX_PACKET: usize = 262_144;

/// The most bytes of payload in one WRITE, and the most that a READ is answered with. Leaves room
/// for the head of the packet below [`MAX_PACKET`], as OpenSSH does.
pub const MAX_DATA: usize = MAX_PACKET - 1024;

/// The longest packet taken of any kind but WRITE. Longer ones are refused under their id and
/// skipped, so that a session holds no more than this of an unfinished packet.
pub const MAX_REQUEST: usize = 32_768;

/// The longest handle (draft section 6.2).
pub const MAX_HANDLE: usize = 256;

/// The longest path. Twice what a clean path may have, so that it is the gateway, which knows the
/// file, that says so of most paths that are too long.
pub const MAX_PATH: usize = 8192;

/// How many extended pairs attributes may carry, and how many an INIT or VERSION.
pub const MAX_EXTENSIONS: usize = 64;

/// The longest name, and the longest value, of an extended pair.
pub const MAX_EXTENSION_TEXT: usize = 4096;

/// How many users, and how many groups, one `users-groups-by-id@openssh.com` may ask for.
pub const MAX_IDS: usize = 1024;

/// The longest reply that [`ReplyDecoder`](crate::ReplyDecoder) takes.
pub const MAX_REPLY: usize = 1 << 20;
