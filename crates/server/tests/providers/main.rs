//! Logins by way of identity providers outside: real clients, a running node, and providers that
//! are honest, down, slow and lying.

mod clients;
mod gate;
mod http;
mod lambda;
mod ldap;
mod matrix;
mod moto;
mod reload;
mod test_command;
mod web;
