//! Names that bots try and nobody has.

use std::collections::HashSet;

/// Names about which no provider is asked. The size of letters does not count.
#[derive(Debug, Clone)]
pub struct DeniedNames(HashSet<String>);

/// What bots tried first, on a server that had just opened.
const TRIED: [&str; 13] = [
    "admin", "support", "root", "ubuntu", "tomcat", "mysql", "solr", "postgres", "test", "user",
    "user1", "centos", "ec2_user",
];

impl Default for DeniedNames {
    fn default() -> Self {
        Self::new(TRIED)
    }
}

impl DeniedNames {
    /// These names and no others.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(folded).collect())
    }

    /// Whether nobody is to be asked about this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(&folded(name))
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_letters_and_space_around_do_not_count() {
        let names = DeniedNames::default();
        for denied in ["root", "ROOT", "ec2_user", " admin", "User1"] {
            assert!(names.contains(denied), "{denied}");
        }
        for taken in ["", "roots", "user2", "ec2-user"] {
            assert!(!names.contains(taken), "{taken}");
        }
        let own = DeniedNames::new(["Backup"]);
        assert!(own.contains("backup") && !own.contains("root"));
    }
}
