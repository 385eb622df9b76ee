//! The SSH door through real clients and at packet level, over a memory store.

mod login;
mod openssh;
mod proxied;
mod wire;
mod world;
