//! What a user's groups and his own entry give him: role, policy, home.

use std::collections::BTreeSet;

use super::client::Entry;
use super::dn::Dn;
use super::settings::{GroupRule, LdapSettings};
use crate::contract::{Home, Mapping, MappingType};

/// The rules, in order.
#[derive(Debug)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    group: Option<Dn>,
    gives: GroupRule,
}

/// What a user gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gives {
    /// The role, in the directory's words.
    pub(crate) role: Option<String>,
    /// The session policy.
    pub(crate) policy: Option<String>,
    /// The home.
    pub(crate) home: Home,
}

impl Rules {
    /// Reads the rules of the settings; the text of an error says what is wrong.
    pub(crate) fn new(settings: &LdapSettings) -> Result<Self, String> {
        let rules = settings.rules.iter().map(|gives| {
            check_paths(gives, settings.path_homes)?;
            let group = match &gives.group {
                None => None,
                Some(text) => {
                    let dn = Dn::parse(text);
                    Some(dn.ok_or_else(|| format!("group `{text}` is not a DN"))?)
                }
            };
            Ok(Rule {
                group,
                gives: gives.clone(),
            })
        });
        rules.collect::<Result<_, String>>().map(Self)
    }

    /// Whether groups matter at all.
    pub(crate) fn ask_for_groups(&self) -> bool {
        self.0.iter().any(|rule| rule.group.is_some())
    }

    /// What a user in these groups gets. His own entry goes before the rules. None where there are
    /// rules and he fits none; the text of an error says what in his entry cannot be used.
    pub(crate) fn apply(
        &self,
        groups: &BTreeSet<Dn>,
        entry: &Entry,
        settings: &LdapSettings,
    ) -> Result<Option<Gives>, String> {
        let fits = |rule: &&Rule| rule.group.as_ref().is_none_or(|it| groups.contains(it));
        let fitting: Vec<&GroupRule> = self.0.iter().filter(fits).map(|it| &it.gives).collect();
        if fitting.is_empty() && !self.0.is_empty() {
            return Ok(None);
        }
        let own = |name: &Option<String>| {
            let value = entry.text(name.as_deref()?)?;
            Some(value.to_owned())
        };
        let attributes = &settings.attributes;
        let first = |of: fn(&GroupRule) -> &Option<String>| {
            fitting.iter().find_map(|rule| of(rule).clone())
        };
        let home = own(&attributes.home).or_else(|| first(|rule| &rule.home));
        if let Some(home) = &home {
            absolute(home, "home")?;
        }
        let mapped = fitting.iter().find(|rule| !rule.mappings.is_empty());
        Ok(Some(Gives {
            role: own(&attributes.role).or_else(|| first(|rule| &rule.role)),
            policy: own(&attributes.policy).or_else(|| first(|rule| &rule.policy)),
            home: home_of(
                home,
                mapped.map(|rule| &rule.mappings[..]),
                settings.path_homes,
            ),
        }))
    }
}

fn home_of(home: Option<String>, mappings: Option<&[(String, String)]>, path: bool) -> Home {
    let root = home.iter().map(|target| ("/".to_owned(), target.clone()));
    let mappings: Vec<Mapping> = root
        .chain(mappings.unwrap_or_default().iter().cloned())
        .map(|(entry, target)| Mapping {
            entry,
            target,
            kind: MappingType::Directory,
        })
        .collect();
    match path || mappings.is_empty() {
        true => Home::Path { directory: home },
        false => Home::Logical {
            mappings,
            directory: None,
        },
    }
}

fn check_paths(rule: &GroupRule, path_homes: bool) -> Result<(), String> {
    if let Some(home) = &rule.home {
        absolute(home, "home")?;
    }
    if path_homes && !rule.mappings.is_empty() {
        return Err("homes of PATH have no mappings".to_owned());
    }
    for (entry, target) in &rule.mappings {
        absolute(entry, "path of a mapping")?;
        absolute(target, "target of a mapping")?;
    }
    Ok(())
}

