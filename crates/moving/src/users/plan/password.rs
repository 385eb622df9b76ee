//! Which password a user is to have.

use database::User;

use super::planner::Planner;
use crate::users::Finding;
use crate::users::arrivals::{ArrivingPassword, ArrivingUser};
use crate::users::passwords::{cannot_tell, mark};

impl Planner<'_> {
    /// The password that a user is to have, where it is another than the source said last.
    pub(super) fn password(
        &mut self,
        user: &User,
        arriving: &ArrivingUser,
        is_new: bool,
    ) -> Option<ArrivingPassword> {
        let wanted = arriving.password.clone();
        if is_new {
            return match wanted {
                ArrivingPassword::None => None,
                wanted => Some(wanted),
            };
        }
        let moved = self.here.moved.get(&user.id);
        let moved = moved.filter(|moved| moved.source == self.options.source);
        let then = moved.and_then(|moved| moved.password.as_deref());
        let stored = user.password_hash.as_ref();
        match &wanted {
            ArrivingPassword::None => (then.is_some() && stored.is_some()).then_some(wanted),
            ArrivingPassword::Plain(_) => {
                (!self.prepared.same.contains(&user.name)).then_some(wanted)
            }
            ArrivingPassword::Generate => (then.is_none() && stored.is_none()).then_some(wanted),
            ArrivingPassword::Hash(hash) => {
                if stored.is_some_and(|stored| stored.expose() == hash.expose()) {
                    return None;
                }
                let now = mark(&wanted, user.id);
                match then {
                    Some(then) if cannot_tell(then) && now.as_deref() == Some(then) => {
                        let why = "he has logged in since he moved; whether his password was \
                                   changed at the source since cannot be told by a hash without a \
                                   salt, so the one that he has here stays";
                        self.plan.findings.push(Finding::note(&user.name, why));
                        None
                    }
                    then => (then != now.as_deref()).then_some(wanted),
                }
            }
        }
    }
}
