//! `sshd_config(5)`: what it says of a user, with the `Match` blocks that his name and groups choose.

mod pattern;
mod place;
mod settings;

use std::collections::BTreeMap;

pub use self::pattern::is_named;
use self::pattern::matches;
pub(crate) use self::settings::Settings;
use crate::users::finding::Finding;

/// Who is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) user: &'a str,
    pub(crate) groups: &'a [String],
}

/// A configuration, by lines.
#[derive(Debug, Default)]
pub(crate) struct SshdConfig {
    /// What holds for all.
    global: Vec<Line>,
    blocks: Vec<Block>,
    findings: Vec<Finding>,
    /// How many files were included.
    files: usize,
}

#[derive(Debug, Clone)]
struct Line {
    keyword: String,
    value: String,
}

/// A `Match` block: all of its conditions must hold.
#[derive(Debug, Default)]
struct Block {
    users: Vec<String>,
    groups: Vec<String>,
    /// Whether it asks for what is known at a connection only.
    unknown: bool,
    lines: Vec<Line>,
}

/// The texts of the files that a pattern of `Include` names, by pattern.
pub type Included = BTreeMap<String, Vec<String>>;

/// How deep files may include others, as in sshd.
const DEEPEST: usize = 16;
/// The most files that are included, so that those which include each other come to an end.
const MOST: usize = 1_000;

/// The patterns that a text includes files by.
pub fn includes(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(Line::read);
    let lines = lines.filter(|line| line.keyword == INCLUDE);
    let patterns = lines.flat_map(|line| {
        let words = line.value.split_ascii_whitespace();
        words.map(str::to_owned).collect::<Vec<_>>()
    });
    patterns.collect()
}

const INCLUDE: &str = "include";

/// Keywords that are looked at; what else there is has no meaning here or is the server's.
const KNOWN: [&str; 14] = [
    "allowusers",
    "denyusers",
    "allowgroups",
    "denygroups",
    "chrootdirectory",
    "forcecommand",
    "authorizedkeysfile",
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "challengeresponseauthentication",
    "pubkeyauthentication",
    "authenticationmethods",
    "subsystem",
    "match",
];

/// Keywords that say who gets in, and that cannot be taken over.
const REPORTED: [(&str, &str); 3] = [
    (
        "authorizedkeyscommand",
        "is not run: the keys that it would tell stay behind (an [[identity.provider]] may ask for them)",
    ),
    (
        "trustedusercakeys",
        "is not taken over: identity.certificate_authorities takes the same file",
    ),
    (
        "revokedkeys",
        "is not taken over: identity.revoked_keys takes the same file",
    ),
];

const NOT_FOUND: &str = "what it includes was not found: lay the files beside this one, as they lie in \
                         /etc/ssh, or hand in one file with all of it";

impl SshdConfig {
    pub(crate) fn read(text: &str, included: &Included) -> Self {
        let mut config = Self::default();
        config.take(text, "sshd_config", included, None, 0);
        config
    }

    /// Takes the lines of a file, which stands in `outer`. A block of its own ends with it.
    fn take(
        &mut self,
        text: &str,
        file: &str,
        included: &Included,
        outer: Option<usize>,
        depth: usize,
    ) {
        let mut current = outer;
        for (number, line) in (1..).zip(text.lines()) {
            let Some(line) = Line::read(line) else {
                continue;
            };
            let place = format!("{file}, line {number}");
            if line.keyword == "match" {
                let block = self.begin(&line.value, &place, outer);
                self.blocks.push(block);
                current = Some(self.blocks.len() - 1);
            } else if line.keyword == INCLUDE {
                for pattern in line.value.split_ascii_whitespace() {
                    match included.get(pattern).filter(|_| depth < DEEPEST) {
                        Some(texts) => {
                            for text in texts {
                                self.include(text, pattern, included, current, depth);
                            }
                        }
                        None => self.findings.push(Finding::note(&place, NOT_FOUND)),
                    }
                }
                current = current.map(|at| self.go_on(at));
            } else {
                self.keep(line, place, current);
            }
        }
    }