fn absolute(path: &str, what: &str) -> Result<(), String> {
    match path.starts_with('/') && !path.contains('\0') {
        true => Ok(()),
        false => Err(format!("{what} `{path}` does not begin with /")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rules: &[GroupRule]) -> LdapSettings {
        let mut settings = LdapSettings::new(Vec::new(), "dc=test");
        settings.attributes.home = Some("sftpHome".to_owned());
        settings.attributes.role = Some("sftpRole".to_owned());
        settings.rules = rules.to_vec();
        settings
    }

    fn rule(group: Option<&str>, role: Option<&str>, home: Option<&str>) -> GroupRule {
        GroupRule {
            group: group.map(str::to_owned),
            role: role.map(str::to_owned),
            home: home.map(str::to_owned),
            ..GroupRule::default()
        }
    }

    fn given(settings: &LdapSettings, groups: &[&str], entry: &Entry) -> Option<Gives> {
        let groups = groups.iter().filter_map(|text| Dn::parse(text)).collect();
        let rules = Rules::new(settings).unwrap();
        rules.apply(&groups, entry, settings).unwrap()
    }

    fn logical(target: &str) -> Home {
        home_of(Some(target.to_owned()), None, false)
    }

    #[test]
    fn the_first_rule_that_names_something_holds() {
        let settings = settings(&[
            rule(Some("CN=Admins, DC=test"), Some("admin"), None),
            rule(Some("cn=users,dc=test"), Some("user"), Some("/b/users")),
            rule(None, None, Some("/b/others")),
        ]);
        let entry = Entry::new("uid=a");
        let both = given(
            &settings,
            &["cn=users,dc=test", "cn=admins,dc=test"],
            &entry,
        )
        .unwrap();
        assert_eq!(both.role.as_deref(), Some("admin"));
        assert_eq!(both.home, logical("/b/users"));
        let none = given(&settings, &[], &entry).unwrap();
        assert_eq!((none.role, none.home), (None, logical("/b/others")));
    }

    #[test]
    fn who_fits_no_rule_gets_nothing() {
        let settings = settings(&[rule(Some("cn=users,dc=test"), Some("user"), None)]);
        assert_eq!(
            given(&settings, &["cn=users2,dc=test"], &Entry::new("uid=a")),
            None
        );
    }

    #[test]
    fn his_own_entry_goes_before_the_rules() {
        let settings = settings(&[rule(None, Some("user"), Some("/b/users"))]);
        let mut entry = Entry::new("uid=a");
        entry.insert("SFTPHOME", vec![b"/b/own".to_vec()]);
        let given = given(&settings, &[], &entry).unwrap();
        assert_eq!(given.role.as_deref(), Some("user"));
        assert_eq!(given.home, logical("/b/own"));
    }

    #[test]
    fn without_rules_his_entry_alone_counts() {
        let given = given(&settings(&[]), &[], &Entry::new("uid=a")).unwrap();
        assert_eq!(given.home, Home::Path { directory: None });
    }

    #[test]
    fn homes_that_are_no_paths_are_refused() {
        let error = Rules::new(&settings(&[rule(None, None, Some("b/x"))])).unwrap_err();
        assert!(error.contains("`b/x`"), "{error}");
        let settings = settings(&[]);
        let mut entry = Entry::new("uid=a");
        entry.insert("sftpHome", vec![b"bucket".to_vec()]);
        let applied = Rules::new(&settings)
            .unwrap()
            .apply(&BTreeSet::new(), &entry, &settings);
        assert!(applied.is_err());
    }

    #[test]
    fn a_group_that_is_no_dn_is_refused() {
        let error = Rules::new(&settings(&[rule(Some("admins"), None, None)])).unwrap_err();
        assert_eq!(error, "group `admins` is not a DN");
    }
}
