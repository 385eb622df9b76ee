//! What groups of SFTPGo say of their members.

use model::UserName;
use serde_json::{Map, Value};

use crate::users::finding::Finding;
use crate::users::json::{list, text};
use crate::users::profile::Profile;

/// A user is of a group as its primary, a secondary or a mere member.
const PRIMARY: i64 = 1;
const SECONDARY: i64 = 2;

/// Filters that add up: those of a user, of his primary and of his secondary groups.
const ADDING_UP: [&str; 6] = [
    "allowed_ip",
    "denied_ip",
    "denied_login_methods",
    "denied_protocols",
    "file_patterns",
    "access_time",
];

/// A user's filters, with those of his groups.
pub(super) fn filters(told: &Value, dump: &Value) -> Value {
    let own = told.get("filters").and_then(Value::as_object);
    let mut filters: Map<String, Value> = own.cloned().unwrap_or_default();
    let counting = list(told, "groups").iter();
    let counting = counting.filter(|group| [PRIMARY, SECONDARY].contains(&kind(group)));
    for settings in counting.filter_map(|group| settings(group, dump)) {
        let theirs = settings.get("filters").unwrap_or(&Value::Null);
        for name in ADDING_UP {
            let more = list(theirs, name);
            if more.is_empty() {
                continue;
            }
            let known = filters.get(name).and_then(Value::as_array);
            let mut all = known.cloned().unwrap_or_default();
            all.extend_from_slice(more);
            filters.insert(name.to_owned(), Value::Array(all));
        }
    }
    Value::Object(filters)
}

/// The group that he is in, and the primary one's settings, which are his where he has none.
pub(super) fn membership<'a>(
    told: &Value,
    dump: &'a Value,
    profile: &mut Profile,
    name: &UserName,
    findings: &mut Vec<Finding>,
) -> Option<&'a Value> {
    let named = list(told, "groups");
    let primary = named.iter().find(|group| kind(group) == PRIMARY);
    let group = primary.or_else(|| named.first());
    profile.group = group
        .and_then(|group| text(group, "name"))
        .map(str::to_owned);
    if named.len() > 1 {
        let what = format!(
            "he is in {} groups, and in {} alone here",
            named.len(),
            profile.group.as_deref().unwrap_or("none")
        );
        findings.push(Finding::note(name, what));
    }
    settings(primary?, dump)
}

fn kind(group: &Value) -> i64 {
    let kind = group.get("type").and_then(Value::as_i64);
    kind.unwrap_or_default()
}

/// What the group that a user names gives its members.
fn settings<'a>(named: &Value, dump: &'a Value) -> Option<&'a Value> {
    let wanted = text(named, "name")?;
    let mut groups = list(dump, "groups").iter();
    let found = groups.find(|group| text(group, "name") == Some(wanted));
    found?.get("user_settings")
}
