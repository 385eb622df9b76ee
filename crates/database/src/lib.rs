//! All SQL: one set of queries and migrations for SQLite and PostgreSQL, one file per table, and
//! the writer that groups durable writes.
//!
//! [`Database::open`] connects and migrates. Reads go through the tables
//! ([`Database::users`], [`Database::transfers`], ..); what a transfer commits goes through
//! [`Database::writer`], so that many small commits share one transaction.

mod admissions;
mod attributes;
mod audit;
mod backup;
mod bans;
mod columns;
mod database;
mod engine;
mod error;
mod events;
mod external_users;
mod groups;
mod holdings;
mod host_keys;
mod import_entry;
mod import_journal;
mod installation;
mod leases;
mod limits;
mod metrics;
mod migration;
mod move_in;
mod move_row;
mod moved_users;
mod moves;
mod nodes;
mod older_nodes;
mod policies;
mod private_changes;
mod private_file;
mod private_files;
mod private_row;
mod private_tree;
mod publications;
mod query;
mod restore;
mod revocation;
mod role_policies;
mod roles;
mod row;
mod seal;
mod servers;
mod sightings;
mod ssh_keys;
mod transfer;
mod transfers;
mod unattended;
mod url;
mod usage;
mod user;
mod users;
mod writer;

pub use admissions::{Admission, AdmissionsTable, GroupBounds};
pub use attributes::{Attributes, AttributesTable};
pub use audit::{AuditEntry, AuditTable, Outcome};
pub use backup::BackedUp;
pub use bans::{Ban, BansTable, EarnedBan, StoredBan};
pub use database::{Database, Settings};
pub use error::{Error, Result};
pub use events::{EventsTable, StoredEvent};
pub use external_users::{ExternalUser, Recorded};
pub use groups::{Group, GroupChanges, GroupsTable};
pub use host_keys::{HostKey, HostKeysTable};
pub use import_entry::{ImportEntry, ImportKind, ImportState};
pub use import_journal::{ImportCount, ImportJob, ImportJournal};
pub use leases::LeasesTable;
pub use limits::UserLimits;
pub use metrics::describe as describe_metrics;
pub use migration::{NextMigration, schema_version};
pub use move_in::MoveIn;
pub use move_row::{Move, MoveKind, MoveState, MovedObject, NewMove};
pub use moved_users::{MovedUser, MovedUsersTable};
pub use moves::MovesTable;
pub use nodes::{Node, NodesTable};
pub use policies::{PoliciesTable, Policy};
pub use private_file::{
    Detachment, Opening, PrivateFile, PrivateId, PrivateMove, PrivateRemoval, SetAttributes,
    StagedObject, Staging, Takeover, Target,
};
pub use private_files::{Arrivals, PrivateFilesTable};
pub use private_tree::PrivateTree;
pub use publications::{Claim, ClaimingTransfer, Publication, PublicationRequest};
pub use restore::{Restored, restore};
pub use revocation::RevocationTable;
pub use roles::{NewRole, Role, RoleChanges, RoleDocuments, RolesTable};
pub use seal::{InvalidSealingKey, Sealer};
pub use servers::{NewServer, Server, ServerLimits, ServersTable};
pub use sightings::{Score, Sightings, SightingsTable, Telling};
pub use ssh_keys::{KeyBounds, NewSshKey, SshKey, SshKeysTable};
pub use transfer::{CompletedUpload, NewTransfer, Transfer, TransferState};
pub use transfers::TransfersTable;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};
pub use usage::{Correction, Demand, Holding, Quota, Usage, UsageTable};
pub use user::{
    Credentials, HomeType, Mapping, MappingKind, NewUser, User, UserChanges, UserNetworks,
};
pub use users::UsersTable;
pub use writer::{
    MoveEnd, MoveFailure, MoveOutcome, ObjectRemoval, ObjectRename, TransferFailure, UploadCommit,
    Writer, WriterStatistics,
};
