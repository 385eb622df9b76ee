//! Tables of users, in moto.

mod moto;
