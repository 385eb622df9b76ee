//! Directories as identity providers: a real OpenLDAP, a real Active Directory domain of Samba's,
//! and servers that are down, slow or lie.

mod active_directory;
mod asked;
mod lying;
mod openldap;
