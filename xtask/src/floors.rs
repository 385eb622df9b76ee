//! `cargo xtask floors`: a crate imports only from lower floors; neighbours never import each other.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

/// The floors, lowest first. A crate below `crates/` that is missing here fails the check.
const FLOORS: [(&str, u8); 15] = [
    ("model", 0),
    ("policy", 1),
    ("sftp", 1),
    ("client", 2),
    ("database", 2),
    ("storage", 2),
    ("identity", 3),
    ("transfer", 3),
    ("gateway", 4),
    ("moving", 4),
    ("workflow", 4),
    ("admin", 5),
    ("ssh", 5),
    ("server", 6),
    // Above everything: it may use what it likes, and only tests may use it.
    (TESTKIT, u8::MAX),
];

const TESTKIT: &str = "testkit";

/// Reads the manifests of the checkout and fails when an edge runs sideways or up.
pub(crate) fn run() -> Result<()> {
    let crates = read_manifests(&crate::environment::root()?.join("crates"))?;
    let faults = check(&crates);
    if !faults.is_empty() {
        bail!("the floors do not hold:\n  {}", faults.join("\n  "));
    }
    eprintln!("floors: {} crates, every edge runs down", crates.len());
    Ok(())
}

/// Every manifest directly below `folder`, by package name.
fn read_manifests(folder: &Path) -> Result<BTreeMap<String, Table>> {
    let mut manifests = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry
            .with_context(|| format!("list {}", folder.display()))?
            .path();
        let path = path.join("Cargo.toml");
        if !path.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&path);
        let text = text.with_context(|| format!("read {}", path.display()))?;
        let manifest: Table = text
            .parse()
            .with_context(|| format!("parse {}", path.display()))?;
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"));
        let name = name.and_then(Value::as_str);
        let name = name.with_context(|| format!("{}: no package.name", path.display()))?;
        manifests.insert(name.to_owned(), manifest);
    }
    Ok(manifests)
}

/// One sentence for each rule that is broken.
fn check(crates: &BTreeMap<String, Table>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, manifest) in crates {
        let Some(floor) = floor(name) else {
            faults.push(format!(
                "crate `{name}` stands on no floor: give it one in FLOORS"
            ));
            continue;
        };
        for dependency in dependencies(manifest) {
            faults.extend(fault(name, floor, &dependency));
        }
    }
    faults
}

fn fault(name: &str, own: u8, dependency: &str) -> Option<String> {
    if dependency == TESTKIT {
        return Some(format!(
            "`{name}` imports `{TESTKIT}`, which is for [dev-dependencies] only"
        ));
    }
    let theirs = floor(dependency)?;
    let direction = match theirs.cmp(&own) {
        std::cmp::Ordering::Less => return None,
        std::cmp::Ordering::Equal => "sideways",
        std::cmp::Ordering::Greater => "up",
    };
    Some(format!(
        "`{name}` (floor {own}) imports {direction}: `{dependency}` (floor {theirs})"
    ))
}

fn floor(name: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, floor)| *floor)
}

/// The packages that the built crate links: dependencies and build dependencies, of every target.
fn dependencies(manifest: &Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(Value::as_table);
    std::iter::once(manifest)
        .chain(targets)
        .flat_map(|table| ["dependencies", "build-dependencies"].map(|section| table.get(section)))
        .flatten()
        .filter_map(Value::as_table)
        .flatten()
        .map(|(name, value)| package_name(name, value))
        .collect()
}

/// `alias = { package = "real" }` means `real`.
fn package_name(name: &str, value: &Value) -> String {
    value
        .get("package")
        .and_then(Value::as_str)
        .unwrap_or(name)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(manifests: &[(&str, &str)]) -> Vec<String> {
        let parse = |(name, text): &(&str, &str)| ((*name).to_owned(), text.parse().unwrap());
        check(&manifests.iter().map(parse).collect())
    }

    #[test]
    fn an_edge_down_is_fine() {
        assert!(faults(&[("gateway", "[dependencies]\nstorage.workspace = true\n")]).is_empty());
    }

    #[test]
    fn an_edge_sideways_is_refused() {
        let found = faults(&[("storage", "[dependencies]\ndatabase.workspace = true\n")]);
        assert_eq!(
            found,
            ["`storage` (floor 2) imports sideways: `database` (floor 2)"]
        );
    }

    #[test]
    fn an_edge_up_is_refused() {
        let found = faults(&[(
            "model",
            "[dependencies]\nserver = { path = \"../server\" }\n",
        )]);
        assert_eq!(found, ["`model` (floor 0) imports up: `server` (floor 6)"]);
    }

    #[test]
    fn renamed_targeted_and_build_dependencies_count() {
        let renamed = "[dependencies]\ncore = { package = \"server\", path = \"..\" }\n";
        let targeted = "[target.'cfg(unix)'.dependencies]\nserver.workspace = true\n";
        let build = "[build-dependencies]\nserver.workspace = true\n";
        for manifest in [renamed, targeted, build] {
            assert_eq!(faults(&[("ssh", manifest)]).len(), 1, "{manifest}");
        }
    }

    #[test]
    fn testkit_is_for_tests_only() {
        assert!(faults(&[("ssh", "[dev-dependencies]\ntestkit.workspace = true\n")]).is_empty());
        let found = faults(&[("server", "[dependencies]\ntestkit.workspace = true\n")]);
        assert_eq!(
            found,
            ["`server` imports `testkit`, which is for [dev-dependencies] only"]
        );
    }

    #[test]
    fn testkit_itself_may_stand_on_any_floor() {
        let manifest = "[dependencies]\nsftp.workspace = true\nserver.workspace = true\n";
        assert!(faults(&[("testkit", manifest)]).is_empty());
    }

    #[test]
    fn a_crate_without_a_floor_is_refused() {
        assert_eq!(faults(&[("attic", "")]).len(), 1);
    }

    #[test]
    fn the_house_as_it_stands_holds() {
        let crates = read_manifests(&crate::environment::root().unwrap().join("crates")).unwrap();
        assert!(crates.len() >= 11);
        assert_eq!(check(&crates), Vec::<String>::new());
    }
}
