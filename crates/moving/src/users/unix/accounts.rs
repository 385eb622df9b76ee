//! `passwd(5)` and `group(5)`.

use std::collections::{BTreeMap, BTreeSet};

use crate::users::finding::Finding;

/// A line of `passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// `x` where it stands in `shadow`.
    pub(crate) password: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: String,
}

/// Reads `passwd`. Lines that are none are findings; those of NIS (`+::::::`) are passed over.
pub(crate) fn read(text: &str, findings: &mut Vec<Finding>) -> Vec<Account> {
    let mut accounts = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with(['#', '+', '-']) {
            continue;
        }
        match account(line) {
            Some(account) => accounts.push(account),
            None => findings.push(Finding::fault(
                format!("passwd, line {number}"),
                "it is not name:password:uid:gid:comment:home:shell",
            )),
        }
    }
    accounts
}

fn account(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, password, uid, gid, _, home, _] = fields.as_slice() else {
        return None;
    };
    Some(Account {
        name: (*name).to_owned(),
        password: (*password).to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: (*home).to_owned(),
    })
}

/// Who is in which group.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    names: BTreeMap<u32, String>,
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Groups {
    /// Reads `group`, and the members that `gshadow` adds. Lines that are none are passed over:
    /// they give nobody anything.
    pub(crate) fn read(group: &str, gshadow: &str) -> Self {
        let mut groups = Self::default();
        for line in group.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, gid, members] = fields.as_slice() else {
                continue;
            };
            if let Ok(gid) = gid.parse() {
                groups
                    .names
                    .entry(gid)
                    .or_insert_with(|| (*name).to_owned());
                groups.add(name, members);
            }
        }
        for line in gshadow.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            if let [name, _, _, members] = fields.as_slice()
                && groups.contains(name)
            {
                groups.add(name, members);
            }
        }
        groups
    }

    fn add(&mut self, group: &str, members: &str) {
        let members = members.split(',').map(str::trim);
        let members = members.filter(|name| !name.is_empty()).map(str::to_owned);
        let known = self.members.entry(group.to_owned()).or_default();
        known.extend(members);
    }

    pub(crate) fn contains(&self, group: &str) -> bool {
        self.members.contains_key(group)
    }

    /// The groups of an account, his own first.
    pub(crate) fn of(&self, account: &Account) -> Vec<String> {
        let own = self.names.get(&account.gid).cloned();
        let others = self.members.iter();
        let others = others.filter(|(_, members)| members.contains(&account.name));
        let others = others.map(|(name, _)| name.clone());
        let others = others.filter(|name| Some(name) != own.as_ref());
        own.clone().into_iter().chain(others).collect()
    }
}
