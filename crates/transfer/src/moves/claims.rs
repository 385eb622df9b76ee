//! The right to change both keys of a rename.

use database::Publication;
use model::Location;

use crate::{Claimed, Result, Transfers, Unclaimed};

/// The right to change two keys, among all nodes. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "the right is given back when this is dropped"]
pub struct MoveClaims {
    both: [Claimed; 2],
}

impl MoveClaims {
    pub(super) async fn of(
        transfers: &Transfers,
        from: &Location,
        to: &Location,
    ) -> Result<Self, Unclaimed> {
        let both = transfers.claim_all([from, to]).await?;
        Ok(Self { both })
    }

    /// What the commit of the rename is to carry.
    pub(super) fn publications(&self) -> Vec<Publication> {
        let publications = self.both.iter().map(Claimed::publication);
        publications.cloned().collect()
    }

    /// Runs the rename, and tells the other nodes meanwhile that it goes on. What became of the
    /// keys decides what becomes of the claims: a rename that is left on record keeps them.
    pub(super) async fn during(self, work: impl Future<Output = Result<()>>) -> Result<()> {
        let [from, to] = self.both;
        let outcome = from.during(to.during(work)).await;
        let end = match &outcome {
            Ok(()) => Claimed::committed,
            Err(error) if error.outcome_unknown() => Claimed::keep,
            // Given back with the commit, if there was one; once more does no harm.
            Err(_) => drop,
        };
        end(from);
        end(to);
        outcome
    }
}
