//! Users of identity providers who are in: their providers are asked about them again.

use std::time::Duration;

use futures::StreamExt;
use identity::{Identity, Reauthorised};

use crate::Gateway;
use crate::attendance::Due;

/// How many are asked about at the same time; each provider has its own bound besides.
const AT_ONCE: usize = 16;
const OUTAGE: &str = "your identity provider has not answered for too long";

impl Gateway {
    /// Asks again about those users of identity providers about whom nobody was asked for `every`
    /// (never, where that is zero). A session ends where the provider refuses its user, knows his
    /// key no longer, or says something else of him than it did. While the provider does not
    /// answer, it goes on until `grace` has passed since the last word. Returns how many must end.
    pub async fn reauthorise_sessions(
        &self,
        identity: &Identity,
        every: Duration,
        grace: Duration,
    ) -> usize {
        if every.is_zero() {
            return 0;
        }
        let due = self.attendance.due(every, self.shared.clock.now());
        let asked = due
            .into_iter()
            .map(|due| self.ask_again(due, identity, grace));
        let mut asked = futures::stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut ended = 0;
        while let Some(one_ended) = asked.next().await {
            ended += usize::from(one_ended);
        }
        ended
    }

    /// Ends the sessions that began by a key or certificate that is revoked now, or whose
    /// authority is none any more. Returns how many.
    pub fn end_distrusted_sessions(&self, identity: &Identity) -> usize {
        self.attendance.end_distrusted(identity)
    }

    async fn ask_again(&self, due: Due, identity: &Identity, grace: Duration) -> bool {
        let attendance = &self.attendance;
        let reauthorised = Box::pin(identity.reauthorise(&due.authenticated)).await;
        let now = self.shared.clock.now();
        match reauthorised {
            Reauthorised::Stands | Reauthorised::NotAsked => {
                attendance.confirm(due.number, now);
                false
            }
            Reauthorised::Lost(why) => attendance.end(due.number, why.as_str()),
            Reauthorised::Unanswered => {
                attendance.is_overdue(due.number, grace, now) && attendance.end(due.number, OUTAGE)
            }
        }
    }
}
