//! The SSH door through real clients and at packet level, over a memory store.

mod certificates;
mod guarded;
mod login;
mod methods;
mod openssh;
mod paramiko;
mod providers;
mod proxied;
mod wire;
mod world;