    fn include(
        &mut self,
        text: &str,
        pattern: &str,
        included: &Included,
        outer: Option<usize>,
        depth: usize,
    ) {
        self.files += 1;
        match self.files > MOST {
            true => self.findings.push(Finding::note(pattern, NOT_FOUND)),
            false => self.take(text, pattern, included, outer, depth + 1),
        }
    }

    /// The block that goes on behind those which were included into it: what stands first counts.
    fn go_on(&mut self, at: usize) -> usize {
        let last = self.blocks.len() - 1;
        if at == last {
            return at;
        }
        let block = self.within(Some(at));
        self.blocks.push(block);
        last + 1
    }

    /// A block with the conditions of another one.
    fn within(&self, outer: Option<usize>) -> Block {
        let outer = outer.and_then(|at| self.blocks.get(at));
        outer.map_or_else(Block::default, |outer| Block {
            users: outer.users.clone(),
            groups: outer.groups.clone(),
            unknown: outer.unknown,
            lines: Vec::new(),
        })
    }

    fn keep(&mut self, line: Line, place: String, block: Option<usize>) {
        if let Some((keyword, what)) = REPORTED.iter().find(|(it, _)| *it == line.keyword)
            && line.value != "none"
        {
            let what = format!("{keyword} {what}");
            self.findings.push(Finding::note(place, what));
        }
        if !KNOWN.contains(&line.keyword.as_str()) {
            return;
        }
        match block.and_then(|at| self.blocks.get_mut(at)) {
            Some(block) => block.lines.push(line),
            None => self.global.push(line),
        }
    }

    /// A block, which asks for what the one around it asks for, too.
    fn begin(&mut self, conditions: &str, place: &str, outer: Option<usize>) -> Block {
        let mut block = self.within(outer);
        let words: Vec<&str> = conditions.split_ascii_whitespace().collect();
        for pair in words.chunks(2) {
            match pair {
                [all] if all.eq_ignore_ascii_case("all") => {}
                [name, value] if name.eq_ignore_ascii_case("user") => {
                    block.users.push((*value).to_owned());
                }
                [name, value] if name.eq_ignore_ascii_case("group") => {
                    block.groups.push((*value).to_owned());
                }
                _ => block.unknown = true,
            }
        }
        if block.unknown {
            let what = "this Match asks for more than users and groups: what stands in it is not \
                        taken over";
            self.findings.push(Finding::note(place, what));
        }
        block
    }

    /// What cannot be taken over of the file.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    /// What holds for a user. Blocks go before what holds for all, and the first of each keyword
    /// counts, as in sshd.
    pub(crate) fn settings<'a>(&'a self, subject: &'a Subject<'a>) -> Settings<'a> {
        let chosen = self.blocks.iter().filter(|block| block.is_for(subject));
        let lines = chosen.flat_map(|block| &block.lines);
        Settings {
            subject,
            lines: lines.chain(&self.global).collect(),
        }
    }
}

impl Line {
    /// `Keyword value`, `Keyword=value`, `Keyword "value"`; what follows ` #` is none of it.
    fn read(line: &str) -> Option<Self> {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (keyword, value) = line.split_once([' ', '\t', '='])?;
        let value = value.trim().trim_start_matches('=').trim();
        let inner = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        Some(Self {
            keyword: keyword.to_ascii_lowercase(),
            value: inner.unwrap_or(value).to_owned(),
        })
    }
}

impl Block {
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        let user = |list: &String| matches(list, &[subject.user]);
        let groups: Vec<&str> = subject.groups.iter().map(String::as_str).collect();
        let group = |list: &String| matches(list, &groups);
        !self.unknown && self.users.iter().all(user) && self.groups.iter().all(group)
    }
}
